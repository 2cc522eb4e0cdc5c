import { baseName, type Collection, type Entry, folderName } from './collect.ts';
import { indexRecords, openCsv } from './csv.ts';
import { DataError } from './errors.ts';
import { labelColumns } from './label-column.ts';
import type { ReaderOptions } from './reader.ts';
import type { TextRecords } from './text.ts';

const textColumn = /^(text|sentences?1?|content|review|title|question|query|document|passage|body|comment|utterance|input)$/i;
const largestDocument = 256 << 20;
/** Longest text of a file that is one example. */
const longestText = 1 << 20;

/** The texts of a collection: lines, a column of a table, JSON, or a file each in a folder for each class. Throws DataError. */
export async function readTexts(found: Collection, { signal }: ReaderOptions): Promise<TextRecords & { readonly note: string }> {
	const { tables, documents, texts, skipped } = found;
	const folders = new Set(texts.map(({ name }) => folderName(name)));
	if (texts.length > 1 && folders.size > 1 && tables.length + documents.length === 0) return filesOf(texts);
	const all = [...tables, ...documents, ...texts];
	const failures: DataError[] = [];
	for (const entry of all) {
		try {
			const records = tables.includes(entry)
				? await ofTable(entry, signal)
				: documents.includes(entry)
					? await ofDocument(entry, signal)
					: await ofLines(entry, signal);
			for (const other of all)
				if (other !== entry && !failures.some(({ where }) => where === other.name))
					skipped.add(other.name, `Only one file of texts is read: ${baseName(entry.name)}.`);
			return records;
		} catch (error) {
			if (!(error instanceof DataError) || all.length === 1) throw error;
			failures.push(error);
			skipped.add(entry.name, error.message);
		}
	}
	throw failures[0] ?? new DataError('empty', 'It holds no text.');
}

async function ofLines(entry: Entry, signal: AbortSignal | undefined): Promise<TextRecords & { readonly note: string }> {
	const lines = await indexRecords(await entry.source(), entry.name, false, signal);
	if (lines.n === 0) throw new DataError('empty', 'The file holds no lines of text.', entry.name);
	const base = baseName(entry.name);
	let tabs = true;
	for (let i = 0; i < Math.min(20, lines.n); i++) if ((await lines.text(i)).split('\t').length !== 2) tabs = false;
	return {
		n: lines.n,
		note: tabs ? 'labels behind the tab of each line' : '',
		record: async (index) => {
			const line = await lines.text(index);
			const at = tabs ? line.indexOf('\t') : -1;
			const name = `${base}, line ${lines.line(index)}`;
			return at < 0
				? { name, text: line, labels: tabs ? [''] : [] }
				: { name, text: line.slice(0, at), labels: [line.slice(at + 1).trim()] };
		},
	};
}

async function ofTable(entry: Entry, signal: AbortSignal | undefined): Promise<TextRecords & { readonly note: string }> {
	const csv = await openCsv(await entry.source(), entry.name, signal);
	if (csv.n === 0) throw new DataError('empty', 'The table has no rows.', entry.name);
	const { header } = csv;
	const samples = await Promise.all([0, 1, 2, 3].filter((i) => i < csv.n).map((i) => csv.record(i)));
	let column = header?.findIndex((name) => textColumn.test(name)) ?? -1;
	if (column < 0) {
		// The column with the longest cells.
		const lengths = (samples[0] ?? []).map((_, i) => samples.reduce((sum, row) => sum + (row[i]?.length ?? 0), 0));
		column = lengths.indexOf(Math.max(...lengths));
	}
	const labels = header ? labelColumns(header).filter((i) => i !== column) : (samples[0]?.length ?? 0) === 2 ? [1 - column] : [];
	const base = baseName(entry.name);
	return {
		n: csv.n,
		note: header?.[column] ? `text from column "${header[column]}"` : '',
		record: async (index) => {
			const cells = await csv.record(index);
			return { name: `${base}, line ${csv.line(index)}`, text: cells[column] ?? '', labels: labels.map((i) => cells[i] ?? '') };
		},
	};
}

async function ofDocument(entry: Entry, signal: AbortSignal | undefined): Promise<TextRecords & { readonly note: string }> {
	const source = await entry.source();
	const base = baseName(entry.name);
	const fieldsOf = (item: unknown, name: string): { name: string; text: string; labels: string[] } => {
		if (typeof item === 'string') return { name, text: item, labels: [] };
		if (typeof item !== 'object' || item === null) return { name, text: '', labels: [] };
		const fields = Object.entries(item);
		const text =
			fields.find(([key, value]) => textColumn.test(key) && typeof value === 'string')?.[1] ??
			fields.find(([, value]) => typeof value === 'string')?.[1];
		const labels = labelColumns(fields.map(([key]) => key)).map((i) => {
			const value: unknown = fields[i]?.[1];
			return Array.isArray(value) ? value.join('|') : value === null || value === undefined ? '' : String(value);
		});
		return { name, text: typeof text === 'string' ? text : '', labels };
	};
	const lines = await indexRecords(source, entry.name, false, signal);
	if (lines.n > 1 && isObject(await lines.text(0)) && isObject(await lines.text(1))) {
		return {
			n: lines.n,
			note: '',
			record: async (index) => {
				const name = `${base}, line ${lines.line(index)}`;
				try {
					return fieldsOf(JSON.parse(await lines.text(index)), name);
				} catch {
					return { name, text: '', labels: [] };
				}
			},
		};
	}
	if (source.size > largestDocument) {
		throw new DataError(
			'limit',
			`The file has ${source.size} bytes of JSON; at most ${largestDocument} are read.`,
			entry.name,
			'Write one object a line.',
		);
	}
	let list: unknown;
	try {
		list = JSON.parse(new TextDecoder().decode((await source.read(0, source.size)).slice()));
	} catch {
		throw new DataError('malformed', 'The file is no JSON.', entry.name);
	}
	if (!Array.isArray(list) && typeof list === 'object' && list !== null) list = Object.values(list).find(Array.isArray);
	if (!Array.isArray(list) || list.length === 0) throw new DataError('mismatch', 'The file holds no list of texts.', entry.name);
	const items: readonly unknown[] = list;
	return { n: items.length, note: '', record: async (index) => fieldsOf(items[index], `${base}, entry ${index + 1}`) };
}

function isObject(line: string): boolean {
	try {
		const value: unknown = JSON.parse(line);
		return typeof value === 'object' && value !== null && !Array.isArray(value);
	} catch {
		return false;
	}
}

/** A file for each text, its folder the label. */
function filesOf(texts: readonly Entry[]): TextRecords & { readonly note: string } {
	const sorted = [...texts].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
	return {
		n: sorted.length,
		note: 'a text for each file, labels from its folder',
		record: async (index) => {
			const entry = sorted[index] as Entry;
			const source = await entry.source();
			const bytes = await source.read(0, Math.min(source.size, longestText));
			return { name: entry.name, text: new TextDecoder().decode(bytes.slice()), labels: [folderName(entry.name)] };
		},
	};
}
