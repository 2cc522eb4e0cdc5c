import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../bytes/source.ts';
import { attribute } from '../ir/attribute.ts';
import { Graph, type NodeInit, type Value } from '../ir/graph.ts';
import { Model } from '../ir/model.ts';
import { float32Tensor, int64Tensor, memoryTensor } from '../ir/tensor.ts';
import { tensorType } from '../ir/type.ts';
import { checkModel } from './check.ts';
import { backendModels, sharedModels } from './corpus.testkit.ts';
import { constantOfShapeBomb, endlessLoop } from './hostile.testkit.ts';
import { readModel } from './read.ts';
import { smallModel, typesModel } from './seeds.testkit.ts';

/** x float32[2, 3] -> Relu -> y, opset 17. */
function base(): { model: Model; graph: Graph; x: Value; y: Value } {
	const model = new Model(undefined, 'main');
	model.irVersion = 8;
	model.setOpset('', 17);
	const { graph } = model;
	const x = graph.addInput('x', tensorType('float32', [2, 3]));
	const y = graph.append(graph.createNode({ op: 'Relu', name: 'relu', inputs: [x], outputs: ['y'] })).output();
	graph.setOutputs([y]);
	return { model, graph, x, y };
}

const messages = (model: Model): string[] => checkModel(model).map(({ message }) => message);

/** Problems after appending one node to the base model. */
function withNode(init: (x: Value, graph: Graph) => NodeInit, change?: (model: Model) => void): string[] {
	const { model, graph, x } = base();
	change?.(model);
	graph.append(graph.createNode(init(x, graph)));
	return messages(model);
}

describe('names and order', () => {
	it('finds nothing in models that keep the rules', () => {
		expect(checkModel(base().model)).toEqual([]);
		expect(checkModel(smallModel())).toEqual([]);
	});

	it('a name that nothing gives', () => {
		const { model, graph } = base();
		const ghost = graph.createValue('ghost');
		graph.append(graph.createNode({ op: 'Relu', name: 'reader', inputs: [ghost], outputs: ['z'] }));
		expect(checkModel(model)).toEqual([{ message: '"ghost" is given by no input, initializer or earlier node', where: 'node reader' }]);
	});

	it('a node that stands before what it reads', () => {
		const { model, graph, y } = base();
		graph.prepend(graph.createNode({ op: 'Neg', name: 'early', inputs: [y], outputs: ['z'] }));
		expect(messages(model)).toEqual(['"y" is read before relu gives it']);
	});

	it('a node that was taken out while others read it', () => {
		const { model, graph, y } = base();
		graph.append(graph.createNode({ op: 'Neg', inputs: [y], outputs: ['z'] }));
		graph.detach(y.producer!);
		expect(messages(model)).toEqual(['"y" is the output of a node that is not in the graph', 'The graph output "y" is given by nothing']);
	});

	it('a graph output that nothing gives', () => {
		const { model, graph, y } = base();
		graph.setOutputs([y, graph.createValue('nowhere')]);
		expect(messages(model)).toEqual(['The graph output "nowhere" is given by nothing']);
	});

	it('a name given twice: by nodes, by an input and a node, by an initializer and a node', () => {
		for (const name of ['y', 'x']) {
			expect(withNode((x) => ({ op: 'Neg', inputs: [x], outputs: [name] }))).toEqual([`The value "${name}" is given more than once`]);
		}
		const { model, graph, y } = base();
		graph.addInitializer('w', float32Tensor([1])).name = 'y';
		expect(messages(model)).toEqual(['The value "y" is given more than once']);
		expect(y.name).toBe('y');
	});

	it('an input that has a default tensor is one value', () => {
		const { model, graph, x } = base();
		graph.adoptInitializer(x, memoryTensor('float32', [2, 3], new Float32Array(6)));
		expect(messages(model)).toEqual([]);
	});

	it('graphs, nodes and operator sets without a name', () => {
		const { model, graph, x } = base();
		graph.name = '';
		expect(messages(model)).toEqual(['The main graph has no name']);
		graph.name = 'main';
		graph.append(graph.createNode({ op: '', inputs: [x], outputs: ['z'] }));
		expect(messages(model)).toEqual(['A node has no operator']);
	});
});

