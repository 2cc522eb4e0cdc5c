import { elementCount } from '../../core/ir/dtype.ts';
import type { TensorRef } from '../../core/ir/tensor.ts';
import { float32View, floatBlocks } from '../../core/numeric/float-blocks.ts';
import { encodeFloat16, Float16LossCounter, type Float16Losses } from '../../core/numeric/float16.ts';

/** What a float32 tensor loses in float16; walks it block by block. */
export async function lossesOf(tensor: TensorRef, signal: AbortSignal | undefined): Promise<Float16Losses> {
	const counter = new Float16LossCounter();
	for await (const { values } of floatBlocks(tensor, signal)) counter.add(values);
	return counter;
}

/**
 * Guards against division by zero and the like: a single number. As float16 an epsilon of 1e-12 would be zero and guard nothing, so
 * a single number that is not zero never becomes zero.
 */
export function isGuard(tensor: TensorRef): boolean {
	return elementCount(tensor.dims) === 1;
}

/** The tensor as float16, computed when it is read: rounded to nearest even, finite values beyond ±65504 clamped. */
export function float16Tensor(source: TensorRef): TensorRef {
	const options = { clamp: true, keepNonZero: isGuard(source) };
	const byteLength = source.byteLength / 2;
	const encode = (bytes: Uint8Array): Uint8Array => new Uint8Array(encodeFloat16(float32View(bytes), options).buffer);
	return {
		dtype: 'float16',
		dims: source.dims,
		byteLength,
		bytes: async (signal) => encode(await source.bytes(signal)),
		read: async (at, length, signal) => {
			const first = at - (at % 2);
			const last = Math.min(byteLength, at + length + ((at + length) % 2));
			return encode(await source.read(first * 2, (last - first) * 2, signal)).subarray(at - first, at - first + length);
		},
		...(source.docString === undefined ? {} : { docString: source.docString }),
	};
}
