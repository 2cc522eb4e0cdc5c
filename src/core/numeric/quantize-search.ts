import { type CodeRange, FLOAT32_TINY, roundHalfEven, type ScaleZero, scaleZero, signedScale } from './quantize.ts';

/**
 * Shares of the full range that are tried. Clipping the few largest values makes steps finer for all others; for weights
 * near a normal distribution in blocks of 32 with 16 codes the best share lies between 0.8 and 1.
 */
const SHARES = [1, 0.96, 0.92, 0.88, 0.84, 0.8, 0.75, 0.7, 0.64] as const;
const REFINEMENTS = 3;

/** Sums that a given scale and zero point leave over one group. */
interface Fit {
	/** Sum of squared errors. */
	error: number;
	/** Least-squares scale for the codes that were chosen; 0 where all codes equal the zero point. */
	scale: number;
}

/**
 * Scale and zero point with the least squared error found for `values[0 .. count)`: a grid of clipped ranges, then
 * alternating between codes for the scale and the least-squares scale for the codes (Lloyd's iteration on a uniform grid),
 * and neighbours of the zero point. Never worse than min-max, which is the first candidate. Zero keeps an exact code.
 * Symmetric searches keep `symmetricZero` and try both signs of the scale where the range is lopsided.
 */
export function searchScale(values: Float32Array, count: number, range: CodeRange, symmetricZero: number | undefined): ScaleZero {
	let low = 0;
	let high = 0;
	for (let i = 0; i < count; i++) {
		const x = values[i]!;
		if (x < low) low = x;
		else if (x > high) high = x;
	}
	if (low === 0 && high === 0) return { scale: 1, zeroPoint: symmetricZero ?? range.min };
	const fit: Fit = { error: 0, scale: 0 };
	let bestError = Number.POSITIVE_INFINITY;
	let bestScale = 1;
	let bestZero = symmetricZero ?? 0;
	const consider = (scale: number, zeroPoint: number): boolean => {
		const stored = Math.fround(scale);
		if (!(Math.abs(stored) >= FLOAT32_TINY)) return false;
		measure(values, count, range, stored, zeroPoint, fit);
		if (!(fit.error < bestError)) return false;
		bestError = fit.error;
		bestScale = stored;
		bestZero = zeroPoint;
		return true;
	};

	if (symmetricZero !== undefined) {
		const full = signedScale(low, high, range, symmetricZero).scale;
		const lopsided = range.max - symmetricZero !== symmetricZero - range.min;
		for (const share of SHARES) {
			consider(full * share, symmetricZero);
			if (lopsided) consider(-full * share, symmetricZero);
		}
	} else {
		for (const share of SHARES) {
			const { scale, zeroPoint } = scaleZero(low * share, high * share, range, false);
			consider(scale, zeroPoint);
		}
		// One end clipped alone: most blocks have their extreme on one side.
		for (const share of [0.9, 0.8] as const) {
			const cutLow = scaleZero(low * share, high, range, false);
			consider(cutLow.scale, cutLow.zeroPoint);
			const cutHigh = scaleZero(low, high * share, range, false);
			consider(cutHigh.scale, cutHigh.zeroPoint);
		}
	}
	for (let step = 0; step < REFINEMENTS; step++) {
		measure(values, count, range, bestScale, bestZero, fit);
		let better = fit.scale !== 0 && consider(fit.scale, bestZero);
		if (symmetricZero === undefined) {
			if (bestZero > range.min) better = consider(bestScale, bestZero - 1) || better;
			if (bestZero < range.max) better = consider(bestScale, bestZero + 1) || better;
		}
		if (!better) break;
	}
	return { scale: bestScale, zeroPoint: bestZero };
}

function measure(values: Float32Array, count: number, range: CodeRange, scale: number, zeroPoint: number, fit: Fit): void {
	const min = range.min - zeroPoint;
	const max = range.max - zeroPoint;
	const inverse = 1 / scale;
	let error = 0;
	let product = 0;
	let square = 0;
	for (let i = 0; i < count; i++) {
		const x = values[i]!;
		let code = roundHalfEven(x * inverse);
		code = code < min ? min : Math.min(code, max);
		const difference = x - code * scale;
		error += difference * difference;
		product += x * code;
		square += code * code;
	}
	fit.error = error;
	fit.scale = square === 0 ? 0 : product / square;
}
