import { describe, expect, it } from 'vitest';
import type { Value } from '../../../core/ir/graph.ts';
import { applyAlone, int, ints, type RuleGraph } from '../rule.testkit.ts';
import { fuseGelu, fuseHardSigmoid, fuseHardSwish, fuseSwish } from './fuse-activations.ts';
import { fuseBounds } from './fuse-bounds.ts';
import { fuseGeluTanh } from './fuse-gelu-tanh.ts';
import { fuseLayerNorm } from './fuse-layer-norm.ts';

type Make = (g: RuleGraph, x: Value) => Value;
const input = (g: RuleGraph): Value => g.input([2, 3, 8], ['N', 3, 8]);
const half: Make = (g, x) => g.op('Mul', [x, g.scalar(0.5)]);

describe('fuse-bounds', () => {
	const clip = (g: RuleGraph, x: Value, low?: number, high?: number): Value =>
		g.op('Clip', [x, low === undefined ? null : g.scalar(low), high === undefined ? null : g.scalar(high)]);
	it.each<readonly [string, Make, string]>([
		['Relu of Relu', (g, x) => g.op('Relu', [g.op('Relu', [x])]), 'Relu'],
		['Relu of Clip', (g, x) => g.op('Relu', [clip(g, x, -1, 0.5)]), 'Clip'],
		['Clip of Relu', (g, x) => clip(g, g.op('Relu', [x]), undefined, 0.5), 'Clip'],
		['Clip of Clip', (g, x) => clip(g, clip(g, x, -0.5), -1, 0.3), 'Clip'],
		['bounds apart', (g, x) => clip(g, clip(g, x, -1, -0.5), 0.25, 1), 'Clip'],
		['no bounds left but 0', (g, x) => clip(g, g.op('Relu', [x])), 'Relu'],
	])('%s', async (_, make, ops) => {
		const outcome = await applyAlone([fuseBounds], (g) => g.output(make(g, input(g))));
		expect(outcome.ops).toBe(ops);
		expect(outcome.difference).toBe(0);
	});
	it('writes attributes before opset 11', async () => {
		const outcome = await applyAlone(
			[fuseBounds],
			(g) => g.output(g.op('Relu', [g.op('Clip', [input(g)], { min: { kind: 'float', value: -1 }, max: { kind: 'float', value: 0.5 } })])),
			{ opset: 9 },
		);
		expect(outcome.ops).toBe('Clip');
		expect(outcome.difference).toBe(0);
	});
	it('leaves bounds that are computed', async () => {
		const outcome = await applyAlone([fuseBounds], (g) => {
			const low = g.op('ReduceMin', [g.input([4])], { keepdims: int(0) });
			g.output(g.op('Relu', [g.op('Clip', [input(g), low])]));
		});
		expect(outcome.applied.size).toBe(0);
	});
});

describe('fuse-hard-sigmoid, fuse-hard-swish', () => {
	const gate = (g: RuleGraph, x: Value, shift = 3, high = 6): Value =>
		g.op('Clip', [g.op('Add', [x, g.scalar(shift)]), g.scalar(0), g.scalar(high)]);
	it.each<readonly [string, Make, number, string]>([
		['1. divided', (g, x) => g.op('Div', [gate(g, x), g.scalar(6)]), 13, 'HardSigmoid'],
		['1. multiplied, other bounds', (g, x) => g.op('Mul', [g.scalar(1 / 4), gate(g, x, 1, 4)]), 13, 'HardSigmoid'],
		['2. x first', (g, x) => g.op('Div', [g.op('Mul', [x, gate(g, x)]), g.scalar(6)]), 13, 'HardSigmoid Mul'],
		['2. x last', (g, x) => g.op('Mul', [g.op('Mul', [gate(g, x), x]), g.scalar(1 / 6)]), 13, 'HardSigmoid Mul'],
		['hard swish from opset 14 on', (g, x) => g.op('Div', [g.op('Mul', [x, gate(g, x)]), g.scalar(6)]), 14, 'HardSwish'],
		['hard swish with the gate divided', (g, x) => g.op('Mul', [x, g.op('Div', [gate(g, x), g.scalar(6)])]), 17, 'HardSwish'],
	])('%s', async (_, make, opset, ops) => {
		const outcome = await applyAlone([fuseHardSigmoid, fuseHardSwish], (g) => g.output(make(g, input(g))), { opset });
		expect(outcome.ops).toBe(ops);
		expect(outcome.difference).toBeLessThan(1e-6);
	});
	it.each<readonly [string, Make]>([
		['another divisor', (g, x) => g.op('Div', [gate(g, x), g.scalar(5)])],
		[
			'a lower bound that is not 0',
			(g, x) => g.op('Div', [g.op('Clip', [g.op('Add', [x, g.scalar(3)]), g.scalar(1), g.scalar(6)]), g.scalar(6)]),
		],
		[
			'a shift for each channel',
			(g, x) => g.op('Div', [g.op('Clip', [g.op('Add', [x, g.weight([8])]), g.scalar(0), g.scalar(6)]), g.scalar(6)]),
		],
	])('leaves %s', async (_, make) => {
		const outcome = await applyAlone([fuseHardSigmoid, fuseHardSwish], (g) => g.output(make(g, input(g))));
		expect(outcome.applied.size).toBe(0);
	});
	it('leaves a gate that is an output', async () => {
		const outcome = await applyAlone([fuseHardSigmoid], (g) => {
			const y = gate(g, input(g));
			g.output(g.op('Div', [y, g.scalar(6)]), y);
		});
		expect(outcome.applied.size).toBe(0);
	});
});

