import { bypass } from '../bypass.ts';
import type { Rule } from '../rule.ts';
import { sameShape } from '../same-shape.ts';

/** Reshape, Flatten, Squeeze, Unsqueeze and Expand keep the elements in order: where the shape stays, so does the value. */
export const noOpReshape: Rule = {
	id: 'no-op-reshape',
	title: 'Reshape, Flatten, Squeeze, Expand and Tile to the shape that a value already has go.',
	anchors: ['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Expand', 'Tile'],
	apply(node, context) {
		const source = node.input(0);
		if (!source || !sameShape(context.shapeOf(source), context.shapeOf(node.outputs[0] ?? null))) return undefined;
		return bypass(node, source, context);
	},
};
