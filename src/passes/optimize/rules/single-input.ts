import { bypass } from '../bypass.ts';
import type { Rule } from '../rule.ts';

/** Concat, Sum, Max, Min and Mean of one tensor are that tensor. */
export const singleInput: Rule = {
	id: 'single-input',
	title: 'Concat, Sum, Max, Min and Mean of one tensor go.',
	anchors: ['Concat', 'Sum', 'Max', 'Min', 'Mean'],
	apply(node, context) {
		const source = node.input(0);
		return source && node.inputs.length === 1 ? bypass(node, source, context) : undefined;
	},
};
