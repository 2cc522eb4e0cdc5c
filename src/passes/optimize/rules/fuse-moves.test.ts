import { describe, expect, it } from 'vitest';
import type { Value } from '../../../core/ir/graph.ts';
import { applyAlone, int, ints, type RuleGraph } from '../rule.testkit.ts';
import { fuseConcats } from './fuse-concats.ts';
import { fuseCasts, fuseReshapes, fuseTransposes } from './fuse-moves.ts';
import { fusePointwise } from './fuse-pointwise.ts';
import { fuseSlices } from './fuse-slices.ts';
import { fuseTransposedOperands } from './fuse-transposed-operands.ts';
import { moveTransposes } from './move-transposes.ts';

type Make = (g: RuleGraph, x: Value) => Value;
const picture = (g: RuleGraph): Value => g.input([2, 3, 4, 6], ['N', 3, 4, 6]);
const turn = (g: RuleGraph, x: Value, perm?: readonly number[]): Value => g.op('Transpose', [x], perm ? { perm: ints(perm) } : {});

describe('fuse-transposes', () => {
	it.each<readonly [string, Make]>([
		['with orders', (g, x) => turn(g, turn(g, x, [0, 2, 3, 1]), [3, 0, 1, 2])],
		['without orders', (g, x) => turn(g, turn(g, x))],
		['one order given', (g, x) => turn(g, turn(g, x, [0, 2, 3, 1]))],
		['three', (g, x) => turn(g, turn(g, turn(g, x, [1, 0, 2, 3]), [0, 2, 3, 1]), [2, 0, 1, 3])],
	])('%s', async (_, make) => {
		const outcome = await applyAlone([fuseTransposes], (g) => g.output(make(g, picture(g))));
		expect(outcome.ops).toBe('Transpose');
		expect(outcome.difference).toBe(0);
	});
	it('keeps the first where it is read elsewhere', async () => {
		const outcome = await applyAlone([fuseTransposes], (g) => {
			const first = turn(g, picture(g), [0, 2, 3, 1]);
			g.output(turn(g, first, [0, 3, 1, 2]), g.op('Relu', [first]));
		});
		expect(outcome.difference).toBe(0);
	});
});

describe('move-transposes', () => {
	it('past elementwise operators to its inverse', async () => {
		const outcome = await applyAlone([moveTransposes], (g) => {
			const y = g.op('Sigmoid', [g.op('Clip', [turn(g, picture(g), [0, 2, 3, 1]), g.scalar(-1), g.scalar(1)])]);
			g.output(turn(g, y, [0, 3, 1, 2]));
		});
		expect(outcome.ops).toBe('Clip Sigmoid');
		expect(outcome.difference).toBe(0);
	});
	it.each<readonly [string, Make, string]>([
		['a scalar', (g, x) => g.op('Sub', [g.scalar(1), x]), 'Sub'],
		['a number for each channel, last there', (g, x) => g.op('Add', [x, g.weight([3])]), 'Add'],
		['a number for each row', (g, x) => g.op('Mul', [g.weight([4, 1, 1]), x]), 'Mul'],
		['a slope for each channel', (g, x) => g.op('PRelu', [x, g.weight([3])]), 'PRelu'],
		[
			'several in a row',
			(g, x) => g.op('Relu', [g.op('Div', [g.op('Add', [x, g.weight([1, 1, 1, 3])]), g.weight([6, 1], 0.1, 1)])]),
			'Add Div Relu',
		],
	])('2. past an operator with %s', async (_, make, ops) => {
		const outcome = await applyAlone([moveTransposes], (g) => g.output(turn(g, make(g, turn(g, picture(g), [0, 2, 3, 1])), [0, 3, 1, 2])));
		expect(outcome.ops).toBe(ops);
		expect(outcome.difference).toBe(0);
	});
	it.each<readonly [string, (g: RuleGraph) => readonly Value[]]>([
		[
			'a constant varies along two axes',
			(g) => [turn(g, g.op('Add', [turn(g, picture(g), [0, 2, 3, 1]), g.weight([6, 3])]), [0, 3, 1, 2])],
		],
		[
			'a constant has a higher rank',
			(g) => [g.op('Add', [turn(g, g.op('Add', [turn(g, g.input([2, 3]), [1, 0]), g.weight([1, 3, 1])]), [0, 2, 1]), g.scalar(1)])],
		],
		['no inverse follows', (g) => [turn(g, g.op('Relu', [turn(g, picture(g), [0, 2, 3, 1])]), [0, 2, 3, 1])]],
		[
			'another node reads it',
			(g) => {
				const y = turn(g, picture(g), [0, 2, 3, 1]);
				return [turn(g, g.op('Relu', [y]), [0, 3, 1, 2]), g.op('Abs', [y])];
			},
		],
		['the operator mixes elements', (g) => [turn(g, g.op('Softmax', [turn(g, picture(g), [0, 2, 3, 1])]), [0, 3, 1, 2])]],
	])('stays where %s', async (_, make) => {
		const outcome = await applyAlone([moveTransposes], (g) => g.output(...make(g)));
		expect(outcome.applied.size).toBe(0);
	});
});