describe('fuse-gelu', () => {
	const erf = (g: RuleGraph, x: Value): Value => g.op('Add', [g.op('Erf', [g.op('Div', [x, g.scalar(Math.SQRT2)])]), g.scalar(1)]);
	const forms: readonly (readonly [string, Make])[] = [
		['1. the half last', (g, x) => half(g, g.op('Mul', [x, erf(g, x)]))],
		['2. the half with 1 + erf', (g, x) => g.op('Mul', [x, half(g, erf(g, x))])],
		['3. the half with x', (g, x) => g.op('Mul', [half(g, x), erf(g, x)])],
		[
			'a factor instead of the divisor',
			(g, x) => half(g, g.op('Mul', [g.op('Add', [g.scalar(1), g.op('Erf', [g.op('Mul', [g.scalar(Math.SQRT1_2), x])])]), x])),
		],
	];
	it.each(forms)('%s, from opset 20 on', async (_, make) => {
		const outcome = await applyAlone([fuseGelu], (g) => g.output(make(g, input(g))), { opset: 20 });
		expect(outcome.ops).toBe('Gelu');
		expect(outcome.difference).toBeLessThan(1e-6);
	});
	it.each(forms)('%s, where com.microsoft is allowed', async (_, make) => {
		const outcome = await applyAlone([fuseGelu], (g) => g.output(make(g, input(g))), { opset: 17, allowContrib: true });
		expect(outcome.ops).toBe('com.microsoft.Gelu');
		expect(outcome.model.opsets.get('com.microsoft')).toBe(1);
		expect(outcome.difference).toBeLessThan(1e-6);
	});
	it('is refused before opset 20 otherwise', async () => {
		const outcome = await applyAlone([fuseGelu], (g) => g.output(half(g, g.op('Mul', [erf(g, input(g)), g.scalar(1)]))), { opset: 17 });
		expect(outcome.applied.size).toBe(0);
		const whole = await applyAlone(
			[fuseGelu],
			(g) => {
				const x = input(g);
				g.output(half(g, g.op('Mul', [x, erf(g, x)])));
			},
			{ opset: 17 },
		);
		expect(whole.refused.join()).toMatch(/from opset 20 on/);
	});
	it('leaves another product', async () => {
		const outcome = await applyAlone([fuseGelu], (g) => g.output(half(g, g.op('Mul', [g.input([2, 3, 8]), erf(g, input(g))]))), {
			opset: 20,
		});
		expect(outcome.applied.size).toBe(0);
	});
});

describe('fuse-gelu-tanh', () => {
	const onePlusTanh = (g: RuleGraph, x: Value, cube: Value): Value => {
		const inner = g.op('Add', [x, g.op('Mul', [cube, g.scalar(0.044715)])]);
		return g.op('Add', [g.op('Tanh', [g.op('Mul', [inner, g.scalar(Math.sqrt(2 / Math.PI))])]), g.scalar(1)]);
	};
	const power: Make = (g, x) => onePlusTanh(g, x, g.op('Pow', [x, g.scalar(3)]));
	const products: Make = (g, x) => onePlusTanh(g, x, g.op('Mul', [g.op('Mul', [x, x]), x]));
	const forms: readonly (readonly [string, Make])[] = [
		['1. and 3.', (g, x) => half(g, g.op('Mul', [x, power(g, x)]))],
		['2. and 3.', (g, x) => half(g, g.op('Mul', [products(g, x), x]))],
		['1. and 4.', (g, x) => g.op('Mul', [half(g, x), power(g, x)])],
		['2. and 5.', (g, x) => g.op('Mul', [g.op('Div', [products(g, x), g.scalar(2)]), x])],
	];
	it.each(forms)('%s', async (_, make) => {
		for (const [options, ops] of [
			[{ opset: 20 }, 'Gelu'],
			[{ opset: 17, allowContrib: true }, 'com.microsoft.FastGelu'],
		] as const) {
			const outcome = await applyAlone([fuseGeluTanh], (g) => g.output(make(g, input(g))), options);
			expect(outcome.ops).toBe(ops);
			expect(outcome.difference).toBeLessThan(1e-5);
		}
	});
	it('is refused before opset 20 where com.microsoft is not allowed', async () => {
		const outcome = await applyAlone([fuseGeluTanh], (g) => {
			const x = input(g);
			g.output(half(g, g.op('Mul', [x, power(g, x)])));
		});
		expect(outcome.applied.size).toBe(0);
		expect(outcome.refused.join()).toMatch(/from opset 20 on/);
	});
	it('leaves a square where the cube stands', async () => {
		const outcome = await applyAlone(
			[fuseGeluTanh],
			(g) => {
				const x = input(g);
				g.output(half(g, g.op('Mul', [x, onePlusTanh(g, x, g.op('Pow', [x, g.scalar(2)]))])));
			},
			{ opset: 20 },
		);
		expect(outcome.applied.size).toBe(0);
	});
});

