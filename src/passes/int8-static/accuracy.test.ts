import { describe, expect, it } from 'vitest';
import { attribute } from '../../core/ir/attribute.ts';
import { isSparse, memoryTensor } from '../../core/ir/tensor.ts';
import { float32View } from '../../core/numeric/float-blocks.ts';
import { lossOf } from './accuracy.ts';
import { Builder, trialStatic } from './static.testkit.ts';

/** Convolutions whose pooled outputs are close to each other, so that codes change some of the answers. */
function classifier(softmax: boolean): Builder['model'] {
	const b = new Builder();
	const x = b.input('x', [1, 3, 8, 8]);
	let h = b.op('Relu', [b.conv(x, 3, 12, [3, 3])]).output();
	h = b.op('Relu', [b.conv(h, 12, 12, [3, 3])]).output();
	h = b.op('Flatten', [b.op('GlobalAveragePool', [b.conv(h, 12, 10)]).output()]).output();
	return b.output(softmax ? b.op('Softmax', [h], { axis: attribute.int(1) }).output() : h);
}

const reasons = (notes: readonly { reason: string }[]): string[] => notes.map(({ reason }) => reason);
const coarse = { leastSqnr: 0, calibrateMethod: 'percentile', percentile: 85, biasCorrection: 'none' };

describe('int8-static with a limit on lost accuracy', () => {
	it('climbs until the limit holds, and shows the ladder', async () => {
		const { report } = await trialStatic(classifier(true), { ...coarse, limitDrop: 1 }, { examples: 100 });
		const ladder = reasons(report.notes).filter((reason) => reason.includes('points of answers that are the same lost'));
		expect(ladder.length).toBeGreaterThan(1);
		expect(ladder[0]).toContain('over the limit of 1');
		expect(ladder.at(-1)).toContain('within the limit of 1');
	});

	it('gives weights back to fp32 where values without codes are not enough', async () => {
		const model = classifier(true);
		// One channel that is much larger than the others: with one scale for all, the others become zeros.
		for (const value of model.graph.initializers) {
			const { initializer } = value;
			if (!initializer || isSparse(initializer) || initializer.dims.length !== 4) continue;
			const values = float32View(await initializer.bytes()).slice();
			for (let i = 0; i < values.length / (initializer.dims[0] ?? 1); i++) values[i] = (values[i] as number) * 400;
			value.initializer = memoryTensor('float32', initializer.dims, values);
		}
		const { report, sqnr } = await trialStatic(model, { perChannel: false, limitDrop: 1 }, { examples: 60 });
		const ladder = reasons(report.notes).filter((reason) => reason.includes('points of answers'));
		expect(ladder.at(-1)).toMatch(/[1-9] weights are in fp32: .* within the limit of 1/);
		expect(sqnr).toBeGreaterThan(10);
	});

	it('stops at once where nothing is lost', async () => {
		const { report } = await trialStatic(classifier(true), { limitDrop: 90 }, { examples: 20 });
		expect(reasons(report.notes).filter((reason) => reason.includes('the limit of 90'))).toHaveLength(1);
	});

	it('says so where outputs name no classes', async () => {
		const { report } = await trialStatic(classifier(false), { limitDrop: 1 }, { examples: 10 });
		expect(reasons(report.notes)).toContain('the limit on lost accuracy was not watched: the first output names no classes');
	});
});

describe('lossOf', () => {
	const answers = (classes: readonly (readonly number[])[], labels?: readonly number[]) => ({
		classes: classes.map((rows) => Int32Array.from(rows)),
		labels,
	});

	it('counts right answers with labels, gains included', () => {
		const original = answers([[1], [2], [3], [0]], [1, 2, 0, 0]);
		expect(lossOf(original, answers([[1], [0], [0], [0]], [1, 2, 0, 0]))).toMatchObject({ share: 0, n: 4 });
		expect(lossOf(original, answers([[0], [0], [3], [0]], [1, 2, 0, 0])).share).toBe(0.5);
	});

	it('counts rows that are no longer the same without labels', () => {
		const original = answers([
			[1, 2, 3],
			[4, 4],
		]);
		expect(
			lossOf(
				original,
				answers([
					[1, 2, 0],
					[4, 4],
				]),
			),
		).toMatchObject({ share: 0.2, n: 5 });
	});
});
