import { describe, expect, it } from 'vitest';
import { attribute } from '../../../core/ir/attribute.ts';
import { Graph, type Value } from '../../../core/ir/graph.ts';
import type { ModelFunction } from '../../../core/ir/model.ts';
import { memoryTensor } from '../../../core/ir/tensor.ts';
import { applyAlone, int, ints, type RuleGraph } from '../rule.testkit.ts';
import { constantIf } from './constant-if.ts';
import { foldConstants } from './fold-constants.ts';
import { inlineFunctions } from './inline-functions.ts';

const x = (g: RuleGraph): Value => g.input([2, 6], ['N', 6]);

describe('fold-constants', () => {
	it.each<readonly [string, (g: RuleGraph) => Value, string]>([
		[
			'1. a chain of exact arithmetic',
			(g) => g.op('Add', [x(g), g.op('Sqrt', [g.op('Mul', [g.numbers([1, 2, 3, 4, 5, 6]), g.scalar(2)])])]),
			'Add',
		],
		['1. a transposed weight', (g) => g.op('MatMul', [x(g), g.op('Transpose', [g.weight([4, 6])], { perm: ints([1, 0]) })]), 'MatMul'],
		[
			'1. a sliced and joined weight',
			(g) => {
				const w = g.weight([6]);
				const part = (from: number, to: number): Value => g.op('Slice', [w, g.ints([from]), g.ints([to])]);
				return g.op('Add', [x(g), g.op('Concat', [part(3, 6), part(0, 3)], { axis: int(0) })]);
			},
			'Add',
		],
		[
			'1. casts and comparisons',
			(g) => g.op('Where', [g.op('Greater', [g.numbers([1, -1, 1, -1, 0, 2]), g.scalar(0)]), x(g), g.scalar(0)]),
			'Where',
		],
		[
			'2. Expand that would grow the file stays',
			(g) => g.op('Add', [x(g), g.op('Expand', [g.scalar(2), g.ints([200, 1, 6])])]),
			'Expand Add',
		],
		[
			'2. Tile that would grow the file stays',
			(g) => g.op('Add', [x(g), g.op('Tile', [g.weight([1, 1, 6]), g.ints([200, 1, 1])])]),
			'Tile Add',
		],
		[
			'2. what feeds the Expand is folded',
			(g) => g.op('Add', [x(g), g.op('Expand', [g.op('Neg', [g.scalar(2)]), g.ints([200, 1, 6])])]),
			'Expand Add',
		],
		[
			'2. a large value on the way to a small one',
			(g) => g.op('Add', [x(g), g.op('Slice', [g.op('Expand', [g.scalar(2), g.ints([5000])]), g.ints([0]), g.ints([1])])]),
			'Add',
		],
		['3. what engines round differently stays without a runtime', (g) => g.op('Add', [x(g), g.op('Exp', [g.weight([6])])]), 'Exp Add'],
	])('%s', async (_, make, ops) => {
		const outcome = await applyAlone([], (g) => g.output(make(g)), { sweeps: [foldConstants] });
		expect(outcome.ops).toBe(ops);
		expect(outcome.difference).toBeLessThan(1e-7);
	});

	it('2. weights that are stored small and widened at load stay as they are', async () => {
		const outcome = await applyAlone(
			[],
			(g) => {
				const codes = g.model.graph.addInitializer('codes', memoryTensor('int8', [6, 32], new Int8Array(192).fill(3)));
				const wide = g.op('Mul', [g.op('Cast', [codes], { to: int(1) }), g.weight([6, 1])]);
				g.output(g.op('MatMul', [x(g), wide]));
			},
			{ sweeps: [foldConstants] },
		);
		expect(outcome.ops).toBe('Cast Mul MatMul');
	});

	it('2. a budget lets them grow', async () => {
		const outcome = await applyAlone([], (g) => g.output(g.op('Add', [x(g), g.op('Expand', [g.scalar(2), g.ints([200, 1, 6])])])), {
			sweeps: [foldConstants],
			sizeBudget: 10_000,
		});
		expect(outcome.ops).toBe('Add');
	});

	it('4. DequantizeLinear stays', async () => {
		const outcome = await applyAlone(
			[],
			(g) => {
				const codes = g.model.graph.addInitializer('codes', memoryTensor('int32', [6], Int32Array.of(1, 2, 3, 4, 5, 6)));
				g.output(g.op('Add', [x(g), g.op('DequantizeLinear', [codes, g.scalar(0.5)])]));
			},
			{ sweeps: [foldConstants] },
		);
		expect(outcome.ops).toBe('DequantizeLinear Add');
	});
});