describe('fuse-swish', () => {
	const swish: Make = (g, x) => g.op('Mul', [g.op('Sigmoid', [x]), x]);
	it('where com.microsoft is allowed', async () => {
		const outcome = await applyAlone([fuseSwish], (g) => g.output(swish(g, input(g))), { allowContrib: true });
		expect(outcome.ops).toBe('com.microsoft.QuickGelu');
		expect(outcome.difference).toBeLessThan(1e-6);
	});
	it('stays otherwise', async () => {
		const outcome = await applyAlone([fuseSwish], (g) => g.output(swish(g, input(g))));
		expect(outcome.applied.size).toBe(0);
	});
});

describe('fuse-layer-norm', () => {
	interface Form {
		readonly square?: 'Pow' | 'Mul';
		readonly inverse?: boolean;
		readonly gamma?: readonly number[];
		readonly beta?: readonly number[];
		readonly axes?: readonly number[];
	}
	const norm = (g: RuleGraph, x: Value, { square = 'Pow', inverse = false, gamma, beta, axes = [-1] }: Form, opset = 17): Value => {
		const mean = (value: Value): Value =>
			opset < 18 ? g.op('ReduceMean', [value], { axes: ints(axes) }) : g.op('ReduceMean', [value, g.ints(axes)]);
		const d = g.op('Sub', [x, mean(x)]);
		const squares = square === 'Pow' ? g.op('Pow', [d, g.scalar(2)]) : g.op('Mul', [d, d]);
		const root = g.op('Sqrt', [g.op('Add', [mean(squares), g.scalar(1e-5)])]);
		let y = inverse ? g.op('Mul', [g.op('Reciprocal', [root]), d]) : g.op('Div', [d, root]);
		if (gamma) y = g.op('Mul', [y, g.weight(gamma, 0.5, 1)]);
		if (beta) y = g.op('Add', [g.weight(beta), y]);
		return y;
	};
	it.each<readonly [string, Form, number, string]>([
		['1. Pow, Div', { gamma: [8], beta: [8] }, 17, 'LayerNormalization'],
		['1. Mul, Div', { square: 'Mul', gamma: [8], beta: [8] }, 17, 'LayerNormalization'],
		['1. Pow, Reciprocal', { inverse: true, gamma: [8], beta: [8] }, 17, 'LayerNormalization'],
		['1. Mul, Reciprocal', { square: 'Mul', inverse: true, gamma: [8], beta: [8] }, 17, 'LayerNormalization'],
		['2. gamma alone', { gamma: [8] }, 17, 'LayerNormalization'],
		['2. neither', {}, 17, 'LayerNormalization'],
		['2. beta alone', { beta: [8] }, 17, 'LayerNormalization Add'],
		['two axes', { axes: [1, 2], gamma: [3, 8], beta: [3, 8] }, 17, 'LayerNormalization'],
		['axes as input', { gamma: [8], beta: [8] }, 18, 'LayerNormalization'],
	])('%s', async (_, form, opset, ops) => {
		const outcome = await applyAlone([fuseLayerNorm], (g) => g.output(norm(g, input(g), form, opset)), { opset });
		expect(outcome.ops).toBe(ops);
		expect(outcome.difference).toBeLessThan(1e-5);
	});
	it('is refused before opset 17', async () => {
		const outcome = await applyAlone([fuseLayerNorm], (g) => g.output(norm(g, input(g), { gamma: [8], beta: [8] }, 16)), { opset: 16 });
		expect(outcome.applied.size).toBe(0);
		expect(outcome.refused.join()).toMatch(/from opset 17 on/);
	});
	it('leaves a scale of another shape behind', async () => {
		const outcome = await applyAlone([fuseLayerNorm], (g) => g.output(norm(g, input(g), { gamma: [3, 1] })));
		expect(outcome.ops).toBe('LayerNormalization Mul');
		expect(outcome.difference).toBeLessThan(1e-5);
	});
	it('leaves axes that are not the last', async () => {
		const outcome = await applyAlone([fuseLayerNorm], (g) => g.output(norm(g, input(g), { axes: [1] })));
		expect(outcome.applied.size).toBe(0);
	});
	it('leaves a difference that is an output', async () => {
		const outcome = await applyAlone([fuseLayerNorm], (g) => {
			const y = norm(g, input(g), {});
			const d = y.producer?.input(0);
			if (d) g.output(y, d);
		});
		expect(outcome.applied.size).toBe(0);
	});
});
