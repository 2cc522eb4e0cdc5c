import { elementCount } from '../../../core/ir/dtype.ts';
import { arrayFor, broadcastDims, broadcastStrides, type Dense, int64Dense, numbersOf, offsetsOf, picked, stridesOf } from './dense.ts';
import type { Call, Evaluator } from './evaluate.ts';

/** Operators that move elements, or tell and make shapes. */

const fromFront = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

function data(call: Call): Dense {
	const first = call.inputs[0];
	if (!first) throw new RangeError('no data');
	return first;
}

/** Integers of an input, or of the attribute that held them in older opsets. */
function intsAt(call: Call, index: number, attribute: string): number[] | undefined {
	const input = call.inputs[index];
	return input ? numbersOf(input) : call.node.ints(attribute);
}

const reshaped = (source: Dense, dims: readonly number[]): Dense[] | undefined =>
	elementCount(dims) === elementCount(source.dims) && dims.every((dim) => Number.isInteger(dim) && dim >= 0)
		? [{ dtype: source.dtype, dims, data: source.data }]
		: undefined;

const reshape: Evaluator = (call) => {
	const source = data(call);
	const wanted = intsAt(call, 1, 'shape');
	if (!wanted) return undefined;
	const copied = wanted.map((dim, axis) => (dim === 0 && call.node.int('allowzero', 0) === 0 ? (source.dims[axis] ?? 0) : dim));
	const known = copied.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
	return reshaped(
		source,
		copied.map((dim) => (dim === -1 ? elementCount(source.dims) / known : dim)),
	);
};

const flatten: Evaluator = (call) => {
	const source = data(call);
	const axis = fromFront(call.node.int('axis', 1), source.dims.length);
	return reshaped(source, [elementCount(source.dims.slice(0, axis)), elementCount(source.dims.slice(axis))]);
};

const squeeze: Evaluator = (call) => {
	const source = data(call);
	const axes = intsAt(call, 1, 'axes')?.map((axis) => fromFront(axis, source.dims.length));
	return reshaped(
		source,
		source.dims.filter((dim, axis) => (axes ? !axes.includes(axis) : dim !== 1)),
	);
};

const unsqueeze: Evaluator = (call) => {
	const source = data(call);
	const axes = intsAt(call, 1, 'axes');
	if (!axes) return undefined;
	const rank = source.dims.length + axes.length;
	const added = new Set(axes.map((axis) => fromFront(axis, rank)));
	const rest = [...source.dims];
	return reshaped(
		source,
		Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (rest.shift() ?? -1))),
	);
};

const transpose: Evaluator = (call) => {
	const source = data(call);
	const rank = source.dims.length;
	const perm = call.node.ints('perm') ?? source.dims.map((_, axis) => rank - 1 - axis);
	const strides = stridesOf(source.dims);
	const dims = perm.map((axis) => source.dims[axis] ?? 0);
	const out = picked(
		source,
		dims,
		offsetsOf(
			dims,
			perm.map((axis) => strides[axis] ?? 0),
		),
	);
	return out && [out];
};

const slice: Evaluator = (call) => {
	const source = data(call);
	const rank = source.dims.length;
	const starts = intsAt(call, 1, 'starts');
	const ends = intsAt(call, 2, 'ends');
	if (!starts || !ends) return undefined;
	const axes = intsAt(call, 3, 'axes') ?? starts.map((_, index) => index);
	const steps = call.inputs[4] ? numbersOf(call.inputs[4]) : starts.map(() => 1);
	const dims = [...source.dims];
	const strides = stridesOf(source.dims);
	let first = 0;
	for (const [index, given] of axes.entries()) {
		const axis = fromFront(given, rank);
		const length = source.dims[axis] ?? 0;
		const step = steps[index] ?? 1;
		const [start = 0, end = 0] = [starts[index], ends[index]];
		if (step === 0) return undefined;
		const clamped = (at: number, low: number, high: number): number => Math.min(Math.max(at < 0 ? at + length : at, low), high);
		const from = step > 0 ? clamped(start, 0, length) : clamped(start, 0, length - 1);
		const to = step > 0 ? clamped(end, 0, length) : clamped(end, -1, length - 1);
		dims[axis] = Math.max(0, Math.ceil((to - from) / step));
		first += from * (strides[axis] ?? 0);
		strides[axis] = (strides[axis] ?? 0) * step;
	}
	const out = picked(source, dims, offsetsOf(dims, strides, first));
	return out && [out];
};

