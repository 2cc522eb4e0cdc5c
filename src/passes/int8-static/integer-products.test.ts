import { describe, expect, it } from 'vitest';
import { attribute } from '../../core/ir/attribute.ts';
import { Builder, trialStatic } from './static.testkit.ts';

const { int, ints, float, string } = attribute;
const options = { format: 'integer', minElements: 1 };
const opsOf = (trial: Awaited<ReturnType<typeof trialStatic>>): string[] => [...trial.model.graph.nodes()].map(({ op }) => op);

describe('format integer: ConvInteger and MatMulInteger with float results', () => {
	it.each([
		['plain', [1, 6, 9, 9], [8, 6, 3, 3], { pads: ints([1, 1, 1, 1]) }],
		['depthwise', [1, 8, 9, 9], [8, 1, 3, 3], { group: int(8), strides: ints([2, 2]) }],
		['groups, dilated, auto_pad', [1, 8, 9, 9], [8, 4, 3, 3], { group: int(2), auto_pad: string('SAME_UPPER') }],
		['one axis', [1, 6, 20], [8, 6, 5], {}],
	] as const)('Conv, %s', async (_, x, w, attributes) => {
		const b = new Builder();
		const first = b.op('Conv', [b.input('x', x), b.weight(w), b.weight([w[0]], 0.3)], attributes);
		const trial = await trialStatic(b.output(first.output()), options);
		expect(opsOf(trial)).toEqual(['QuantizeLinear', 'ConvInteger', 'DequantizeLinear', 'Add']);
		expect(trial.sqnr).toBeGreaterThan(35);
		expect(trial.report).toMatchObject({ changed: 1, eligible: 1 });
	});

	it('Conv without a bias gets one where its mean error is corrected', async () => {
		const b = new Builder();
		const plain = b.op('Conv', [b.input('x', [1, 6, 9, 9]), b.weight([8, 6, 3, 3])]);
		const trial = await trialStatic(b.output(plain.output()), { ...options, biasCorrection: 'none' });
		expect(opsOf(trial)).toEqual(['QuantizeLinear', 'ConvInteger', 'DequantizeLinear']);
		expect(trial.sqnr).toBeGreaterThan(35);
	});

	it.each([
		['plain', [3, 32], [32, 8], {}, [8]],
		['B transposed', [3, 32], [8, 32], { transB: int(1) }, [8]],
		['alpha and beta, scalar bias', [3, 32], [32, 8], { alpha: float(0.5), beta: float(2) }, [1]],
	] as const)('Gemm, %s', async (_, x, w, attributes, c) => {
		const b = new Builder();
		const node = b.op('Gemm', [b.input('x', x), b.weight(w), b.weight(c, 0.3)], attributes);
		const trial = await trialStatic(b.output(node.output()), options);
		expect(opsOf(trial)).toEqual(['QuantizeLinear', 'MatMulInteger', 'DequantizeLinear', 'Add']);
		expect(trial.sqnr).toBeGreaterThan(34);
	});

	it('Gemm with a transposed input stays a pair', async () => {
		const b = new Builder();
		const node = b.op('Gemm', [b.input('x', [32, 3]), b.weight([32, 8]), b.weight([8], 0.3)], { transA: int(1) });
		const trial = await trialStatic(b.output(node.output()), options);
		expect(opsOf(trial)).toContain('Gemm');
		expect(trial.report.notes.some(({ reason }) => reason.includes('transposed'))).toBe(true);
	});

	it('MatMul; one of two computed operands is left alone', async () => {
		const b = new Builder();
		const x = b.input('x', [2, 5, 32]);
		const product = b.op('MatMul', [x, b.weight([32, 8])]);
		const turned = b.op('Transpose', [product.output()], { perm: ints([0, 2, 1]) });
		const trial = await trialStatic(b.output(b.op('MatMul', [product.output(), turned.output()]).output()), options);
		expect(opsOf(trial).filter((op) => op.startsWith('MatMul'))).toEqual(['MatMulInteger', 'MatMul']);
		expect(trial.sqnr).toBeGreaterThan(30);
	});

	it('Relu between two layers goes into the saturation of the codes', async () => {
		const b = new Builder();
		const first = b.conv(b.input('x', [1, 6, 9, 9]), 6, 8, [3, 3]);
		const trial = await trialStatic(b.output(b.conv(b.op('Relu', [first]).output(), 8, 4)), options);
		expect(opsOf(trial)).not.toContain('Relu');
		expect(trial.sqnr).toBeGreaterThan(30);
	});

	it('treats the named nodes only', async () => {
		const b = new Builder();
		const first = b.conv(b.input('x', [1, 6, 9, 9]), 6, 8, [3, 3]);
		const last = b.op('Conv', [first, b.weight([4, 8, 1, 1])]);
		last.name = 'last';
		const trial = await trialStatic(b.output(last.output()), { ...options, nodesToQuantize: ['last'] });
		expect(opsOf(trial).filter((op) => op.includes('Conv'))).toEqual(['Conv', 'ConvInteger']);
	});
});
