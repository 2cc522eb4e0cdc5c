import { attribute } from '../../core/ir/attribute.ts';
import { addConstantNode } from '../../core/ir/constants.ts';
import type { Value } from '../../core/ir/graph.ts';
import { Model } from '../../core/ir/model.ts';
import { float32Tensor, int64Tensor } from '../../core/ir/tensor.ts';
import { tensorType } from '../../core/ir/type.ts';
import { seededRandom } from '../../core/numeric/random.ts';

/**
 * A graph of about `nodes` nodes as exporters leave them: convolutions with BatchNorm, linear layers, constants as nodes, shape
 * arithmetic before Reshape, double nodes, identities, transposes that cancel. Repeatable by seed; runs on x [N, 8, 6, 6].
 */
export function generatedGraph(nodes: number, seed: number): Model {
	const model = new Model(undefined, 'generated');
	model.irVersion = 8;
	model.setOpset('', 17);
	const { graph } = model;
	const random = seededRandom(seed);
	let x = graph.addInput('x', tensorType('float32', ['N', 8, 6, 6]));
	const op = (name: string, inputs: Value[], attributes: Record<string, ReturnType<typeof attribute.int>> = {}): Value =>
		graph.append(graph.createNode({ op: name, inputs, outputs: 1, attributes })).output();
	const floats = (count: number, dims: number[], scale = 1, shift = 0): Value =>
		graph.addInitializer(
			'w',
			float32Tensor(
				Array.from({ length: count }, () => random.normal() * scale + shift),
				dims,
			),
		);
	const ints = (...values: number[]): Value => addConstantNode(graph, graph.ledger.fresh('c'), int64Tensor(values));
	const blocks: (() => Value)[] = [
		() => {
			const convolved = op('Conv', [x, floats(8 * 8 * 9, [8, 8, 3, 3], 0.1)], { pads: attribute.ints([1, 1, 1, 1]) });
			const normal = op('BatchNormalization', [
				convolved,
				floats(8, [8], 0.1, 1),
				floats(8, [8], 0.1),
				floats(8, [8], 0.1),
				graph.addInitializer('variance', float32Tensor([1, 2, 1, 0.5, 1, 1.5, 1, 0.7])),
			]);
			return op('Relu', [normal]);
		},
		() => op('Add', [op('Mul', [x, floats(8, [8, 1, 1], 0.1, 1)]), floats(8, [8, 1, 1], 0.1)]),
		() =>
			op('Transpose', [op('Sigmoid', [op('Transpose', [x], { perm: attribute.ints([0, 2, 3, 1]) })])], {
				perm: attribute.ints([0, 3, 1, 2]),
			}),
		() => {
			const batch = op('Gather', [op('Shape', [x]), addConstantNode(graph, graph.ledger.fresh('zero'), int64Tensor([0], []))], {
				axis: attribute.int(0),
			});
			const shape = op('Concat', [op('Unsqueeze', [batch, ints(0)]), ints(8, 36)], { axis: attribute.int(0) });
			const flat = op('MatMul', [op('Reshape', [x, shape]), floats(36 * 36, [36, 36], 0.1)]);
			return op('Tanh', [op('Reshape', [op('Add', [flat, floats(36, [36], 0.1)]), ints(-1, 8, 6, 6)])]);
		},
		() => op('Add', [op('Tanh', [x]), op('Tanh', [op('Identity', [x])])]),
		() => op('Dropout', [op('Cast', [op('Relu', [x])], { to: attribute.int(1) })]),
		() => op('Mul', [x, op('Sigmoid', [x])]),
		() => op('Conv', [op('Pad', [x, ints(0, 0, 1, 1, 0, 0, 1, 1)]), floats(8 * 9, [8, 1, 3, 3], 0.2)], { group: attribute.int(8) }),
		() => op('Tanh', [op('Add', [x, op('Sqrt', [op('Mul', [floats(8, [8, 1, 1], 0.1, 2), floats(8, [8, 1, 1], 0.1, 2)])])])]),
	];
	while (graph.nodeCount < nodes) x = (blocks[random.below(blocks.length)] as () => Value)();
	graph.setOutputs([x]);
	return model;
}