describe('operators', () => {
	it('an operator set that is not imported', () => {
		expect(withNode((x) => ({ op: 'FusedGelu', domain: 'com.microsoft', inputs: [x], outputs: ['z'] }))).toEqual([
			expect.stringMatching(/com\.microsoft.*not imported/),
		]);
		const bare = new Model(undefined, 'main');
		expect(messages(bare)).toContain('The model imports no operator set');
	});

	it.each([
		['too few inputs', (x: Value) => ({ op: 'Add', inputs: [x], outputs: ['z'] })],
		['too many inputs', (x: Value) => ({ op: 'Relu', inputs: [x, x], outputs: ['z'] })],
		['a required input left out', (x: Value) => ({ op: 'MatMul', inputs: [null, x], outputs: ['z'] })],
		['too many outputs', (x: Value) => ({ op: 'Relu', inputs: [x], outputs: ['z', 'zz'] })],
		['a variadic operator with nothing', () => ({ op: 'Concat', inputs: [], outputs: ['z'], attributes: { axis: attribute.int(0) } })],
	] as const)('%s', (_, init) => {
		const found = withNode(init as (x: Value) => NodeInit);
		expect(found).toHaveLength(1);
		expect(found[0]).toMatch(/Add|Relu|MatMul|Concat/);
	});

	it('optional places may be left out, variadic ones may be many', () => {
		expect(withNode((x) => ({ op: 'Clip', inputs: [x, null, null], outputs: ['z'] }))).toEqual([]);
		expect(withNode((x) => ({ op: 'Dropout', inputs: [x], outputs: ['z', null] }))).toEqual([]);
		const concat = { op: 'Concat', outputs: ['z'], attributes: { axis: attribute.int(0) } };
		expect(withNode((x) => ({ ...concat, inputs: Array.from({ length: 40 }, () => x) }))).toEqual([]);
	});

	it.each([
		[
			'MatMul of float and integers',
			(x: Value, graph: Graph) => ({ op: 'MatMul', inputs: [x, graph.addInitializer('i', int64Tensor([1, 2, 3]))] }),
		],
		['indices that are floats', (x: Value) => ({ op: 'Gather', inputs: [x, x] })],
		['a condition that is no bool', (x: Value) => ({ op: 'Where', inputs: [x, x, x] })],
		[
			'an operator that takes no int64',
			(_: Value, graph: Graph) => ({ op: 'Sqrt', inputs: [graph.addInitializer('i', int64Tensor([4]))] }),
		],
	])('element types: %s', (_, init) => {
		const found = withNode((x, graph) => ({ outputs: ['z'], ...init(x, graph) }));
		expect(found).toHaveLength(1);
	});

	it('element types follow through nodes without declared types', () => {
		const { model, graph, x } = base();
		const cast = graph.append(graph.createNode({ op: 'Cast', inputs: [x], outputs: ['c'], attributes: { to: attribute.int(7) } }));
		graph.append(graph.createNode({ op: 'Add', name: 'mixed', inputs: [x, cast.output()], outputs: ['z'] }));
		expect(checkModel(model)).toHaveLength(1);
		expect(checkModel(model)[0]?.where).toBe('node mixed');
	});

	it('an output declared as something else than its operator gives', () => {
		const { model, y } = base();
		y.type = tensorType('int64', [2, 3]);
		expect(messages(model)).toEqual(['"y" is declared as int64, but Relu gives float32 here']);
	});

	it('operators of domains that nobody knows are left to the runtime', () => {
		const strange: NodeInit = { op: 'Anything', domain: 'test.custom', inputs: [], outputs: ['z'] };
		expect(
			withNode(
				() => strange,
				(model) => model.setOpset('test.custom', 1),
			),
		).toEqual([]);
	});
});

describe('tensors', () => {
	it('an initializer that differs from its declared type or shape', () => {
		const { model, graph, x } = base();
		graph.adoptInitializer(x, float32Tensor([1, 2, 3]));
		expect(messages(model)).toEqual(['"x" is declared as [2, 3], its tensor is [3]']);
		graph.adoptInitializer(x, memoryTensor('int32', [2, 3], new Int32Array(6)));
		expect(messages(model)).toContain('"x" is declared as float32, its tensor is int32');
	});

	it('bytes that do not fit the shape', () => {
		const { model, graph } = base();
		const tensor = { ...float32Tensor([1, 2]), dims: [3], bytes: async () => new Uint8Array(8), read: async () => new Uint8Array(8) };
		graph.addInitializer('w', tensor);
		expect(messages(model)).toEqual(['The initializer "w" has 8 bytes, which do not fit float32 [3]']);
	});
});

