import { bypass } from '../bypass.ts';
import type { Rule } from '../rule.ts';

/** Cast(x, to = type of x) = x. */
export const noOpCast: Rule = {
	id: 'no-op-cast',
	title: 'Casts to the type that a value already has go.',
	anchors: ['Cast', 'CastLike'],
	apply(node, context) {
		const source = node.input(0);
		const [from, to] = [context.typeOf(source), context.typeOf(node.outputs[0] ?? null)];
		if (!source || from?.kind !== 'tensor' || to?.kind !== 'tensor' || from.dtype !== to.dtype) return undefined;
		return bypass(node, source, context);
	},
};