describe('constant-if', () => {
	const branch = (g: RuleGraph, name: string, op: string, value: Value): Graph => {
		const graph = new Graph(g.model.ledger, name);
		const node = graph.append(graph.createNode({ op, inputs: [value], outputs: 1 }));
		graph.setOutputs([node.output()]);
		return graph;
	};

	it.each([true, false])('takes the branch for %s', async (taken) => {
		const outcome = await applyAlone(
			[],
			(g) => {
				const value = x(g);
				const condition = g.model.graph.addInitializer('c', memoryTensor('bool', [], Uint8Array.of(Number(taken))));
				const attributes = {
					then_branch: attribute.graph(branch(g, 'then', 'Relu', value)),
					else_branch: attribute.graph(branch(g, 'else', 'Neg', value)),
				};
				g.output(g.op('If', [condition], attributes));
			},
			{ sweeps: [constantIf] },
		);
		expect(outcome.ops).toBe(taken ? 'Relu' : 'Neg');
		expect(outcome.difference).toBe(0);
	});

	it('leaves one alone whose condition is computed', async () => {
		const outcome = await applyAlone(
			[],
			(g) => {
				const value = x(g);
				const condition = g.op('Greater', [g.op('ReduceMax', [value], { keepdims: int(0) }), g.scalar(0)]);
				const attributes = {
					then_branch: attribute.graph(branch(g, 'then', 'Relu', value)),
					else_branch: attribute.graph(branch(g, 'else', 'Neg', value)),
				};
				g.output(g.op('If', [condition], attributes));
			},
			{ sweeps: [constantIf] },
		);
		expect(outcome.ops).toBe('ReduceMax Greater If Relu Neg');
	});
});

describe('inline-functions', () => {
	/** own.scaled(x) = LeakyRelu(x, alpha from the call or 0.5) + x. */
	function withFunction(g: RuleGraph, opset: number): void {
		const body = new Graph(g.model.ledger, 'scaled');
		const parameter = body.addInput('p');
		const leaky = body.append(
			body.createNode({
				op: 'LeakyRelu',
				inputs: [parameter],
				outputs: 1,
				attributes: { alpha: { kind: 'ref', type: 1, value: 'slope' } },
			}),
		);
		const sum = body.append(body.createNode({ op: 'Add', inputs: [leaky.output(), parameter], outputs: 1 }));
		body.setOutputs([sum.output()]);
		const fn: ModelFunction = {
			name: 'scaled',
			domain: 'own',
			overload: '',
			docString: '',
			body,
			attributes: [],
			defaults: new Map([['slope', attribute.float(0.5)]]),
			opsets: new Map([['', opset]]),
			unknown: undefined,
		};
		g.model.functions.push(fn);
		g.model.setOpset('own', 1);
		const { graph } = g.model;
		const first = graph.append(graph.createNode({ op: 'scaled', domain: 'own', inputs: [x(g)], outputs: ['a'] }));
		const attributes = { slope: attribute.float(0.1) };
		const second = graph.append(graph.createNode({ op: 'scaled', domain: 'own', inputs: [first.output()], outputs: ['b'], attributes }));
		g.output(second.output());
	}

	it('puts in the body with the parameters of each call', async () => {
		const outcome = await applyAlone([], (g) => withFunction(g, 17), { sweeps: [inlineFunctions] });
		expect([...outcome.model.graph.nodes()].map((node) => `${node.op} ${node.float('alpha', 0).toFixed(1)}`)).toEqual([
			'LeakyRelu 0.5',
			'Add 0.0',
			'LeakyRelu 0.1',
			'Add 0.0',
		]);
		expect(outcome.difference).toBe(0);
	});

	it('refuses a body that is written for another version', async () => {
		const outcome = await applyAlone([], (g) => withFunction(g, 15), { sweeps: [inlineFunctions] });
		expect(outcome.refused[0]).toBe('inline-functions: scaled is written for version 15 of ai.onnx, the model for 17');
	});
});
