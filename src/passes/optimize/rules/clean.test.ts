import { describe, expect, it } from 'vitest';
import { attribute } from '../../../core/ir/attribute.ts';
import type { Value } from '../../../core/ir/graph.ts';
import { memoryTensor } from '../../../core/ir/tensor.ts';
import { applyAlone, int, ints, type RuleGraph } from '../rule.testkit.ts';
import type { Rule, Sweep } from '../rule.ts';
import { commonSubexpressions } from './common-subexpressions.ts';
import { constantsAsInitializers } from './constants-as-initializers.ts';
import { dropout } from './dropout.ts';
import { duplicateInitializers } from './duplicate-initializers.ts';
import { foldKnownElements } from './fold-known-elements.ts';
import { identity } from './identity.ts';
import { noOpArithmetic } from './no-op-arithmetic.ts';
import { noOpCast } from './no-op-cast.ts';
import { noOpPad } from './no-op-pad.ts';
import { noOpReshape } from './no-op-reshape.ts';
import { noOpSlice } from './no-op-slice.ts';
import { noOpSplit } from './no-op-split.ts';
import { noOpTranspose } from './no-op-transpose.ts';
import { reshapeByConstant } from './reshape-by-constant.ts';
import { singleInput } from './single-input.ts';
import { unused } from './unused.ts';

const open = (g: RuleGraph): Value => g.input([2, 3, 4], ['N', 3, 'L']);
const flag = (g: RuleGraph, value: boolean): Value =>
	g.model.graph.addInitializer('b', memoryTensor('bool', [], Uint8Array.of(Number(value))));
const shapeDim = (g: RuleGraph, x: Value, axis: number): Value =>
	g.op('Unsqueeze', [
		g.op('Gather', [g.op('Shape', [x]), g.model.graph.addInitializer('at', memoryTensor('int64', [], BigInt64Array.of(BigInt(axis))))]),
		g.ints([0]),
	]);

type Case = readonly [what: string, rule: Rule, make: (g: RuleGraph) => Value, ops: string];

