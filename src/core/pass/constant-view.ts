import { constantOf } from '../ir/constants.ts';
import { dtypeBits, elementCount } from '../ir/dtype.ts';
import type { Node, Value } from '../ir/graph.ts';
import { isSparse, type TensorRef } from '../ir/tensor.ts';
import { reshapedTensor, wholeTensor } from '../numeric/derived-tensor.ts';

/**
 * A constant as a node sees it: a stored tensor, or one rearranged on its way by operators that only move data (exporters
 * reorder LSTM gates with Slice and Concat, reshape weights of old models, transpose linear layers).
 */
export interface ConstantView {
	/** What the node sees; computed when read where data is rearranged. */
	readonly tensor: TensorRef;
	/** Stored values that it is made of. */
	readonly roots: readonly Root[];
	/** Equal for equal views of the same roots. */
	readonly key: string;
}

/** A value with a stored tensor, seen through operators that move data. */
export interface Root {
	readonly value: Value;
	/** For each axis of the view, the axis of the root that it runs along, or null where it is none alone. */
	readonly axes: readonly (number | null)[];
}

const DEEPEST = 24;

/** Stored small integers of a value (axes, shapes, starts), or undefined. */
export async function constantInts(value: Value | null, irVersion: number): Promise<number[] | undefined> {
	const tensor = constantOf(value, irVersion);
	if (!tensor || elementCount(tensor.dims) > 64) return undefined;
	const bytes = (await tensor.bytes()).slice();
	if (tensor.dtype === 'int64') return Array.from(new BigInt64Array(bytes.buffer), clampedNumber);
	return tensor.dtype === 'int32' ? Array.from(new Int32Array(bytes.buffer)) : undefined;
}

function clampedNumber(value: bigint): number {
	if (value > 9007199254740991n) return Number.MAX_SAFE_INTEGER;
	return value < -9007199254740991n ? Number.MIN_SAFE_INTEGER : Number(value);
}

/** Operators that constantView looks through, with the input that holds the data (Concat: all). */
export const MOVES_DATA: ReadonlySet<string> = new Set([
	'Identity',
	'Reshape',
	'Flatten',
	'Squeeze',
	'Unsqueeze',
	'Transpose',
	'Slice',
	'Concat',
]);

/** The stored tensor of a value itself: an initializer (overridable or not) or a Constant node's dense tensor. */
export function storedTensor(value: Value): TensorRef | undefined {
	const stored = value.initializer;
	if (stored) return isSparse(stored) ? undefined : stored;
	const producer = value.producer;
	if (producer?.op !== 'Constant' || producer.domain !== '') return undefined;
	const attr = producer.attributes.get('value');
	return attr?.kind === 'tensor' ? attr.value : undefined;
}

/**
 * What a value holds where it is constant. Initializers that are inputs too count as constants: exporters of IR versions
 * up to 4 list all weights there. undefined where any part is computed from inputs.
 */
export async function constantView(value: Value | null, depth = 0): Promise<ConstantView | undefined> {
	if (!value || depth > DEEPEST) return undefined;
	const stored = storedTensor(value);
	if (stored) return { tensor: stored, roots: [{ value, axes: stored.dims.map((_, axis) => axis) }], key: valueKey(value) };
	const node = value.producer;
	if (node?.domain !== '' || !MOVES_DATA.has(node.op)) return undefined;
	if (node.op === 'Concat') return concatView(node, depth);
	const data = await constantView(node.input(0), depth + 1);
	if (!data) return undefined;
	switch (node.op) {
		case 'Identity':
			return data;
		case 'Reshape':
			return reshapeView(data, await reshapeDims(node, data.tensor.dims));
		case 'Flatten': {
			const rank = data.tensor.dims.length;
			const axis = normal(node.int('axis', 1), rank);
			const { dims } = data.tensor;
			return reshapeView(data, [elementCount(dims.slice(0, axis)), elementCount(dims.slice(axis))]);
		}
		case 'Squeeze':
			return reshapeView(data, await squeezedDims(node, data.tensor.dims));
		case 'Unsqueeze':
			return reshapeView(data, await unsqueezedDims(node, data.tensor.dims));
		case 'Transpose':
			return transposeView(data, node.ints('perm'));
		case 'Slice':
			return sliceView(node, data);
		default:
			return undefined;
	}
}

/** Whether constantView may give something, told from the graph alone: nothing is read. */
export function isStored(value: Value | null, depth = 0): boolean {
	if (!value || depth > DEEPEST) return false;
	if (storedTensor(value)) return true;
	const node = value.producer;
	if (node?.domain !== '' || !MOVES_DATA.has(node.op)) return false;
	return node.op === 'Concat' ? node.inputs.every((input) => isStored(input, depth + 1)) : isStored(node.input(0), depth + 1);
}

