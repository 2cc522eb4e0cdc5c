import { describe, expect, it } from 'vitest';
import { attribute } from '../../core/ir/attribute.ts';
import { Graph } from '../../core/ir/graph.ts';
import { Model } from '../../core/ir/model.ts';
import { float32Tensor } from '../../core/ir/tensor.ts';
import { printType, tensorType } from '../../core/ir/type.ts';
import { serialize } from '../../core/onnx/write.ts';
import { runRecipe } from '../../core/pass/pipeline.ts';
import { floats, operators, runBytes, truth } from '../run.testkit.ts';
import { extract } from './index.ts';

/** y = relu(a + w), z = -y, s = y * b: two inputs, two outputs, one tensor in the middle. */
function model(irVersion = 8): Model {
	const made = new Model(undefined, 'main');
	made.irVersion = irVersion;
	made.setOpset('', 13);
	const { graph } = made;
	const a = graph.addInput('a', tensorType('float32', ['N', 2]));
	const b = graph.addInput('b', tensorType('float32', ['N', 2]));
	const w = graph.addInitializer('w', float32Tensor([1, -5]));
	if (irVersion < 4) {
		w.type = tensorType('float32', [2]);
		graph.listAsInput(w);
	}
	const sum = graph.append(graph.createNode({ op: 'Add', name: 'add', inputs: [a, w], outputs: ['sum'] }));
	const y = graph.append(graph.createNode({ op: 'Relu', name: 'relu', inputs: [sum.output()], outputs: ['y'] }));
	const z = graph.append(graph.createNode({ op: 'Neg', name: 'neg', inputs: [y.output()], outputs: ['z'] }));
	const s = graph.append(graph.createNode({ op: 'Mul', name: 'mul', inputs: [y.output(), b], outputs: ['s'] }));
	for (const node of [z, s]) node.output().type = tensorType('float32', ['N', 2]);
	graph.setOutputs([z.output(), s.output()]);
	return made;
}

async function cut(made: Model, options: { inputs?: string[]; outputs?: string[] }) {
	const [report] = await runRecipe(made, { v: 1, seed: 0, steps: [{ pass: 'extract', options }] }, new Map([['extract', extract]]));
	return { report: report!, graph: made.graph, model: made };
}

const notes = (made: Model, options: { inputs?: string[]; outputs?: string[] }) =>
	extract.applies(made, { inputs: [], outputs: [], ...options }).map(({ node, reason }) => `${node}: ${reason}`);

