import { bypass } from '../bypass.ts';
import type { Rule } from '../rule.ts';

/** Split into one part gives the whole. */
export const noOpSplit: Rule = {
	id: 'no-op-split',
	title: 'Splits into one part go.',
	anchors: ['Split'],
	apply(node, context) {
		const source = node.input(0);
		return source && node.outputs.length === 1 ? bypass(node, source, context) : undefined;
	},
};