describe('fuse-transposed-operands', () => {
	it('one Transpose afterwards', async () => {
		const outcome = await applyAlone([fuseTransposedOperands], (g) =>
			g.output(g.op('Sub', [turn(g, picture(g), [0, 2, 3, 1]), turn(g, g.input([2, 3, 1, 6]), [0, 2, 3, 1])])),
		);
		expect(outcome.ops).toBe('Sub Transpose');
		expect(outcome.difference).toBe(0);
	});
	it.each<readonly [string, (g: RuleGraph) => readonly Value[]]>([
		['other orders', (g) => [g.op('Add', [turn(g, g.input([3, 3, 3]), [0, 2, 1]), turn(g, g.input([3, 3, 3]), [2, 1, 0])])]],
		['other ranks', (g) => [g.op('Add', [turn(g, g.input([2, 3, 3]), [0, 2, 1]), turn(g, g.input([3, 3]), [1, 0])])]],
		[
			'one that is read elsewhere',
			(g) => {
				const y = turn(g, picture(g), [0, 2, 3, 1]);
				return [g.op('Add', [y, turn(g, picture(g), [0, 2, 3, 1])]), y];
			},
		],
	])('leaves %s', async (_, make) => {
		const outcome = await applyAlone([fuseTransposedOperands], (g) => g.output(...make(g)));
		expect(outcome.applied.size).toBe(0);
	});
});

describe('fuse-reshapes', () => {
	it.each<readonly [string, Make]>([
		['Reshape of Reshape', (g, x) => g.op('Reshape', [g.op('Reshape', [x, g.ints([0, 12, 6])]), g.ints([-1, 72])])],
		['Squeeze of Unsqueeze', (g, x) => g.op('Squeeze', [g.op('Unsqueeze', [x, g.ints([1, 5])]), g.ints([1])])],
		['Flatten of Reshape', (g, x) => g.op('Flatten', [g.op('Reshape', [x, g.ints([0, 3, 24])])], { axis: int(2) })],
		['Unsqueeze of Flatten', (g, x) => g.op('Unsqueeze', [g.op('Flatten', [x]), g.ints([0])])],
	])('%s', async (_, make) => {
		const outcome = await applyAlone([fuseReshapes], (g) => g.output(make(g, picture(g))));
		expect(outcome.ops).toBe('Reshape');
		expect(outcome.difference).toBe(0);
	});
	it('takes axes that are attributes', async () => {
		const outcome = await applyAlone(
			[fuseReshapes],
			(g) => g.output(g.op('Squeeze', [g.op('Unsqueeze', [picture(g)], { axes: ints([0]) })], { axes: ints([0]) })),
			{ opset: 11 },
		);
		expect(outcome.ops).toBe('Reshape');
		expect(outcome.difference).toBe(0);
	});
	it('refuses two open dimensions', async () => {
		const outcome = await applyAlone([fuseReshapes], (g) => {
			const x = g.input([2, 3, 4], ['N', 'S', 4]);
			g.output(g.op('Squeeze', [g.op('Unsqueeze', [g.op('Unsqueeze', [x, g.ints([0])]), g.ints([0])]), g.ints([0])]));
		});
		expect(outcome.refused.join()).toMatch(/known only when the model runs/);
		expect(outcome.difference).toBe(0);
	});
	it('refuses a dimension of 0', async () => {
		const outcome = await applyAlone([fuseReshapes], (g) => {
			const x = g.input([0, 3]);
			g.output(g.op('Squeeze', [g.op('Unsqueeze', [x, g.ints([0])]), g.ints([0])]));
		});
		expect(outcome.applied.size).toBe(0);
		expect(outcome.refused.join()).toMatch(/a dimension is 0/);
	});
});

