import { describe, expect, it } from 'vitest';
import { calibrationChoices, chooseCalibration, chooseLearning } from './calibration.ts';
import type { Dataset } from './dataset.ts';

const dataset = {
	n: 40,
	evidence: [],
	facts: { hash: 'h', name: 'd', kind: 'arrays', n: 40, labelled: false, preprocessing: '', skipped: [] },
	example: async (index: number) => ({ name: `${index}`, feeds: {} }),
	exampleFacts: async () => [],
} as const satisfies Dataset;

/** Four heaps of ten. */
const heaps = { n: 40, width: 1, data: Float32Array.from({ length: 40 }, (_, i) => 100 * Math.floor(i / 10) + (i % 10)) };

describe('choice of sample inputs', () => {
	it.each(calibrationChoices)('%s gives as many as asked for, the same ones each time, and says which', async (choice) => {
		let asked = 0;
		const choose = () =>
			chooseCalibration(dataset, 4, choice, async () => {
				asked += 1;
				return heaps;
			});
		const first = await choose();
		expect(first.indices).toHaveLength(4);
		expect(new Set(first.indices).size).toBe(4);
		expect((await choose()).indices).toEqual(first.indices);
		expect((await first.calibration.example(1)).name).toBe(String(first.indices[1]));
		const looks = choice === 'k-center' || choice === 'herding';
		expect(asked).toBe(looks ? 2 : 0);
		expect(first.coverage !== undefined).toBe(looks);
	});

	it('takes one of each heap by k-center, and all where there are no more', async () => {
		const { indices } = await chooseCalibration(dataset, 4, 'k-center', async () => heaps);
		expect(indices.map((index) => Math.floor(index / 10))).toEqual([0, 1, 2, 3]);
		const all = await chooseCalibration(dataset, 99, 'k-center', async () => heaps);
		expect(all.indices).toHaveLength(40);
		expect(all.calibration.hash).toBe('h');
	});
});

describe('choice among the examples that are kept to learn from', () => {
	const kept = Array.from({ length: 20 }, (_, i) => 2 * i);
	const rows = { n: 20, width: 1, data: Float32Array.from(kept, (index) => heaps.data[index] as number) };

	it('names them by their places in the whole set, and says how they cover the kept ones beside random draws', async () => {
		const found = await chooseLearning(dataset, kept, { choice: 'k-center', n: 4 }, async (all) => {
			expect(all.n).toBe(20);
			expect((await all.example(3)).name).toBe('6');
			return rows;
		});
		expect(found.indices.map((index) => Math.floor(index / 10))).toEqual([0, 1, 2, 3]);
		expect(found.indices.every((index) => kept.includes(index))).toBe(true);
		expect(found.calibration.hash).toBe(`h:${found.indices.join(',')}`);
		expect(found.coverage?.mean).toBeLessThan(found.random?.mean ?? 0);
	});

	it('is the same as the choice out of a set of just these', async () => {
		for (const choice of calibrationChoices) {
			const among = await chooseLearning(dataset, kept, { choice, n: 5 }, async () => rows);
			const alone = await chooseCalibration({ ...dataset, n: 20 }, 5, choice, async () => rows);
			expect(among.indices).toEqual(alone.indices.map((place) => kept[place]));
		}
	});

	it('is made without features where it needs none and the model shows none, and refused where it does', async () => {
		const blind = async () => {
			throw new RangeError('nothing of the model can be observed');
		};
		const found = await chooseLearning(dataset, kept, { choice: 'first', n: 3 }, blind);
		expect(found).toMatchObject({ indices: [0, 2, 4] });
		expect(found.coverage).toBeUndefined();
		await expect(chooseLearning(dataset, kept, { choice: 'herding', n: 3 }, blind)).rejects.toThrow('nothing of the model');
	});

	it('takes all without asking the model where as many are asked for as there are', async () => {
		const found = await chooseLearning(dataset, kept, { choice: 'k-center', n: 20 }, async () => {
			throw new Error('not asked');
		});
		expect(found.indices).toEqual(kept);
	});
});
