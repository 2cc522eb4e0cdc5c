import type { ByteSource } from '../core/bytes/source.ts';
import type { Csv } from './csv.ts';
import { entryKey, pathKey } from './entry-matching.ts';
import { DataError } from './errors.ts';
import { labelColumns } from './label-column.ts';

/** Labels of entries in a file of their own: cells by the name that the file gives the entry (see pathKey). */
export interface LabelFile {
	readonly name: string;
	/** Names of the label columns, where they have names. */
	readonly columns: readonly string[];
	readonly entries: ReadonlyMap<string, readonly string[]>;
	readonly bad: readonly { readonly name: string; readonly reason: string }[];
}

const fileColumn = /^(files?|file_?names?|images?|image_?(id|name|path|file)|img|pictures?|paths?|name|id|audio|clip)$/i;
const longestJson = 256 << 20;

/** Reads a CSV that names files and their labels. `known`: names of the entries at hand. Undefined where no column names any of them. */
export async function readLabelTable(csv: Csv, name: string, known: ReadonlySet<string>): Promise<LabelFile | undefined> {
	const width = (await csv.record(0)).length;
	const { header } = csv;
	let file = header?.findIndex((title) => fileColumn.test(title)) ?? -1;
	if (file < 0) {
		// The column whose first values are names of entries.
		for (let column = 0; column < width && file < 0; column++) {
			for (let row = 0; row < Math.min(20, csv.n) && file < 0; row++) {
				if (known.has(entryKey((await csv.record(row))[column] ?? ''))) file = column;
			}
		}
	}
	if (file < 0) return undefined;
	const others = Array.from({ length: width }, (_, i) => i).filter((i) => i !== file);
	const named = header ? labelColumns(header).filter((i) => i !== file) : [];
	const chosen = named.length > 0 ? named : others;
	const entries = new Map<string, readonly string[]>();
	const bad: { name: string; reason: string }[] = [];
	const set = (entry: string, where: string, labels: readonly string[]): void => {
		const before = entries.get(pathKey(entry));
		if (before && String(before) !== String(labels)) {
			bad.push({ name: where, reason: `The line names "${entry}" again, with another label; the first one counts.` });
		} else entries.set(pathKey(entry), labels);
	};
	for (let row = 0; row < csv.n; row++) {
		const cells = await csv.record(row);
		const entry = cells[file] ?? '';
		const where = `${name}, line ${csv.line(row)}`;
		const labels = chosen.map((i) => cells[i] ?? '');
		if (entry === '') bad.push({ name: where, reason: 'The line names no file.' });
		else if (labels.some((cell) => cell.includes('\ufffd')))
			bad.push({ name: where, reason: 'Its label is no UTF-8: save the table as UTF-8.' });
		else if (labels.some((cell) => cell === '')) bad.push({ name: where, reason: `The line gives "${entry}" no label.` });
		else set(entry, where, labels);
	}
	return { name, columns: header ? chosen.map((i) => header[i] ?? '') : [], entries, bad };
}

/** Reads lines of "name label", as val_map.txt of ImageNet has them; undefined where the lines are something else. */
export function readLabelLines(text: string, name: string, known: ReadonlySet<string>): LabelFile | undefined {
	const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
	const entries = new Map<string, readonly string[]>();
	let met = 0;
	for (const line of lines) {
		const found = /^(.*\S)[\s,;]+(\S+)$/.exec(line.trim());
		if (!found) return undefined;
		const path = found[1] as string;
		if (known.has(entryKey(path))) met += 1;
		entries.set(pathKey(path), [found[2] as string]);
	}
	return met > 0 ? { name, columns: [], entries, bad: [] } : undefined;
}

/**
 * Reads labels in JSON: {"a.jpg": "cat"}, {"cat": ["a.jpg"]}, [{"file": "a.jpg", "label": "cat"}], also under a key such as "labels" or
 * "annotations". Undefined where it holds none of these for the entries at hand. Throws DataError: malformed, limit.
 */
export async function readLabelJson(source: ByteSource, name: string, known: ReadonlySet<string>): Promise<LabelFile | undefined> {
	if (source.size > longestJson)
		throw new DataError('limit', `The file has ${source.size} bytes; labels in JSON are read up to ${longestJson}.`, name);
	const text = new TextDecoder().decode((await source.read(0, source.size)).slice());
	let document: unknown;
	try {
		const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
		// One object a line is JSON too.
		document =
			lines.length > 1 && lines.every((line) => /^\s*\{.*\}\s*$/.test(line))
				? lines.map((line) => JSON.parse(line) as unknown)
				: (JSON.parse(text) as unknown);
	} catch {
		throw new DataError('malformed', 'The file is no JSON.', name);
	}
	return labelsIn(document, name, known, 0);
}

function labelsIn(document: unknown, name: string, known: ReadonlySet<string>, depth: number): LabelFile | undefined {
	const entries = new Map<string, readonly string[]>();
	const bad: { name: string; reason: string }[] = [];
	const cellOf = (value: unknown): readonly string[] | undefined => {
		if (typeof value === 'string' && value !== '') return [value];
		if (typeof value === 'number' || typeof value === 'boolean') return [String(Number(value))];
		if (Array.isArray(value) && value.length > 0) {
			if (value.every((item) => typeof item === 'string')) return [value.join('|')];
			if (value.every((item) => typeof item === 'number')) return value.map(String);
		}
		return undefined;
	};
	if (Array.isArray(document)) {
		for (const [i, item] of document.entries()) {
			if (typeof item !== 'object' || item === null) return undefined;
			const fields = Object.entries(item);
			const file = fields.find(([key, value]) => fileColumn.test(key) && typeof value === 'string' && value !== '')?.[1] as
				| string
				| undefined;
			const column = labelColumns(fields.map(([key]) => key))[0];
			const label = column === undefined ? undefined : cellOf(fields[column]?.[1]);
			if (file === undefined) bad.push({ name: `${name}, entry ${i + 1}`, reason: 'The entry names no file.' });
			else if (!label) bad.push({ name: `${name}, entry ${i + 1}`, reason: `The entry gives "${file}" no label.` });
			else entries.set(pathKey(file), label);
		}
	} else if (typeof document === 'object' && document !== null) {
		for (const [key, value] of Object.entries(document)) {
			if (known.has(entryKey(key))) {
				const label = cellOf(value);
				if (label) entries.set(pathKey(key), label);
				else bad.push({ name: key, reason: 'Its label is neither a word nor a number.' });
			} else if (
				Array.isArray(value) &&
				value.length > 0 &&
				value.every((item) => typeof item === 'string') &&
				value.some((item) => known.has(entryKey(item)))
			) {
				for (const file of value) entries.set(pathKey(file), [key]);
			} else if (depth < 2 && typeof value === 'object' && value !== null) {
				const inner = labelsIn(value, name, known, depth + 1);
				if (inner) return inner;
			} else {
				const label = cellOf(value);
				if (label) entries.set(pathKey(key), label);
			}
		}
	} else return undefined;
	return [...entries.keys()].some((key) => known.has(entryKey(key))) ? { name, columns: [], entries, bad } : undefined;
}
