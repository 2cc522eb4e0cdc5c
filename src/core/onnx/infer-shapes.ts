import { dtypeFromCode } from '../ir/dtype.ts';
import type { Dim } from '../ir/type.ts';
import { broadcast, dtypeOf, fromFront, intsOf, numeric, result, shapeAt } from './infer-dims.ts';
import type { InferContext, InferRule } from './infer-rules.ts';

/** Operators that make, read or rearrange shapes. */

const product = (dims: readonly Dim[]): Dim => (numeric(dims) ? (dims as readonly number[]).reduce((a, b) => a * b, 1) : null);

function sliced(length: number, start: number, end: number, step: number): number {
	const clampTo = (value: number, low: number, high: number): number => Math.min(Math.max(value < 0 ? value + length : value, low), high);
	if (step > 0) return Math.max(0, Math.ceil((clampTo(end, 0, length) - clampTo(start, 0, length)) / step));
	return Math.max(0, Math.ceil((clampTo(end, -1, length - 1) - clampTo(start, 0, length - 1)) / step));
}

/** Slice on a small tensor whose elements are known, any rank: picks along one axis after the other. */
function slicedElements(
	data: readonly Dim[] | undefined,
	dims: readonly number[] | undefined,
	axes: readonly number[],
	starts: readonly number[],
	ends: readonly number[],
	steps: readonly number[] | undefined,
): readonly Dim[] | undefined {
	if (!data || !dims) return undefined;
	let out = data;
	const sizes = [...dims];
	axes.forEach((axis, index) => {
		const at = fromFront(axis, sizes.length);
		const length = sizes[at] ?? 0;
		const step = steps?.[index] ?? 1;
		const count = sliced(length, starts[index] ?? 0, ends[index] ?? 0, step);
		const start = starts[index] ?? 0;
		const first = Math.min(Math.max(start < 0 ? start + length : start, 0), step < 0 ? length - 1 : length);
		const inner = sizes.slice(at + 1).reduce((a, b) => a * b, 1);
		const outer = sizes.slice(0, at).reduce((a, b) => a * b, 1);
		const next: Dim[] = [];
		for (let o = 0; o < outer; o++) {
			for (let i = 0; i < count; i++) {
				for (let k = 0; k < inner; k++) next.push(out[(o * length + first + i * step) * inner + k] ?? null);
			}
		}
		out = next;
		sizes[at] = count;
	});
	return out;
}

/** Transpose on a small tensor whose elements are known. */
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

const slice: InferRule = (context) => {
	const shape = shapeAt(context, 0);
	const dtype = dtypeOf(context, 0);
	if (!shape) return [result(dtype, undefined)];
	const starts = intsOf(context, 'starts', 1);
	const ends = intsOf(context, 'ends', 2);
	const axes = context.node.ints('axes') ?? numeric(context.elementsOf(context.node.input(3))) ?? starts?.map((_, index) => index);
	const steps = numeric(context.elementsOf(context.node.input(4)));
	const out: Dim[] = [...shape];
	if (!starts || !ends || !axes || (context.node.input(4) && !steps))
		return [
			result(
				dtype,
				shape.map(() => null),
			),
		];
	axes.forEach((axis, index) => {
		const at = fromFront(axis, shape.length);
		const length = shape[at];
		const start = starts[index] ?? 0;
		const end = ends[index] ?? 0;
		const whole = start === 0 && end >= Number.MAX_SAFE_INTEGER && (steps?.[index] ?? 1) === 1;
		if (!whole) out[at] = typeof length === 'number' ? sliced(length, start, end, steps?.[index] ?? 1) : null;
	});
	const elements = slicedElements(context.elementsOf(context.node.input(0)), numeric(shape), axes, starts, ends, steps);
	return [result(dtype, out, elements)];
};