const concat: Evaluator = (call) => {
	const parts = call.inputs.filter((part) => part !== null);
	const source = parts[0];
	if (!source || parts.length !== call.inputs.length || parts.some((part) => part.dtype !== source.dtype)) return undefined;
	const axis = fromFront(call.node.int('axis', call.opset < 4 ? 1 : 0), source.dims.length);
	const total = parts.reduce((sum, part) => sum + (part.dims[axis] ?? 0), 0);
	const dims = source.dims.map((dim, at) => (at === axis ? total : dim));
	const out = arrayFor(source.dtype, elementCount(dims));
	if (!out) return undefined;
	const outer = elementCount(dims.slice(0, axis));
	let at = 0;
	for (let row = 0; row < outer; row++) {
		for (const part of parts) {
			const size = elementCount(part.dims.slice(axis));
			(out as Float64Array).set((part.data as Float64Array).subarray(row * size, (row + 1) * size), at);
			at += size;
		}
	}
	return at === out.length ? [{ dtype: source.dtype, dims, data: out }] : undefined;
};

const split: Evaluator = (call) => {
	const source = data(call);
	const axis = fromFront(call.node.int('axis', 0), source.dims.length);
	const length = source.dims[axis] ?? 0;
	const count = call.node.outputs.length;
	const even = Math.ceil(length / count);
	const sizes = intsAt(call, 1, 'split') ?? Array.from({ length: count }, (_, index) => Math.min(even, length - even * index));
	if (sizes.length !== count || sizes.reduce((a, b) => a + b, 0) !== length) return undefined;
	const strides = stridesOf(source.dims);
	let first = 0;
	const parts = sizes.map((size) => {
		const dims = source.dims.map((dim, at) => (at === axis ? size : dim));
		const part = picked(source, dims, offsetsOf(dims, strides, first * (strides[axis] ?? 0)));
		first += size;
		return part;
	});
	return parts.every((part) => part !== undefined) ? parts : undefined;
};

const gather: Evaluator = (call) => {
	const source = data(call);
	const indices = call.inputs[1];
	if (!indices) return undefined;
	const axis = fromFront(call.node.int('axis', 0), source.dims.length);
	const length = source.dims[axis] ?? 0;
	const inner = elementCount(source.dims.slice(axis + 1));
	const outer = elementCount(source.dims.slice(0, axis));
	const at = numbersOf(indices).map((index) => fromFront(index, length));
	if (at.some((index) => index < 0 || index >= length)) return undefined;
	const offsets = new Int32Array(outer * at.length * inner);
	let position = 0;
	for (let row = 0; row < outer; row++) {
		for (const index of at) for (let k = 0; k < inner; k++) offsets[position++] = (row * length + index) * inner + k;
	}
	const out = picked(source, [...source.dims.slice(0, axis), ...indices.dims, ...source.dims.slice(axis + 1)], offsets);
	return out && [out];
};

function repeatedTo(source: Dense, dims: readonly number[]): Dense[] | undefined {
	const out = picked(source, dims, offsetsOf(dims, broadcastStrides(source.dims, dims)));
	return out && [out];
}

const expand: Evaluator = (call) => {
	const source = data(call);
	const wanted = call.inputs[1];
	const dims = wanted && broadcastDims([source.dims, numbersOf(wanted)]);
	return dims ? repeatedTo(source, dims) : undefined;
};

