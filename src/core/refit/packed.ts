import type { TensorData } from '../ir/tensor-data.ts';

/** Distinct numbers of a channel that a byte can name. */
const MOST_NUMBERS = 256;
/** Less is not worth it. */
const LEAST_BYTES = 4096;

/** A tensor in a quarter of its memory. */
export interface PackedTensor {
	readonly byteLength: number;
	/** The tensor bit for bit, in new memory. */
	unpack(): TensorData;
}

/**
 * Pictures are eight bits deep before they are scaled: each channel of such an input has at most 256 different numbers, which bytes can name.
 * Nothing is lost. undefined where a tensor is no such picture.
 */
export function packPicture({ dtype, dims, data }: TensorData): PackedTensor | undefined {
	if (!(data instanceof Float32Array) || data.byteLength < LEAST_BYTES || dims.length !== 4) return undefined;
	const [, a = 0, b = 0, c = 0] = dims;
	// Channels before pixels, or behind them.
	const layout = a <= 4 ? { channels: a, stride: b * c } : c <= 4 ? { channels: c, stride: 1 } : undefined;
	if (!layout || layout.channels === 0) return undefined;
	const { channels, stride } = layout;
	const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
	const codes = new Uint8Array(data.length);
	const numbers = new Uint32Array(channels * MOST_NUMBERS);
	const known = Array.from({ length: channels }, () => new Map<number, number>());
	for (let from = 0, channel = 0; from < bits.length; from += stride, channel = (channel + 1) % channels) {
		const codeOf = known[channel] as Map<number, number>;
		for (let i = from; i < from + stride; i++) {
			const pattern = bits[i] as number;
			let code = codeOf.get(pattern);
			if (code === undefined) {
				code = codeOf.size;
				if (code === MOST_NUMBERS) return undefined;
				codeOf.set(pattern, code);
				numbers[channel * MOST_NUMBERS + code] = pattern;
			}
			codes[i] = code;
		}
	}
	return {
		byteLength: codes.byteLength + numbers.byteLength,
		unpack: () => {
			const out = new Uint32Array(codes.length);
			for (let from = 0, channel = 0; from < out.length; from += stride, channel = (channel + 1) % channels) {
				const base = channel * MOST_NUMBERS;
				for (let i = from; i < from + stride; i++) out[i] = numbers[base + (codes[i] as number)] as number;
			}
			return { dtype, dims, data: new Float32Array(out.buffer) };
		},
	};
}
