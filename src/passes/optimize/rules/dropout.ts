import { bypass } from '../bypass.ts';
import type { Rule } from '../rule.ts';

/**
 * Dropout in inference passes its input through (Dropout-7 on always; before by is_test, from 12 on unless training_mode is
 * true). Refused where the mask is read or training may be on.
 */
export const dropout: Rule = {
	id: 'dropout',
	title: 'Dropout nodes go, which do nothing in inference.',
	anchors: ['Dropout'],
	async apply(node, context) {
		const source = node.input(0);
		if (!source) return undefined;
		const mask = node.outputs[1];
		if (mask && (mask.uses.size > 0 || mask.isGraphOutput)) return { kind: 'refused', reason: 'its mask is read' };
		if (context.opset < 7 && node.int('is_test', 0) === 0) return { kind: 'refused', reason: 'it is set to train' };
		if (node.input(2)) {
			const training = await context.numbers(node.input(2), 1);
			if (training?.[0] !== 0) return { kind: 'refused', reason: training ? 'it is set to train' : 'whether it trains is computed' };
		}
		return bypass(node, source, context);
	},
};
