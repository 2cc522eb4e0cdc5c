import type { ByteSource } from '../core/bytes/source.ts';
import { DataError } from './errors.ts';
import { pagedSource } from './paged.ts';

/** Records of a text file, by position: found in one streaming pass, read again one at a time. */
export interface Records {
	readonly n: number;
	/** Text of the i-th record, without its line break. */
	text(index: number): Promise<string>;
	/** Line of the file that it starts on, from 1, as editors count. */
	line(index: number): number;
}

/** A table of text: RFC 4180, with comma, semicolon or tab between fields. */
export interface Csv {
	/** Names of the columns, where the first record holds names. */
	readonly header: readonly string[] | undefined;
	readonly delimiter: ',' | ';' | '\t';
	/** Records below the header. */
	readonly n: number;
	/** Fields of the i-th record below the header. */
	record(index: number): Promise<string[]>;
	/** Line of the file that the i-th record starts on, from 1. */
	line(index: number): number;
}

const mostRecords = 20_000_000;
const longestRecord = 4 << 20;
const chunkBytes = 1 << 20;

/**
 * Finds where records start and end; empty lines are none. `quoted`: line breaks between double quotes belong to the record. UTF-8 only,
 * with or without a byte order mark. Throws DataError: unsupported, limit.
 */
export async function indexRecords(source: ByteSource, name: string, quoted: boolean, signal?: AbortSignal): Promise<Records> {
	const head = await source.read(0, Math.min(4096, source.size));
	if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)) {
		throw new DataError('unsupported', 'The text is UTF-16.', name, 'Save it as UTF-8.');
	}
	if (head.includes(0)) throw new DataError('unsupported', 'The file is no text: it holds zero bytes.', name);
	// Old spreadsheets end lines with a carriage return alone.
	const newline = !head.includes(10) && head.subarray(0, -1).includes(13) ? 13 : 10;
	const first = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
	let bounds = new Float64Array(3 * 1024);
	let n = 0;
	let start = first;
	let inQuotes = false;
	let line = 1;
	let startLine = 1;
	const close = (end: number, lastByte: number): void => {
		const stop = lastByte === 13 && newline === 10 ? end - 1 : end;
		if (stop > start) {
			if (stop - start > longestRecord)
				throw new DataError('limit', `A record of ${stop - start} bytes is too long; at most ${longestRecord} are read.`, name);
			if (n >= mostRecords) throw new DataError('limit', `The file has more than ${mostRecords} records.`, name);
			if (3 * n + 3 > bounds.length) {
				const larger = new Float64Array(bounds.length * 2);
				larger.set(bounds);
				bounds = larger;
			}
			bounds[3 * n] = start;
			bounds[3 * n + 1] = stop;
			bounds[3 * n + 2] = startLine;
			n += 1;
		}
	};
	let last = 0;
	for (let at = first; at < source.size; at += chunkBytes) {
		signal?.throwIfAborted();
		const chunk = await source.read(at, Math.min(chunkBytes, source.size - at));
		for (let i = 0; i < chunk.length; i++) {
			const byte = chunk[i] as number;
			if (byte === newline) line += 1;
			if (byte === 34 && quoted) inQuotes = !inQuotes;
			else if (byte === newline && !inQuotes) {
				close(at + i, last);
				start = at + i + 1;
				startLine = line;
			}
			last = byte;
		}
	}
	close(source.size, last);
	const pages = pagedSource(source);
	return {
		n,
		line: (index) => bounds[3 * index + 2] ?? 0,
		text: async (index) => {
			const from = bounds[3 * index] as number;
			return new TextDecoder('utf-8', { ignoreBOM: true }).decode(await pages.read(from, (bounds[3 * index + 1] as number) - from));
		},
	};
}

/** Fields of one record. Quotes that are never closed run to its end. */
export function splitRecord(text: string, delimiter: string): string[] {
	const fields: string[] = [];
	let at = 0;
	for (;;) {
		let value = '';
		while (text[at] === ' ') at += 1;
		if (text[at] === '"') {
			at += 1;
			for (;;) {
				const end = text.indexOf('"', at);
				if (end < 0) {
					value += text.slice(at);
					at = text.length;
					break;
				}
				value += text.slice(at, end);
				at = end + 1;
				if (text[at] !== '"') break;
				value += '"';
				at += 1;
			}
			const next = text.indexOf(delimiter, at);
			at = next < 0 ? text.length : next;
		} else {
			const next = text.indexOf(delimiter, at);
			const end = next < 0 ? text.length : next;
			value = text.slice(at, end).trim();
			at = end;
		}
		fields.push(value);
		if (at >= text.length) return fields;
		at += 1;
		// A delimiter at the end leaves an empty field.
		if (at === text.length) return [...fields, ''];
	}
}