describe('fuse-casts', () => {
	const cast = (g: RuleGraph, x: Value, to: number): Value => g.op('Cast', [x], { to: int(to) });
	it('leaves out a Cast that loses nothing', async () => {
		const outcome = await applyAlone([fuseCasts], (g) => g.output(cast(g, cast(g, picture(g), 11), 1)));
		expect(outcome.ops).toBe('Cast');
		expect(outcome.difference).toBe(0);
	});
	it.each([
		['rounds', 10],
		['cuts to whole numbers', 7],
		['keeps only whether it is 0', 9],
	])('keeps a Cast that %s', async (_, to) => {
		const outcome = await applyAlone([fuseCasts], (g) => g.output(cast(g, cast(g, picture(g), to), 1)));
		expect(outcome.ops).toBe('Cast Cast');
		expect(outcome.difference).toBe(0);
	});
});

describe('fuse-slices', () => {
	const slice = (g: RuleGraph, x: Value, starts: number[], ends: number[], axes: number[], steps?: number[]): Value =>
		g.op('Slice', [x, g.ints(starts), g.ints(ends), g.ints(axes), ...(steps ? [g.ints(steps)] : [])]);
	it.each<readonly [string, Make]>([
		['1. other axes', (g, x) => slice(g, slice(g, x, [1], [3], [1]), [-2], [9999], [-1])],
		['1. with steps', (g, x) => slice(g, slice(g, x, [-1], [-99], [2], [-1]), [0], [2], [1])],
		['2. the same axis', (g, x) => slice(g, slice(g, x, [1], [99], [3]), [1], [3], [3])],
		['2. to the end', (g, x) => slice(g, slice(g, x, [1], [5], [3]), [1], [Number.MAX_SAFE_INTEGER], [3])],
		['2. with steps', (g, x) => slice(g, slice(g, x, [1], [99], [3], [2]), [0], [2], [3], [2])],
		['2. beyond what is left', (g, x) => slice(g, slice(g, x, [2], [99], [3]), [1], [50], [-1])],
	])('%s', async (_, make) => {
		const outcome = await applyAlone([fuseSlices], (g) => g.output(make(g, picture(g))));
		expect(outcome.ops).toBe('Slice');
		expect(outcome.difference).toBe(0);
	});
	it('reads and writes attributes before opset 10', async () => {
		const old = (g: RuleGraph, x: Value, start: number, end: number, axis: number): Value =>
			g.op('Slice', [x], { starts: ints([start]), ends: ints([end]), axes: ints([axis]) });
		const outcome = await applyAlone([fuseSlices], (g) => g.output(old(g, old(g, picture(g), 1, 3, 1), 0, 2, 2)), { opset: 9 });
		expect(outcome.ops).toBe('Slice');
		expect(outcome.difference).toBe(0);
	});
	it.each<readonly [string, Make]>([
		['counts from the end', (g, x) => slice(g, slice(g, x, [1], [99], [3]), [-2], [99], [3])],
		['goes backwards', (g, x) => slice(g, slice(g, x, [5], [-99], [3], [-1]), [1], [3], [3])],
	])('refuses where a cut of the same axis %s', async (_, make) => {
		const outcome = await applyAlone([fuseSlices], (g) => g.output(make(g, picture(g))));
		expect(outcome.applied.size).toBe(0);
		expect(outcome.refused.join()).toMatch(/same axis/);
	});
});

