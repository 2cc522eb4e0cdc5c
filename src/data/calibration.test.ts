import { describe, expect, it } from 'vitest';
import { calibrationChoices, chooseCalibration } from './calibration.ts';
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