describe('rules that take out what does nothing', () => {
	it.each<Case>([
		['Identity', identity, (g) => g.op('Relu', [g.op('Identity', [open(g)])]), 'Relu'],
		['Identity whose result is an output', identity, (g) => g.op('Identity', [g.op('Relu', [open(g)])]), 'Relu'],
		['Identity from input to output stays', identity, (g) => g.op('Identity', [open(g)]), 'Identity'],
		['Dropout', dropout, (g) => g.op('Relu', [g.op('Dropout', [open(g)])]), 'Relu'],
		['Dropout told not to train', dropout, (g) => g.op('Relu', [g.op('Dropout', [open(g), null, flag(g, false)])]), 'Relu'],
		['Cast to the same type', noOpCast, (g) => g.op('Relu', [g.op('Cast', [open(g)], { to: int(1) })]), 'Relu'],
		['Cast to another stays', noOpCast, (g) => g.op('Cast', [open(g)], { to: int(11) }), 'Cast'],
		[
			'Reshape to the same shape, open dimensions',
			noOpReshape,
			(g) => g.op('Relu', [g.op('Reshape', [open(g), g.ints([0, 3, -1])])]),
			'Relu',
		],
		['Reshape to another stays', noOpReshape, (g) => g.op('Reshape', [open(g), g.ints([0, -1])]), 'Reshape'],
		[
			'Expand to the own shape',
			noOpReshape,
			(g) => {
				const x = open(g);
				return g.op('Relu', [g.op('Expand', [x, g.op('Shape', [x])])]);
			},
			'Relu',
		],
		['Flatten of two axes', noOpReshape, (g) => g.op('Relu', [g.op('Flatten', [g.input([2, 3], ['N', 3])])]), 'Relu'],
		['Transpose in order', noOpTranspose, (g) => g.op('Relu', [g.op('Transpose', [open(g)], { perm: ints([0, 1, 2]) })]), 'Relu'],
		['Transpose of a vector', noOpTranspose, (g) => g.op('Relu', [g.op('Transpose', [g.input([3])])]), 'Relu'],
		['Transpose that swaps stays', noOpTranspose, (g) => g.op('Transpose', [open(g)], { perm: ints([0, 2, 1]) }), 'Transpose'],
		['Slice of everything', noOpSlice, (g) => g.op('Relu', [g.op('Slice', [open(g), g.ints([0]), g.ints([9e15]), g.ints([2])])]), 'Relu'],
		[
			'Slice backwards stays',
			noOpSlice,
			(g) => g.op('Slice', [g.input([4]), g.ints([-1]), g.ints([-9]), g.ints([0]), g.ints([-1])]),
			'Slice',
		],
		['Slice of a part stays', noOpSlice, (g) => g.op('Slice', [open(g), g.ints([1]), g.ints([9])]), 'Slice'],
		['Pad by nothing', noOpPad, (g) => g.op('Relu', [g.op('Pad', [g.input([2, 2]), g.ints([0, 0, 0, 0])])]), 'Relu'],
		['Pad by something stays', noOpPad, (g) => g.op('Pad', [g.input([2, 2]), g.ints([0, 0, 0, 1])]), 'Pad'],
		['Concat of one', singleInput, (g) => g.op('Relu', [g.op('Concat', [open(g)], { axis: int(0) })]), 'Relu'],
		['Split into one', noOpSplit, (g) => g.op('Relu', [g.op('Split', [open(g)], { axis: int(0) })]), 'Relu'],
		['x + 0', noOpArithmetic, (g) => g.op('Relu', [g.op('Add', [open(g), g.scalar(0)])]), 'Relu'],
		['1 * x', noOpArithmetic, (g) => g.op('Relu', [g.op('Mul', [g.scalar(1), open(g)])]), 'Relu'],
		['x ^ 1', noOpArithmetic, (g) => g.op('Relu', [g.op('Pow', [open(g), g.scalar(1)])]), 'Relu'],
		['0 - x stays', noOpArithmetic, (g) => g.op('Sub', [g.scalar(0), open(g)]), 'Sub'],
		['1 / x stays', noOpArithmetic, (g) => g.op('Div', [g.scalar(1), open(g)]), 'Div'],
		['x + 0 that widens the shape stays', noOpArithmetic, (g) => g.op('Add', [g.input([3]), g.numbers([0, 0, 0, 0, 0, 0], [2, 3])]), 'Add'],
		[
			'Reshape by sizes of its input',
			reshapeByConstant,
			(g) => {
				const x = open(g);
				const shape = g.op('Concat', [shapeDim(g, x, 0), g.ints([-1])], { axis: int(0) });
				return g.op('Reshape', [x, shape]);
			},
			'Reshape',
		],
		[
			'sizes that are known',
			foldKnownElements,
			(g) => {
				const x = open(g);
				return g.op('Reshape', [x, g.op('Concat', [g.ints([-1]), shapeDim(g, x, 1)], { axis: int(0) })]);
			},
			'Reshape',
		],
		[
			'Constant nodes',
			constantsAsInitializers,
			(g) => g.op('Add', [open(g), g.op('Constant', [], { value_float: attribute.float(2) })]),
			'Add',
		],
	])('%s', async (_, rule, make, ops) => {
		const outcome = await applyAlone([rule], (g) => g.output(make(g)));
		expect(outcome.ops).toBe(ops);
		expect(outcome.difference).toBe(0);
	});

	it("a Reshape with two sizes that are not its input's is refused", async () => {
		const outcome = await applyAlone([reshapeByConstant], (g) => {
			const x = g.input([2, 12], ['N', 12]);
			const other = g.input([3, 4], ['A', 'B']);
			g.output(g.op('Reshape', [x, g.op('Concat', [g.ints([2]), shapeDim(g, other, 0), shapeDim(g, other, 1)], { axis: int(0) })]));
		});
		expect(outcome.refused).toEqual(['reshape-by-constant: two dimensions of its shape are computed and are not those of its input']);
	});

	it('a Dropout whose mask is read, or that trains, is refused', async () => {
		const masked = await applyAlone([dropout], (g) => {
			const node = g.model.graph.append(g.model.graph.createNode({ op: 'Dropout', inputs: [open(g)], outputs: ['y', 'mask'] }));
			g.output(node.output(0), g.op('Cast', [node.output(1)], { to: int(1) }));
		});
		expect(masked.refused).toEqual(['dropout: its mask is read']);
		const computed = await applyAlone([dropout], (g) => {
			const x = open(g);
			const trains = g.op('Less', [g.op('ReduceMax', [x], { keepdims: int(0) }), g.scalar(-1e9)]);
			g.output(g.op('Dropout', [x, null, trains]));
		});
		expect(computed.refused).toEqual(['dropout: whether it trains is computed']);
	});
});

