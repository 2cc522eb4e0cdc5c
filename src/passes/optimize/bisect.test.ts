import { describe, expect, it } from 'vitest';
import { memorySource } from '../../core/bytes/source.ts';
import { Model } from '../../core/ir/model.ts';
import { float32Tensor } from '../../core/ir/tensor.ts';
import { tensorType } from '../../core/ir/type.ts';
import { readModel } from '../../core/onnx/read.ts';
import { serialize } from '../../core/onnx/write.ts';
import { compareModels } from '../../core/pass/equivalence.ts';
import { parseOptions } from '../../core/pass/options.ts';
import { engineCompute } from '../../engine/compute.ts';
import { createNodeEngine } from '../../engine/node/index.ts';
import { findCulprit } from './bisect.ts';
import { optimizeOptions } from './options.ts';

/** y = (dropout(relu(x)) + 0) * factor. */
function model(factor = 3): Model {
	const made = new Model(undefined, 'main');
	made.setOpset('', 17);
	const { graph } = made;
	const x = graph.addInput('x', tensorType('float32', ['N', 4]));
	const relu = graph.append(graph.createNode({ op: 'Relu', inputs: [x], outputs: 1 }));
	const drop = graph.append(graph.createNode({ op: 'Dropout', inputs: [relu.output()], outputs: 1 }));
	const sum = graph.append(
		graph.createNode({ op: 'Add', inputs: [drop.output(), graph.addInitializer('zero', float32Tensor([0]))], outputs: 1 }),
	);
	const product = graph.append(
		graph.createNode({ op: 'Mul', inputs: [sum.output(), graph.addInitializer('factor', float32Tensor([factor]))], outputs: ['y'] }),
	);
	graph.setOutputs([product.output()]);
	return made;
}

const inputs = [{ x: { dtype: 'float32' as const, dims: [2, 4], data: Float32Array.of(1, -2, 3, 4, -5, 6, 7, -8) } }];

describe('equivalence through the runtime', () => {
	it('tells by how much an output differs', async () => {
		const compute = engineCompute(await createNodeEngine());
		const same = await compareModels(compute, model(), model(), inputs);
		expect(same).toMatchObject({ equal: true, runs: 1, problems: [], outputs: [{ output: 'y', count: 8, maxAbs: 0, relative: 0 }] });
		const other = await compareModels(compute, model(), model(3.5), inputs);
		expect(other.equal).toBe(false);
		expect(other.outputs[0]?.maxAbs).toBeCloseTo(3.5);
		expect(other.outputs[0]?.relative).toBeCloseTo(3.5 / 21);
		expect(other.outputs[0]?.sqnrDb).toBeCloseTo(20 * Math.log10(6), 3);
	});

	it('tells of a model that no longer runs, or gives another shape', async () => {
		const compute = engineCompute(await createNodeEngine());
		const broken = model();
		for (const node of broken.graph.nodes()) if (node.op === 'Mul') node.setOp('MatMul');
		expect((await compareModels(compute, model(), broken, inputs)).problems).toHaveLength(1);
	});

	it('finds nothing where rules only round', async () => {
		const compute = engineCompute(await createNodeEngine());
		const bytes = await serialize(model());
		const options = parseOptions(optimizeOptions, {});
		const open = () => readModel(memorySource(bytes));
		expect(await findCulprit({ compute, open, options, inputs })).toBeUndefined();
	});

	it('finds the application from which on an output differs', async () => {
		const compute = engineCompute(await createNodeEngine());
		let opened = 0;
		// Rules themselves are right: what they are given differs from the original, so that the first application is found.
		const open = async (): Promise<Model> => {
			opened += 1;
			const made = model();
			if (opened > 1)
				for (const node of made.graph.nodes())
					if (node.op === 'Add') node.setInput(1, made.graph.addInitializer('one', float32Tensor([1])));
			return made;
		};
		const culprit = await findCulprit({ compute, open, options: parseOptions(optimizeOptions, {}), inputs });
		expect(culprit?.application).toBe(1);
		expect(culprit?.difference.equal).toBe(false);
		expect(culprit?.rule).not.toBe('');
	});
});
