import { deflateSync } from 'node:zlib';
import { crc32 } from '../src/data/zip.ts';

/** Small sets of every kind that is read, made here. */
export interface NamedBytes {
	readonly name: string;
	readonly bytes: Uint8Array;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function chunk(kind: string, data: Uint8Array): Uint8Array {
	const bytes = Buffer.alloc(12 + data.length);
	bytes.writeUInt32BE(data.length, 0);
	bytes.write(kind, 4, 'latin1');
	bytes.set(data, 8);
	bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
	return bytes;
}

/** A PNG of one colour with a dark corner, so that no two of different `mark` are the same. */
export function solid([r, g, b]: readonly [number, number, number], mark: number): Uint8Array {
	return painted(16, (x, y) => {
		const dark = y === 0 && x < mark ? 0.5 : 1;
		return [r * dark, g * dark, b * dark];
	});
}

/** A square PNG, 8 bits, RGB. */
export function painted(side: number, colour: (x: number, y: number) => readonly [number, number, number]): Uint8Array {
	const raw = Buffer.alloc(side * (1 + 3 * side));
	for (let y = 0; y < side; y++) {
		for (let x = 0; x < side; x++) raw.set(colour(x, y).map(Math.round), y * (1 + 3 * side) + 1 + 3 * x);
	}
	const header = Buffer.alloc(13);
	header.writeUInt32BE(side, 0);
	header.writeUInt32BE(side, 4);
	header.set([8, 2, 0, 0, 0], 8);
	// Bytes of its own: fflate takes a Buffer's slice for a copy.
	return new Uint8Array(
		Buffer.concat([
			Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10),
			chunk('IHDR', header),
			chunk('IDAT', deflateSync(raw)),
			chunk('IEND', new Uint8Array(0)),
		]),
	);
}

export const colours = { blue: [20, 30, 220], green: [20, 210, 30], red: [230, 20, 30] } as const;

/** A second of a tone at 16 kHz, 16 bits. */
export function tone(): Uint8Array {
	const n = 16_000;
	const bytes = Buffer.alloc(44 + 2 * n);
	bytes.write('RIFF', 0, 'latin1');
	bytes.writeUInt32LE(bytes.length - 8, 4);
	bytes.write('WAVEfmt ', 8, 'latin1');
	bytes.writeUInt32LE(16, 16);
	bytes.writeUInt16LE(1, 20);
	bytes.writeUInt16LE(1, 22);
	bytes.writeUInt32LE(16_000, 24);
	bytes.writeUInt32LE(32_000, 28);
	bytes.writeUInt16LE(2, 32);
	bytes.writeUInt16LE(16, 34);
	bytes.write('data', 36, 'latin1');
	bytes.writeUInt32LE(2 * n, 40);
	for (let i = 0; i < n; i++) bytes.writeInt16LE(Math.round(9000 * Math.sin(i / 6)), 44 + 2 * i);
	return bytes;
}

/** Words a to f and the special tokens, split at spaces. */
export function tokenizer(): Uint8Array {
	const vocabulary = ['[PAD]', '[UNK]', 'a', 'b', 'c', 'd', 'e', 'f'];
	return text(
		JSON.stringify({
			version: '1.0',
			truncation: null,
			padding: null,
			added_tokens: [],
			normalizer: null,
			pre_tokenizer: { type: 'Whitespace' },
			post_processor: null,
			decoder: null,
			model: { type: 'WordLevel', unk_token: '[UNK]', vocab: Object.fromEntries(vocabulary.map((word, i) => [word, i])) },
		}),
	);
}

export const table = (): Uint8Array => text('a,b,c,label\n9,1,2,0\n1,8,2,1\n1,2,x,2\n0,3,7,2\n5,1,1,0\n');
export const lines = (): Uint8Array => text('a b c\nd e\nf f f f\nb\n\na a a a a a a a a\n');
