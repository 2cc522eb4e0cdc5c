/** Integer types that weights are stored as. uint2 and int2 wait for a runtime that reads them. */
export type QuantDType = 'int8' | 'uint8' | 'int4' | 'uint4' | 'int2' | 'uint2';

/** Smallest and largest code. */
export interface CodeRange {
	readonly min: number;
	readonly max: number;
}

const FULL: Readonly<Record<QuantDType, CodeRange>> = {
	int8: { min: -128, max: 127 },
	uint8: { min: 0, max: 255 },
	int4: { min: -8, max: 7 },
	uint4: { min: 0, max: 15 },
	int2: { min: -2, max: 1 },
	uint2: { min: 0, max: 3 },
};

/** Ranges of ONNX Runtime's `reduce_range`: half the codes, so that u8 x s8 products never saturate 16 bits on AVX2. */
const REDUCED: Readonly<Record<QuantDType, CodeRange>> = {
	int8: { min: -64, max: 64 },
	uint8: { min: 0, max: 127 },
	int4: { min: -4, max: 3 },
	uint4: { min: 0, max: 7 },
	int2: { min: -1, max: 0 },
	uint2: { min: 0, max: 1 },
};

export function fullRange(dtype: QuantDType): CodeRange {
	return FULL[dtype];
}

/**
 * Codes that ONNX Runtime's Python quantizer uses (onnxruntime/quantization/quant_utils.py, get_qmin_qmax_for_qType): the
 * reduced range where asked for, -127..127 for symmetric int8, the full range elsewhere.
 */
export function codeRange(dtype: QuantDType, symmetric: boolean, reduceRange = false): CodeRange {
	if (reduceRange) return REDUCED[dtype];
	return symmetric && dtype === 'int8' ? { min: -127, max: 127 } : FULL[dtype];
}

export interface ScaleZero {
	/** float32 value; x ≈ scale * (code - zeroPoint). */
	readonly scale: number;
	readonly zeroPoint: number;
}

/** Smallest normal float32: below it ONNX Runtime's quantizer takes scale 1 and zero point 0. */
export const FLOAT32_TINY = 1.1754943508222875e-38;

/** Nearest integer, ties to even, as IEEE 754 and numpy.rint do. Exact for |x| < 2^51. */
export function roundHalfEven(x: number): number {
	return x + 6755399441055744 - 6755399441055744;
}

/**
 * Scale and zero point of values in [min, max] by ONNX Runtime's formula (quant_utils.compute_scale_zp): 0 always has a
 * code; float64 inside, scale rounded to float32.
 */
export function scaleZero(min: number, max: number, range: CodeRange, symmetric: boolean): ScaleZero {
	let low = Math.min(min, 0);
	let high = Math.max(max, 0);
	if (symmetric) {
		high = Math.max(-low, high);
		low = -high;
	}
	const scale = (high - low) / (range.max - range.min);
	if (!(scale >= FLOAT32_TINY)) return { scale: 1, zeroPoint: 0 };
	const zeroPoint = symmetric ? roundHalfEven((range.min + range.max) / 2) : roundHalfEven(range.min - low / scale);
	// A symmetric range of int8 gives -0 here.
	return { scale: Math.fround(scale), zeroPoint: zeroPoint + 0 };
}

/**
 * Symmetric scale that uses every code: the value of largest magnitude, with its sign, lands on the smallest code. For 4
 * bits that makes steps of extreme/8 instead of extreme/7, 12.5 % finer; the scale is negative where the extreme is positive
 * (the convention of ONNX Runtime's MatMulNBits quantizer).
 */
export function signedScale(min: number, max: number, range: CodeRange, zeroPoint: number): ScaleZero {
	const extreme = Math.abs(max) > Math.abs(min) ? max : min;
	const scale = Math.fround(extreme / (range.min - zeroPoint));
	return Math.abs(scale) >= FLOAT32_TINY ? { scale, zeroPoint } : { scale: 1, zeroPoint };
}
