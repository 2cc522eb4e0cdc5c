import type { Dim } from '../ir/type.ts';
import {
	addDims,
	ceilDivideDims,
	counted,
	fromFront,
	isNonNegativeDim,
	largerDim,
	numeric,
	smallerDim,
	subtractDims,
	unknownDims,
} from './infer-dims.ts';
import { MOST_ELEMENTS } from './infer-generators.ts';
import { each, type InferRule, shaped } from './infer-rules.ts';

/** Operators that pick or put elements by index. */

/** How many elements start:end:step picks of `length` (ONNX Slice: bounds are clamped). */
function sliced(length: number, start: number, end: number, step: number): number {
	const clamped = (value: number, low: number, high: number): number => Math.min(Math.max(value < 0 ? value + length : value, low), high);
	if (step > 0) return Math.max(0, Math.ceil((clamped(end, 0, length) - clamped(start, 0, length)) / step));
	return Math.max(0, Math.ceil((clamped(end, -1, length - 1) - clamped(start, 0, length - 1)) / step));
}

interface Slice {
	readonly axis: number;
	readonly start: number;
	readonly end: number;
	readonly step: number;
}

/** A slice along each of some axes of a small tensor whose elements are known. */
function slicedElements(data: readonly Dim[], dims: readonly number[], slices: readonly Slice[]): readonly Dim[] {
	let out = data;
	const sizes = [...dims];
	for (const { axis, start, end, step } of slices) {
		const length = sizes[axis] ?? 0;
		const count = sliced(length, start, end, step);
		const first = Math.min(Math.max(start < 0 ? start + length : start, 0), step < 0 ? length - 1 : length);
		const inner = sizes.slice(axis + 1).reduce((a, b) => a * b, 1);
		const outer = sizes.slice(0, axis).reduce((a, b) => a * b, 1);
		const next: Dim[] = [];
		for (let o = 0; o < outer; o++) {
			for (let i = 0; i < count; i++) {
				for (let k = 0; k < inner; k++) next.push(out[(o * length + first + i * step) * inner + k] ?? null);
			}
		}
		out = next;
		sizes[axis] = count;
	}
	return out;
}

const slice: InferRule = (context) => {
	const shape = context.shape(0);
	if (!shape) return [];
	const rank = shape.length;
	const starts: readonly Dim[] | undefined = context.ints('starts') ?? context.elements(1);
	const ends: readonly Dim[] | undefined = context.ints('ends') ?? context.elements(2);
	const axes = context.ints('axes') ?? (context.has(3) ? context.numbers(3) : (starts ?? ends)?.map((_, index) => index));
	const steps = context.has(4) ? context.numbers(4) : axes?.map(() => 1);
	if (!axes) return shaped(unknownDims(rank));
	const touched = new Set(axes.map((axis) => fromFront(axis, rank)));
	if (!steps) return shaped(shape.map((dim, axis) => (touched.has(axis) ? null : dim)));
	const out: Dim[] = [...shape];
	for (const [index, given] of axes.entries()) {
		const axis = fromFront(given, rank);
		const [length = null, start = null, end = null, step = 1] = [out[axis], starts?.[index], ends?.[index], steps[index]];
		if (typeof length === 'number' && typeof start === 'number' && typeof end === 'number') {
			out[axis] = step === 0 ? null : sliced(length, start, end, step);
		} else out[axis] = slicedSymbol(length, start, end, step);
	}
	const elements = context.elements(0);
	const dims = numeric(shape);
	const [first, last] = [numeric(starts), numeric(ends)];
	if (!elements || !dims || !first || !last || steps.includes(0)) return shaped(out);
	const slices = axes.map((axis, index): Slice => {
		return { axis: fromFront(axis, rank), start: first[index] ?? 0, end: last[index] ?? 0, step: steps[index] ?? 1 };
	});
	return shaped(out, slicedElements(elements, dims, slices));
};

/** "To the end", as exporters write it: the largest number of 32 or 64 bits, or near it. No axis is so long. */
function isToTheEnd(end: number): boolean {
	return end >= 2147483647;
}

