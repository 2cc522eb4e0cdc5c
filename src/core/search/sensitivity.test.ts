import { describe, expect, it } from 'vitest';
import { engineCompute } from '../../engine/compute.ts';
import { createNodeEngine } from '../../engine/node/index.ts';
import { attribute } from '../ir/attribute.ts';
import { Graph, type Value } from '../ir/graph.ts';
import { Model } from '../ir/model.ts';
import { float32Tensor } from '../ir/tensor.ts';
import type { TensorData } from '../ir/tensor-data.ts';
import { tensorType } from '../ir/type.ts';
import { inferTypes } from '../onnx/infer.ts';
import { serialize } from '../onnx/write.ts';
import { copyModel, layerParts, partModel } from './layer-part.ts';
import { decibels, InjectionBoard, OutputErrors } from './sensitivity.ts';
import { median, ratioInterval } from './timing.ts';

const compute = createNodeEngine().then(engineCompute);
const vector = (...values: number[]): TensorData => ({ dtype: 'float32', dims: [1, values.length], data: Float32Array.from(values) });

/** y = Relu(x A + b) B, and y itself and the hidden values are outputs. */
function chain(): { model: Model; hidden: Value; output: Value } {
	const model = new Model();
	model.setOpset('', 17);
	const { graph } = model;
	const x = graph.addInput('x', tensorType('float32', ['N', 2]));
	const a = graph.addInitializer('a', float32Tensor([1, 2, 3, 4], [2, 2]));
	const b = graph.addInitializer('b', float32Tensor([1, -1, 0.5, 2], [2, 2]));
	const bias = graph.addInitializer('bias', float32Tensor([1, 1]));
	const node = (op: string, inputs: Value[], name = op): Value =>
		graph.append(graph.createNode({ op, name, inputs, outputs: [`${name}_out`] })).output();
	const hidden = node('Relu', [node('Add', [node('MatMul', [x, a], 'first'), bias])]);
	const output = node('MatMul', [hidden, b], 'last');
	graph.setOutputs([output]);
	return { model, hidden, output };
}

describe('InjectionBoard', () => {
	it('adds an error where it arises and shows what comes of it at the outputs; the model stays as it is', async () => {
		const { model, hidden, output } = chain();
		const before = await serialize(model);
		const board = await InjectionBoard.load(model, [hidden, output], await inferTypes(model), await compute);
		expect(await serialize(model)).toEqual(before);
		const feeds = { x: vector(1, 2) };
		const plain = (await board.run(feeds)).get('last_out') as Float32Array;
		expect([...plain]).toEqual([8 + 0.5 * 11, -8 + 2 * 11]);
		const inside = (await board.run(feeds, new Map([[hidden, vector(1, 0)]]))).get('last_out') as Float32Array;
		expect([...inside]).toEqual([(plain[0] as number) + 1, (plain[1] as number) - 1]);
		const outside = (await board.run(feeds, new Map([[output, vector(0, 3)]]))).get('last_out') as Float32Array;
		expect([...outside]).toEqual([plain[0], (plain[1] as number) + 3]);
		await board.release();
	});

	it('reaches values inside the branches of If', async () => {
		const model = new Model();
		model.setOpset('', 17);
		const { graph } = model;
		const x = graph.addInput('x', tensorType('float32', ['N', 2]));
		const flag = graph.addInput('flag', tensorType('bool', []));
		const branch = (op: string): Graph => {
			const inner = new Graph(graph.ledger, op);
			const made = inner.append(inner.createNode({ op, inputs: [x], outputs: [`${op}_out`] }));
			inner.setOutputs([made.output()]);
			return inner;
		};
		const yes = branch('Relu');
		const choice = graph.append(
			graph.createNode({
				op: 'If',
				inputs: [flag],
				outputs: ['y'],
				attributes: { then_branch: attribute.graph(yes), else_branch: attribute.graph(branch('Neg')) },
			}),
		);
		choice.output().type = tensorType('float32', ['N', 2]);
		graph.setOutputs([choice.output()]);
		const inside = yes.outputs[0] as Value;
		const board = await InjectionBoard.load(model, [inside], await inferTypes(model), await compute);
		const errors = new Map([[inside, vector(0.5, 0.25)]]);
		const run = async (on: number): Promise<number[]> => {
			const flagged = { x: vector(1, -1), flag: { dtype: 'bool' as const, dims: [], data: Uint8Array.of(on) } };
			return [...((await board.run(flagged, errors)).get('y') as Float32Array)];
		};
		expect(await run(1)).toEqual([1.5, 0.25]);
		expect(await run(0)).toEqual([-1, 1]);
		await board.release();
		expect(yes.outputs[0]).toBe(inside);
	});
});

