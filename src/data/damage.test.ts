import { gzipSync, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import type { Port } from '../core/ir/tensor-data.ts';
import { type SeededRandom, seededRandom } from '../core/numeric/random.ts';
import { damages } from './damage.testkit.ts';
import { DataError } from './errors.ts';
import { decodePicture } from './node/codecs.ts';
import { dataFile, npy, npz } from './npy.testkit.ts';
import { openDataset } from './open.ts';
import { bmp, png } from './pictures.testkit.ts';
import { tone, wav } from './wav.testkit.ts';

const pictures: { inputs: Port[]; outputs: Port[] } = {
	inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 3, 8, 8] }],
	outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 2] }],
};
const vectors: { inputs: Port[]; outputs: Port[] } = { inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 4] }], outputs: [] };

const sounds: { inputs: Port[]; outputs: Port[] } = { inputs: [{ name: 'audio', dtype: 'float32', shape: [1, 1000] }], outputs: [] };

/** Bit flips, byte sets, cuts, doubled and dropped pieces, and large numbers where sizes stand. */
function damage(bytes: Uint8Array, random: SeededRandom): Uint8Array {
	let result = bytes.slice();
	for (let hits = 1 + random.below(3); hits > 0; hits--) {
		const at = random.below(Math.max(1, result.length));
		const length = 1 + random.below(16);
		switch (random.below(6)) {
			case 0:
				result[at] = (result[at] ?? 0) ^ (1 << random.below(8));
				break;
			case 1:
				result[at] = random.below(256);
				break;
			case 2:
				result = result.slice(0, at);
				break;
			case 3:
				result = Uint8Array.from([...result.subarray(0, at), ...result.subarray(at, at + length), ...result.subarray(at)]);
				break;
			case 4:
				result = Uint8Array.from([...result.subarray(0, at), ...result.subarray(at + length)]);
				break;
			default:
				result.fill(random.below(2) === 0 ? 0xff : 0, at, at + 4);
		}
	}
	return result;
}

function idx(): Uint8Array {
	return Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 8, ...new Uint8Array(128).map((_, i) => i));
}