const reshape: InferRule = (context) => {
	const dtype = dtypeOf(context, 0);
	const shape = shapeAt(context, 0);
	const wanted = context.node.ints('shape') ?? context.elementsOf(context.node.input(1));
	if (!wanted) {
		const rank = shapeAt(context, 1)?.[0];
		return [result(dtype, typeof rank === 'number' ? Array.from({ length: rank }, () => null) : undefined)];
	}
	const allowZero = context.node.int('allowzero', 0) === 1;
	const out: Dim[] = wanted.map((dim, index) => (dim === 0 && !allowZero ? (shape?.[index] ?? null) : dim));
	const open = out.indexOf(-1);
	if (open >= 0) {
		const rest = product(out.filter((_, index) => index !== open));
		const total = shape ? product(shape) : null;
		out[open] = typeof rest === 'number' && typeof total === 'number' && rest > 0 ? total / rest : null;
	}
	return [result(dtype, out, context.elementsOf(context.node.input(0)))];
};

const unsqueeze: InferRule = (context) => {
	const shape = shapeAt(context, 0);
	const axes = intsOf(context, 'axes', 1);
	const elements = context.elementsOf(context.node.input(0));
	if (!shape || !axes) return [result(dtypeOf(context, 0), undefined, elements)];
	const rank = shape.length + axes.length;
	const places = new Set(axes.map((axis) => fromFront(axis, rank)));
	let from = 0;
	return [
		result(
			dtypeOf(context, 0),
			Array.from({ length: rank }, (_, axis) => (places.has(axis) ? 1 : (shape[from++] ?? null))),
			elements,
		),
	];
};

const squeeze: InferRule = (context) => {
	const shape = shapeAt(context, 0);
	const axes = intsOf(context, 'axes', 1);
	const elements = context.elementsOf(context.node.input(0));
	if (!shape || (!axes && shape.some((dim) => typeof dim !== 'number'))) return [result(dtypeOf(context, 0), undefined, elements)];
	const places = axes ? new Set(axes.map((axis) => fromFront(axis, shape.length))) : undefined;
	return [
		result(
			dtypeOf(context, 0),
			shape.filter((dim, axis) => (places ? !places.has(axis) : dim !== 1)),
			elements,
		),
	];
};

const gather: InferRule = (context) => {
	const data = shapeAt(context, 0);
	const indices = shapeAt(context, 1);
	const axis = data && fromFront(context.node.int('axis', 0), data.length);
	const values = context.elementsOf(context.node.input(0));
	const at = context.elementsOf(context.node.input(1));
	const elements =
		values && at && data?.length === 1
			? at.map((index) => (typeof index === 'number' ? (values[fromFront(index, values.length)] ?? null) : null))
			: undefined;
	const shape = data && indices && axis !== undefined ? [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)] : undefined;
	return [result(dtypeOf(context, 0), shape, elements)];
};

const concat: InferRule = (context) => {
	const shapes = context.node.inputs.map((input) => context.shapeOf(input));
	const first = shapes[0];
	const parts = context.node.inputs.map((input) => context.elementsOf(input));
	const elements = parts.every((part) => part !== undefined) ? parts.flat() : undefined;
	if (!first || shapes.some((shape) => shape?.length !== first.length)) return [result(dtypeOf(context, 0), undefined, elements)];
	const axis = fromFront(context.node.int('axis', 1), first.length);
	const out = first.map((dim, index): Dim => {
		const dims = shapes.map((shape) => shape?.[index] ?? null);
		if (index === axis) return numeric(dims)?.reduce((a, b) => a + b, 0) ?? null;
		return dims.find((entry) => typeof entry === 'number') ?? dim;
	});
	return [result(dtypeOf(context, 0), out, first.length === 1 ? elements : undefined)];
};

const split: InferRule = (context) => {
	const { node } = context;
	const shape = shapeAt(context, 0);
	const dtype = dtypeOf(context, 0);
	const sizes = intsOf(context, 'split', 1);
	const count = node.outputs.length;
	return node.outputs.map((_, index) => {
		if (!shape) return result(dtype, undefined);
		const axis = fromFront(node.int('axis', 0), shape.length);
		const length = shape[axis];
		const chunk = typeof length === 'number' ? Math.ceil(length / count) : undefined;
		const size = sizes?.[index] ?? (chunk !== undefined && typeof length === 'number' ? Math.min(chunk, length - chunk * index) : null);
		return result(
			dtype,
			shape.map((dim, at) => (at === axis ? size : dim)),
		);
	});
};

