const float = new Float64Array(1);
const bits = new BigUint64Array(float.buffer);

/**
 * ln x for positive normal numbers from additions, multiplications and divisions alone, so that every engine gives the same
 * bits (Math.log may differ in the last one). Relative error below 1e-14. NaN below the smallest normal number.
 */
export function naturalLog(x: number): number {
	if (!(x >= 2.2250738585072014e-308) || x === Number.POSITIVE_INFINITY) return x === Number.POSITIVE_INFINITY ? x : Number.NaN;
	float[0] = x;
	let exponent = Number((bits[0] as bigint) >> 52n) - 1023;
	bits[0] = ((bits[0] as bigint) & 0xfffffffffffffn) | 0x3ff0000000000000n;
	let mantissa = float[0] as number;
	if (mantissa > Math.SQRT2) {
		mantissa /= 2;
		exponent += 1;
	}
	// ln m = 2 atanh((m - 1) / (m + 1)), |argument| < 0.172
	const z = (mantissa - 1) / (mantissa + 1);
	const square = z * z;
	let series = 0;
	for (let k = 19; k >= 1; k -= 2) series = series * square + 1 / k;
	return exponent * Math.LN2 + 2 * z * series;
}
