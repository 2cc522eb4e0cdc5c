import { elementCount } from '../../../core/ir/dtype.ts';
import { arrayFor, type Dense, isBig, largerBig, numbersOf, smallerBig, stridesOf } from './dense.ts';
import type { Call, Evaluator } from './evaluate.ts';

/** Reductions of integers, and of floats where the order of adding cannot matter (maximum, minimum). Other sums are left to the runtime. */

function reducedAxes(call: Call, source: Dense): Set<number> | undefined {
	const given = call.inputs[1] ? numbersOf(call.inputs[1]) : call.node.ints('axes');
	const rank = source.dims.length;
	if ((!given || given.length === 0) && call.node.int('noop_with_empty_axes', 0) === 1) return undefined;
	return new Set((given && given.length > 0 ? given : source.dims.map((_, axis) => axis)).map((axis) => (axis < 0 ? axis + rank : axis)));
}

const reduction =
	(onBig: (a: bigint, b: bigint) => bigint, onNumber?: (a: number, b: number) => number): Evaluator =>
	(call) => {
		const source = call.inputs[0];
		const axes = source && reducedAxes(call, source);
		if (!source || !axes || elementCount(source.dims) === 0) return undefined;
		const big = isBig(source.data);
		const exact = big || (onNumber && ['int32', 'float32', 'float64', 'int8', 'uint8'].includes(source.dtype));
		if (!exact) return undefined;
		const kept = source.dims.map((dim, axis) => (axes.has(axis) ? 1 : dim));
		const strides = stridesOf(kept).map((stride, axis) => (axes.has(axis) ? 0 : stride));
		const own = stridesOf(source.dims);
		const out = arrayFor(source.dtype, elementCount(kept));
		if (!out) return undefined;
		const seen = new Uint8Array(out.length);
		for (let index = 0; index < source.data.length; index++) {
			let rest = index;
			let at = 0;
			for (const [axis, stride] of own.entries()) {
				at += Math.floor(rest / stride) * (strides[axis] ?? 0);
				rest %= stride;
			}
			const value = source.data[index];
			if (!seen[at]) {
				(out as Float64Array)[at] = value as number;
				seen[at] = 1;
			} else if (isBig(out)) out[at] = onBig(out[at] as bigint, value as bigint);
			else if (onNumber) (out as Float64Array)[at] = onNumber(out[at] as number, value as number);
		}
		const dims = call.node.int('keepdims', 1) === 1 ? kept : source.dims.filter((_, axis) => !axes.has(axis));
		return [{ dtype: source.dtype, dims, data: out }];
	};

const largest = (a: number, b: number): number => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b));
const smallest = (a: number, b: number): number => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.min(a, b));

export const REDUCTIONS: Readonly<Record<string, Evaluator>> = {
	ReduceSum: reduction((a, b) => a + b),
	ReduceProd: reduction((a, b) => a * b),
	ReduceMax: reduction(largerBig, largest),
	ReduceMin: reduction(smallerBig, smallest),
};
