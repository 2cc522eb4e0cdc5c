import { bypass } from '../bypass.ts';
import type { Rule } from '../rule.ts';

/** Identity(x) = x. Stays where it names a graph output that is an input, a stored tensor or another output. */
export const identity: Rule = {
	id: 'identity',
	title: 'Identity nodes go.',
	anchors: ['Identity'],
	apply(node, context) {
		const source = node.input(0);
		return source ? bypass(node, source, context) : undefined;
	},
};
