import { describe, expect, it } from 'vitest';
import { type Attribute, attribute } from '../ir/attribute.ts';
import { Graph, type Value } from '../ir/graph.ts';
import { Model, type ModelFunction } from '../ir/model.ts';
import { int64Tensor, memoryTensor } from '../ir/tensor.ts';
import { type Dim, printType, tensorType, type ValueType } from '../ir/type.ts';
import { inferTypes } from './infer.ts';
import { countMacs } from './macs.ts';

function emptyModel(): Model {
	const model = new Model(undefined, 'main');
	model.irVersion = 10;
	model.setOpset('', 21);
	return model;
}

type Inputs = readonly (Value | null)[];

function add(graph: Graph, op: string, inputs: Inputs, attributes: Readonly<Record<string, Attribute>> = {}, outputs = 1): Value[] {
	const node = graph.append(graph.createNode({ op, inputs, outputs, attributes }));
	return node.outputs.filter((value) => value !== null);
}

const one = (graph: Graph, op: string, inputs: Inputs, attributes?: Readonly<Record<string, Attribute>>): Value =>
	add(graph, op, inputs, attributes)[0] as Value;

const float = (...shape: Dim[]): ValueType => tensorType('float32', shape);
const bool = (value: boolean) => memoryTensor('bool', [], Uint8Array.of(Number(value)));

async function types(model: Model, values: readonly Value[]): Promise<string> {
	const inferred = await inferTypes(model);
	return values.map((value) => printType(inferred.typeOf(value))).join(' ');
}

describe('Loop', () => {
	/** x is carried through `step`; the second output collects what `step` gives. */
	async function loop(step: (body: Graph, state: Value) => Value, declared?: ValueType): Promise<string> {
		const model = emptyModel();
		const { graph } = model;
		const x = graph.addInput('x', float(2, 3));
		const body = new Graph(model.ledger, 'body');
		body.addInput('i');
		const go = body.addInput('go');
		const state = body.addInput('state', declared);
		const next = step(body, state);
		body.setOutputs([one(body, 'Identity', [go]), next, one(body, 'Relu', [next])]);
		const attributes = { body: attribute.graph(body) };
		return types(model, [...add(graph, 'Loop', [graph.addInitializer('n', int64Tensor([9], [])), null, x], attributes, 2), state]);
	}

	it('carries the element type, and no shape that may change', async () => {
		expect(await loop((body, state) => one(body, 'Concat', [state, state], { axis: attribute.int(0) }))).toBe(
			'float32[...] float32[...] float32[...]',
		);
	});

	it('carries a declared shape, and collects along a new axis', async () => {
		expect(await loop((body, state) => one(body, 'Sigmoid', [state]), float(2, 3))).toBe('float32[2, 3] float32[?, 2, 3] float32[2, 3]');
	});

	it('gives what went in too where it never turns', async () => {
		const grown = (body: Graph, state: Value) => one(body, 'Concat', [state, state], { axis: attribute.int(0) });
		expect(await loop(grown, float('rows', 3))).toBe('float32[?, 3] float32[?, (2*rows), 3] float32[rows, 3]');
	});
});

describe('Scan', () => {
	it('gives slices to its body and stacks what comes out, along the axes asked for', async () => {
		const model = emptyModel();
		const { graph } = model;
		const state = graph.addInput('h', float('batch', 8));
		const sequence = graph.addInput('x', float('batch', 'time', 8));
		const body = new Graph(model.ledger, 'body');
		const before = body.addInput('before');
		const slice = body.addInput('slice');
		const after = one(body, 'Add', [before, slice]);
		body.setOutputs([after, one(body, 'Relu', [after])]);
		const attributes = {
			body: attribute.graph(body),
			num_scan_inputs: attribute.int(1),
			scan_input_axes: attribute.ints([1]),
			scan_output_axes: attribute.ints([-2]),
		};
		const outputs = add(graph, 'Scan', [state, sequence], attributes, 2);
		expect(await types(model, [...outputs, slice])).toBe('float32[batch, 8] float32[batch, time, 8] float32[batch, 8]');
	});
});

describe('If', () => {
	function branches(model: Model, condition: Value, then: Value, otherwise: Value): Value {
		const branch = (name: string, value: Value): Graph => {
			const graph = new Graph(model.ledger, name);
			graph.setOutputs([one(graph, 'Identity', [value])]);
			return graph;
		};
		return one(model.graph, 'If', [condition], {
			then_branch: attribute.graph(branch('then', then)),
			else_branch: attribute.graph(branch('else', otherwise)),
		});
	}

	it('keeps of two shapes what they share', async () => {
		const model = emptyModel();
		const { graph } = model;
		const c = graph.addInput('c', tensorType('bool', []));
		const [x, y, z] = [graph.addInput('x', float('N', 4)), graph.addInput('y', float('N', 5)), graph.addInput('z', float(4))];
		expect(await types(model, [branches(model, c, x, y), branches(model, c, x, z)])).toBe('float32[N, ?] float32[...]');
	});

	it('is the branch that is taken where the condition is constant', async () => {
		const model = emptyModel();
		const { graph } = model;
		const c = graph.addInitializer('c', bool(false));
		const [x, y] = [graph.addInput('x', float('N', 4)), graph.addInput('y', tensorType('int64', [2]))];
		expect(await types(model, [branches(model, c, x, y)])).toBe('int64[2]');
	});

	it('counts the dearest branch', async () => {
		const model = emptyModel();
		const { graph } = model;
		const c = graph.addInput('c', tensorType('bool', []));
		const x = graph.addInput('x', float(1, 10));
		const dense = (name: string, width: number): Graph => {
			const branch = new Graph(model.ledger, name);
			const w = graph.addInitializer(`w_${name}`, memoryTensor('float32', [10, width], new Float32Array(10 * width)));
			branch.setOutputs([one(branch, 'MatMul', [x, w])]);
			return branch;
		};
		one(graph, 'If', [c], { then_branch: attribute.graph(dense('small', 2)), else_branch: attribute.graph(dense('large', 7)) });
		expect(countMacs(model, await inferTypes(model))).toBe(70);
	});
});

