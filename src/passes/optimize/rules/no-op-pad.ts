import { bypass } from '../bypass.ts';
import type { Rule } from '../rule.ts';

/** Pad by 0 everywhere does nothing, whatever the mode. */
export const noOpPad: Rule = {
	id: 'no-op-pad',
	title: 'Pads by nothing go.',
	anchors: ['Pad'],
	async apply(node, context) {
		const source = node.input(0);
		const pads = node.ints('pads') ?? node.ints('paddings') ?? (await context.numbers(node.input(1)));
		return source && pads?.every((pad) => pad === 0) ? bypass(node, source, context) : undefined;
	},
};