describe('damaged data', () => {
	const arrays = npz({
		x: npy(
			'<f4',
			[6, 4],
			Float32Array.from({ length: 24 }, (_, i) => i),
		),
		label: npy('<i8', [6], BigInt64Array.of(0n, 1n, 0n, 1n, 0n, 1n)),
	});
	const set = zipSync({
		'classes.txt': new TextEncoder().encode('cat\ndog\n'),
		'set/cat/1.png': png(8, 8, 1),
		'set/dog/2.png': png(9, 12, 2),
		'set/dog/3.png': png(30, 8, 3),
	});
	const seeds = [
		['npz', arrays, vectors],
		['npz, stored', npz({ x: npy('<f4', [6, 4], new Float32Array(24)) }, 0), vectors],
		['npy', npy('<f4', [6, 4], new Float32Array(24)), vectors],
		['zip of pictures', set, pictures],
		['png', png(16, 16, 4), pictures],
		['bmp', bmp(), pictures],
		['IDX', idx(), { inputs: [{ name: 'x', dtype: 'float32', shape: [1, 1, 8, 8] }], outputs: [] }],
		['IDX, gzipped', gzipSync(idx()), { inputs: [{ name: 'x', dtype: 'float32', shape: [1, 1, 8, 8] }], outputs: [] }],
	] as const satisfies readonly (readonly [string, Uint8Array, { inputs: readonly Port[]; outputs: readonly Port[] }])[];

	it.each(seeds)('is read or refused with a typed error: %s', async (_, bytes, target) => {
		const random = seededRandom(bytes.length);
		let read = 0;
		let refused = 0;
		for (let i = 0; i < 400; i++) {
			try {
				const dataset = await openDataset([dataFile('f', damage(bytes, random))], target, { decode: decodePicture });
				for (let index = 0; index < Math.min(dataset.n, 8); index++) {
					const { feeds } = await dataset.example(index);
					for (const { dims, data } of Object.values(feeds)) expect(data.length).toBe(dims.reduce((product, dim) => product * dim, 1));
				}
				read += 1;
			} catch (error) {
				if (!(error instanceof DataError)) throw error;
				expect(error.message).not.toBe('');
				refused += 1;
			}
		}
		expect(read + refused).toBe(400);
	});

	it('of a hundred kinds, a picture each, is counted, and no good picture is lost', async () => {
		expect(damages).toHaveLength(100);
		expect(new Set(damages.map(({ name }) => name)).size).toBe(100);
		const files: Record<string, Uint8Array> = { 'classes.txt': new TextEncoder().encode('good\nbad') };
		for (const [i, { apply }] of damages.entries()) {
			files[`good/${i}.png`] = png(12, 9, i);
			files[`bad/${i}.png`] = apply(png(40, 30, 1000 + i));
		}
		const dataset = await openDataset([dataFile('set.zip', zipSync(files, { level: 0 }))], pictures, { decode: decodePicture });
		const left = dataset.facts.skipped;
		expect(dataset.n + left.length).toBe(200);
		expect(left.every(({ name, reason }) => name.startsWith('bad/') && reason.length > 10)).toBe(true);
		expect(left.length).toBeGreaterThan(85);
		const labels = await Promise.all(Array.from({ length: dataset.n }, async (_, i) => (await dataset.example(i)).label));
		expect(labels.filter((label) => label === 0)).toHaveLength(100);
	});

	it.each([
		[
			'a table',
			'a.csv',
			new TextEncoder().encode(`a,b,c,d,label\n${Array.from({ length: 60 }, (_, i) => `${i},2,3,4,${i % 2}`).join('\n')}`),
			vectors,
		],
		['a sound', 'a.wav', wav(tone(440, 16_000, 4000), 16_000), sounds],
		['arrays', 'a.npz', npz({ x: npy('<f4', [40, 4], new Float32Array(160)) }), vectors],
		['IDX', 'a.gz', gzipSync(idx()), { inputs: [{ name: 'x', dtype: 'float32', shape: [1, 1, 8, 8] }], outputs: [] }],
	] as const satisfies readonly (readonly [string, string, Uint8Array, { inputs: readonly Port[]; outputs: readonly Port[] }])[])(
		'of a hundred kinds is read or refused in words: %s',
		async (_, name, bytes, target) => {
			for (const { apply } of damages) {
				try {
					const dataset = await openDataset([dataFile(name, apply(bytes))], target, { decode: decodePicture });
					for (let index = 0; index < Math.min(dataset.n, 4); index++) await dataset.example(index);
				} catch (error) {
					if (!(error instanceof DataError)) throw error;
					expect(error.message.length).toBeGreaterThan(10);
				}
			}
		},
	);

	it('leaves bad pictures out by name and goes on with the rest', async () => {
		const broken = png(8, 8, 9);
		const bytes = zipSync({
			'classes.txt': new TextEncoder().encode('cat\ndog'),
			'cat/good.png': png(8, 8, 1),
			'cat/cut.png': broken.slice(0, 50),
			'cat/text.png': new TextEncoder().encode('not a picture at all'),
			'dog/good.png': png(8, 8, 2),
			'dog/notes.bin': new Uint8Array(20),
			'wolf/good.png': png(8, 8, 3),
		});
		const dataset = await openDataset([dataFile('set.zip', bytes)], pictures, { decode: decodePicture });
		expect(dataset.n).toBe(2);
		expect(dataset.facts.skipped.map(({ name }) => name).sort()).toEqual(['cat/cut.png', 'cat/text.png', 'dog/notes.bin', 'wolf/good.png']);
		expect(dataset.facts).toMatchObject({ kind: 'pictures', n: 2, labelled: true, labelKind: 'class', classes: 2, name: 'set.zip' });
		expect(dataset.facts.preprocessing).toContain('1 folders are not in it');
		const labels = await Promise.all([0, 1].map(async (i) => (await dataset.example(i)).label));
		expect(labels).toEqual([0, 1]);
	});
});
