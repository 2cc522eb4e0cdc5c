import { elementCount } from '../../core/ir/dtype.ts';
import { computedTensor, type SparseTensorRef, type TensorRef } from '../../core/ir/tensor.ts';
import { float32View, floatBlocks, uint16View } from '../../core/numeric/float-blocks.ts';
import { decodeFloat16 } from '../../core/numeric/float16.ts';

/** Which elements of one tensor become zero: |x| below the threshold, and those equal to it that stand before `tieEnd`. */
export interface Cut {
	/** float32 bits of the threshold's magnitude. */
	readonly bits: number;
	readonly tieEnd: number;
}

/** N of every M kept along an axis, within segments of it. */
export interface Groups {
	readonly keep: number;
	readonly group: number;
	readonly axis: number;
}

type Cells = Float32Array | Uint16Array;

/** A copy of the elements to write into, and the float32 bits of their values: not to be written to, they may be the source's own. */
function cells(tensor: TensorRef, bytes: Uint8Array): { readonly own: Cells; readonly bits: Uint32Array } {
	const stored = tensor.dtype === 'float32' ? float32View(bytes) : uint16View(bytes);
	const values = stored instanceof Float32Array ? stored : decodeFloat16(stored);
	return { own: stored.slice(), bits: new Uint32Array(values.buffer, values.byteOffset, values.length) };
}

const width = (tensor: TensorRef): number => (tensor.dtype === 'float32' ? 4 : 2);

/** The tensor with its smallest elements zeroed; computed when it is read, in any part. */
export function cutTensor(source: TensorRef, cut: Cut): TensorRef {
	const size = width(source);
	const zeroed = (bytes: Uint8Array, start: number): Uint8Array => {
		const { own, bits } = cells(source, bytes);
		for (let i = 0; i < own.length; i++) {
			const magnitude = (bits[i] as number) & 0x7fffffff;
			if (magnitude < cut.bits || (magnitude === cut.bits && start + i < cut.tieEnd)) own[i] = 0;
		}
		return new Uint8Array(own.buffer, own.byteOffset, own.byteLength);
	};
	return {
		dtype: source.dtype,
		dims: source.dims,
		byteLength: source.byteLength,
		bytes: async (signal) => zeroed(await source.bytes(signal), 0),
		read: async (at, length, signal) => {
			const first = Math.floor(at / size);
			const last = Math.ceil((at + length) / size);
			const bytes = await source.read(first * size, (last - first) * size, signal);
			return zeroed(bytes, first).subarray(at - first * size, at - first * size + length);
		},
		...(source.docString === undefined ? {} : { docString: source.docString }),
	};
}

/**
 * The tensor with the smallest M - N of every M elements along the axis zeroed; of equals, the earlier ones. The axis must
 * be a multiple of M. (N:M sparsity: Mishra et al., Accelerating Sparse Deep Neural Networks, 2021.)
 */
export function groupedTensor(source: TensorRef, groups: Groups): TensorRef {
	return computedTensor(source.dtype, source.dims, async (signal) => {
		const { own, bits } = cells(source, await source.bytes(signal));
		const magnitudes = bits.map((pattern) => pattern & 0x7fffffff);
		const { axis, group, keep } = groups;
		const length = source.dims[axis] ?? 1;
		const stride = elementCount(source.dims.slice(axis + 1));
		const block = length * stride;
		for (let outer = 0; outer < own.length; outer += block) {
			for (let start = 0; start < length; start += group) {
				for (let inner = 0; inner < stride; inner++)
					zeroGroup(own, magnitudes, outer + start * stride + inner, stride, group, group - keep);
			}
		}
		return own;
	});
}

function zeroGroup(own: Cells, magnitudes: Uint32Array, first: number, stride: number, group: number, zeros: number): void {
	for (let round = 0; round < zeros; round++) {
		let smallest = -1;
		let least = 0xffffffff;
		for (let i = 0; i < group; i++) {
			const index = first + i * stride;
			const magnitude = magnitudes[index] as number;
			// Taken ones are marked, so that equals go in order of position.
			if (magnitude === 0xffffffff) continue;
			if (smallest < 0 || magnitude < least) {
				smallest = index;
				least = magnitude;
			}
		}
		own[smallest] = 0;
		magnitudes[smallest] = 0xffffffff;
	}
}

/** Elements of a tensor that are not zero. */
export async function nonZeroCount(tensor: TensorRef, signal: AbortSignal | undefined): Promise<number> {
	let count = 0;
	for await (const { values } of floatBlocks(tensor, signal)) for (let i = 0; i < values.length; i++) if (values[i] !== 0) count += 1;
	return count;
}

/** Bytes of a tensor stored as values and 64-bit linear indices. */
export function sparseByteLength(tensor: TensorRef, nonZeros: number): number {
	return nonZeros * (width(tensor) + 8);
}

/** The tensor as an ONNX sparse initializer, with linear indices in ascending order (onnx.proto3, SparseTensorProto). */
export function sparseTensor(source: TensorRef, nonZeros: number): SparseTensorRef {
	const nonZeroIndices = async (signal?: AbortSignal): Promise<{ bytes: Uint8Array; indices: BigInt64Array }> => {
		const bytes = await source.bytes(signal);
		const numbers = source.dtype === 'float32' ? float32View(bytes) : decodeFloat16(uint16View(bytes));
		const indices = new BigInt64Array(nonZeros);
		let at = 0;
		for (let i = 0; i < numbers.length; i++) if (numbers[i] !== 0) indices[at++] = BigInt(i);
		return { bytes, indices };
	};
	const values = computedTensor(source.dtype, [nonZeros], async (signal) => {
		const { bytes, indices } = await nonZeroIndices(signal);
		const own = source.dtype === 'float32' ? float32View(bytes) : uint16View(bytes);
		const picked = own instanceof Float32Array ? new Float32Array(nonZeros) : new Uint16Array(nonZeros);
		indices.forEach((index, at) => {
			picked[at] = own[Number(index)] as number;
		});
		return picked;
	});
	const indices = computedTensor('int64', [nonZeros], async (signal) => (await nonZeroIndices(signal)).indices);
	return { sparse: true, dtype: source.dtype, dims: source.dims, byteLength: values.byteLength + indices.byteLength, values, indices };
}