const transpose: InferRule = (context) => {
	const shape = shapeAt(context, 0);
	const perm = context.node.ints('perm') ?? shape?.map((_, index) => shape.length - 1 - index);
	const elements = perm && transposedElements(context.elementsOf(context.node.input(0)), numeric(shape), perm);
	return [result(dtypeOf(context, 0), shape && perm?.map((axis) => shape[axis] ?? null), elements)];
};

const expand: InferRule = (context) => {
	const wanted = context.elementsOf(context.node.input(1));
	return [result(dtypeOf(context, 0), wanted ? broadcast([shapeAt(context, 0), wanted]) : undefined)];
};

const constantOfShape: InferRule = (context) => {
	const attr = context.node.attributes.get('value');
	const dtype = attr?.kind === 'tensor' ? attr.value.dtype : 'float32';
	const shape = context.elementsOf(context.node.input(0));
	const count = numeric(shape)?.reduce((a, b) => a * b, 1);
	const elements =
		context.fill !== undefined && count !== undefined && count <= 64 ? Array.from({ length: count }, () => context.fill ?? 0) : undefined;
	return [result(dtype, shape, elements)];
};

const pad: InferRule = (context) => {
	const shape = shapeAt(context, 0);
	const pads = intsOf(context, 'pads', 1);
	const axes = numeric(context.elementsOf(context.node.input(3))) ?? shape?.map((_, index) => index);
	if (!shape || !pads || !axes)
		return [
			result(
				dtypeOf(context, 0),
				shape?.map(() => null),
			),
		];
	const out: Dim[] = [...shape];
	axes.forEach((axis, index) => {
		const at = fromFront(axis, shape.length);
		const dim = out[at];
		const added = (pads[index] ?? 0) + (pads[index + axes.length] ?? 0);
		out[at] = typeof dim === 'number' ? dim + added : added === 0 ? (dim ?? null) : null;
	});
	return [result(dtypeOf(context, 0), out)];
};

/** Resize to given sizes; float scales are not followed by value, so batch and channels stay and the rest is open. */
function resized(context: InferContext): Dim[] | undefined {
	const shape = shapeAt(context, 0);
	const sizes = context.elementsOf(context.node.input(3));
	if (sizes && sizes.length === shape?.length) return [...sizes];
	return shape?.map((dim, axis) => (axis < 2 && shape.length === 4 ? dim : null));
}

const flatten: InferRule = (context) => {
	const shape = shapeAt(context, 0);
	if (!shape) return [result(dtypeOf(context, 0), [null, null])];
	const axis = fromFront(context.node.int('axis', 1), shape.length);
	return [result(dtypeOf(context, 0), [axis === 1 ? (shape[0] ?? null) : product(shape.slice(0, axis)), product(shape.slice(axis))])];
};

