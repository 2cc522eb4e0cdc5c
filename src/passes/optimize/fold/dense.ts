import { type DType, elementCount } from '../../../core/ir/dtype.ts';
import { memoryTensor, type TensorRef } from '../../../core/ir/tensor.ts';
import type { TensorData } from '../../../core/ir/tensor-data.ts';

export type Numbers = Float32Array | Float64Array | Uint8Array | Int8Array | Uint16Array | Int16Array | Int32Array | Uint32Array;
export type BigInts = BigInt64Array | BigUint64Array;

/** A tensor in memory, row-major. float16 and bfloat16 as 16-bit patterns, bool as bytes. */
export interface Dense {
	readonly dtype: DType;
	readonly dims: readonly number[];
	readonly data: Numbers | BigInts;
}

/** An empty array for elements of a type; undefined for types that the core does not compute with. */
export function arrayFor(dtype: DType, count: number): Numbers | BigInts | undefined {
	switch (dtype) {
		case 'float32':
			return new Float32Array(count);
		case 'float64':
			return new Float64Array(count);
		case 'float16':
		case 'bfloat16':
		case 'uint16':
			return new Uint16Array(count);
		case 'int16':
			return new Int16Array(count);
		case 'int32':
			return new Int32Array(count);
		case 'uint32':
			return new Uint32Array(count);
		case 'int8':
			return new Int8Array(count);
		case 'uint8':
		case 'bool':
			return new Uint8Array(count);
		case 'int64':
			return new BigInt64Array(count);
		case 'uint64':
			return new BigUint64Array(count);
		default:
			return undefined;
	}
}

/** undefined for types that are not computed with here. */
export async function readDense(tensor: TensorRef, signal?: AbortSignal): Promise<Dense | undefined> {
	const data = arrayFor(tensor.dtype, elementCount(tensor.dims));
	if (!data) return undefined;
	const bytes = await tensor.bytes(signal);
	if (bytes.byteLength !== data.byteLength) return undefined;
	new Uint8Array(data.buffer).set(bytes);
	return { dtype: tensor.dtype, dims: tensor.dims, data };
}

export function denseTensor(dense: Dense): TensorRef {
	return memoryTensor(dense.dtype, dense.dims, dense.data);
}

/** What the runtime gave, as a stored tensor; undefined for strings. */
export function tensorOfData(data: TensorData): TensorRef | undefined {
	const elements = data.data;
	if (!ArrayBuffer.isView(elements)) return undefined;
	return memoryTensor(data.dtype, data.dims, elements.slice());
}

export function isBig(data: Dense['data']): data is BigInts {
	return data instanceof BigInt64Array || data instanceof BigUint64Array;
}

/** Elements of a small tensor as numbers; 64-bit ones clamped to the safe range. */
export function numbersOf(dense: Dense): number[] {
	if (!isBig(dense.data)) return Array.from(dense.data);
	return Array.from(dense.data as BigInt64Array, (value) => {
		if (value > 9007199254740991n) return Number.MAX_SAFE_INTEGER;
		return value < -9007199254740991n ? Number.MIN_SAFE_INTEGER : Number(value);
	});
}

export function stridesOf(dims: readonly number[]): number[] {
	const strides = dims.map(() => 1);
	for (let axis = dims.length - 2; axis >= 0; axis--) strides[axis] = (strides[axis + 1] ?? 1) * (dims[axis + 1] ?? 1);
	return strides;
}

/** Shape of operands broadcast together (ONNX multidirectional broadcasting); undefined where they do not fit. */
export function broadcastDims(shapes: readonly (readonly number[])[]): number[] | undefined {
	const rank = Math.max(0, ...shapes.map((shape) => shape.length));
	const out = Array.from({ length: rank }, () => 1);
	for (const shape of shapes) {
		for (const [index, dim] of shape.entries()) {
			const axis = rank - shape.length + index;
			if (dim === out[axis] || dim === 1) continue;
			if (out[axis] !== 1) return undefined;
			out[axis] = dim;
		}
	}
	return out;
}

/** Steps by axis of `dims` within an operand that is broadcast to it: 0 along axes that it repeats. */
export function broadcastStrides(shape: readonly number[], dims: readonly number[]): number[] {
	const own = stridesOf(shape);
	const lead = dims.length - shape.length;
	return dims.map((_, axis) => (axis < lead || shape[axis - lead] === 1 ? 0 : (own[axis - lead] ?? 0)));
}

/** Offsets, row by row of `dims`, into an operand with steps `strides`. */
export function offsetsOf(dims: readonly number[], strides: readonly number[], first = 0): Int32Array {
	const offsets = new Int32Array(elementCount(dims));
	const rank = dims.length;
	const counter = new Int32Array(rank);
	let offset = first;
	for (let index = 0; index < offsets.length; index++) {
		offsets[index] = offset;
		for (let axis = rank - 1; axis >= 0; axis--) {
			counter[axis] = (counter[axis] ?? 0) + 1;
			offset += strides[axis] ?? 0;
			if ((counter[axis] ?? 0) < (dims[axis] ?? 0)) break;
			offset -= (strides[axis] ?? 0) * (dims[axis] ?? 0);
			counter[axis] = 0;
		}
	}
	return offsets;
}

/** The elements at `offsets`, as a tensor of shape `dims`. */
export function picked(source: Dense, dims: readonly number[], offsets: Int32Array): Dense | undefined {
	const data = arrayFor(source.dtype, offsets.length);
	if (!data) return undefined;
	const from = source.data as Float64Array;
	const to = data as Float64Array;
	for (let index = 0; index < offsets.length; index++) to[index] = from[offsets[index] as number] as number;
	return { dtype: source.dtype, dims, data };
}

export function int64Dense(values: readonly (number | bigint)[], dims: readonly number[] = [values.length]): Dense {
	return { dtype: 'int64', dims, data: BigInt64Array.from(values, BigInt) };
}

export function largerBig(a: bigint, b: bigint): bigint {
	if (a > b) return a;
	return b;
}

export function smallerBig(a: bigint, b: bigint): bigint {
	if (a < b) return a;
	return b;
}