describe('OutputErrors', () => {
	it('gives noise over signal of the worst output, and the divergence of classes', () => {
		const errors = new OutputErrors();
		const outputs = (a: number[], b: number[]) =>
			new Map([
				['a', Float32Array.from(a)],
				['b', Float32Array.from(b)],
			]);
		errors.add(outputs([0, 2], [10]), outputs([0, 1.8], [9]), 2);
		const { noise, kl } = errors.result();
		expect(noise).toBeCloseTo(0.01, 6);
		expect(decibels(noise)).toBeCloseTo(20, 4);
		const [p, q] = [1 / (1 + Math.exp(-2)), 1 / (1 + Math.exp(-1.8))];
		expect(kl).toBeCloseTo(p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q)), 5);
	});

	it('counts outputs of another length or that are not finite as broken', () => {
		for (const got of [[1], [1, Number.NaN]]) {
			const errors = new OutputErrors();
			errors.add(new Map([['a', Float32Array.of(1, 2)]]), new Map([['a', Float32Array.from(got)]]));
			expect(errors.result().noise).toBe(1e9);
		}
	});
});

describe('layer parts', () => {
	it('are a layer with what would be fused with it, and run alone', async () => {
		const { model, hidden } = chain();
		const { parts } = await layerParts(model, await inferTypes(model));
		expect(parts.map(({ name, nodes }) => [name, nodes.map(({ op }) => op)])).toEqual([
			['first', ['MatMul', 'Add', 'Relu']],
			['last', ['MatMul']],
		]);
		const [first] = parts;
		if (!first) throw new Error('there is no part');
		expect(first.outputs).toEqual([hidden]);
		const alone = partModel(model, first, () => 2);
		const session = await (await compute).load(alone.model);
		const results = await session.run({ [alone.inputNames[0] ?? '']: vector(1, 2) });
		expect(Array.from(results[alone.outputNames[0] ?? '']?.data as Float32Array)).toEqual([8, 11]);
		await session.release();
	});

	it('leave out layers whose names are not theirs alone', async () => {
		const { model } = chain();
		for (const node of model.graph.nodes()) if (node.op === 'MatMul') node.name = 'same';
		const { parts, notes } = await layerParts(model, await inferTypes(model));
		expect(parts).toEqual([]);
		expect(notes.map(({ level }) => level)).toEqual(['skip', 'skip']);
	});

	it('a copied model computes the same', async () => {
		const { model } = chain();
		const copy = copyModel(model);
		expect([...copy.graph.nodes()].map(({ label }) => label)).toEqual([...model.graph.nodes()].map(({ label }) => label));
		const session = await (await compute).load(copy);
		const { last_out: output } = await session.run({ x: vector(1, 2) });
		expect(Array.from(output?.data as Float32Array)).toEqual([13.5, 14]);
		await session.release();
	});
});

describe('times', () => {
	it('have medians and intervals by order', () => {
		expect(median([3, 1, 2])).toBe(2);
		expect(median([4, 1, 2, 3])).toBe(2.5);
		const a = new Array<number>(21).fill(10);
		const b = Array.from({ length: 21 }, (_, i) => i + 1);
		const { ratio, low, high } = ratioInterval(a, b);
		expect(ratio).toBeCloseTo(1.1, 9);
		expect(low).toBeCloseTo(0.6, 9);
		expect(high).toBeCloseTo(1.6, 9);
		expect(ratioInterval([1, 1, 1], [1, 2, 3])).toEqual({ ratio: 2, low: 1, high: 3 });
	});
});
