import type { Node } from '../../../core/ir/graph.ts';
import type { Rule, RuleContext } from '../rule.ts';

/** Inputs of the largest Concat written: runtimes look at each in every run. */
const MOST_PARTS = 256;

/**
 * Concat of Concat along the same axis is one Concat of all parts, in order.
 *
 * Refused: where another node reads the inner one too (nothing would go).
 */
export const fuseConcats: Rule = {
	id: 'fuse-concats',
	title: 'Concats along the same axis in a row become one.',
	anchors: ['Concat'],
	apply(node, context) {
		const axis = axisOf(node, context);
		if (axis === undefined) return undefined;
		for (const [place, part] of node.inputs.entries()) {
			const inner = part?.producer;
			if (!part || inner?.op !== 'Concat' || inner.domain !== '' || inner.graph !== node.graph || axisOf(inner, context) !== axis) continue;
			if (part.isGraphOutput || part.uses.size !== 1) return { kind: 'refused', reason: `another node reads what ${inner.label} puts out` };
			if (node.inputs.length + inner.inputs.length > MOST_PARTS) return undefined;
			node.setInputs([...node.inputs.slice(0, place), ...inner.inputs, ...node.inputs.slice(place + 1)]);
			context.removeDead(inner);
			return { kind: 'changed', touched: [node] };
		}
		return undefined;
	},
};

/** The axis counted from the front; undefined where that takes a rank that is not known, or an attribute of a function. */
function axisOf(node: Node, context: RuleContext): number | undefined {
	const attr = node.attributes.get('axis');
	if (attr && attr.kind !== 'int') return undefined;
	const axis = node.int('axis', 1);
	if (axis >= 0) return axis;
	const rank = context.shapeOf(node.outputs[0] ?? null)?.length;
	return rank === undefined ? undefined : axis + rank;
}