describe('subgraphs', () => {
	/** y = If(flag) with branches built by `fill`; then a node after it. */
	function branching(fill: (body: Graph, outer: { x: Value; late: Value }) => Value): Model {
		const { model, graph, x } = base();
		const flag = graph.addInput('flag', tensorType('bool', []));
		const lateNode = graph.createNode({ op: 'Neg', name: 'late', inputs: [x], outputs: ['late_out'] });
		const branch = (name: string): Graph => {
			const body = new Graph(model.ledger, name);
			body.setOutputs([fill(body, { x, late: lateNode.output() })]);
			return body;
		};
		const attributes = { then_branch: attribute.graph(branch('then')), else_branch: attribute.graph(branch('else')) };
		graph.append(graph.createNode({ op: 'If', name: 'if', inputs: [flag], outputs: ['chosen'], attributes }));
		graph.append(lateNode);
		return model;
	}
	const relu = (body: Graph, input: Value, output: string): Value =>
		body.append(body.createNode({ op: 'Relu', name: `${body.name}_relu`, inputs: [input], outputs: [output] })).output();

	it('may read outer values that stand before them', () => {
		expect(messages(branching((body, { x }) => relu(body, x, `${body.name}_y`)))).toEqual([]);
	});

	it('may not read outer values that come later', () => {
		const found = messages(branching((body, { late }) => relu(body, late, `${body.name}_y`)));
		expect(found).toHaveLength(2);
		expect(found[0]).toContain('"late_out"');
	});

	it('may use the same names side by side, but not the name of a visible outer value', () => {
		expect(messages(branching((body, { x }) => relu(body, x, 'same_in_both')))).toEqual([]);
		const shadowing = messages(branching((body, { x }) => relu(body, x, 'y')));
		expect(shadowing).toEqual(['The value "y" is given more than once', 'The value "y" is given more than once']);
	});

	it('may not hand an outer value out as their own, nor let their values be read outside', () => {
		const found = messages(branching((_, { x }) => x));
		expect(found).toEqual(Array.from({ length: 2 }, () => 'The subgraph output "x" belongs to a graph around it'));
		let inner: Value | undefined;
		const model = branching((body, { x }) => {
			inner = relu(body, x, `${body.name}_y`);
			return inner;
		});
		const { graph } = model;
		graph.append(graph.createNode({ op: 'Neg', inputs: [inner!], outputs: ['z'] }));
		expect(messages(model)).toEqual(['"else_y" is given by no input, initializer or earlier node']);
	});

	it('must be there', () => {
		const { model, graph } = base();
		const flag = graph.addInput('flag', tensorType('bool', []));
		graph.append(graph.createNode({ op: 'If', inputs: [flag], outputs: ['z'] }));
		expect(messages(model)).toEqual(['If has no subgraph "then_branch"', 'If has no subgraph "else_branch"']);
	});
});

it('is linear: a chain of 200,000 nodes', () => {
	const { model, graph, y } = base();
	let value = y;
	for (let i = 0; i < 200_000; i++) value = graph.append(graph.createNode({ op: 'Relu', inputs: [value], outputs: [`v${i}`] })).output();
	expect(checkModel(model)).toEqual([]);
});

it('finds nothing in the seeds and in hostile but valid models', async () => {
	const bytes = [await endlessLoop(), await constantOfShapeBomb()];
	for (const file of bytes) expect(checkModel(await readModel(memorySource(file)))).toEqual([]);
	expect(checkModel(typesModel())).toEqual([]);
});

describe('models that others made', () => {
	const files = [...sharedModels(), ...backendModels()];
	if (files.length === 0) console.log('Neither shared models nor ONNX backend tests are here: the checker is not tried on them.');

	it.skipIf(files.length === 0)('breaks no rule according to the checker', async () => {
		const complaints: string[] = [];
		let clean = 0;
		for (const { path } of files) {
			const problems = checkModel(await readModel(memorySource(await readFile(path))));
			if (problems.length === 0) clean += 1;
			else complaints.push(`${path.split('/').slice(-2).join('/')}: ${problems[0]?.message} (${problems[0]?.where})`);
		}
		console.log(`${clean} of ${files.length} models break no rule`);
		expect(complaints).toEqual([]);
	});
});