const tile: Evaluator = (call) => {
	const source = data(call);
	const repeats = call.inputs[1] && numbersOf(call.inputs[1]);
	if (repeats?.length !== source.dims.length) return undefined;
	const dims = source.dims.map((dim, axis) => dim * (repeats[axis] ?? 1));
	const strides = stridesOf(source.dims);
	const offsets = new Int32Array(elementCount(dims));
	const own = stridesOf(dims);
	for (let index = 0; index < offsets.length; index++) {
		let rest = index;
		let offset = 0;
		for (const [axis, stride] of own.entries()) {
			offset += (Math.floor(rest / stride) % (source.dims[axis] ?? 1)) * (strides[axis] ?? 0);
			rest %= stride;
		}
		offsets[index] = offset;
	}
	const out = picked(source, dims, offsets);
	return out && [out];
};

const where: Evaluator = ({ inputs: [condition, a, b] }) => {
	if (!condition || !a || !b || a.dtype !== b.dtype) return undefined;
	const dims = broadcastDims([condition.dims, a.dims, b.dims]);
	const data = dims && arrayFor(a.dtype, elementCount(dims));
	if (!dims || !data) return undefined;
	const [c, x, y] = [condition, a, b].map(({ dims: own }) => offsetsOf(dims, broadcastStrides(own, dims))) as [
		Int32Array,
		Int32Array,
		Int32Array,
	];
	const out = data as Float64Array;
	for (let index = 0; index < out.length; index++) {
		const chosen = condition.data[c[index] as number] ? a.data[x[index] as number] : b.data[y[index] as number];
		out[index] = chosen as number;
	}
	return [{ dtype: a.dtype, dims, data }];
};

const range: Evaluator = ({ inputs: [start, limit, delta] }) => {
	if (!start || !limit || !delta || start.dtype === 'float16' || start.dtype === 'bfloat16') return undefined;
	const [from, to, step] = [Number(start.data[0]), Number(limit.data[0]), Number(delta.data[0])];
	const count = Math.max(0, Math.ceil((to - from) / step));
	if (!Number.isSafeInteger(count) || count > 1 << 24) return undefined;
	const data = arrayFor(start.dtype, count);
	if (!data) return undefined;
	for (let index = 0; index < count; index++) {
		if (data instanceof BigInt64Array) data[index] = BigInt(from + index * step);
		else (data as Float64Array)[index] = from + index * step;
	}
	return [{ dtype: start.dtype, dims: [count], data }];
};

const shape: Evaluator = (call) => {
	const { dims } = data(call);
	return [int64Dense(dims.slice(call.node.int('start', 0), call.node.attributes.has('end') ? call.node.int('end', 0) : dims.length))];
};

const trilu: Evaluator = (call) => {
	const source = data(call);
	const k = call.inputs[1] ? (numbersOf(call.inputs[1])[0] ?? 0) : 0;
	const upper = call.node.int('upper', 1) === 1;
	const [rows = 0, columns = 0] = source.dims.slice(-2);
	const out = source.data.slice() as Float64Array;
	const zero = (typeof out[0] === 'bigint' ? 0n : 0) as number;
	for (let index = 0; index < out.length; index++) {
		const row = Math.floor(index / columns) % rows;
		const distance = (index % columns) - row;
		if (upper ? distance < k : distance > k) out[index] = zero;
	}
	return [{ dtype: source.dtype, dims: source.dims, data: out }];
};

export const MOVEMENT: Readonly<Record<string, Evaluator>> = {
	Identity: (call) => [data(call)],
	Reshape: reshape,
	Flatten: flatten,
	Squeeze: squeeze,
	Unsqueeze: unsqueeze,
	Transpose: transpose,
	Slice: slice,
	Concat: concat,
	Split: split,
	Gather: gather,
	Expand: expand,
	Tile: tile,
	Where: where,
	Range: range,
	Shape: shape,
	Size: (call) => [int64Dense([elementCount(data(call).dims)], [])],
	Trilu: trilu,
};
