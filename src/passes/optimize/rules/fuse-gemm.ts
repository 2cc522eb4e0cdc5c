import { elementCount } from '../../../core/ir/dtype.ts';
import type { Rule } from '../rule.ts';

/**
 * MatMul of two matrices with a stored bias added is Gemm: A B + C.
 * Only where both are of rank 2; the bias is a vector of the output's columns, or one number.
 */
export const fuseGemm: Rule = {
	id: 'fuse-gemm',
	title: 'MatMul and Add become Gemm where both factors are matrices.',
	anchors: ['MatMul'],
	apply(node, context) {
		const output = node.output();
		const [use] = output.uses;
		if (output.isGraphOutput || output.uses.size !== 1 || use?.node.op !== 'Add' || use.node.domain !== '') return undefined;
		// Inside a loop it would be computed in every step.
		if (use.node.graph !== node.graph) return undefined;
		const a = context.typeOf(node.input(0));
		const b = context.typeOf(node.input(1));
		if (a?.kind !== 'tensor' || b?.kind !== 'tensor' || a.dtype !== 'float32') return undefined;
		if (a.shape?.length !== 2 || b.shape?.length !== 2) return undefined;
		const add = use.node;
		const bias = add.input(1 - use.index);
		const tensor = context.constant(bias);
		const columns = b.shape[1];
		if (!bias || tensor?.dtype !== 'float32' || tensor.dims.length > 2) return undefined;
		const count = elementCount(tensor.dims);
		if (count !== 1 && (count !== columns || tensor.dims.at(-1) !== columns)) return undefined;
		// Before opset 7 Gemm broadcast only when told to.
		if (context.opset < 7) return undefined;
		add.setOp('Gemm');
		add.setInputs([node.input(0), node.input(1), bias]);
		context.removeDead(node);
		return { kind: 'changed', touched: [add] };
	},
};
