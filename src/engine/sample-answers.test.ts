import { describe, expect, it } from 'vitest';
import { createReference } from './evaluate.ts';
import { noiseExamples } from './examples.testkit.ts';
import { linearClassifier } from './models.testkit.ts';
import { createNodeEngine } from './node/index.ts';
import { sampleAnswers } from './sample-answers.ts';

const dataset = { hash: 'd'.repeat(64), synthetic: false };

describe('answers to single examples', () => {
	it.each([256_000_000, 10])('put variant beside original, with what changed (%i bytes kept)', async (memoryBudgetBytes) => {
		const [original, noisy] = [await linearClassifier(), await linearClassifier({ noise: 0.6 })];
		const engine = await createNodeEngine();
		const plain = noiseExamples(40);
		// Labels by what the original says to the even ones, wrong for the odd ones.
		const first = await engine.load({ model: original });
		const labels: number[] = [];
		for (let i = 0; i < plain.n; i++) {
			const { logits } = await first.run((await plain.example(i)).feeds);
			const values = Array.from(logits?.data as Float32Array);
			labels.push((values.indexOf(Math.max(...values)) + (i % 2)) % values.length);
		}
		await first.release();
		const examples = { ...plain, example: async (i: number) => ({ ...(await plain.example(i)), label: labels[i] as number }) };
		const reference = await createReference({ engine, original: () => ({ model: original }), examples, dataset, memoryBudgetBytes });
		const samples = await sampleAnswers({ engine, reference, examples, variant: { model: async () => ({ model: noisy }) } });
		expect(samples.map(({ position }) => position)).toEqual(reference.indices);
		expect(samples.some(({ change }) => change === 'broken')).toBe(true);
		for (const { label, original: before, variant: after, change, position } of samples) {
			const [was, is] = [before.top[0]?.index === label, after.top[0]?.index === label];
			expect(was).toBe(position % 2 === 0);
			expect(change).toBe(was ? (is ? 'same' : 'broken') : is ? 'fixed' : 'wrong');
			expect(before.top.map(({ share }) => share)).toEqual(before.top.map(({ share }) => share).toSorted((a, b) => b - a));
			expect(before.top[0]?.share).toBeGreaterThan(0);
		}
		const itself = await sampleAnswers({ engine, reference, examples });
		expect(itself.every(({ cosine, change }) => cosine === 1 && (change === 'same' || change === 'wrong'))).toBe(true);
	});
});
