import type { Dim } from '../ir/type.ts';
import {
	addDims,
	broadcast,
	counted,
	floorDivideDims,
	fromFront,
	multiplyDims,
	numeric,
	product,
	quotient,
	unify,
	unknownDims,
} from './infer-dims.ts';
import { MOST_ELEMENTS, unknownShapeOf } from './infer-generators.ts';
import { each, type InferContext, type InferRule, shaped } from './infer-rules.ts';

/** Operators that give a tensor another shape, or put tensors together. */

const reshape: InferRule = (context) => {
	const shape = context.shape(0);
	const wanted = context.opset < 5 ? context.ints('shape') : context.elements(1);
	if (!wanted) return shaped(unknownShapeOf(context, 1), context.elements(0));
	const allowZero = context.int('allowzero', 0) === 1;
	// A 0 that does not stand for itself copies the dimension at its place.
	const out: Dim[] = wanted.map((dim, index) => (dim === 0 && !allowZero ? (shape?.[index] ?? null) : dim));
	const open = out.indexOf(-1);
	if (open >= 0) {
		out[open] = shape ? quotient(...withoutCopies(shape, wanted, allowZero)) : null;
	}
	return shaped(out, context.elements(0));
};

/** Dimensions that are copied stand on both sides: taken out, so that unknown ones cancel too. */
function withoutCopies(shape: readonly Dim[], wanted: readonly Dim[], allowZero: boolean): [total: readonly Dim[], part: readonly Dim[]] {
	const open = wanted.indexOf(-1);
	const copied = new Set(allowZero ? [] : wanted.flatMap((dim, index) => (dim === 0 ? [index] : [])));
	return [shape.filter((_, index) => !copied.has(index)), wanted.filter((_, index) => index !== open && !copied.has(index))];
}

const flatten: InferRule = (context) => {
	const shape = context.shape(0);
	if (!shape) return shaped([null, null]);
	const axis = fromFront(context.int('axis', 1), shape.length);
	return shaped([product(shape.slice(0, axis)), product(shape.slice(axis))], context.elements(0));
};

const unsqueeze: InferRule = (context) => {
	const shape = context.shape(0);
	const axes = context.intsOr('axes', 1);
	const elements = context.elements(0);
	if (!shape || !axes) {
		const added = context.shape(1)?.[0];
		return shaped(shape && typeof added === 'number' && added <= 64 ? unknownDims(shape.length + added) : undefined, elements);
	}
	const rank = shape.length + axes.length;
	const places = new Set(axes.map((axis) => fromFront(axis, rank)));
	let from = 0;
	return shaped(
		Array.from({ length: rank }, (_, axis) => (places.has(axis) ? 1 : (shape[from++] ?? null))),
		elements,
	);
};

const squeeze: InferRule = (context) => {
	const shape = context.shape(0);
	const axes = context.intsOr('axes', 1);
	const elements = context.elements(0);
	if (!shape) return shaped(undefined, elements);
	if (axes) {
		const places = new Set(axes.map((axis) => fromFront(axis, shape.length)));
		return shaped(
			shape.filter((_, axis) => !places.has(axis)),
			elements,
		);
	}
	const removed = context.has(1) ? context.shape(1)?.[0] : undefined;
	if (typeof removed === 'number') return shaped(unknownDims(Math.max(0, shape.length - removed)), elements);
	const certain = !context.has(1) && shape.every((dim) => typeof dim === 'number');
	return shaped(certain ? shape.filter((dim) => dim !== 1) : undefined, elements);
};

const transpose: InferRule = (context) => {
	const shape = context.shape(0);
	const perm = context.ints('perm') ?? shape?.map((_, index) => shape.length - 1 - index);
	const elements = perm && transposedElements(context.elements(0), numeric(shape), perm);
	const out = perm?.map((axis) => shape?.[axis] ?? null);
	return shaped(out, elements);
};

function transposedElements(
	data: readonly Dim[] | undefined,
	dims: readonly number[] | undefined,
	perm: readonly number[],
): readonly Dim[] | undefined {
	if (!data || !dims) return undefined;
	const strides = dims.map((_, axis) => dims.slice(axis + 1).reduce((a, b) => a * b, 1));
	const sizes = perm.map((axis) => dims[axis] ?? 1);
	return data.map((_, flat) => {
		let rest = flat;
		let from = 0;
		for (let axis = sizes.length - 1; axis >= 0; axis--) {
			const size = sizes[axis] ?? 1;
			from += (rest % size) * (strides[perm[axis] ?? 0] ?? 0);
			rest = Math.floor(rest / size);
		}
		return data[from] ?? null;
	});
}

