import type { Node } from '../../../core/ir/graph.ts';
import { float32Tensor, isSparse, memoryTensor, type SparseTensorRef, type TensorRef } from '../../../core/ir/tensor.ts';
import { tensorType } from '../../../core/ir/type.ts';
import { outermost } from '../context.ts';
import type { Rule } from '../rule.ts';

/**
 * A Constant node becomes an initializer of the same name: equal by definition of both. Stays a node where no initializer may
 * stand (function bodies; subgraphs before IR version 4), where it is a graph output, and where it holds text.
 */
export const constantsAsInitializers: Rule = {
	id: 'constants-as-initializers',
	title: 'Constant nodes become stored tensors of their graph.',
	anchors: ['Constant'],
	apply(node, context) {
		const { graph } = node;
		const output = node.outputs[0];
		if (!output || output.isGraphOutput) return undefined;
		const inMain = outermost(graph) === context.model.graph;
		if (!inMain || (graph.outer && context.model.irVersion < 4)) return undefined;
		const tensor = heldBy(node);
		if (!tensor) return undefined;
		const { name } = output;
		const readers = [...output.uses].map((use) => use.node);
		const value = graph.addInitializer(name, tensor);
		if (!isSparse(tensor)) {
			const type = tensorType(tensor.dtype, tensor.dims);
			context.setType(value, type);
			if (context.model.irVersion < 4) {
				value.type = type;
				graph.listAsInput(value);
			}
		}
		graph.replaceUses(output, value);
		graph.remove(node);
		value.name = name;
		return { kind: 'changed', touched: readers };
	},
};

function heldBy(node: Node): TensorRef | SparseTensorRef | undefined {
	for (const [name, attr] of node.attributes) {
		if (name === 'value' && attr.kind === 'tensor') return attr.value;
		if (name === 'sparse_value' && attr.kind === 'sparseTensor') return attr.value;
		if (name === 'value_float' && attr.kind === 'float') return float32Tensor([attr.value], []);
		if (name === 'value_floats' && attr.kind === 'floats') return float32Tensor(attr.value);
		if (name === 'value_int' && attr.kind === 'int') return memoryTensor('int64', [], BigInt64Array.of(attr.value));
		if (name === 'value_ints' && attr.kind === 'ints') return memoryTensor('int64', [attr.value.length], BigInt64Array.from(attr.value));
	}
	return undefined;
}