describe('extract', () => {
	it('drops an output, the nodes and the input that only it needed', async () => {
		const { graph, report, model: made } = await cut(model(), { outputs: ['z'] });
		expect(operators(made)).toEqual({ Add: 1, Relu: 1, Neg: 1 });
		expect(graph.inputs.map((value) => value.name)).toEqual(['a']);
		expect(report.headline).toBe('Kept 3 of 4 nodes, between a and z.');
		expect(report.notes.map((note) => note.reason)).toEqual(['this input of the model is no longer needed']);
		expect((await runBytes(await serialize(made), { a: floats([1, 9], [1, 2]) })).z).toEqual([-2, -4]);
	});

	it.each([3, 8])('cuts at a tensor in the middle, whose type is inferred (IR %i)', async (ir) => {
		const { graph, model: made } = await cut(model(ir), { inputs: ['sum'], outputs: ['y'] });
		expect(graph.inputs.map((value) => `${value.name} ${printType(value.type)}`)).toEqual(['sum float32[N, 2]']);
		expect(printType(graph.outputs[0]?.type)).toBe('float32[N, 2]');
		expect(graph.initializers.size).toBe(0);
		expect((await runBytes(await serialize(made), { sum: floats([-1, 3], [1, 2]) })).y).toEqual([0, 3]);
	});

	it('keeps the stored tensors and overridable inputs of IR 3 that the part reads', async () => {
		const { graph, model: made } = await cut(model(3), { inputs: ['a'], outputs: ['sum'] });
		expect(graph.inputs.map((value) => value.name)).toEqual(['a', 'w']);
		expect((await runBytes(await serialize(made), { a: floats([1, 2], [1, 2]) })).sum).toEqual([2, -3]);
	});

	it('keeps a tensor that is both cut at and given out under its own name elsewhere', async () => {
		const { graph, model: made } = await cut(model(), { inputs: ['y', 'b'] });
		expect(graph.inputs.map((value) => value.name)).toEqual(['y', 'b']);
		const results = await runBytes(await serialize(made), { y: floats([1, 2], [1, 2]), b: floats([3, 4], [1, 2]) });
		expect(results).toEqual({ z: [-1, -2], s: [3, 8] });
	});

	it('names what is missing where the cut is not closed', () => {
		expect(notes(model(), { inputs: ['y'] })).toEqual([
			'b: the cut is not closed: mul also needs this input of the model; add it to the inputs, or choose a tensor after it',
		]);
	});

	it('says what is wrong with a name', () => {
		expect(notes(model(), { outputs: ['relu', 'nothing', 'w'] })).toEqual([
			'relu: it is the name of a node; the tensors that it gives are y',
			'nothing: the model has no tensor of this name',
			'w: no node computes it: it is an input or a stored tensor',
		]);
		expect(notes(model(), { inputs: ['w'], outputs: ['z'] })[0]).toContain('it is a stored tensor');
		expect(notes(model(), { inputs: ['y'], outputs: ['y'] })).toEqual(['y: it is asked for as input and as output']);
		expect(notes(model(), {})).toEqual(['undefined: no input and no output was chosen']);
	});

	it('leaves an input out that nothing chosen depends on, and says so', async () => {
		const { graph, report } = await cut(model(), { inputs: ['a', 'b'], outputs: ['z'] });
		expect(graph.inputs.map((value) => value.name)).toEqual(['a']);
		expect(report.notes).toEqual([{ level: 'info', node: 'b', reason: 'no chosen output depends on it: it is not an input of the part' }]);
	});

	it('changes nothing where a name is wrong', async () => {
		const { report, graph } = await cut(model(), { outputs: ['z', 'nothing'] });
		expect(report.headline).toBe('Changed nothing: the model has no tensor of this name');
		expect(graph.nodeCount).toBe(4);
	});

	describe('with control flow', () => {
		/** y = c ? hidden : -hidden with hidden = relu(x), read only by the branches. */
		function branching(): Model {
			const made = new Model(undefined, 'main');
			made.setOpset('', 13);
			const { graph } = made;
			const c = graph.addInput('c', tensorType('bool', []));
			const x = graph.addInput('x', tensorType('float32', [2]));
			const hidden = graph.append(graph.createNode({ op: 'Relu', inputs: [x], outputs: ['hidden'] })).output();
			const branch = (name: string, op: string) => {
				const sub = new Graph(made.ledger, name);
				const node = sub.append(sub.createNode({ op, inputs: [hidden], outputs: [`${name}_out`] }));
				node.output().type = tensorType('float32', [2]);
				sub.setOutputs([node.output()]);
				return attribute.graph(sub);
			};
			const choose = graph.append(
				graph.createNode({
					op: 'If',
					name: 'choose',
					inputs: [c],
					outputs: ['y'],
					attributes: { then_branch: branch('then', 'Identity'), else_branch: branch('else', 'Neg') },
				}),
			);
			choose.output().type = tensorType('float32', [2]);
			graph.setOutputs([choose.output()]);
			return made;
		}

		it('cuts at a tensor that only subgraphs read', async () => {
			const { model: made, graph } = await cut(branching(), { inputs: ['hidden', 'c'] });
			expect(operators(made)).toEqual({ If: 1, Identity: 1, Neg: 1 });
			expect(graph.inputs.map((value) => value.name)).toEqual(['hidden', 'c']);
			expect((await runBytes(await serialize(made), { hidden: floats([1, 2], [2]), c: truth(false) })).y).toEqual([-1, -2]);
		});

		it('takes whole control flow out', async () => {
			const { model: made } = await cut(branching(), { outputs: ['hidden'] });
			expect(operators(made)).toEqual({ Relu: 1 });
			expect((await runBytes(await serialize(made), { x: floats([-1, 2], [2]) })).hidden).toEqual([0, 2]);
		});

		it('does not cut inside a branch', () => {
			expect(notes(branching(), { outputs: ['else_out'] })).toEqual([
				'else_out: it stands inside choose; only tensors of the main graph can be inputs or outputs',
			]);
		});

		it('sees what branches need from around', () => {
			expect(notes(branching(), { inputs: ['c'] })[0]).toContain('x: the cut is not closed');
		});
	});
});