describe('sequences and optionals', () => {
	it('are followed by the type of their elements', async () => {
		const model = emptyModel();
		const { graph } = model;
		const x = graph.addInput('x', float(6, 4));
		const y = graph.addInput('y', float(6, 5));
		const sequence = one(graph, 'SequenceConstruct', [x, y]);
		const at = one(graph, 'SequenceAt', [sequence, graph.addInitializer('at', int64Tensor([0], []))]);
		const parts = one(graph, 'SplitToSequence', [x, graph.addInitializer('size', int64Tensor([2], []))]);
		const optional = one(graph, 'Optional', [parts]);
		const joined = one(graph, 'ConcatFromSequence', [parts], { axis: attribute.int(0) });
		expect(await types(model, [sequence, at, parts, one(graph, 'OptionalGetElement', [optional]), joined])).toBe(
			'sequence(float32[6, ?]) float32[6, ?] sequence(float32[2, 4]) sequence(float32[2, 4]) float32[?, 4]',
		);
	});
});

describe('model functions', () => {
	/** fn.norm(x): ReduceMean over the attribute `axes`, then Cast to the type in attribute `to`, float16 by default. */
	function withFunction(): Model {
		const model = emptyModel();
		model.setOpset('test.functions', 1);
		const body = new Graph(model.ledger, 'norm');
		const x = body.addInput('x');
		const reduced = one(body, 'ReduceL2', [x, one(body, 'Constant', [], { value_ints: { kind: 'ref', type: 7, value: 'axes' } })]);
		body.setOutputs([one(body, 'Cast', [reduced], { to: { kind: 'ref', type: 2, value: 'to' } })]);
		const fn: ModelFunction = {
			name: 'norm',
			domain: 'test.functions',
			overload: '',
			docString: '',
			body,
			attributes: ['axes'],
			defaults: new Map([['to', attribute.int(10)]]),
			opsets: new Map([['', 18]]),
			unknown: undefined,
		};
		model.functions.push(fn);
		return model;
	}

	function call(model: Model, x: Value, attributes: Readonly<Record<string, Attribute>>): Value {
		const { graph } = model;
		return graph.append(graph.createNode({ op: 'norm', domain: 'test.functions', inputs: [x], outputs: 1, attributes })).output();
	}

	it('are walked for each call, with its types and attributes', async () => {
		const model = withFunction();
		const x = model.graph.addInput('x', float('N', 8, 4));
		const y = model.graph.addInput('y', float(3, 3));
		const first = call(model, x, { axes: attribute.ints([1]) });
		const second = call(model, y, { axes: attribute.ints([0, 1]), to: attribute.int(1) });
		expect(await types(model, [first, second])).toBe('float16[N, 1, 4] float32[1, 1]');
	});

	it('keep inside what all calls agree on', async () => {
		const model = withFunction();
		const inside = model.functions[0]?.body.inputs[0] as Value;
		call(model, model.graph.addInput('x', float('N', 4)), { axes: attribute.ints([1]) });
		expect(await types(model, [inside])).toBe('float32[N, 4]');
		call(model, model.graph.addInput('y', float('N', 5)), { axes: attribute.ints([1]) });
		expect(await types(model, [inside])).toBe('float32[N, ?]');
		call(model, model.graph.addInput('z', tensorType('float64', [1])), { axes: attribute.ints([0]) });
		expect(await types(model, [inside])).toBe('?');
	});

	it('that are never called say what does not depend on a call', async () => {
		const model = withFunction();
		const output = model.functions[0]?.body.outputs[0] as Value;
		expect(await types(model, [output])).toBe('?');
	});

	it('that call each other without end come to an end', async () => {
		const model = emptyModel();
		model.setOpset('test.functions', 1);
		for (const [name, other] of [
			['a', 'b'],
			['b', 'a'],
		] as const) {
			const body = new Graph(model.ledger, name);
			let value = body.addInput('x');
			for (let i = 0; i < 8; i++) {
				value = body.append(body.createNode({ op: other, domain: 'test.functions', inputs: [value], outputs: 1 })).output();
			}
			body.setOutputs([value]);
			const rest = { overload: '', docString: '', attributes: [], defaults: new Map(), unknown: undefined };
			model.functions.push({ name, domain: 'test.functions', body, opsets: new Map([['test.functions', 1]]), ...rest });
		}
		const { graph } = model;
		const x = graph.addInput('x', float(1));
		const y = graph.append(graph.createNode({ op: 'a', domain: 'test.functions', inputs: [x], outputs: 1 })).output();
		expect(await types(model, [y])).toBe('?');
	});
});
