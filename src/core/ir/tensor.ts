import { type DType, elementCount, packedByteLength } from './dtype.ts';

/**
 * A tensor whose shape and byte length are known without its data. The data is little-endian, row-major and
 * packed as ONNX's raw_data packs it (4-bit types two to a byte, low nibble first), whatever field of the file it
 * came from. Strings have no raw form: byteLength is 0 and `strings` gives them.
 */
export interface TensorRef {
	readonly dtype: DType;
	readonly dims: readonly number[];
	readonly byteLength: number;
	/** All bytes, freshly owned by the caller or immutable: a caller must not write into them. */
	bytes(signal?: AbortSignal): Promise<Uint8Array>;
	/** Part of the bytes, so that a tensor larger than memory can be walked. `scratch`: see ByteSource.read. */
	read(at: number, length: number, signal?: AbortSignal, scratch?: Uint8Array): Promise<Uint8Array>;
	/** Elements of a string tensor as UTF-8 bytes. */
	strings?(): Promise<readonly Uint8Array[]>;
	readonly docString?: string;
}

/** A sparse initializer (onnx.proto3, SparseTensorProto): values and their indices in COO form. */
export interface SparseTensorRef {
	readonly sparse: true;
	readonly dtype: DType;
	readonly dims: readonly number[];
	/** Bytes of values and indices together. */
	readonly byteLength: number;
	readonly values: TensorRef;
	readonly indices: TensorRef;
}

export function isSparse(tensor: TensorRef | SparseTensorRef): tensor is SparseTensorRef {
	return 'sparse' in tensor;
}

/** A tensor held in memory. Throws RangeError where the bytes do not fit dtype and dims. */
export function memoryTensor(dtype: DType, dims: readonly number[], data: ArrayBufferView): TensorRef {
	const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
	const expected = packedByteLength(dtype, elementCount(dims));
	if (bytes.byteLength !== expected) {
		throw new RangeError(`${dtype} [${dims.join(', ')}] takes ${expected} bytes, got ${bytes.byteLength}`);
	}
	return {
		dtype,
		dims,
		byteLength: expected,
		bytes: async () => bytes,
		read: async (at, length) => bytes.subarray(at, at + length),
	};
}

/**
 * A tensor computed when it is asked for and not kept: passes state what a weight becomes, the writer computes it
 * when its turn comes, so that only one tensor is in memory at a time. `compute` must give the same bytes each time.
 */
export function computedTensor(
	dtype: DType,
	dims: readonly number[],
	compute: (signal?: AbortSignal) => Promise<ArrayBufferView>,
): TensorRef {
	const byteLength = packedByteLength(dtype, elementCount(dims));
	const bytes = async (signal?: AbortSignal): Promise<Uint8Array> => {
		const data = await compute(signal);
		if (data.byteLength !== byteLength) {
			throw new RangeError(`${dtype} [${dims.join(', ')}] takes ${byteLength} bytes, computed ${data.byteLength}`);
		}
		return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
	};
	return {
		dtype,
		dims,
		byteLength,
		bytes,
		read: async (at, length, signal) => (await bytes(signal)).subarray(at, at + length),
	};
}

/** An int64 vector, as Reshape, Slice and their kin take it. */
export function int64Tensor(values: readonly number[], dims: readonly number[] = [values.length]): TensorRef {
	return memoryTensor('int64', dims, BigInt64Array.from(values, BigInt));
}

export function float32Tensor(values: readonly number[], dims: readonly number[] = [values.length]): TensorRef {
	return memoryTensor('float32', dims, Float32Array.from(values));
}