export const shapeRules: Readonly<Record<string, InferRule>> = {
	Shape: (context) => {
		const shape = shapeAt(context, 0);
		const start = context.node.int('start', 0);
		const end = context.node.int('end', shape?.length ?? 0);
		const elements = shape?.slice(start, end);
		return [result('int64', [elements?.length ?? null], elements)];
	},
	Size: () => [result('int64', [])],
	NonZero: (context) => [result('int64', [shapeAt(context, 0)?.length ?? null, null])],
	Constant: (context) => {
		const { attributes } = context.node;
		const tensor = attributes.get('value');
		if (tensor?.kind === 'tensor') return [result(tensor.value.dtype, tensor.value.dims)];
		const float = attributes.get('value_float');
		if (float) return [result('float32', [])];
		const floats = attributes.get('value_floats');
		if (floats?.kind === 'floats') return [result('float32', [floats.value.length])];
		const int = attributes.get('value_int');
		if (int?.kind === 'int') return [result('int64', [])];
		const ints = attributes.get('value_ints');
		return [ints?.kind === 'ints' ? result('int64', [ints.value.length]) : undefined];
	},
	ConstantOfShape: constantOfShape,
	EyeLike: (context) => [result(dtypeFromCode(context.node.int('dtype', 0)) ?? dtypeOf(context, 0), shapeAt(context, 0))],
	Range: (context) => {
		const [start, limit, delta] = [0, 1, 2].map((index) => context.elementsOf(context.node.input(index))?.[0]);
		const count =
			typeof start === 'number' && typeof limit === 'number' && typeof delta === 'number' && delta !== 0
				? Math.max(0, Math.ceil((limit - start) / delta))
				: null;
		return [result(dtypeOf(context, 0), [count])];
	},
	Reshape: reshape,
	Flatten: flatten,
	Squeeze: squeeze,
	Unsqueeze: unsqueeze,
	Transpose: transpose,
	Gather: gather,
	GatherElements: (context) => [result(dtypeOf(context, 0), shapeAt(context, 1))],
	GatherND: (context) => [result(dtypeOf(context, 0), undefined)],
	'com.microsoft.GatherBlockQuantized': (context) => {
		const data = shapeAt(context, 0);
		const indices = shapeAt(context, 1);
		const bits = context.node.int('bits', 4);
		const packed = dtypeOf(context, 0) === 'uint8' ? 8 / bits : 1;
		const rows = data?.slice(1).map((dim, index, all) => (index === all.length - 1 && typeof dim === 'number' ? dim * packed : dim));
		return [result(dtypeOf(context, 2), indices && rows ? [...indices, ...rows] : undefined)];
	},
	Concat: concat,
	Split: split,
	Slice: slice,
	Expand: expand,
	Tile: (context) => {
		const shape = shapeAt(context, 0);
		const repeats = context.elementsOf(context.node.input(1));
		return [
			result(
				dtypeOf(context, 0),
				shape?.map((dim, index) => (typeof dim === 'number' && typeof repeats?.[index] === 'number' ? dim * repeats[index] : null)),
			),
		];
	},
	Pad: pad,
	Resize: (context) => [result(dtypeOf(context, 0), resized(context))],
	Upsample: (context) => [result(dtypeOf(context, 0), resized(context))],
	OneHot: (context) => [result(dtypeOf(context, 2), undefined)],
	TopK: (context) => {
		const shape = shapeAt(context, 0);
		const k = context.node.attributes.has('k') ? context.node.int('k', 0) : context.elementsOf(context.node.input(1))?.[0];
		const axis = shape && fromFront(context.node.int('axis', -1), shape.length);
		const out = shape?.map((dim, index): Dim => (index === axis ? (k ?? null) : dim));
		return [result(dtypeOf(context, 0), out), result('int64', out)];
	},
	DepthToSpace: (context) => {
		const shape = shapeAt(context, 0);
		const block = context.node.int('blocksize', 1);
		const [n = null, c = null, h = null, w = null] = shape ?? [];
		return [
			result(dtypeOf(context, 0), [
				n,
				typeof c === 'number' ? c / block ** 2 : null,
				typeof h === 'number' ? h * block : null,
				typeof w === 'number' ? w * block : null,
			]),
		];
	},
	SpaceToDepth: (context) => {
		const shape = shapeAt(context, 0);
		const block = context.node.int('blocksize', 1);
		const [n = null, c = null, h = null, w = null] = shape ?? [];
		return [
			result(dtypeOf(context, 0), [
				n,
				typeof c === 'number' ? c * block ** 2 : null,
				typeof h === 'number' ? h / block : null,
				typeof w === 'number' ? w / block : null,
			]),
		];
	},
	RandomNormalLike: (context) => [result(dtypeFromCode(context.node.int('dtype', 0)) ?? dtypeOf(context, 0), shapeAt(context, 0))],
	RandomUniformLike: (context) => [result(dtypeFromCode(context.node.int('dtype', 0)) ?? dtypeOf(context, 0), shapeAt(context, 0))],
	RandomNormal: (context) => [result(dtypeFromCode(context.node.int('dtype', 1)), context.node.ints('shape'))],
	RandomUniform: (context) => [result(dtypeFromCode(context.node.int('dtype', 1)), context.node.ints('shape'))],
};
