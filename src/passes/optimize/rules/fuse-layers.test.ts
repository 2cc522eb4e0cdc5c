import { describe, expect, it } from 'vitest';
import type { Value } from '../../../core/ir/graph.ts';
import { applyAlone, int, ints, type RuleGraph, text } from '../rule.testkit.ts';
import { fuseAffine } from './fuse-affine.ts';
import { fuseBatchNorm } from './fuse-batch-norm.ts';
import { fuseConstants } from './fuse-constants.ts';
import { fuseGemm } from './fuse-gemm.ts';
import { fusePad } from './fuse-pad.ts';

const conv = (g: RuleGraph, x: Value, attributes = {}): Value => g.op('Conv', [x, g.weight([6, 4, 3, 3]), g.weight([6])], attributes);
const norm = (g: RuleGraph, x: Value, channels: number, attributes = {}): Value =>
	g.op(
		'BatchNormalization',
		[x, g.weight([channels]), g.weight([channels]), g.weight([channels]), g.weight([channels], 0.1, 1)],
		attributes,
	);
const picture = (g: RuleGraph): Value => g.input([2, 4, 7, 7], ['N', 4, null, null]);

describe('fuse-batch-norm', () => {
	it.each<readonly [string, (g: RuleGraph) => Value, string]>([
		['1. after Conv', (g) => norm(g, conv(g, picture(g)), 6), 'Conv'],
		['1. after Conv without bias', (g) => norm(g, g.op('Conv', [picture(g), g.weight([6, 4, 1, 1])]), 6), 'Conv'],
		['1. after a grouped Conv', (g) => norm(g, g.op('Conv', [picture(g), g.weight([6, 2, 3, 3])], { group: int(2) }), 6), 'Conv'],
		[
			'1. after a grouped ConvTranspose',
			(g) =>
				norm(g, g.op('ConvTranspose', [picture(g), g.weight([4, 3, 2, 2]), g.weight([6])], { group: int(2), strides: ints([2, 2]) }), 6),
			'ConvTranspose',
		],
		['1. after Gemm', (g) => norm(g, g.op('Gemm', [g.input([3, 4]), g.weight([5, 4]), g.weight([5])], { transB: int(1) }), 5), 'Gemm'],
		['2. before Conv', (g) => g.op('Conv', [norm(g, picture(g), 4), g.weight([6, 4, 3, 3])]), 'Conv'],
		['2. before a grouped Conv', (g) => g.op('Conv', [norm(g, picture(g), 4), g.weight([6, 2, 3, 3])], { group: int(2) }), 'Conv'],
		['2. before Gemm', (g) => g.op('Gemm', [norm(g, g.input([3, 4]), 4), g.weight([4, 5]), g.weight([5])]), 'Gemm'],
		['deep in a row', (g) => norm(g, norm(g, conv(g, picture(g)), 6), 6), 'Conv'],
	])('%s', async (_, make, ops) => {
		const outcome = await applyAlone([fuseBatchNorm], (g) => g.output(make(g)));
		expect(outcome.ops).toBe(ops);
		expect(outcome.difference).toBeLessThan(1e-5);
	});

	it('keeps the numbers of a weight that another node reads', async () => {
		const outcome = await applyAlone([fuseBatchNorm], (g) => {
			const [x, w] = [picture(g), g.weight([6, 4, 3, 3])];
			g.output(norm(g, g.op('Conv', [x, w]), 6), g.op('Conv', [x, w]));
		});
		expect(outcome.ops).toBe('Conv Conv');
		expect(outcome.difference).toBeLessThan(1e-5);
	});

	it.each<readonly [string, (g: RuleGraph) => readonly Value[], RegExp]>([
		[
			'another node reads the value in between',
			(g) => {
				const y = conv(g, picture(g));
				return [norm(g, y, 6), g.op('Relu', [y])];
			},
			/another node reads/,
		],
		[
			'padding would have to be shifted',
			(g) => [g.op('Conv', [norm(g, picture(g), 4), g.weight([6, 4, 3, 3])], { pads: ints([1, 1, 1, 1]) })],
			/pads with zeros/,
		],
		[
			'a large weight would be stored twice',
			(g) => {
				const [x, w] = [picture(g), g.weight([512, 4, 3, 3])];
				return [norm(g, g.op('Conv', [x, w]), 512), g.op('Conv', [x, w])];
			},
			/stored twice/,
		],
		['ConvTranspose after it', (g) => [g.op('ConvTranspose', [norm(g, picture(g), 4), g.weight([4, 3, 2, 2])])], /ConvTranspose/],
	])('refuses where %s', async (_, make, reason) => {
		const outcome = await applyAlone([fuseBatchNorm], (g) => g.output(...make(g)));
		expect(outcome.applied.size).toBe(0);
		expect(outcome.refused.join()).toMatch(reason);
		expect(outcome.difference).toBe(0);
	});
});

