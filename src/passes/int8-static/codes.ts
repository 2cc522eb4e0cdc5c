import type { Range } from '../../core/calibrate/min-max.ts';
import { memoryTensor, type TensorRef } from '../../core/ir/tensor.ts';
import { type CodeRange, codeRange, roundHalfEven, type ScaleZero, scaleZero } from '../../core/numeric/quantize.ts';

/** Integer type of activations. */
export interface ActivationType {
	readonly dtype: 'uint8' | 'int8' | 'uint16' | 'int16';
	readonly range: CodeRange;
	readonly symmetric: boolean;
}

/**
 * Codes of activations as ONNX Runtime's quantizer takes them (quant_utils.get_qmin_qmax_for_qType): symmetric int8 and int16
 * leave out the lowest code, reduced ranges are half as wide.
 */
export function activationType(dtype: ActivationType['dtype'], symmetric: boolean, reduceRange = false): ActivationType {
	if (dtype === 'uint8' || dtype === 'int8') return { dtype, symmetric, range: codeRange(dtype, symmetric, reduceRange) };
	if (reduceRange) return { dtype, symmetric, range: dtype === 'uint16' ? { min: 0, max: 32767 } : { min: -16384, max: 16384 } };
	if (dtype === 'uint16') return { dtype, symmetric, range: { min: 0, max: 65535 } };
	return { dtype, symmetric, range: { min: symmetric ? -32767 : -32768, max: 32767 } };
}

/** Scale and zero point of an activation with values in `range`; both ends are taken as float32. */
export function activationParams({ min, max }: Range, type: ActivationType): ScaleZero {
	return scaleZero(Math.fround(min), Math.fround(max), type.range, type.symmetric);
}

/** A scalar in the type of the codes. */
export function zeroPointTensor(zeroPoint: number, dtype: ActivationType['dtype']): TensorRef {
	return memoryTensor(dtype, [], codesOf([zeroPoint], dtype));
}

function codesOf(values: readonly number[], dtype: ActivationType['dtype']): ArrayBufferView {
	switch (dtype) {
		case 'uint8':
			return Uint8Array.from(values);
		case 'int8':
			return Int8Array.from(values);
		case 'uint16':
			return Uint16Array.from(values);
		case 'int16':
			return Int16Array.from(values);
	}
}

/** Codes of constants that stand where activations stand. */
export function quantizeConstant(
	values: Float32Array,
	dims: readonly number[],
	{ scale, zeroPoint }: ScaleZero,
	type: ActivationType,
): TensorRef {
	const { min, max } = type.range;
	const codes = Array.from(values, (x) => Math.min(max, Math.max(min, roundHalfEven(Math.fround(x / scale)) + zeroPoint)));
	return memoryTensor(type.dtype, dims, codesOf(codes, type.dtype));
}

const INT32_MAX = 2147483647;
/** Keeps a bias a little inside the range of int32. */
const MARGIN = 1.0001;

/**
 * Scales of a weight, widened where the bias would not fit into int32 in units of input scale x weight scale (a channel of tiny
 * weights with a large bias). The rule of ONNX Runtime's quantizer (qdq_quantizer._adjust_weight_scale_for_int32_bias).
 */
export function scalesForBias(weightScales: Float32Array, inputScale: number, bias: Float32Array): Float32Array | undefined {
	let adjusted: Float32Array | undefined;
	for (let i = 0; i < weightScales.length; i++) {
		let most = 0;
		if (weightScales.length === 1) for (const x of bias) most = Math.max(most, Math.abs(x));
		else most = Math.abs(bias[i] ?? 0);
		const least = (MARGIN * (2 * most)) / (2 * INT32_MAX);
		const candidate = inputScale * (weightScales[i] as number);
		if (candidate > 0 && candidate < least) {
			adjusted ??= weightScales.slice();
			adjusted[i] = (weightScales[i] as number) * (least / candidate);
		}
	}
	return adjusted;
}

/** int32 codes of a bias in units of input scale x weight scale, both float32; scales of length 1 or one for each element. */
export function quantizeBias(
	bias: Float32Array,
	inputScale: number,
	weightScales: Float32Array,
): { codes: Int32Array; scales: Float32Array } {
	const scales = weightScales.map((scale) => Math.fround(inputScale * scale));
	const codes = Int32Array.from(bias, (x, i) => {
		const scale = scales[scales.length === 1 ? 0 : i] as number;
		return scale === 0 ? 0 : Math.min(INT32_MAX, Math.max(-2147483648, roundHalfEven(x / scale)));
	});
	return { codes, scales };
}
