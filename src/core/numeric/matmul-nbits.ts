import { elementCount } from '../ir/dtype.ts';
import type { TensorRef } from '../ir/tensor.ts';
import { memoryTensor } from '../ir/tensor.ts';
import { wholeTensor } from './derived-tensor.ts';
import { unpackNibbles } from './nibbles.ts';
import type { QuantizedTensor } from './quantize-tensor.ts';

/** Inputs 1..3 of com.microsoft.MatMulNBits (onnxruntime/docs/ContribOperators.md). */
export interface NBitsWeight {
	/** uint8 [N, blocks, blockSize * bits / 8]: each column's codes in order, low bits first. */
	readonly codes: TensorRef;
	/** float32 [N * blocks] */
	readonly scales: Float32Array;
	/** uint8 [N * ceil(blocks * bits / 8)], each column's packed by itself; undefined where all are the middle code. */
	readonly zeroPoints: TensorRef | undefined;
}

/**
 * Rearranges a weight [K, N] quantized in blocks along axis 0, with unsigned codes, to the layout of MatMulNBits. A last
 * block that is short is filled up with its zero point, which stands for 0.
 */
export function toMatMulNBits(quantized: QuantizedTensor, bits: 4 | 8): NBitsWeight {
	const { params, codes: tensor } = quantized;
	const rows = tensor.dims.at(-2) ?? 0;
	const columns = tensor.dims.at(-1) ?? 0;
	const { block } = params.grouping;
	const blocks = Math.ceil(rows / block);
	const blobBytes = (block * bits) / 8;
	if (elementCount(tensor.dims) !== rows * columns) throw new RangeError('MatMulNBits takes one matrix');

	const scales = new Float32Array(columns * blocks);
	for (let b = 0; b < blocks; b++) for (let n = 0; n < columns; n++) scales[n * blocks + b] = params.scales[b * columns + n]!;

	const zeroOf = (b: number, n: number): number =>
		typeof params.zeroPoints === 'number' ? params.zeroPoints : params.zeroPoints[b * columns + n]!;
	let zeroPoints: TensorRef | undefined;
	if (typeof params.zeroPoints !== 'number') {
		const stride = Math.ceil((blocks * bits) / 8);
		const packed = new Uint8Array(columns * stride);
		for (let n = 0; n < columns; n++) {
			for (let b = 0; b < blocks; b++) {
				if (bits === 8) packed[n * stride + b] = zeroOf(b, n);
				else packed[n * stride + (b >> 1)]! |= zeroOf(b, n) << ((b & 1) * 4);
			}
		}
		zeroPoints = memoryTensor('uint8', [packed.length], packed);
	}

	const dims = [columns, blocks, blobBytes];
	const compute = async (signal?: AbortSignal): Promise<Uint8Array> => {
		const stored = await tensor.bytes(signal);
		const codes = bits === 8 ? stored : unpackNibbles(stored, rows * columns);
		const blob = new Uint8Array(columns * blocks * blobBytes);
		const columnBytes = blocks * blobBytes;
		for (let k = 0; k < rows; k++) {
			const source = k * columns;
			if (bits === 8) {
				for (let n = 0; n < columns; n++) blob[n * columnBytes + k] = codes[source + n]!;
			} else {
				const shift = (k & 1) * 4;
				const at = k >> 1;
				for (let n = 0; n < columns; n++) blob[n * columnBytes + at]! |= codes[source + n]! << shift;
			}
		}
		for (let k = rows; k < blocks * block; k++) {
			for (let n = 0; n < columns; n++) {
				const zero = zeroOf(blocks - 1, n);
				if (bits === 8) blob[n * columnBytes + k] = zero;
				else blob[n * columnBytes + (k >> 1)]! |= zero << ((k & 1) * 4);
			}
		}
		return blob;
	};
	return { codes: wholeTensor('uint8', dims, compute), scales, zeroPoints };
}