type SweepCase = readonly [what: string, sweep: Sweep, make: (g: RuleGraph) => readonly Value[], ops: string, initializers: number];

describe('rules over the whole model', () => {
	it.each<SweepCase>([
		[
			'equal nodes become one',
			commonSubexpressions,
			(g) => {
				const x = open(g);
				return [g.op('Add', [g.op('Tanh', [g.op('Relu', [x])]), g.op('Tanh', [g.op('Relu', [x])])])];
			},
			'Relu Tanh Add',
			0,
		],
		[
			'other attributes keep nodes apart',
			commonSubexpressions,
			(g) => {
				const x = open(g);
				return [g.op('Add', [g.op('Elu', [x], { alpha: attribute.float(1) }), g.op('Elu', [x], { alpha: attribute.float(2) })])];
			},
			'Elu Elu Add',
			0,
		],
		[
			'two outputs keep their nodes',
			commonSubexpressions,
			(g) => {
				const x = open(g);
				return [g.op('Relu', [x]), g.op('Relu', [x])];
			},
			'Relu Relu',
			0,
		],
		[
			'an output and its double become one',
			commonSubexpressions,
			(g) => {
				const x = open(g);
				return [g.op('Neg', [g.op('Relu', [x])]), g.op('Relu', [x])];
			},
			'Relu Neg',
			0,
		],
		[
			'equal stored tensors become one',
			duplicateInitializers,
			(g) => [g.op('Add', [g.op('Add', [open(g), g.scalar(2)]), g.scalar(2)])],
			'Add Add',
			1,
		],
		[
			'tensors that differ in one bit stay',
			duplicateInitializers,
			(g) => [g.op('Add', [g.op('Add', [open(g), g.scalar(0)]), g.scalar(-0)])],
			'Add Add',
			2,
		],
		[
			'what nobody reads goes',
			unused,
			(g) => {
				const x = open(g);
				g.op('Neg', [g.op('Add', [x, g.scalar(3)])]);
				g.scalar(5);
				return [g.op('Relu', [x])];
			},
			'Relu',
			0,
		],
	])('%s', async (_, sweep, make, ops, initializers) => {
		const outcome = await applyAlone([], (g) => g.output(...make(g)), { sweeps: [sweep] });
		expect(outcome.ops).toBe(ops);
		expect(outcome.model.graph.initializers.size).toBe(initializers);
		expect(outcome.difference).toBe(0);
	});

	it('random nodes stay two', async () => {
		const draws = await applyAlone(
			[],
			(g) => {
				const x = open(g);
				const noise = (): Value => g.op('RandomNormalLike', [x], { seed: attribute.float(1), scale: attribute.float(0) });
				g.output(g.op('Add', [noise(), noise()]));
			},
			{ sweeps: [commonSubexpressions] },
		);
		expect(draws.ops).toBe('RandomNormalLike RandomNormalLike Add');
	});
});