export const isNumber = (text: string): boolean => text !== '' && Number.isFinite(Number(text));

/**
 * Opens a table. Its first record is a header where it holds a name and no number, or names that no later record repeats. In front of it, a line that
 * names the delimiter ("sep=;") and remarks behind a # are passed over; a delimiter at the end of every line opens no column; with semicolons, "1,5" is a
 * number. Throws DataError.
 */
export async function openCsv(source: ByteSource, name: string, signal?: AbortSignal): Promise<Csv> {
	const records = await indexRecords(source, name, true, signal);
	if (records.n === 0) throw new DataError('empty', 'The table is empty.', name);
	const samples: string[] = [];
	for (let i = 0; i < Math.min(16, records.n); i++) samples.push(await records.text(i));
	const stated = /^sep=([,;\t])$/i.exec(samples[0] ?? '')?.[1] as Csv['delimiter'] | undefined;
	let before = stated ? 1 : 0;
	// A header may itself begin with a #: then it has as many fields as what follows.
	const isRemark = (at: number): boolean => {
		const [line = '', next = ''] = samples.slice(at);
		return (
			line.startsWith('#') &&
			[',', ';', '\t'].every((delimiter) => count(line, delimiter) !== count(next, delimiter) || count(line, delimiter) < 2)
		);
	};
	while (before + 1 < samples.length && isRemark(before)) before += 1;
	const table = samples.slice(before, before + 8);
	if (table.length === 0) throw new DataError('empty', 'The table is empty.', name);
	const delimiter = stated ?? delimiterOf(table);
	const trailing = table.every((text) => count(text, delimiter) > 1 && splitRecord(text, delimiter).at(-1) === '');
	const fieldsOf = (text: string): string[] => {
		const fields = splitRecord(text, delimiter);
		if (trailing && fields.at(-1) === '') fields.pop();
		return delimiter === ';' ? fields.map(withPoint) : fields;
	};
	const [top = [], ...below] = table.map(fieldsOf);
	const first = before + (isHeader(top, below) ? 1 : 0);
	return {
		header: first > before ? top : undefined,
		delimiter,
		n: records.n - first,
		record: async (index) => fieldsOf(await records.text(index + first)),
		line: (index) => records.line(index + first),
	};
}

const count = (text: string, delimiter: string): number => splitRecord(text, delimiter).length;

/** A number with a decimal comma, as tables with semicolons have them. */
const withPoint = (field: string): string => (/^[+-]?\d+,\d+(e[+-]?\d+)?$/i.test(field) ? field.replace(',', '.') : field);

function isHeader(top: readonly string[], below: readonly (readonly string[])[]): boolean {
	const numbers = (row: readonly string[]): number => row.filter(isNumber).length;
	const known = top.some((field) => knownColumn.test(field));
	if (top.every((field) => field === '' || !isNumber(field))) {
		if (below.length === 0) return new Set(top).size === top.length && known;
		return known || below.some((row) => numbers(row) > 0);
	}
	// Columns that are counted, beside one with a name: what data frames without names are saved with.
	const counted = top.filter(isNumber).map(Number);
	return (
		known && below.length > 0 && counted.every((value, i) => value === (counted[0] as number) + i) && (counted[0] === 0 || counted[0] === 1)
	);
}

const knownColumn = /^(file|file_?name|image|picture|path|id|text|sentence|label|labels|class|target|category|y)$/i;

function delimiterOf(samples: readonly string[]): Csv['delimiter'] {
	const score = (delimiter: string): number => {
		const counts = samples.map((text) => count(text, delimiter));
		const [first = 1] = counts;
		// As many fields in every record tell more than many fields.
		return first < 2 ? 0 : counts.filter((count) => count === first).length * 1000 + first;
	};
	let best: Csv['delimiter'] = ',';
	for (const candidate of ['\t', ';'] as const) if (score(candidate) > score(best)) best = candidate;
	return best;
}
