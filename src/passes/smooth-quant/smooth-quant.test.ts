import { describe, expect, it } from 'vitest';
import { memorySource } from '../../core/bytes/source.ts';
import { attribute } from '../../core/ir/attribute.ts';
import type { Model } from '../../core/ir/model.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import { readModel } from '../../core/onnx/read.ts';
import { serialize } from '../../core/onnx/write.ts';
import { runRecipe } from '../../core/pass/pipeline.ts';
import { int8Dynamic } from '../int8-dynamic/index.ts';
import { calibrationOf, correlatedFeeds, GraphBuilder, learnedTrial, testCompute } from '../learned.testkit.ts';
import { operators, signalToNoise } from '../run.testkit.ts';
import { smoothQuant } from './index.ts';

const learn = correlatedFeeds(24, [2, 16, 64], 1);
const judge = correlatedFeeds(12, [2, 16, 64], 2);

/** A normalization with a few channels of large gain, as language models have, and two layers behind it. */
function normalized(form: 'LayerNormalization' | 'written out', residual = false): Model {
	const b = new GraphBuilder(17);
	const x = b.input(['N', 16, 64]);
	const gain = Float32Array.from({ length: 64 }, (_, i) => (i % 16 === 3 ? 30 : 0.5 + (i % 5) / 5));
	const gamma = b.model.graph.addInitializer('gamma', memoryTensor('float32', [64], gain));
	const beta = b.model.graph.addInitializer(
		'beta',
		memoryTensor(
			'float32',
			[64],
			gain.map((g) => g / 7),
		),
	);
	let h = x;
	if (form === 'LayerNormalization') h = b.node('LayerNormalization', [x, gamma, beta], { axis: attribute.int(-1) });
	else {
		const mean = b.node('ReduceMean', [x], { axes: attribute.ints([-1]) });
		const centred = b.node('Sub', [x, mean]);
		h = b.node('Add', [b.node('Mul', [b.node('Tanh', [centred]), gamma]), beta]);
	}
	const one = b.node('MatMul', [h, b.weight([64, 48], 64)]);
	const two = b.node('MatMul', [h, b.weight([64, 48], 64)]);
	const sum = b.node('Add', [one, two]);
	return residual ? b.finish(sum, b.node('Abs', [h])) : b.finish(sum);
}

async function throughInt8(model: Model, smooth: boolean): Promise<number> {
	const compute = await testCompute();
	const bytes = await serialize(model);
	const changed = await readModel(memorySource(bytes));
	const steps = [...(smooth ? [{ pass: 'smooth-quant', options: {} }] : []), { pass: 'int8-dynamic', options: { activations: 'tensor' } }];
	const registry = new Map([smoothQuant, int8Dynamic].map((pass) => [pass.id, pass] as const));
	await runRecipe(changed, { v: 1, seed: 0, steps }, registry as never, { compute, calibration: calibrationOf(learn) });
	const outputs = async (m: Model): Promise<number[]> => {
		const session = await compute.load(m, { graphOptimization: 'all' });
		const all: number[] = [];
		for (const feeds of judge) {
			const { y } = await session.run(feeds);
			if (y) all.push(...(y.data as Float32Array));
		}
		await session.release();
		return all;
	};
	return signalToNoise(await outputs(model), await outputs(changed));
}

describe('smooth-quant', () => {
	it.each(['LayerNormalization', 'written out'] as const)(
		'1. scales go into the gain and shift of %s: the same outputs, no new node',
		async (form) => {
			const before = normalized(form);
			const { sqnr, model, report } = await learnedTrial(before, smoothQuant, {}, learn, judge);
			expect(report).toMatchObject({ changed: 2, eligible: 2 });
			expect(operators(model)).toEqual(operators(before));
			expect(sqnr.y).toBeGreaterThan(100);
		},
	);

	it('2. what is read elsewhere too is left alone, or scaled by a Mul', async () => {
		const kept = await learnedTrial(normalized('LayerNormalization', true), smoothQuant, {}, learn, judge);
		expect(kept.report.changed).toBe(0);
		expect(kept.report.notes[0]?.reason).toContain('read elsewhere too');
		const inserted = await learnedTrial(normalized('LayerNormalization', true), smoothQuant, { insertMul: true }, learn, judge);
		expect(operators(inserted.model).Mul).toBe(1);
		expect(inserted.sqnr.y).toBeGreaterThan(100);
		expect(inserted.sqnr.y2).toBe(Number.POSITIVE_INFINITY);
	});

	it('3. makes int8 with one scale for a tensor better', async () => {
		const plain = await throughInt8(normalized('LayerNormalization'), false);
		const smooth = await throughInt8(normalized('LayerNormalization'), true);
		expect(smooth).toBeGreaterThan(plain + 1.5);
	});

	it('4. a weight that two nodes share, and excluded nodes, are left alone', async () => {
		const b = new GraphBuilder();
		const x = b.input(['N', 16, 64]);
		const w = b.weight([64, 64], 64);
		const model = b.finish(b.node('MatMul', [b.node('MatMul', [x, w]), w]));
		expect((await learnedTrial(model, smoothQuant, { insertMul: true }, learn, judge)).report).toMatchObject({ changed: 0, eligible: 0 });
		const excluded = normalized('LayerNormalization');
		const { report } = await learnedTrial(excluded, smoothQuant, { nodesToExclude: ['matmul'] }, learn, judge);
		expect(report.changed).toBe(0);
	});
});
