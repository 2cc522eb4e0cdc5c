import { elementCount } from '../ir/dtype.ts';
import type { TensorRef } from '../ir/tensor.ts';
import { decodeFloat16 } from './float16.ts';

/** Elements per block: 4 MB of float32, the chunk that disks read fastest. */
const BLOCK_ELEMENTS = 1 << 20;

/** The bytes as float32 numbers: a view where they are aligned, else a copy. */
export function float32View(bytes: Uint8Array): Float32Array {
	if (bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
	return new Float32Array(bytes.slice().buffer);
}

/** The bytes as 16-bit patterns: a view where they are aligned, else a copy. */
export function uint16View(bytes: Uint8Array): Uint16Array {
	if (bytes.byteOffset % 2 === 0) return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 1);
	return new Uint16Array(bytes.slice().buffer);
}

export interface FloatBlock {
	/** Index of the first element within the tensor. */
	readonly start: number;
	/** float32 values; may be shared with the tensor: never written to. */
	readonly values: Float32Array;
}

/** A float32 or float16 tensor block by block as float32, so that no more than one block is in memory. Throws TypeError for another dtype. */
export async function* floatBlocks(tensor: TensorRef, signal?: AbortSignal): AsyncIterableIterator<FloatBlock> {
	if (tensor.dtype !== 'float32' && tensor.dtype !== 'float16') throw new TypeError(`${tensor.dtype} is not read as float32`);
	const width = tensor.dtype === 'float32' ? 4 : 2;
	const count = elementCount(tensor.dims);
	for (let start = 0; start < count; start += BLOCK_ELEMENTS) {
		signal?.throwIfAborted();
		const length = Math.min(BLOCK_ELEMENTS, count - start);
		const bytes = await tensor.read(start * width, length * width, signal);
		yield { start, values: width === 4 ? float32View(bytes) : decodeFloat16(uint16View(bytes)) };
	}
}
