import { describe, expect, it } from 'vitest';
import { memorySource } from '../bytes/source.ts';
import { Model } from '../ir/model.ts';
import { int64Tensor, memoryTensor } from '../ir/tensor.ts';
import { tensorType } from '../ir/type.ts';
import { constantOfShapeBomb, endlessLoop } from './hostile.testkit.ts';
import { inferTypes } from './infer.ts';
import { estimateRunBytes, hazards, hazardsWithShapes } from './memory.ts';
import { readModel } from './read.ts';
import { smallModel } from './seeds.testkit.ts';

const read = (bytes: Uint8Array): Promise<Model> => readModel(memorySource(bytes));

describe('hazards', () => {
	it('says that a Loop may not end', async () => {
		expect(hazards(await read(await endlessLoop()))).toEqual([
			expect.objectContaining({ kind: 'may-not-end', reason: expect.stringContaining('Loop') }),
		]);
	});

	it('finds a tensor blown up from a shape, by its declared type or by the stored shape', async () => {
		const bomb = await read(await constantOfShapeBomb());
		expect(hazards(bomb)).toEqual([expect.objectContaining({ kind: 'huge-tensor', byteLength: 805_306_368 * 4 })]);
		for (const node of bomb.graph.nodes()) node.output().type = undefined;
		expect(hazards(bomb)).toEqual([]);
		expect(await hazardsWithShapes(bomb)).toEqual([expect.objectContaining({ kind: 'huge-tensor', byteLength: 805_306_368 * 4 })]);
	});

	it('finds a tensor whose shape is worked out from the shape of another', async () => {
		const model = new Model(undefined, 'tile');
		model.setOpset('', 17);
		const { graph } = model;
		const x = graph.addInput('x', tensorType('float32', [1000, 'N']));
		const repeats = graph.addInitializer('repeats', int64Tensor([1000, 1000]));
		const tiled = graph.append(graph.createNode({ op: 'Tile', name: 'blow up', inputs: [x, repeats], outputs: ['y'] })).output();
		graph.setOutputs([tiled]);
		expect(hazards(model)).toEqual([]);
		expect(await hazardsWithShapes(model)).toEqual([expect.objectContaining({ node: 'blow up', byteLength: 4e9 })]);
		x.type = tensorType('float32', [1000, 1]);
		expect(await hazardsWithShapes(model)).toEqual([expect.objectContaining({ node: 'blow up', byteLength: 4e9 })]);
	});

	it('says each hazard once', async () => {
		expect(await hazardsWithShapes(await read(await constantOfShapeBomb()))).toHaveLength(1);
	});

	it('finds nothing in honest models, and does not stumble over senseless shapes', async () => {
		expect(await hazardsWithShapes(smallModel())).toEqual([]);
		expect(await hazardsWithShapes(await read(await constantOfShapeBomb(1000)))).toEqual([]);
		const model = new Model(undefined, 'odd');
		model.setOpset('', 17);
		const { graph } = model;
		const shape = graph.addInitializer('shape', int64Tensor([-5, 0]));
		graph.append(graph.createNode({ op: 'ConstantOfShape', inputs: [shape], outputs: ['y'] }));
		graph.append(graph.createNode({ op: 'ConstantOfShape', inputs: [null], outputs: ['z'] }));
		expect(await hazardsWithShapes(model)).toEqual([]);
	});
});

describe('estimateRunBytes', () => {
	/** x -> Relu -> Relu -> Relu, with a stored tensor beside. */
	async function estimate(shape: readonly (number | string)[], weightBytes: number): Promise<number> {
		const model = new Model(undefined, 'chain');
		model.irVersion = 8;
		model.setOpset('', 17);
		const { graph } = model;
		let value = graph.addInput('x', tensorType('float32', shape));
		graph.addInitializer('w', memoryTensor('uint8', [weightBytes], new Uint8Array(weightBytes)));
		for (let i = 0; i < 3; i++) value = graph.append(graph.createNode({ op: 'Relu', inputs: [value], outputs: 1 })).output();
		graph.setOutputs([value]);
		return estimateRunBytes(model, await inferTypes(model));
	}

	it('is the weights twice and the two largest activations, open dimensions as 1', async () => {
		expect(await estimate([10, 100], 5000)).toBe(2 * 5000 + 2 * 4000);
		expect(await estimate(['N', 100], 0)).toBe(2 * 400);
	});

	it('sees the bomb', async () => {
		const bomb = await read(await constantOfShapeBomb());
		expect(estimateRunBytes(bomb, await inferTypes(bomb))).toBeGreaterThan(3e9);
	});
});
