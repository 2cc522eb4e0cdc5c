import { describe, expect, it } from 'vitest';
import { attribute } from '../../core/ir/attribute.ts';
import { Builder, type StaticTrial, trialStatic } from './static.testkit.ts';

const { int, ints, float } = attribute;
const options = { format: 'qoperator', minElements: 1, leastSqnr: 0 };
const opsOf = (trial: StaticTrial): string[] => [...trial.model.graph.nodes()].map(({ op }) => op);

/** The graph in both formats; the operators on codes must be as near to the plain graph as the pairs are. */
async function trial(build: (b: Builder) => ReturnType<Builder['output']>, more: Record<string, unknown> = {}): Promise<StaticTrial> {
	const found = await trialStatic(build(new Builder()), { ...options, ...more });
	const pairs = await trialStatic(build(new Builder()), { ...options, ...more, format: 'qdq' });
	expect(found.sqnr).toBeGreaterThan(pairs.sqnr - 1);
	return found;
}

const all = ['Conv', 'Gemm', 'MatMul', 'Add', 'Mul', 'Concat', 'AveragePool', 'GlobalAveragePool', 'LeakyRelu', 'Sigmoid', 'Softmax'];

describe('format qoperator: operators that compute on codes', () => {
	it('Conv after Conv, Relu in the saturation', async () => {
		const found = await trial((b) => {
			const first = b.conv(b.input('x', [1, 6, 9, 9]), 6, 8, [3, 3], { pads: ints([1, 1, 1, 1]) });
			return b.output(b.conv(b.op('Relu', [first]).output(), 8, 4));
		});
		expect(opsOf(found)).toEqual(['QuantizeLinear', 'QLinearConv', 'QLinearConv', 'DequantizeLinear']);
		expect(found.report.notes).toContainEqual({ level: 'info', reason: '2 nodes became operators on codes' });
	});

	it.each([
		['plain', [3, 32], [32, 8], {}],
		['B transposed, alpha', [3, 32], [8, 32], { transB: int(1), alpha: float(0.5) }],
	] as const)('Gemm, %s, with float results', async (_, x, w, attributes) => {
		const found = await trial(
			(b) => {
				const bias = 'alpha' in attributes ? [] : [b.weight([8], 0.3)];
				return b.output(b.op('Gemm', [b.input('x', x), b.weight(w), ...bias], attributes).output());
			},
			{ biasCorrection: 'none' },
		);
		expect(opsOf(found)).toEqual(['QuantizeLinear', 'QGemm']);
	});

	it('MatMul with float results, and of two computed operands', async () => {
		const found = await trial((b) => {
			const product = b.op('MatMul', [b.input('x', [2, 5, 32]), b.weight([32, 8])]);
			const turned = b.op('Transpose', [product.output()], { perm: ints([0, 2, 1]) });
			return b.output(b.op('MatMul', [product.output(), turned.output()]).output());
		});
		expect(opsOf(found).filter((op) => op.includes('MatMul'))).toEqual(['QLinearMatMul', 'MatMulIntegerToFloat']);
	});

	it.each(['Add', 'Mul', 'Concat'])('%s of two codes', async (op) => {
		const found = await trial(
			(b) => {
				const x = b.input('x', [1, 4, 6, 6]);
				const both = b.op(op, [b.conv(x, 4, 4), b.conv(x, 4, 4)], op === 'Concat' ? { axis: int(1) } : {});
				return b.output(b.conv(both.output(), op === 'Concat' ? 8 : 4, 3));
			},
			{ opTypesToQuantize: all },
		);
		expect(opsOf(found)).toContain(`QLinear${op}`);
		expect(opsOf(found).filter((name) => name === 'QuantizeLinear' || name === 'DequantizeLinear')).toHaveLength(2);
	});

	it.each([
		['AveragePool', { kernel_shape: ints([2, 2]), strides: ints([2, 2]) }],
		['GlobalAveragePool', {}],
		['LeakyRelu', { alpha: float(0.2) }],
		['Sigmoid', {}],
		['Softmax', { axis: int(1) }],
	] as const)('%s between layers', async (op, attributes) => {
		const found = await trial(
			(b) => {
				const middle = b.op(op, [b.conv(b.input('x', [1, 4, 6, 6]), 4, 8)], attributes);
				return b.output(b.conv(middle.output(), 8, 3));
			},
			{ opTypesToQuantize: all },
		);
		expect(opsOf(found)).toContain(`QLinear${op}`);
	});

	it('codes move through operators that move values', async () => {
		const found = await trial((b) => {
			const first = b.conv(b.input('x', [1, 4, 6, 6]), 4, 8);
			const pooled = b.op('MaxPool', [first], { kernel_shape: ints([2, 2]) });
			const turned = b.op('Transpose', [pooled.output()], { perm: ints([0, 1, 3, 2]) });
			return b.output(b.conv(turned.output(), 8, 3));
		});
		expect(opsOf(found)).toEqual(['QuantizeLinear', 'QLinearConv', 'MaxPool', 'Transpose', 'QLinearConv', 'DequantizeLinear']);
	});

	it('what has no form on codes stays a pair, and a note says so', async () => {
		const found = await trial((b) => b.output(b.op('ConvTranspose', [b.input('x', [1, 6, 5, 5]), b.weight([6, 4, 3, 3])]).output()));
		expect(opsOf(found)).toContain('ConvTranspose');
		expect(found.report.notes.some(({ reason }) => reason.includes('no form on codes'))).toBe(true);
	});
});
