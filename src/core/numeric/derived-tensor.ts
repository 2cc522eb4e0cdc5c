import { elementCount } from '../ir/dtype.ts';
import type { TensorRef } from '../ir/tensor.ts';

/**
 * A tensor that can only be computed as a whole. The last result is kept as long as the collector lets it live, so that
 * a writer that reads in parts does not compute it for each part.
 */
export function wholeTensor(
	dtype: TensorRef['dtype'],
	dims: readonly number[],
	compute: (signal?: AbortSignal) => Promise<Uint8Array>,
	byteLength = elementCount(dims),
): TensorRef {
	let last: WeakRef<Uint8Array> | undefined;
	const bytes = async (signal?: AbortSignal): Promise<Uint8Array> => {
		const kept = last?.deref();
		if (kept) return kept;
		const made = await compute(signal);
		if (made.byteLength !== byteLength)
			throw new RangeError(`${dtype} [${dims.join(', ')}] takes ${byteLength} bytes, computed ${made.byteLength}`);
		last = new WeakRef(made);
		return made;
	};
	return { dtype, dims, byteLength, bytes, read: async (at, length, signal) => (await bytes(signal)).subarray(at, at + length) };
}

/** The same bytes under another shape of as many elements. */
export function reshapedTensor(tensor: TensorRef, dims: readonly number[], dtype: TensorRef['dtype'] = tensor.dtype): TensorRef {
	return {
		dtype,
		dims,
		byteLength: tensor.byteLength,
		bytes: (signal) => tensor.bytes(signal),
		read: (at, length, signal) => tensor.read(at, length, signal),
	};
}