describe('fuse-affine', () => {
	const channels = [6, 1, 1] as const;
	it.each<readonly [string, (g: RuleGraph) => Value, string]>([
		['1. y + t', (g) => g.op('Add', [conv(g, picture(g)), g.weight(channels)]), 'Conv'],
		['1. t + y, no bias', (g) => g.op('Add', [g.weight(channels), g.op('Conv', [picture(g), g.weight([6, 4, 1, 1])])]), 'Conv'],
		['1. y - t', (g) => g.op('Sub', [conv(g, picture(g)), g.weight([1, 6, 1, 1])]), 'Conv'],
		['1. t - y', (g) => g.op('Sub', [g.weight(channels), conv(g, picture(g))]), 'Conv'],
		['1. y s', (g) => g.op('Mul', [conv(g, picture(g)), g.weight(channels)]), 'Conv'],
		['1. y / s', (g) => g.op('Div', [conv(g, picture(g)), g.scalar(3)]), 'Conv'],
		['1. Gemm with alpha and beta', (g) => g.op('Mul', [gemm(g, { alpha: 0.5, beta: 3 }), g.weight([5])]), 'Gemm'],
		['1. Gemm without bias', (g) => g.op('Add', [g.op('Gemm', [g.input([3, 4]), g.weight([4, 5])]), g.weight([1, 5])]), 'Gemm'],
		[
			'1. ConvTranspose',
			(g) => g.op('Mul', [g.op('ConvTranspose', [picture(g), g.weight([4, 3, 2, 2])]), g.weight([3, 1, 1])]),
			'ConvTranspose',
		],
		['2. MatMul', (g) => g.op('Div', [g.op('MatMul', [g.input([2, 3, 4]), g.weight([4, 5])]), g.weight([5], 0.1, 1)]), 'MatMul'],
		['3. before Conv without padding', (g) => conv(g, g.op('Add', [picture(g), g.weight([4, 1, 1])])), 'Conv'],
		[
			'3. a factor before Conv with padding',
			(g) => conv(g, g.op('Mul', [picture(g), g.weight([4, 1, 1])]), { auto_pad: text('SAME_UPPER') }),
			'Conv',
		],
		['3. before MatMul', (g) => g.op('MatMul', [g.op('Mul', [g.input([2, 3, 4]), g.weight([4])]), g.weight([4, 5])]), 'MatMul'],
		['3. before Gemm', (g) => g.op('Gemm', [g.op('Sub', [g.input([3, 4]), g.weight([4])]), g.weight([4, 5]), g.weight([5])]), 'Gemm'],
	])('%s', async (_, make, ops) => {
		const outcome = await applyAlone([fuseAffine], (g) => g.output(make(g)));
		expect(outcome.ops).toBe(ops);
		expect(outcome.difference).toBeLessThan(1e-5);
	});

	it.each<readonly [string, (g: RuleGraph) => readonly Value[], RegExp]>([
		['it divides by zero', (g) => [g.op('Div', [conv(g, picture(g)), g.numbers([1, 0, 1, 1, 1, 1], [6, 1, 1])])], /divides by zero/],
		[
			'another node reads the value in between',
			(g) => {
				const y = conv(g, picture(g));
				return [g.op('Mul', [y, g.scalar(2)]), g.op('Relu', [y])];
			},
			/another node reads/,
		],
		[
			'it adds before padding',
			(g) => [conv(g, g.op('Add', [picture(g), g.weight([4, 1, 1])]), { pads: ints([1, 1, 1, 1]) })],
			/pads with zeros/,
		],
	])('refuses where %s', async (_, make, reason) => {
		const outcome = await applyAlone([fuseAffine], (g) => g.output(...make(g)));
		expect(outcome.applied.size).toBe(0);
		expect(outcome.refused.join()).toMatch(reason);
		expect(outcome.difference === 0 || Number.isNaN(outcome.difference)).toBe(true);
	});

	it.each<readonly [string, (g: RuleGraph) => Value]>([
		['varies along another axis', (g) => g.op('Mul', [conv(g, picture(g)), g.weight([5])])],
		['widens the shape', (g) => g.op('Mul', [conv(g, picture(g)), g.weight([1, 1, 1, 1, 1])])],
		['adds after MatMul, which has no bias', (g) => g.op('Add', [g.op('MatMul', [g.input([2, 3, 4]), g.weight([4, 5])]), g.weight([5])])],
		['stretches the channels of its input', (g) => conv(g, g.op('Mul', [g.input([2, 1, 7, 7]), g.weight([4, 1, 1])]))],
		['is divided by the value', (g) => g.op('Div', [g.scalar(1), g.op('Exp', [picture(g)])])],
	])('leaves a constant that %s', async (_, make) => {
		const outcome = await applyAlone([fuseAffine], (g) => g.output(make(g)));
		expect(outcome.applied.size).toBe(0);
	});
});

