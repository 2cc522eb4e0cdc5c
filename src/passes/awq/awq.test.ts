import { describe, expect, it } from 'vitest';
import { attribute } from '../../core/ir/attribute.ts';
import type { Model } from '../../core/ir/model.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import { correlatedFeeds, GraphBuilder, learnedTrial } from '../learned.testkit.ts';
import { operators } from '../run.testkit.ts';
import { weightOnly } from '../weight-only/index.ts';
import { awq } from './index.ts';

const learn = correlatedFeeds(24, [2, 16, 64], 1);
const judge = correlatedFeeds(12, [2, 16, 64], 2);

/** A few inputs far stronger than the others. */
function uneven(residual = false): Model {
	const b = new GraphBuilder(17);
	const x = b.input(['N', 16, 64]);
	const gain = Float32Array.from({ length: 64 }, (_, i) => (i % 16 === 3 ? 20 : 0.5));
	const gamma = b.model.graph.addInitializer('gamma', memoryTensor('float32', [64], gain));
	const h = b.node('LayerNormalization', [x, gamma], { axis: attribute.int(-1) });
	const y = b.node('Gemm', [b.node('Reshape', [h, shape(b)]), b.weight([48, 64], 64)], { transB: attribute.int(1) });
	return residual ? b.finish(y, b.node('Abs', [h])) : b.finish(b.node('Identity', [y]));
}

const shape = (b: GraphBuilder) => b.model.graph.addInitializer('rows', memoryTensor('int64', [2], BigInt64Array.of(-1n, 64n)));

/** The same with MatMul right behind the normalization. */
function direct(residual = false): Model {
	const b = new GraphBuilder(17);
	const x = b.input(['N', 16, 64]);
	const gain = Float32Array.from({ length: 64 }, (_, i) => (i % 16 === 3 ? 20 : 0.5));
	const gamma = b.model.graph.addInitializer('gamma', memoryTensor('float32', [64], gain));
	const h = b.node('LayerNormalization', [x, gamma], { axis: attribute.int(-1) });
	const y = b.node('MatMul', [h, b.weight([64, 48], 64)]);
	return residual ? b.finish(y, b.node('Abs', [h])) : b.finish(y);
}

const rounding = { bits: 4, blockSize: 32, symmetric: false };

describe('awq', () => {
	it('1. leaves outputs as they were, and makes 4-bit weights better', async () => {
		const scaled = await learnedTrial(direct(), awq, {}, learn, judge);
		expect(scaled.report).toMatchObject({ changed: 1, eligible: 1 });
		expect(scaled.sqnr.y).toBeGreaterThan(100);
		expect(operators(scaled.model)).toEqual(operators(direct()));
		const plain = await learnedTrial(direct(), weightOnly, rounding, learn, judge);
		const after = await learnedTrial(scaled.model, weightOnly, rounding, learn, judge);
		expect(after.sqnr.y!).toBeGreaterThan(plain.sqnr.y! + 2);
	});

	it('2. inserts a Mul where it must, unless told not to', async () => {
		const inserted = await learnedTrial(direct(true), awq, {}, learn, judge);
		expect(operators(inserted.model).Mul).toBe(1);
		expect(inserted.sqnr.y).toBeGreaterThan(100);
		const kept = await learnedTrial(direct(true), awq, { insertMul: false }, learn, judge);
		expect(kept.report.changed).toBe(0);
	});

	it('3. transposed weights of Gemm', async () => {
		const { report, sqnr } = await learnedTrial(uneven(), awq, {}, learn, judge);
		expect(report.changed).toBe(1);
		expect(sqnr.y).toBeGreaterThan(100);
	});

	it('4. leaves even inputs alone', async () => {
		const b = new GraphBuilder();
		const h = b.node('Sign', [b.input(['N', 16, 64])]);
		const { report } = await learnedTrial(b.finish(b.node('MatMul', [h, b.weight([64, 48], 64)])), awq, {}, learn, judge);
		expect(report.changed).toBe(0);
		expect(report.notes[0]?.reason).toContain('no scales make its weights better');
	});
});
