import type { Node } from '../../../core/ir/graph.ts';
import { int64Tensor } from '../../../core/ir/tensor.ts';
import type { Dim } from '../../../core/ir/type.ts';
import type { Rule, RuleContext } from '../rule.ts';

/**
 * Reshape whose shape is computed (Shape, Gather, Unsqueeze, Concat …) takes a constant one where inference knows the result:
 *
 * 1. a dimension that is a number is written as it is,
 * 2. one that equals the input's dimension at the same place is copied (0),
 * 3. one other may be left open (-1).
 *
 * Refused where two dimensions are neither, where a known dimension is 0 beside an open one, and where the operator means 0 as it
 * stands (allowzero). An open dimension of a tensor without elements cannot be told by the runtime: such tensors must not occur.
 */
export const reshapeByConstant: Rule = {
	id: 'reshape-by-constant',
	title: 'Reshapes by a computed shape that is known take a stored shape.',
	anchors: ['Reshape'],
	apply(node, context) {
		const wanted = node.input(1);
		if (!wanted || context.constant(wanted) || node.int('allowzero', 0) === 1) return undefined;
		const dims = shapeToWrite(node, context);
		if (!dims) return undefined;
		if (typeof dims === 'string') return { kind: 'refused', reason: dims };
		node.setInput(1, context.addConstant(node, `${node.name || 'reshape'}_shape`, int64Tensor(dims)));
		context.removeUnread(wanted);
		return { kind: 'changed', touched: [node] };
	},
};

function shapeToWrite(node: Node, context: RuleContext): number[] | string | undefined {
	const from = context.shapeOf(node.input(0));
	const computed = context.elementsOf(node.input(1));
	const to = context.shapeOf(node.outputs[0] ?? null);
	const rank = computed?.length ?? to?.length;
	if (rank === undefined || rank > 64) return undefined;
	const dims: number[] = [];
	let open = false;
	for (let axis = 0; axis < rank; axis++) {
		const dim = known(computed?.[axis] ?? null, to?.[axis] ?? null);
		const same = from?.[axis];
		if (typeof dim === 'number' && dim !== 0) dims.push(dim);
		else if (dim === 0 || (dim !== null && dim === same)) dims.push(0);
		else if (open) return 'two dimensions of its shape are computed and are not those of its input';
		else {
			open = true;
			dims.push(-1);
		}
	}
	// A stored 0 copies: it may only stand where the input has a dimension, and a 0 that is a length leaves nothing to work an open one out from.
	if (dims.some((dim, axis) => dim === 0 && (from === undefined || axis >= from.length)))
		return 'it copies a dimension that its input may not have';
	if (open && dims.filter((dim) => dim === -1).length > 1) return 'two dimensions of its shape are open';
	return dims;
}

/** The element that is asked for, where it is told; -1 and 0 are looked up in the result. */
function known(element: Dim, result: Dim): Dim {
	if (element === null || element === -1 || element === 0) return result;
	return element;
}