let nextKey = 0;
const keys = new WeakMap<Value, string>();
function valueKey(value: Value): string {
	let key = keys.get(value);
	if (key === undefined) {
		nextKey += 1;
		key = `${nextKey}`;
		keys.set(value, key);
	}
	return key;
}

function normal(axis: number, rank: number): number {
	return axis < 0 ? axis + rank : axis;
}

/** axes from the attribute (opset < 13) or the input. null: not given. undefined: given but not constant. */
async function axesOf(node: Node, irVersion = 3): Promise<number[] | null | undefined> {
	const attr = node.ints('axes');
	if (attr) return attr;
	return node.input(1) ? constantInts(node.input(1), irVersion) : null;
}

async function reshapeDims(node: Node, dims: readonly number[]): Promise<number[] | undefined> {
	const shape = await constantInts(node.input(1), 3);
	if (!shape) return undefined;
	const copied = shape.map((dim, axis) => (dim === 0 && node.int('allowzero', 0) === 0 ? (dims[axis] ?? 0) : dim));
	const known = copied.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
	return copied.map((dim) => (dim === -1 ? elementCount(dims) / known : dim));
}

async function squeezedDims(node: Node, dims: readonly number[]): Promise<number[] | undefined> {
	const axes = await axesOf(node);
	if (axes === undefined) return undefined;
	const gone = axes?.map((axis) => normal(axis, dims.length));
	return dims.filter((dim, axis) => (gone ? !gone.includes(axis) : dim !== 1));
}

async function unsqueezedDims(node: Node, dims: readonly number[]): Promise<number[] | undefined> {
	const axes = await axesOf(node);
	if (!axes) return undefined;
	const rank = dims.length + axes.length;
	const added = new Set(axes.map((axis) => normal(axis, rank)));
	const rest = [...dims];
	return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (rest.shift() ?? 1)));
}

function reshapeView(view: ConstantView, dims: readonly number[] | undefined): ConstantView | undefined {
	if (!dims || elementCount(dims) !== elementCount(view.tensor.dims)) return undefined;
	const from = view.tensor.dims;
	const tensor = reshapedTensor(view.tensor, dims);
	// An axis survives where as many elements lie before and after it as did before.
	const map = dims.map((dim, axis) => {
		if (dim === 1) return null;
		const before = elementCount(dims.slice(0, axis));
		const found = from.findIndex((size, index) => size === dim && elementCount(from.slice(0, index)) === before);
		return found < 0 ? null : found;
	});
	return {
		tensor,
		roots: view.roots.map((root) => ({ value: root.value, axes: map.map((axis) => (axis === null ? null : (root.axes[axis] ?? null))) })),
		key: `${view.key}[${dims.join(',')}]`,
	};
}

/** The view with its axes permuted as Transpose does; the default reverses them. */
export function transposeView(view: ConstantView, permutation?: readonly number[]): ConstantView | undefined {
	const { dims, dtype, byteLength } = view.tensor;
	const perm = permutation ?? dims.map((_, axis) => dims.length - 1 - axis);
	if (perm.length !== dims.length) return undefined;
	const bytesEach = dtypeBits(dtype) / 8;
	if (bytesEach < 1) return undefined;
	const outDims = perm.map((axis) => dims[axis] ?? 0);
	return {
		tensor: wholeTensor(
			dtype,
			outDims,
			async (signal) =>
				gatherStrided(
					await view.tensor.bytes(signal),
					bytesEach,
					outDims,
					perm.map((axis) => stride(dims, axis)),
					0,
				),
			byteLength,
		),
		roots: view.roots.map((root) => ({ value: root.value, axes: perm.map((axis) => root.axes[axis] ?? null) })),
		key: `${view.key}t${perm.join(',')}`,
	};
}

function stride(dims: readonly number[], axis: number): number {
	return elementCount(dims.slice(axis + 1));
}

