import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { releaseExample } from '../core/study/examples.ts';
import type { DataTarget } from './dataset.ts';
import { decodePicture } from './node/codecs.ts';
import { dataFile } from './npy.testkit.ts';
import { openDataset } from './open.ts';
import { png } from './pictures.testkit.ts';

const target: DataTarget = { inputs: [{ name: 'image', dtype: 'float32', shape: ['N', 3, 8, 8] }], outputs: [] };
const entries = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`${i % 2 ? 'cat' : 'dog'}/${i}.png`, png(9, 8, i + 1)]));
const files = [dataFile('set.zip', zipSync(entries))];

describe('a set that is known to be readable', () => {
	it('is decoded picture by picture, and is the same set', async () => {
		let decoded = 0;
		const decode: typeof decodePicture = (bytes, name) => {
			decoded += 1;
			return decodePicture(bytes, name);
		};
		const first = await openDataset(files, target, { decode: decodePicture });
		const again = await openDataset(files, target, { decode, readable: true });
		expect(decoded).toBe(0);
		expect(again.facts).toEqual(first.facts);
		for (const index of [3, 1, 3]) {
			const { release: _, ...expected } = await first.example(index);
			expect(await again.example(index)).toMatchObject(expected);
		}
		expect(decoded).toBe(2);
		expect(await again.exampleFacts()).toEqual(await first.exampleFacts());
		expect(decoded).toBe(6);
		await again.exampleFacts();
		expect(decoded).toBe(6);
	});

	it('uses the memory of examples again once they were read, each once', async () => {
		const set = await openDataset(files, target, { decode: decodePicture });
		const pixels = async (index: number) => {
			const example = await set.example(index);
			return { data: example.feeds.image?.data as Float32Array, release: () => releaseExample(example) };
		};
		const first = await pixels(0);
		const expected = first.data.slice();
		first.release();
		const second = await pixels(1);
		expect(second.data.buffer).toBe(first.data.buffer);
		// Said again, it is no longer its own to give.
		first.release();
		const third = await pixels(0);
		expect(third.data.buffer).not.toBe(second.data.buffer);
		expect(third.data).toEqual(expected);
	});

	it('keeps no more decoded pictures than asked for', async () => {
		let decoded = 0;
		const decode: typeof decodePicture = (bytes, name) => {
			decoded += 1;
			return decodePicture(bytes, name);
		};
		const again = await openDataset(files, target, { decode, readable: true, cacheBytes: 8 * 8 * 3 });
		for (const index of [0, 1, 0, 1]) await again.example(index);
		expect(decoded).toBe(3);
	});
});
