import { elementCount } from '../../../core/ir/dtype.ts';
import { memoryTensor } from '../../../core/ir/tensor.ts';
import type { Rule } from '../rule.ts';

/**
 * Shape arithmetic whose result is known although its input is not: Shape of a tensor with fixed dimensions, Gather of the fixed
 * one among open dimensions, comparisons of sizes. The elements come from shape inference; whole numbers and truths only.
 */
export const foldKnownElements: Rule = {
	id: 'fold-known-elements',
	title: 'Sizes that shape inference knows become stored tensors.',
	anchors: ['*'],
	apply(node, context) {
		if (node.op === 'Constant' || node.domain !== '' || node.outputs.length !== 1 || node.subgraphs.length > 0) return undefined;
		const output = node.outputs[0];
		const elements = output && context.elementsOf(output);
		if (!output || !elements || elements.length > MOST || context.constant(output) || output.isGraphOutput) return undefined;
		const type = context.typeOf(output);
		const shape = context.shapeOf(output);
		if (type?.kind !== 'tensor' || !shape) return undefined;
		const dims = shape.filter((dim) => typeof dim === 'number');
		const numbers = elements.filter((element) => typeof element === 'number');
		if (dims.length !== shape.length || numbers.length !== elements.length || elementCount(dims) !== numbers.length) return undefined;
		if (!numbers.every(Number.isSafeInteger)) return undefined;
		let data: ArrayBufferView;
		if (type.dtype === 'int64') data = BigInt64Array.from(numbers, BigInt);
		else if (type.dtype === 'int32') data = Int32Array.from(numbers);
		else if (type.dtype === 'bool') data = Uint8Array.from(numbers);
		else return undefined;
		const stored = context.addConstant(node, output.name, memoryTensor(type.dtype, dims, data));
		const readers = [...output.uses].map((use) => use.node);
		node.graph.replaceUses(output, stored);
		context.removeDead(node);
		return { kind: 'changed', touched: readers };
	},
};

/** Elements of the largest tensor stored so: shapes and axes are shorter. */
const MOST = 32;
