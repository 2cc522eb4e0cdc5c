import type { Table } from './link-columns.ts';
import { LinkError } from './link-json.ts';

/**
 * Tables of whole numbers as bits. Each column is told as absent, one value throughout, all rows, or some rows (one bit
 * per row says which), then its smallest value, then the distances from it as digits in a radix just above the largest.
 * Figures are close to random, so a text of digits costs a third more than this even after deflate.
 */
const maxRows = 2_000;
const Mode = { Absent: 0, Constant: 1, Full: 2, Sparse: 3 } as const;

/** Columns are written in this order; a column without a place is a programming error. */
export type Layout = Readonly<Record<string, readonly string[]>>;

export function packTables(tables: Readonly<Record<string, Table>>, layout: Layout): Uint8Array<ArrayBuffer> {
	const bits = new BitWriter();
	for (const [name, keys] of Object.entries(layout)) {
		const table = tables[name];
		if (!table) throw new Error(`no table ${name}`);
		for (const key of Object.keys(table.c)) if (!keys.includes(key)) throw new Error(`table ${name} has no place for column ${key}`);
		bits.write(table.n, 16);
		for (const key of keys) writeColumn(bits, table.c[key], table.n);
	}
	return bits.bytes();
}

export function unpackTables(bytes: Uint8Array, layout: Layout): Record<string, Table> {
	const bits = new BitReader(bytes);
	const tables: Record<string, Table> = {};
	for (const [name, keys] of Object.entries(layout)) {
		const n = bits.read(16);
		if (n > maxRows) throw new LinkError('corrupt', 'This link is damaged: it has more rows than any comparison.');
		const c: Table['c'] = {};
		for (const key of keys) {
			const column = readColumn(bits, n);
			if (column !== undefined) c[key] = column;
		}
		tables[name] = { n, c };
	}
	return tables;
}

function writeColumn(bits: BitWriter, column: Table['c'][string] | undefined, n: number): void {
	if (column === undefined) {
		bits.write(Mode.Absent, 2);
		return;
	}
	if (typeof column === 'number') {
		bits.write(Mode.Constant, 2);
		bits.signed(column);
		return;
	}
	const present = column.filter((value) => value !== null);
	const sparse = present.length < n;
	bits.write(sparse ? Mode.Sparse : Mode.Full, 2);
	const low = Math.min(...present);
	const { radix, code } = radixFor(Math.max(...present) - low);
	bits.signed(low);
	bits.write(code, 8);
	if (sparse) for (const value of column) bits.write(value === null ? 0 : 1, 1);
	for (let start = 0; start < present.length; start += groupSize) {
		const group = present.slice(start, start + groupSize);
		bits.writeBig(
			group.reduce((sum, value) => sum * radix + BigInt((value ?? low) - low), 0n),
			groupWidth(radix, group.length),
		);
	}
}

function readColumn(bits: BitReader, n: number): Table['c'][string] | undefined {
	const mode = bits.read(2);
	if (mode === Mode.Absent) return undefined;
	const low = bits.signed();
	if (mode === Mode.Constant) return low;
	const radix = radixOf(bits.read(8));
	const present = Array.from({ length: n }, () => mode === Mode.Full || bits.read(1) === 1);
	const count = present.filter(Boolean).length;
	const values: number[] = [];
	for (let start = 0; start < count; start += groupSize) {
		const length = Math.min(groupSize, count - start);
		let sum = bits.readBig(groupWidth(radix, length));
		const group: number[] = [];
		for (let index = 0; index < length; index++) {
			group.unshift(low + Number(sum % radix));
			sum /= radix;
		}
		values.push(...group);
	}
	const next = values.values();
	return present.map((there) => (there ? (next.next().value ?? low) : null));
}

/** So many values share one number, whose digits they are: no bit is lost to rounding up each of them. */
const groupSize = 40;

function groupWidth(radix: bigint, length: number): number {
	return (radix ** BigInt(length) - 1n).toString(2).length;
}

/** The smallest radix of the form (4..7) * 2 ** k / 4, rounded up, that tells 0..most apart, and its code in eight bits. */
function radixFor(most: number): { radix: bigint; code: number } {
	for (let code = 0; code < 256; code++) {
		const radix = radixOf(code);
		if (radix > BigInt(most)) return { radix, code };
	}
	throw new RangeError('a number is too large for a link');
}

function radixOf(code: number): bigint {
	const quarters = BigInt(4 + (code & 3)) << BigInt(Math.min(code >> 2, 54));
	return (quarters + 3n) / 4n;
}

function bitLength(value: number): number {
	let length = 0;
	for (let rest = value; rest >= 1; rest = Math.floor(rest / 2)) length++;
	return length;
}

class BitWriter {
	readonly #bits: number[] = [];
	/** Most significant bit first; up to 53 bits. */
	write(value: number, width: number): void {
		for (let bit = width - 1; bit >= 0; bit--) this.#bits.push(Math.floor(value / 2 ** bit) % 2);
	}
	writeBig(value: bigint, width: number): void {
		for (const bit of value.toString(2).padStart(width, '0')) this.#bits.push(bit === '1' ? 1 : 0);
	}
	/** Length of the magnitude, sign, magnitude. */
	signed(value: number): void {
		const width = bitLength(Math.abs(value));
		this.write(width, 6);
		this.write(value < 0 ? 1 : 0, 1);
		this.write(Math.abs(value), width);
	}
	bytes(): Uint8Array<ArrayBuffer> {
		const bytes = new Uint8Array(Math.ceil(this.#bits.length / 8));
		for (const [index, bit] of this.#bits.entries()) bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (bit << (7 - (index & 7)));
		return bytes;
	}
}

class BitReader {
	#at = 0;
	constructor(readonly bytes: Uint8Array) {}
	read(width: number): number {
		if (width > 53) throw new LinkError('corrupt', 'This link is damaged: it has a number that is too large.');
		if (this.#at + width > this.bytes.length * 8) throw new LinkError('corrupt', 'This link is damaged: its end is missing.');
		let value = 0;
		for (let end = this.#at + width; this.#at < end; this.#at++) {
			value = value * 2 + (((this.bytes[this.#at >> 3] ?? 0) >> (7 - (this.#at & 7))) & 1);
		}
		return value;
	}
	readBig(width: number): bigint {
		let text = '';
		for (let rest = width; rest > 0; rest -= 32) text += this.read(Math.min(32, rest)).toString(2).padStart(Math.min(32, rest), '0');
		return BigInt(`0b${text || '0'}`);
	}
	signed(): number {
		const width = this.read(6);
		const negative = this.read(1) === 1;
		const magnitude = this.read(width);
		return negative ? -magnitude : magnitude;
	}
}