/** As sliced, for lengths and bounds that are formulas, steps forwards. null where a bound may lie on either side of the end. */
function slicedSymbol(length: Dim, start: Dim, end: Dim, step: number): Dim {
	const toTheEnd = typeof end === 'number' && isToTheEnd(end);
	if (start === 0 && step === 1 && (toTheEnd || end === length)) return length;
	if (length === null || step < 1) return null;
	const bound = (at: Dim): Dim => {
		if (typeof at === 'number') return at < 0 ? largerDim(addDims(length, at), 0) : smallerDim(at, length);
		return isNonNegativeDim(at) ? smallerDim(at, length) : null;
	};
	const span = subtractDims(toTheEnd ? length : bound(end), bound(start));
	return largerDim(ceilDivideDims(span, step), 0);
}

const gather: InferRule = (context) => {
	const data = context.shape(0);
	const indices = context.shape(1);
	if (!data || !indices) return [];
	const axis = fromFront(context.int('axis', 0), data.length);
	const shape = [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)];
	const values = context.elements(0);
	const at = context.elements(1);
	const dims = numeric(data);
	if (!values || !at || !dims || axis !== 0) return shaped(shape);
	const row = dims.slice(1).reduce((total, dim) => total * dim, 1);
	const rows = dims[0] ?? 0;
	if (at.length * row > MOST_ELEMENTS) return shaped(shape);
	const elements = at.flatMap((index) =>
		Array.from({ length: row }, (_, k) => (typeof index === 'number' ? (values[fromFront(index, rows) * row + k] ?? null) : null)),
	);
	return shaped(shape, elements);
};

const gatherND: InferRule = (context) => {
	const data = context.shape(0);
	const indices = context.shape(1);
	const depth = indices?.at(-1);
	if (!data || !indices || typeof depth !== 'number') return [];
	return shaped([...indices.slice(0, -1), ...data.slice(context.int('batch_dims', 0) + depth)]);
};

const compress: InferRule = (context) => {
	const shape = context.shape(0);
	if (!context.attribute('axis')) return shaped([null]);
	const axis = shape && fromFront(context.int('axis', 0), shape.length);
	return shaped(shape?.map((dim, at) => (at === axis ? null : dim)));
};

const oneHot: InferRule = (context) => {
	const shape = context.shape(0);
	if (!shape) return [];
	const axis = fromFront(context.int('axis', -1), shape.length + 1);
	return shaped([...shape.slice(0, axis), context.elements(1)?.[0] ?? null, ...shape.slice(axis)]);
};

const topK: InferRule = (context) => {
	const shape = context.shape(0);
	const k = context.attribute('k') ? context.int('k', 0) : (context.elements(1)?.[0] ?? null);
	const axis = shape && fromFront(context.int('axis', -1), shape.length);
	const out = shape?.map((dim, at): Dim => (at === axis ? k : dim));
	return [{ shape: out }, { shape: out }];
};

const unique: InferRule = (context) => {
	const shape = context.shape(0);
	const along = context.attribute('axis') ? shape && fromFront(context.int('axis', 0), shape.length) : undefined;
	const values = context.attribute('axis') ? shape?.map((dim, at) => (at === along ? null : dim)) : [null];
	return [{ shape: values }, { shape: [null] }, { shape: [null] }, { shape: [null] }];
};

export const indexRules: Readonly<Record<string, InferRule>> = {
	Slice: slice,
	Gather: gather,
	GatherElements: (context) => shaped(context.shape(1)),
	...each('GatherND com.microsoft.GatherND', gatherND),
	...each('Scatter ScatterElements ScatterND TensorScatter', (context) => shaped(context.shape(0))),
	Compress: compress,
	OneHot: oneHot,
	TopK: topK,
	Unique: unique,
	NonZero: (context) => {
		const rank = context.shape(0)?.length;
		return shaped([rank === undefined || rank === 0 ? null : counted(rank), null]);
	},
};
