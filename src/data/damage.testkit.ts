import { type SeededRandom, seededRandom } from '../core/numeric/random.ts';

/** One way in which files go bad. Deterministic. */
export interface Damage {
	readonly name: string;
	apply(bytes: Uint8Array): Uint8Array;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const join = (...parts: readonly Uint8Array[]): Uint8Array => {
	const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		joined.set(part, at);
		at += part.length;
	}
	return joined;
};
const noise = (length: number, random: SeededRandom): Uint8Array => new Uint8Array(length).map(() => random.below(256));

/** A hundred kinds of damage: cuts, holes, flipped bits, shifts, mixed-up blocks, wrong contents, broken conversions, and huge sizes. */
export const damages: readonly Damage[] = [
	...[0, 1, 3, 10, 25, 50, 75, 90, 99].map((percent) => ({
		name: `cut to ${percent} %`,
		apply: (bytes: Uint8Array) => bytes.slice(0, Math.floor((bytes.length * percent) / 100)),
	})),
	...[1, 8, 100, 1000].map((count) => ({ name: `first ${count} bytes missing`, apply: (bytes: Uint8Array) => bytes.slice(count) })),
	...[0, 0xff, 0x55].flatMap((value) =>
		(
			[
				['the first 16 bytes', 0, 16],
				['the first 256 bytes', 0, 256],
				['64 bytes in the middle', 0.5, 64],
				['1,000 bytes in the middle', 0.5, 1000],
				['a tenth in the middle', 0.45, 0.1],
				['the last tenth', 0.9, 0.1],
				['everything', 0, 1],
			] as const
		).map(([where, from, length]) => ({
			name: `${where} filled with ${value}`,
			apply: (bytes: Uint8Array) => {
				const start = Math.floor(bytes.length * from);
				return bytes.slice().fill(value, start, start + (length <= 1 ? Math.ceil(bytes.length * length) : length));
			},
		})),
	),
	...[1, 8, 64, 512].flatMap((count) =>
		([64, 1024, Number.POSITIVE_INFINITY] as const).map((reach) => ({
			name: `${count} bits flipped in ${Number.isFinite(reach) ? `the first ${reach} bytes` : 'all of it'}`,
			apply: (bytes: Uint8Array) => {
				const random = seededRandom(count);
				const result = bytes.slice();
				for (let i = 0; i < count && result.length > 0; i++) {
					const at = random.below(Math.min(result.length, reach));
					result[at] = (result[at] as number) ^ (1 << random.below(8));
				}
				return result;
			},
		})),
	),
	...[0, 10, 0.5].flatMap((where) =>
		[1, 16, 1000].flatMap((count) => {
			const at = (bytes: Uint8Array): number => (where < 1 ? Math.floor(bytes.length * where) : where);
			const place = where === 0 ? 'at the start' : where === 10 ? 'behind the tenth byte' : 'in the middle';
			return [
				{
					name: `${count} bytes put in ${place}`,
					apply: (bytes: Uint8Array) => join(bytes.subarray(0, at(bytes)), noise(count, seededRandom(count)), bytes.subarray(at(bytes))),
				},
				{
					name: `${count} bytes lost ${place}`,
					apply: (bytes: Uint8Array) => join(bytes.subarray(0, at(bytes)), bytes.subarray(at(bytes) + count)),
				},
			];
		}),
	),
	{ name: 'halves swapped', apply: (bytes) => join(bytes.subarray(bytes.length >> 1), bytes.subarray(0, bytes.length >> 1)) },
	{ name: 'turned around', apply: (bytes) => bytes.slice().reverse() },
	{ name: 'there twice', apply: (bytes) => join(bytes, bytes) },
	{ name: 'every second byte', apply: (bytes) => bytes.filter((_, i) => i % 2 === 0) },
	...[512, 4096].map((size) => ({
		name: `blocks of ${size} mixed up`,
		apply: (bytes: Uint8Array) => {
			const random = seededRandom(size);
			const blocks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
			for (let i = blocks.length - 1; i > 0; i--) {
				const j = random.below(i + 1);
				[blocks[i], blocks[j]] = [blocks[j] as Uint8Array, blocks[i] as Uint8Array];
			}
			return join(...blocks);
		},
	})),
	{ name: 'nothing', apply: () => new Uint8Array(0) },
	{ name: 'one byte', apply: () => Uint8Array.of(0x89) },
	{ name: 'a web page', apply: () => text('<!doctype html><html><body>404 Not Found</body></html>') },
	{ name: 'words', apply: () => text('this is not what it was') },
	{ name: 'JSON', apply: () => text('{"error": "not found"}') },
	{ name: 'a pointer to the file', apply: () => text('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n') },
	{ name: 'UTF-16', apply: () => Uint8Array.of(0xff, 0xfe, 0x68, 0, 0x69, 0) },
	{ name: 'noise of the same length', apply: (bytes) => noise(bytes.length, seededRandom(7)) },
	...(
		[
			['PNG', [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
			['JPEG', [0xff, 0xd8, 0xff, 0xe0]],
			['GIF', [0x47, 0x49, 0x46, 0x38, 0x39, 0x61]],
			['gzip', [0x1f, 0x8b, 0x08, 0]],
			['zip', [0x50, 0x4b, 3, 4]],
		] as const
	).map(([kind, magic]) => ({
		name: `the head of ${kind} on noise`,
		apply: () => join(Uint8Array.from(magic), noise(500, seededRandom(9))),
	})),
	{ name: 'line feeds made CRLF', apply: (bytes) => Uint8Array.from([...bytes].flatMap((byte) => (byte === 10 ? [13, 10] : [byte]))) },
	{ name: 'carriage returns lost', apply: (bytes) => bytes.filter((byte) => byte !== 13) },
	{ name: 'seven bits', apply: (bytes) => bytes.map((byte) => byte & 0x7f) },
	{ name: 'read as Latin-1 and saved as UTF-8', apply: (bytes) => text(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')) },
	{ name: 'decoded as UTF-8 and saved again', apply: (bytes) => text(new TextDecoder().decode(bytes.slice())) },
	{ name: 'hexadecimal', apply: (bytes) => text(Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')) },
	...[4, 8, 12, 16, 20, 24, 32, 64, 100, 160, 200].map((at) => ({
		name: `a huge number at ${at}`,
		apply: (bytes: Uint8Array) => bytes.slice().fill(0xff, at, at + 4),
	})),
];
