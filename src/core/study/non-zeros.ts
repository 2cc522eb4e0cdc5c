import type { DType } from '../ir/dtype.ts';
import { allGraphs, type Model } from '../ir/model.ts';
import { isSparse, type TensorRef } from '../ir/tensor.ts';

/** Bytes read at once; a multiple of every element size. */
const pieceBytes = 4 * 1024 * 1024;

/**
 * How many stored numbers of a model (initializers of all graphs) are not zero. Negative zero is zero. Reads all weights, piece by piece.
 * Tensors whose elements are not numbers, and those whose data is not here, are left out.
 */
export async function countNonZeros(model: Model, signal?: AbortSignal): Promise<number> {
	const seen = new Set<TensorRef>();
	let total = 0;
	for (const graph of allGraphs(model)) {
		for (const { initializer } of graph.initializers) {
			if (!initializer) continue;
			const tensor = isSparse(initializer) ? initializer.values : initializer;
			if (seen.has(tensor)) continue;
			seen.add(tensor);
			total += await tensorNonZeros(tensor, signal);
		}
	}
	return total;
}

async function tensorNonZeros(tensor: TensorRef, signal: AbortSignal | undefined): Promise<number> {
	const count = counterOf(tensor.dtype);
	if (!count) return 0;
	let total = 0;
	for (let at = 0; at < tensor.byteLength; at += pieceBytes) {
		const bytes = await tensor.read(at, Math.min(pieceBytes, tensor.byteLength - at), signal);
		// Typed views need an aligned start, which slices of a file seldom have.
		const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
		total += count(aligned.buffer, aligned.byteOffset, aligned.byteLength);
	}
	return total;
}

type Counter = (buffer: ArrayBufferLike, byteOffset: number, byteLength: number) => number;

function counterOf(dtype: DType): Counter | undefined {
	switch (dtype) {
		case 'float32':
			return (buffer, at, size) => masked(new Uint32Array(buffer, at, size / 4), 0x7fffffff);
		case 'float16':
		case 'bfloat16':
			return (buffer, at, size) => masked(new Uint16Array(buffer, at, size / 2), 0x7fff);
		case 'float64':
			return (buffer, at, size) => numbers(new Float64Array(buffer, at, size / 8));
		case 'int64':
		case 'uint64':
			return (buffer, at, size) => {
				const words = new BigInt64Array(buffer, at, size / 8);
				let count = 0;
				for (const word of words) if (word !== 0n) count += 1;
				return count;
			};
		case 'int32':
		case 'uint32':
			return (buffer, at, size) => masked(new Uint32Array(buffer, at, size / 4), 0xffffffff);
		case 'int16':
		case 'uint16':
			return (buffer, at, size) => masked(new Uint16Array(buffer, at, size / 2), 0xffff);
		case 'int8':
		case 'uint8':
			return (buffer, at, size) => masked(new Uint8Array(buffer, at, size), 0xff);
		case 'int4':
		case 'uint4':
			return (buffer, at, size) => {
				const bytes = new Uint8Array(buffer, at, size);
				return masked(bytes, 0x0f) + masked(bytes, 0xf0);
			};
		default:
			return undefined;
	}
}

function masked(words: Uint32Array | Uint16Array | Uint8Array, mask: number): number {
	let count = 0;
	for (let index = 0; index < words.length; index += 1) if (((words[index] as number) & mask) !== 0) count += 1;
	return count;
}

function numbers(values: Float64Array): number {
	let count = 0;
	for (const value of values) if (value !== 0) count += 1;
	return count;
}