const concat: InferRule = (context) => {
	const shapes = context.shapes();
	const ranked = shapes.find((shape) => shape !== undefined);
	if (!ranked) return [];
	const axis = fromFront(context.int('axis', context.opset < 4 ? 1 : 0), ranked.length);
	const out = ranked.map((_, at): Dim => {
		const dims = shapes.map((shape) => shape?.[at] ?? null);
		return at === axis ? dims.reduce<Dim>(addDims, 0) : dims.reduce<Dim>(unify, null);
	});
	const parts = context.node.inputs.map((_, index) => context.elements(index));
	const count = parts.reduce((total, part) => total + (part?.length ?? Number.POSITIVE_INFINITY), 0);
	return shaped(out, axis === 0 && count <= MOST_ELEMENTS ? parts.flatMap((part) => part ?? []) : undefined);
};

const split: InferRule = (context) => {
	const { node } = context;
	const shape = context.shape(0);
	const count = node.outputs.length;
	if (!shape) return [];
	const axis = fromFront(context.int('axis', 0), shape.length);
	const given = context.intsOr('split', 1);
	const unknownSizes = !given && context.has(1);
	const length = shape[axis] ?? null;
	const whole = context.elements(0);
	let start = 0;
	return node.outputs.map((_, index) => {
		const size = given ? (given[index] ?? null) : unknownSizes ? null : evenPart(length, count, index);
		const elements = whole && shape.length === 1 && typeof size === 'number' ? whole.slice(start, start + size) : undefined;
		start += typeof size === 'number' ? size : 0;
		return { shape: shape.map((dim, at) => (at === axis ? size : dim)), elements };
	});
};

/** Parts are equal; the last may be smaller. */
function evenPart(length: Dim, count: number, index: number): Dim {
	if (count === 1) return length;
	// A formula is split evenly only where it is a multiple: else which part is smaller depends on the size.
	if (typeof length !== 'number') return length === null ? null : quotient([length], [count]);
	const size = Math.ceil(length / count);
	return counted(Math.min(size, length - size * index));
}

const expand: InferRule = (context) => {
	const wanted = context.elements(1) ?? unknownShapeOf(context, 1);
	const shape = wanted && broadcast([context.shape(0), wanted]);
	return shaped(shape, repeated(context, shape));
};

/** Elements where one is repeated, or none is. */
function repeated(context: InferContext, shape: readonly Dim[] | undefined): readonly Dim[] | undefined {
	const elements = context.elements(0);
	const count = numeric(shape)?.reduce((total, dim) => total * dim, 1);
	if (!elements || count === undefined || count > MOST_ELEMENTS) return undefined;
	if (elements.length === count) return elements;
	return elements.length === 1 ? Array.from({ length: count }, () => elements[0] ?? null) : undefined;
}

const tile: InferRule = (context) => {
	const shape = context.shape(0);
	const repeats = context.elements(1);
	const out = shape?.map((dim, axis) => (repeats ? multiplyDims(dim, repeats[axis] ?? null) : null));
	return shaped(out ?? unknownShapeOf(context, 1), repeated(context, out));
};

const pad: InferRule = (context) => {
	const shape = context.shape(0);
	if (!shape) return [];
	const pads = context.ints('pads') ?? context.ints('paddings') ?? context.numbers(1);
	const axes = context.has(3) ? context.numbers(3) : shape.map((_, axis) => axis);
	if (!pads || !axes) return shaped(unknownDims(shape.length));
	const out: Dim[] = [...shape];
	for (const [index, axis] of axes.entries()) {
		const at = fromFront(axis, shape.length);
		out[at] = addDims(out[at] ?? null, (pads[index] ?? 0) + (pads[index + axes.length] ?? 0));
	}
	return shaped(out);
};

/** Blocks of pixels to channels and back; undefined ranks stay four. */
function blocks(context: InferContext, toChannels: boolean): Dim[] {
	const block = context.int('blocksize', 1);
	const [n = null, c = null, h = null, w = null] = context.shape(0) ?? [];
	// The operator asks for lengths that divide.
	const divided = (dim: Dim, by: number): Dim => (typeof dim === 'number' ? counted(dim / by) : floorDivideDims(dim, by));
	return toChannels
		? [n, multiplyDims(c, block ** 2), divided(h, block), divided(w, block)]
		: [n, divided(c, block ** 2), multiplyDims(h, block), multiplyDims(w, block)];
}

export const shapeRules: Readonly<Record<string, InferRule>> = {
	Reshape: reshape,
	Flatten: flatten,
	Squeeze: squeeze,
	Unsqueeze: unsqueeze,
	Transpose: transpose,
	Concat: concat,
	Split: split,
	Expand: expand,
	Tile: tile,
	...each('Pad com.microsoft.Pad', pad),
	DepthToSpace: (context) => shaped(blocks(context, false)),
	SpaceToDepth: (context) => shaped(blocks(context, true)),
};
