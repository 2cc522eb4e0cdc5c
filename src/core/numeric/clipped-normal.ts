const float = new Float64Array(1);
const bits = new BigUint64Array(float.buffer);

/** e^-x for x >= 0 from additions and multiplications alone, so that every engine gives the same bits. Relative error below 1e-14. */
function exponentialOfMinus(x: number): number {
	if (!(x < 700)) return 0;
	const halvings = Math.round(x / Math.LN2);
	const rest = halvings * Math.LN2 - x;
	let series = 1;
	for (let k = 14; k >= 1; k--) series = 1 + (series * rest) / k;
	bits[0] = BigInt(1023 - halvings) << 52n;
	return series * (float[0] as number);
}

/** Density of the standard normal distribution. */
const density = (x: number): number => 0.3989422804014327 * exponentialOfMinus((x * x) / 2);

/** Its distribution function; absolute error below 7.5e-8 (Abramowitz and Stegun, 26.2.17). */
function below(x: number): number {
	if (x === Number.POSITIVE_INFINITY) return 1;
	if (x === Number.NEGATIVE_INFINITY) return 0;
	const t = 1 / (1 + 0.2316419 * Math.abs(x));
	const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
	const tail = density(x) * series;
	return x >= 0 ? 1 - tail : tail;
}

/** Mean of a normal value with this mean and deviation after it was clipped to [low, high] (Nagel et al. 2019, Data-Free Quantization, appendix C). */
export function clippedNormalMean(mean: number, deviation: number, low: number, high: number): number {
	if (!(deviation > 0)) return Math.min(high, Math.max(low, mean));
	const a = (low - mean) / deviation;
	const b = (high - mean) / deviation;
	const inside = below(b) - below(a);
	const densities = (Number.isFinite(a) ? density(a) : 0) - (Number.isFinite(b) ? density(b) : 0);
	const lower = Number.isFinite(low) ? low * below(a) : 0;
	const upper = Number.isFinite(high) ? high * (1 - below(b)) : 0;
	return lower + upper + mean * inside + deviation * densities;
}