function gemm(g: RuleGraph, { alpha, beta }: { readonly alpha: number; readonly beta: number }): Value {
	return g.op('Gemm', [g.input([3, 4]), g.weight([5, 4]), g.weight([5])], {
		transB: int(1),
		alpha: { kind: 'float', value: alpha },
		beta: { kind: 'float', value: beta },
	});
}

describe('fuse-pad', () => {
	const pad = (g: RuleGraph, amounts: readonly number[], attributes = {}, value?: number): Value =>
		g.op('Pad', [picture(g), g.ints(amounts), ...(value === undefined ? [] : [g.scalar(value)])], attributes);
	const around = [0, 0, 1, 0, 0, 0, 2, 1];
	const average = (g: RuleGraph, x: Value, attributes = {}): Value =>
		g.op('AveragePool', [x], { kernel_shape: ints([3, 3]), ...attributes });

	it.each<readonly [string, (g: RuleGraph) => Value, string]>([
		['1. Conv', (g) => conv(g, pad(g, around)), 'Conv'],
		['1. Conv that pads, value given', (g) => conv(g, pad(g, around, {}, 0), { pads: ints([1, 1, 0, 0]) }), 'Conv'],
		['1. Conv with VALID padding', (g) => conv(g, pad(g, around), { auto_pad: text('VALID') }), 'Conv'],
		['2. AveragePool without padding', (g) => average(g, pad(g, around)), 'AveragePool'],
		[
			'2. AveragePool that counts its padding',
			(g) => average(g, pad(g, [0, 0, 1, 0, 0, 0, 0, 1]), { pads: ints([1, 1, 1, 1]), count_include_pad: int(1) }),
			'AveragePool',
		],
	])('%s', async (_, make, ops) => {
		const outcome = await applyAlone([fusePad], (g) => g.output(make(g)));
		expect(outcome.ops).toBe(ops);
		expect(outcome.difference).toBeLessThan(1e-5);
	});

	it('reads the attributes of operator sets before 11', async () => {
		const outcome = await applyAlone([fusePad], (g) => g.output(conv(g, g.op('Pad', [picture(g)], { pads: ints(around) }))), { opset: 9 });
		expect(outcome.ops).toBe('Conv');
		expect(outcome.difference).toBeLessThan(1e-5);
	});

	it('reads axes', async () => {
		const outcome = await applyAlone(
			[fusePad],
			(g) => g.output(conv(g, g.op('Pad', [picture(g), g.ints([1, 2, 0, 1]), null, g.ints([-1, 2])]))),
			{
				opset: 18,
			},
		);
		expect(outcome.ops).toBe('Conv');
		expect(outcome.difference).toBeLessThan(1e-5);
	});

	it.each<readonly [string, (g: RuleGraph) => Value, RegExp]>([
		['it pads with another value', (g) => conv(g, pad(g, around, {}, 1)), /pads with 1/],
		['it pads by reflection', (g) => conv(g, pad(g, around, { mode: text('reflect') })), /mode is reflect/],
		['it cuts', (g) => conv(g, pad(g, [0, 0, -1, 0, 0, 0, 1, 1])), /cuts instead/],
		['it pads the batch', (g) => conv(g, pad(g, [1, 0, 0, 0, 0, 0, 0, 0])), /batch or channels/],
		['the reader pads by size', (g) => conv(g, pad(g, around), { auto_pad: text('SAME_UPPER') }), /by the size of its input/],
		['the pool does not count its padding', (g) => average(g, pad(g, around), { pads: ints([1, 1, 1, 1]) }), /does not count/],
		['the pool rounds up', (g) => average(g, pad(g, around), { ceil_mode: int(1) }), /rounds its size up/],
		['the pads would be as large as the kernel', (g) => average(g, pad(g, [0, 0, 3, 0, 0, 0, 0, 0])), /as large as its kernel/],
	])('refuses where %s', async (_, make, reason) => {
		const outcome = await applyAlone([fusePad], (g) => g.output(make(g)));
		expect(outcome.applied.size).toBe(0);
		expect(outcome.refused.join()).toMatch(reason);
	});
});

