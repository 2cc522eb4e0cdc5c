import type { TensorRef } from '../../core/ir/tensor.ts';
import { decodeBfloat16 } from '../../core/numeric/bfloat16.ts';
import { decodeFloat16 } from '../../core/numeric/float16.ts';

/**
 * Elements of a tensor as numbers: booleans as 0 and 1, 64-bit integers beyond 2^53 clamped to the safe range (they mean "to
 * the end"). undefined for types that no number stands for, and for weights whose file cannot be read.
 */
export async function readNumbers(tensor: TensorRef, signal?: AbortSignal): Promise<readonly number[] | undefined> {
	let bytes: Uint8Array<ArrayBuffer>;
	try {
		// A copy, whatever kind of view it is: some give slices that share the file's buffer.
		bytes = new Uint8Array(await tensor.bytes(signal));
	} catch (error) {
		if (signal?.aborted) throw error;
		return undefined;
	}
	const { buffer } = bytes;
	switch (tensor.dtype) {
		case 'float32':
			return Array.from(new Float32Array(buffer));
		case 'float64':
			return Array.from(new Float64Array(buffer));
		case 'float16':
			return Array.from(decodeFloat16(new Uint16Array(buffer)));
		case 'bfloat16':
			return Array.from(decodeBfloat16(new Uint16Array(buffer)));
		case 'int64':
			return Array.from(new BigInt64Array(buffer), clamped);
		case 'uint64':
			return Array.from(new BigUint64Array(buffer), clamped);
		case 'int32':
			return Array.from(new Int32Array(buffer));
		case 'uint32':
			return Array.from(new Uint32Array(buffer));
		case 'int16':
			return Array.from(new Int16Array(buffer));
		case 'uint16':
			return Array.from(new Uint16Array(buffer));
		case 'int8':
			return Array.from(new Int8Array(buffer));
		case 'uint8':
			return Array.from(bytes);
		case 'bool':
			return Array.from(bytes, (byte) => Number(byte !== 0));
		default:
			return undefined;
	}
}

function clamped(value: bigint): number {
	if (value > 9007199254740991n) return Number.MAX_SAFE_INTEGER;
	return value < -9007199254740991n ? Number.MIN_SAFE_INTEGER : Number(value);
}
