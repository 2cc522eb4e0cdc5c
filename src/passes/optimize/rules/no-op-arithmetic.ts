import type { Node, Value } from '../../../core/ir/graph.ts';
import { bypass } from '../bypass.ts';
import type { Rule, RuleContext } from '../rule.ts';
import { sameShape } from '../same-shape.ts';

/**
 * x + 0, 0 + x, x - 0, x * 1, 1 * x, x / 1 and x ^ 1 are x, where the constant does not widen the shape. (-0 + 0 gives 0: equal
 * as a number.)
 */
export const noOpArithmetic: Rule = {
	id: 'no-op-arithmetic',
	title: 'Adding 0, and multiplying or dividing by 1, go.',
	anchors: ['Add', 'Sub', 'Mul', 'Div', 'Pow'],
	async apply(node, context) {
		if (node.inputs.length !== 2 || context.opset < 7) return undefined;
		const neutral = node.op === 'Add' || node.op === 'Sub' ? 0 : 1;
		const both = node.op === 'Add' || node.op === 'Mul';
		for (const place of both ? [1, 0] : [1]) {
			const source = node.input(1 - place);
			if (source && (await isNeutral(node, place, neutral, context)) && keepsShape(node, source, context))
				return bypass(node, source, context);
		}
		return undefined;
	},
};

async function isNeutral(node: Node, place: number, neutral: number, context: RuleContext): Promise<boolean> {
	const numbers = await context.numbers(node.input(place));
	return numbers !== undefined && numbers.length > 0 && numbers.every((value) => value === neutral);
}

function keepsShape(node: Node, source: Value, context: RuleContext): boolean {
	return sameShape(context.shapeOf(source), context.shapeOf(node.outputs[0] ?? null));
}