/** Elements of a strided view in row-major order. Strides and `first` count elements. */
function gatherStrided(
	source: Uint8Array,
	bytesEach: number,
	dims: readonly number[],
	strides: readonly number[],
	first: number,
): Uint8Array {
	const count = elementCount(dims);
	const out = new Uint8Array(count * bytesEach);
	if (count === 0) return out;
	const aligned = source.byteOffset % 4 === 0 ? source : source.slice();
	const wide = bytesEach === 4;
	const from = wide ? new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >>> 2) : aligned;
	const to = wide ? new Uint32Array(out.buffer) : out;
	const unit = wide ? 1 : bytesEach;
	const rank = dims.length;
	const inner = rank ? dims[rank - 1]! : 1;
	const innerStride = rank ? strides[rank - 1]! * unit : 0;
	const index = new Array<number>(Math.max(0, rank - 1)).fill(0);
	let base = first;
	for (let at = 0; at < count; at += inner) {
		let k = base * unit;
		let o = at * unit;
		for (let i = 0; i < inner; i++, k += innerStride) for (let b = 0; b < unit; b++) to[o++] = from[k + b]!;
		for (let axis = rank - 2; axis >= 0; axis--) {
			index[axis]! += 1;
			base += strides[axis]!;
			if (index[axis]! < dims[axis]!) break;
			base -= strides[axis]! * dims[axis]!;
			index[axis] = 0;
		}
	}
	return out;
}

async function sliceView(node: Node, view: ConstantView): Promise<ConstantView | undefined> {
	const { dims, dtype } = view.tensor;
	const bytesEach = dtypeBits(dtype) / 8;
	const fromInputs = node.input(1) !== null;
	const starts = fromInputs ? await constantInts(node.input(1), 3) : node.ints('starts');
	const ends = fromInputs ? await constantInts(node.input(2), 3) : node.ints('ends');
	if (!starts || !ends || bytesEach < 1) return undefined;
	const axes = fromInputs
		? node.input(3)
			? await constantInts(node.input(3), 3)
			: starts.map((_, i) => i)
		: (node.ints('axes') ?? starts.map((_, i) => i));
	const steps = node.input(4) ? await constantInts(node.input(4), 3) : starts.map(() => 1);
	if (!axes || !steps) return undefined;
	const outDims = [...dims];
	const strides = dims.map((_, axis) => stride(dims, axis));
	let first = 0;
	for (const [i, given] of axes.entries()) {
		const axis = normal(given, dims.length);
		const size = dims[axis];
		const step = steps[i] ?? 1;
		if (size === undefined || step < 1) return undefined;
		const clip = (position: number): number => Math.min(size, Math.max(0, position < 0 ? position + size : position));
		const start = clip(starts[i] ?? 0);
		const end = clip(ends[i] ?? size);
		first += start * strides[axis]!;
		outDims[axis] = Math.max(0, Math.ceil((end - start) / step));
		strides[axis]! *= step;
	}
	const count = elementCount(outDims);
	return {
		tensor: wholeTensor(
			dtype,
			outDims,
			async (signal) => gatherStrided(await view.tensor.bytes(signal), bytesEach, outDims, strides, first),
			count * bytesEach,
		),
		roots: view.roots,
		key: `${view.key}s${first}:${outDims.join(',')}:${strides.join(',')}`,
	};
}

async function concatView(node: Node, depth: number): Promise<ConstantView | undefined> {
	const parts: ConstantView[] = [];
	for (const input of node.inputs) {
		const part = await constantView(input, depth + 1);
		if (!part) return undefined;
		parts.push(part);
	}
	const head = parts[0];
	if (!head) return undefined;
	const { dims, dtype } = head.tensor;
	const bytesEach = dtypeBits(dtype) / 8;
	const axis = normal(node.int('axis', 0), dims.length);
	if (bytesEach < 1 || parts.some((part) => part.tensor.dtype !== dtype || part.tensor.dims.length !== dims.length)) return undefined;
	const outDims = dims.map((dim, index) => (index === axis ? parts.reduce((sum, part) => sum + (part.tensor.dims[axis] ?? 0), 0) : dim));
	const outer = elementCount(dims.slice(0, axis));
	const rowBytes = parts.map((part) => (elementCount(part.tensor.dims) / Math.max(1, outer)) * bytesEach);
	const total = rowBytes.reduce((sum, bytes) => sum + bytes, 0);
	const roots = new Map<Value, Root>();
	for (const part of parts) for (const root of part.roots) roots.set(root.value, root);
	return {
		tensor: wholeTensor(
			dtype,
			outDims,
			async (signal) => {
				const out = new Uint8Array(outer * total);
				let column = 0;
				for (const [index, part] of parts.entries()) {
					const bytes = await part.tensor.bytes(signal);
					const width = rowBytes[index]!;
					for (let o = 0; o < outer; o++) out.set(bytes.subarray(o * width, (o + 1) * width), o * total + column);
					column += width;
				}
				return out;
			},
			outer * total,
		),
		roots: [...roots.values()],
		key: `c${axis}(${parts.map((part) => part.key).join('|')})`,
	};
}
