import { bypass } from '../bypass.ts';
import type { Rule } from '../rule.ts';
import { sameShape } from '../same-shape.ts';

/** A Slice with steps of 1 takes a run of each axis: where the shape stays, the run is the whole axis. */
export const noOpSlice: Rule = {
	id: 'no-op-slice',
	title: 'Slices that take everything go.',
	anchors: ['Slice'],
	async apply(node, context) {
		const source = node.input(0);
		if (!source || !sameShape(context.shapeOf(source), context.shapeOf(node.outputs[0] ?? null))) return undefined;
		const steps = node.input(4) ? await context.numbers(node.input(4)) : [];
		return steps?.every((step) => step === 1) ? bypass(node, source, context) : undefined;
	},
};
