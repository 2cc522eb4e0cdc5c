import { describe, expect, it } from 'vitest';
import { findNormalization } from './find-normalization.ts';
import { conventionsFor, type Normalization } from './preprocessing.ts';

const candidates = conventionsFor(3).map(([name, normalization]) => ({ name, normalization }));
const labels = Array.from({ length: 60 }, (_, i) => i % 5);

/** A model that is right in `share` of the examples under the convention it was trained with, and guesses class 0 otherwise. */
function model(trained: Normalization, share: number) {
	let runs = 0;
	return {
		runs: () => runs,
		score: async (normalization: Normalization, index: number) => {
			runs += 1;
			const right = normalization === trained && (index * 7919) % 100 < share * 100;
			const values = new Float32Array(5);
			values[right ? (labels[index] as number) : 0] = 3;
			return { logits: { dtype: 'float32', dims: [1, 5], data: values } as const };
		},
	};
}

describe('findNormalization', () => {
	it.each(candidates)('finds $name by labels', async ({ name, normalization }) => {
		const { score, runs } = model(normalization, 0.9);
		const found = await findNormalization({ candidates, labels, output: 'logits', score });
		expect(found?.normalization).toBe(normalization);
		expect(found?.evidence.candidates.filter(({ chosen }) => chosen).map((entry) => entry.name)).toEqual([name]);
		expect(found?.evidence.candidates).toHaveLength(candidates.length);
		expect(runs()).toBe(8 * candidates.length + 16 * 4);
	});

	it('decides nothing where labels do not tell', async () => {
		const { score } = model(candidates[0]?.normalization as Normalization, 0);
		expect(await findNormalization({ candidates, labels, output: 'logits', score })).toBeUndefined();
		expect(await findNormalization({ candidates, labels: [0, 1], output: 'logits', score })).toBeUndefined();
		expect(await findNormalization({ candidates, labels, output: undefined, score })).toBeUndefined();
		expect(await findNormalization({ candidates, labels: labels.map(() => 99), output: 'logits', score })).toBeUndefined();
	});
});
