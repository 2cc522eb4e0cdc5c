import { bypass } from '../bypass.ts';
import type { Rule } from '../rule.ts';

/** Transpose with the order 0, 1, 2 … does nothing; without an order it reverses, which does nothing below rank 2. */
export const noOpTranspose: Rule = {
	id: 'no-op-transpose',
	title: 'Transposes that keep the order of axes go.',
	anchors: ['Transpose'],
	apply(node, context) {
		const source = node.input(0);
		const perm = node.ints('perm');
		const rank = context.shapeOf(source)?.length;
		const still = perm ? perm.every((axis, index) => axis === index) : rank !== undefined && rank < 2;
		return source && still ? bypass(node, source, context) : undefined;
	},
};
