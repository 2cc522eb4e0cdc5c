/** The standard normal distribution, to about 14 digits. */

/** P(Z <= x). */
export function normalCdf(x: number): number {
	if (Number.isNaN(x)) return Number.NaN;
	if (x === 0) return 0.5;
	const tail = upperTail(Math.abs(x));
	return x > 0 ? 1 - tail : tail;
}

/** P(Z > x) for x > 0: the series of the integral near 0, the continued fraction (Laplace; Abramowitz and Stegun 26.2.14) beyond. */
function upperTail(x: number): number {
	if (x > 39) return 0;
	const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
	if (x < 3) {
		// Phi(x) - 1/2 = density * (x + x^3/3 + x^5/15 + ...), A&S 26.2.11.
		let term = x;
		let sum = x;
		for (let k = 1; term > sum * 1e-17; k++) {
			term *= (x * x) / (2 * k + 1);
			sum += term;
		}
		return 0.5 - density * sum;
	}
	let fraction = x;
	for (let k = 120; k >= 1; k--) fraction = x + k / fraction;
	return density / fraction;
}

/** x with P(Z <= x) = p. Starts from A&S 26.2.23 and takes Newton steps on the tail. -Infinity and Infinity for 0 and 1. */
export function normalQuantile(p: number): number {
	if (!(p >= 0 && p <= 1)) return Number.NaN;
	if (p === 0) return Number.NEGATIVE_INFINITY;
	if (p === 1) return Number.POSITIVE_INFINITY;
	if (p === 0.5) return 0;
	const tail = Math.min(p, 1 - p);
	const t = Math.sqrt(-2 * Math.log(tail));
	let x = t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t);
	for (let step = 0; step < 4; step++) {
		const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
		const off = (upperTail(x) - tail) / density;
		// Halley's correction of the Newton step.
		x += off / (1 - 0.5 * x * off);
	}
	return p < 0.5 ? -x : x;
}

/** Point of Student's t with P(T <= t) = p, for 3 and more degrees of freedom (expansion in 1/df: A&S 26.7.5, off by less than 1e-3 from 8 on). */
export function tQuantile(p: number, df: number): number {
	const z = normalQuantile(p);
	const z2 = z * z;
	return (
		z +
		(z * (z2 + 1)) / (4 * df) +
		(z * (5 * z2 * z2 + 16 * z2 + 3)) / (96 * df * df) +
		(z * (3 * z2 * z2 * z2 + 19 * z2 * z2 + 17 * z2 - 15)) / (384 * df * df * df)
	);
}