describe('fuse-concats', () => {
	const concat = (g: RuleGraph, parts: readonly Value[], axis: number): Value => g.op('Concat', parts, { axis: int(axis) });
	it('in any place, axes from both ends', async () => {
		const outcome = await applyAlone([fuseConcats], (g) => {
			const [a, b, c] = [picture(g), picture(g), picture(g)];
			g.output(concat(g, [a, concat(g, [b, c], -3), concat(g, [c, a], 1), b], 1));
		});
		expect(outcome.ops).toBe('Concat');
		expect(outcome.difference).toBe(0);
	});
	it('leaves other axes', async () => {
		const outcome = await applyAlone([fuseConcats], (g) => {
			const x = picture(g);
			const wide = concat(g, [x, x], 3);
			g.output(concat(g, [wide, concat(g, [x, x], 3)], 1));
		});
		expect(outcome.applied.size).toBe(0);
	});
	it('refuses an inner one that is read elsewhere', async () => {
		const outcome = await applyAlone([fuseConcats], (g) => {
			const x = picture(g);
			const inner = concat(g, [x, x], 1);
			g.output(concat(g, [inner, x], 1), g.op('Relu', [inner]));
		});
		expect(outcome.applied.size).toBe(0);
		expect(outcome.refused.join()).toMatch(/another node reads/);
	});
});

describe('fuse-pointwise', () => {
	const conv = (g: RuleGraph, x: Value, from: number, to: number, attributes = {}, bias = true): Value =>
		g.op('Conv', [x, g.weight([to, from, 1, 1]), ...(bias ? [g.weight([to])] : [])], attributes);
	it.each<readonly [string, Make, string]>([
		['1. biases', (g, x) => conv(g, conv(g, x, 3, 8), 8, 4), 'Conv'],
		['1. the first bias alone', (g, x) => conv(g, conv(g, x, 3, 8), 8, 4, {}, false), 'Conv'],
		['1. no bias', (g, x) => conv(g, conv(g, x, 3, 8, {}, false), 8, 4, {}, false), 'Conv'],
		['1. strides', (g, x) => conv(g, conv(g, x, 3, 8, { strides: ints([2, 1]) }), 8, 4, { strides: ints([1, 2]) }), 'Conv'],
		['2. MatMul', (g, x) => g.op('MatMul', [g.op('MatMul', [x, g.weight([6, 7])]), g.weight([7, 2])]), 'MatMul'],
	])('%s', async (_, make, ops) => {
		const outcome = await applyAlone([fusePointwise], (g) => g.output(make(g, picture(g))));
		expect(outcome.ops).toBe(ops);
		expect(outcome.difference).toBeLessThan(1e-5);
	});
	it.each<readonly [string, (g: RuleGraph) => readonly Value[], RegExp]>([
		['one layer would be larger', (g) => [conv(g, conv(g, g.input([1, 8, 4, 4]), 8, 2), 2, 8)], /more weights/],
		[
			'another node reads the value in between',
			(g) => {
				const y = conv(g, picture(g), 3, 8);
				return [conv(g, y, 8, 4), g.op('Relu', [y])];
			},
			/another node reads/,
		],
		['the second pads', (g) => [conv(g, conv(g, picture(g), 3, 8), 8, 4, { pads: ints([1, 1, 1, 1]) })], /pads/],
		[
			'weights are shared',
			(g) => {
				const w = g.weight([3, 3, 1, 1]);
				return [g.op('Conv', [g.op('Conv', [picture(g), w]), w])];
			},
			/used elsewhere/,
		],
	])('refuses where %s', async (_, make, reason) => {
		const outcome = await applyAlone([fusePointwise], (g) => g.output(...make(g)));
		expect(outcome.applied.size).toBe(0);
		expect(outcome.refused.join()).toMatch(reason);
	});
	it.each<readonly [string, Make]>([
		['a kernel larger than 1', (g, x) => g.op('Conv', [conv(g, x, 3, 8), g.weight([4, 8, 3, 3])])],
		['groups', (g, x) => g.op('Conv', [conv(g, x, 3, 8), g.weight([8, 4, 1, 1])], { group: int(2) })],
	])('leaves %s', async (_, make) => {
		const outcome = await applyAlone([fusePointwise], (g) => g.output(make(g, picture(g))));
		expect(outcome.applied.size).toBe(0);
	});
});