describe('fuse-gemm', () => {
	const product = (g: RuleGraph): Value => g.op('MatMul', [g.input([3, 4]), g.weight([4, 5])]);
	it.each<readonly [string, (g: RuleGraph) => Value]>([
		['a vector', (g) => g.op('Add', [product(g), g.weight([5])])],
		['a row, first', (g) => g.op('Add', [g.weight([1, 5]), product(g)])],
		['one number', (g) => g.op('Add', [product(g), g.scalar(2)])],
		['two computed factors', (g) => g.op('Add', [g.op('MatMul', [g.input([3, 4]), g.input([4, 5])]), g.weight([5])])],
	])('%s', async (_, make) => {
		const outcome = await applyAlone([fuseGemm], (g) => g.output(make(g)));
		expect(outcome.ops).toBe('Gemm');
		expect(outcome.difference).toBeLessThan(1e-5);
	});
	it.each<readonly [string, (g: RuleGraph) => readonly Value[]]>([
		['rank 3', (g) => [g.op('Add', [g.op('MatMul', [g.input([2, 3, 4]), g.weight([4, 5])]), g.weight([5])])]],
		['a bias that varies over rows', (g) => [g.op('Add', [product(g), g.weight([3, 1])])]],
		['a bias of higher rank', (g) => [g.op('Add', [product(g), g.weight([1, 1, 5])])]],
		[
			'a second reader',
			(g) => {
				const y = product(g);
				return [g.op('Add', [y, g.weight([5])]), g.op('Relu', [y])];
			},
		],
	])('leaves %s', async (_, make) => {
		const outcome = await applyAlone([fuseGemm], (g) => g.output(...make(g)));
		expect(outcome.applied.size).toBe(0);
	});
});

describe('fuse-constants', () => {
	const small = (g: RuleGraph): Value => g.input([2, 3, 4]);
	it.each<readonly [string, (g: RuleGraph) => Value, string]>([
		['1. factors', (g) => g.op('Mul', [g.op('Mul', [small(g), g.scalar(2)]), g.weight([4])]), 'Mul'],
		['1. divisors', (g) => g.op('Div', [g.op('Div', [small(g), g.scalar(3)]), g.weight([4], 0.1, 1)]), 'Mul'],
		['2. summands', (g) => g.op('Sub', [g.op('Add', [small(g), g.weight([3, 4])]), g.weight([3, 4])]), 'Add'],
	])('%s', async (_, make, ops) => {
		const outcome = await applyAlone([fuseConstants], (g) => g.output(make(g)));
		expect(outcome.ops).toBe(ops);
		expect(outcome.difference).toBeLessThan(1e-5);
	});
	it.each<readonly [string, (g: RuleGraph) => Value, RegExp]>([
		['one for both would be larger', (g) => g.op('Mul', [g.op('Mul', [small(g), g.weight([3, 1])]), g.weight([4])]), /larger/],
		['it is not finite', (g) => g.op('Div', [g.op('Mul', [small(g), g.scalar(2)]), g.scalar(0)]), /not finite/],
	])('refuses where %s', async (_, make, reason) => {
		const outcome = await applyAlone([fuseConstants], (g) => g.output(make(g)));
		expect(outcome.applied.size).toBe(0);
		expect(outcome.refused.join()).toMatch(reason);
	});
});
