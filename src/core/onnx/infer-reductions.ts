import type { Dim } from '../ir/type.ts';
import { fromFront, unknownDims } from './infer-dims.ts';
import { each, type InferContext, type InferRule, shaped } from './infer-rules.ts';

/** Operators that shorten axes to one element, or drop them. */

/** Axes that an operator reduces over: known, none given, or given but not known. */
function axesOf(context: InferContext): readonly number[] | 'none' | 'unknown' {
	const attribute = context.ints('axes');
	if (attribute) return attribute;
	if (!context.has(1)) return 'none';
	return context.numbers(1) ?? (context.shape(1)?.[0] === 0 ? [] : 'unknown');
}

const reduce: InferRule = (context) => {
	const shape = context.shape(0);
	const keep = context.int('keepdims', 1) === 1;
	const axes = axesOf(context);
	if (!shape) return [];
	if (axes === 'unknown') {
		const count = context.shape(1)?.[0];
		if (keep) return shaped(unknownDims(shape.length));
		return shaped(typeof count === 'number' ? unknownDims(Math.max(0, shape.length - count)) : undefined);
	}
	const all = axes === 'none' || axes.length === 0;
	if (all && context.int('noop_with_empty_axes', 0) === 1) return shaped(shape, context.elements(0));
	const places = new Set((all ? shape.map((_, axis) => axis) : axes).map((axis) => fromFront(axis, shape.length)));
	return shaped(reduced(shape, places, keep), total(context, all || places.size === shape.length));
};

function reduced(shape: readonly Dim[], places: ReadonlySet<number>, keep: boolean): Dim[] {
	return keep ? shape.map((dim, axis) => (places.has(axis) ? 1 : dim)) : shape.filter((_, axis) => !places.has(axis));
}

const TOTALS: Readonly<Record<string, (values: readonly number[]) => number>> = {
	ReduceProd: (values) => values.reduce((a, b) => a * b, 1),
	ReduceSum: (values) => values.reduce((a, b) => a + b, 0),
	ReduceMax: (values) => Math.max(...values),
	ReduceMin: (values) => Math.min(...values),
};

/** The element of a whole small integer tensor, as size computations use it. */
function total(context: InferContext, whole: boolean): Dim[] | undefined {
	const apply = TOTALS[context.node.op];
	const values = context.numbers(0);
	if (!whole || !apply || !values || values.length === 0 || context.dtype(0)?.startsWith('float')) return undefined;
	const value = apply(values);
	return Number.isSafeInteger(value) ? [value] : undefined;
}

const arg: InferRule = (context) => {
	const shape = context.shape(0);
	const axis = shape && fromFront(context.int('axis', 0), shape.length);
	return shaped(shape && axis !== undefined ? reduced(shape, new Set([axis]), context.int('keepdims', 1) === 1) : undefined);
};

export const reductionRules: Readonly<Record<string, InferRule>> = {
	...each(
		'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare com.microsoft.ReduceSumInteger',
		reduce,
	),
	...each('ArgMax ArgMin', arg),
	Det: (context) => shaped(context.shape(0)?.slice(0, -2)),
	NegativeLogLikelihoodLoss: (context) => shaped(context.string('reduction', 'mean') === 'none' ? context.shape(1) : []),
	SoftmaxCrossEntropyLoss: (context) => [
		{ shape: context.string('reduction', 'mean') === 'none' ? context.shape(1) : [] },
		{ shape: context.shape(0) },
	],
};
