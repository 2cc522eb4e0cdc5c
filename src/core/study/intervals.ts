import { seededRandom } from '../numeric/random.ts';
import { normalQuantile } from './metrics/normal.ts';
import type { Interval } from './study.ts';

/** 97.5 % point of the standard normal distribution. */
const Z = 1.959963984540054;

/** Two-sided point of the standard normal distribution for 1 - confidence. */
function zOf(alpha: number): number {
	return alpha === 0.05 ? Z : Math.round(normalQuantile(1 - alpha / 2) * 1e12) / 1e12;
}

export interface Estimate {
	readonly value: number;
	/** 95 %. */
	readonly interval: Interval;
	readonly n: number;
}

/**
 * Share of successes with its 95 % (or 1 - alpha) Wilson score interval (Wilson, JASA 22, 1927), which holds near 0 and 1 and for small n.
 * For n = 0 the value is NaN and the interval [0, 1].
 */
export function proportion(successes: number, n: number, alpha = 0.05): Estimate {
	if (n === 0) return { value: Number.NaN, interval: [0, 1], n };
	const p = successes / n;
	const z = zOf(alpha);
	const z2 = z * z;
	const centre = (p + z2 / (2 * n)) / (1 + z2 / n);
	const half = (z / (1 + z2 / n)) * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n));
	// At 0 and n the bounds are exact; rounding must not move them.
	return { value: p, interval: [successes === 0 ? 0 : Math.max(0, centre - half), successes === n ? 1 : Math.min(1, centre + half)], n };
}

/** Quantile with linear interpolation between order statistics (Hyndman and Fan's type 7, NumPy's default). NaN for no values. */
export function quantile(values: readonly number[], q: number): number {
	return sortedQuantile(ascending(values), q);
}

export function median(values: readonly number[]): number {
	return quantile(values, 0.5);
}

function ascending(values: readonly number[]): Float64Array {
	return Float64Array.from(values).sort();
}

function sortedQuantile(sorted: ArrayLike<number>, q: number): number {
	if (sorted.length === 0) return Number.NaN;
	const at = q * (sorted.length - 1);
	const low = Math.floor(at);
	const a = sorted[low] as number;
	const b = sorted[Math.min(low + 1, sorted.length - 1)] as number;
	return a + (at - low) * (b - a);
}

/**
 * Interval of a quantile that holds for any distribution: order statistics whose ranks the binomial distribution gives (Conover, Practical
 * Nonparametric Statistics, 3.2). `sorted` ascends. So few values that no ranks reach the confidence: the least and the largest.
 */
export function quantileInterval(sorted: ArrayLike<number>, q: number, alpha = 0.05): Interval {
	const n = sorted.length;
	if (n === 0) return [Number.NaN, Number.NaN];
	const logFactorial = new Float64Array(n + 1);
	for (let k = 2; k <= n; k++) logFactorial[k] = (logFactorial[k - 1] as number) + Math.log(k);
	const chance = (k: number): number =>
		Math.exp(
			(logFactorial[n] as number) -
				(logFactorial[k] as number) -
				(logFactorial[n - k] as number) +
				k * Math.log(q) +
				(n - k) * Math.log1p(-q),
		);
	let low = 0;
	for (let below = chance(0); below <= alpha / 2 && low < n - 1; below += chance(low)) low += 1;
	let high = n - 1;
	for (let above = chance(n); above <= alpha / 2 && high > 0; above += chance(high + 1)) high -= 1;
	return [sorted[Math.max(0, low - 1)] as number, sorted[Math.min(n - 1, high + 1)] as number];
}

export interface BootstrapOptions {
	readonly seed: number;
	/** default 2,000 */
	readonly resamples?: number;
}

/**
 * 95 % percentile bootstrap interval (Efron 1979) of any statistic of `n` exchangeable items. `statistic` gets the resampled
 * indices; pairs stay together, so a statistic of two samples that belong together is paired by itself.
 */
export function bootstrap(n: number, statistic: (indices: Uint32Array) => number, options: BootstrapOptions): Interval {
	const resamples = options.resamples ?? 2000;
	const random = seededRandom(options.seed);
	const indices = new Uint32Array(n);
	const results = new Float64Array(resamples);
	for (let r = 0; r < resamples; r++) {
		for (let i = 0; i < n; i++) indices[i] = random.below(n);
		results[r] = statistic(indices);
	}
	results.sort();
	return [sortedQuantile(results, 0.025), sortedQuantile(results, 0.975)];
}

/** Mean with its bootstrap interval. */
export function bootstrapMean(values: readonly number[], options: BootstrapOptions): Estimate {
	const mean = (at: (i: number) => number): number => {
		let sum = 0;
		for (let i = 0; i < values.length; i++) sum += at(i);
		return sum / values.length;
	};
	if (values.length === 0) return { value: Number.NaN, interval: [Number.NaN, Number.NaN], n: 0 };
	const interval = bootstrap(values.length, (indices) => mean((i) => values[indices[i] as number] as number), options);
	return { value: mean((i) => values[i] as number), interval, n: values.length };
}

/** Median with its bootstrap interval. */
export function bootstrapMedian(values: readonly number[], options: BootstrapOptions): Estimate {
	const drawn = new Float64Array(values.length);
	const interval = bootstrap(
		values.length,
		(indices) => {
			for (let i = 0; i < drawn.length; i++) drawn[i] = values[indices[i] as number] as number;
			return sortedQuantile(drawn.sort(), 0.5);
		},
		options,
	);
	return { value: median(values), interval, n: values.length };
}

/**
 * How many times longer a variant takes than the original, from interleaved rounds: `variant[i]` and `original[i]` are of the same
 * round. The value is the Hodges-Lehmann pseudo-median of the per-round log ratios, the interval Wilcoxon's signed-rank one
 * (Hollander and Wolfe, Nonparametric Statistical Methods, 3.3): noise that slows a whole round cancels, single spikes hardly
 * count, and if both are the same model the interval misses 1 in at most 5 % of studies, whatever the noise looks like.
 * With fewer than 6 rounds no 95 % interval exists: it is [0, Infinity].
 */
export function pairedRatio(variant: readonly number[], original: readonly number[]): Estimate {
	const n = variant.length;
	if (original.length !== n) throw new RangeError(`rounds do not pair: ${n} samples of the variant, ${original.length} of the original`);
	if (n === 0) return { value: Number.NaN, interval: [0, Number.POSITIVE_INFINITY], n };
	const logs = variant.map((x, i) => Math.log(x / (original[i] as number)));
	const walsh = new Float64Array((n * (n + 1)) / 2);
	let at = 0;
	for (let i = 0; i < n; i++) for (let j = i; j < n; j++) walsh[at++] = ((logs[i] as number) + (logs[j] as number)) / 2;
	walsh.sort();
	const value = Math.exp(sortedQuantile(walsh, 0.5));
	const depth = signedRankDepth(n);
	if (depth === 0) return { value, interval: [0, Number.POSITIVE_INFINITY], n };
	return { value, interval: [Math.exp(walsh[depth - 1] as number), Math.exp(walsh[walsh.length - depth] as number)], n };
}

/** Which smallest Walsh average bounds the 95 % interval; 0 where none does. Exact up to 60 rounds, then the normal approximation. */
function signedRankDepth(n: number): number {
	if (n <= 60) {
		// Distribution of the signed-rank statistic by counting subsets of {1..n} by their sum.
		let ways = new Float64Array(1).fill(1);
		for (let rank = 1; rank <= n; rank++) {
			const next = new Float64Array(ways.length + rank);
			for (let sum = 0; sum < next.length; sum++) {
				next[sum] = ((ways[sum] ?? 0) + (sum >= rank ? (ways[sum - rank] ?? 0) : 0)) / 2;
			}
			ways = next;
		}
		let tail = 0;
		for (let sum = 0; sum < ways.length; sum++) {
			tail += ways[sum] as number;
			if (tail > 0.025) return sum;
		}
	}
	const mean = (n * (n + 1)) / 4;
	const deviation = Math.sqrt((n * (n + 1) * (2 * n + 1)) / 24);
	return Math.max(0, Math.floor(mean - Z * deviation));
}

export interface PairedDifference {
	/** Share of the variant minus share of the original. */
	readonly value: number;
	readonly interval: Interval;
	/** McNemar, exact, two-sided. */
	readonly pValue: number;
}

/**
 * Difference of two shares over the same n examples. `lost`: right by the original only; `gained`: right by the variant only.
 * Interval: Bonett and Price's adjusted Wald (J. Educ. Behav. Stat. 37, 2012); p-value: exact binomial McNemar test.
 */
export function pairedDifference(lost: number, gained: number, n: number, alpha = 0.05): PairedDifference {
	const a = (lost + 1) / (n + 2);
	const b = (gained + 1) / (n + 2);
	const half = zOf(alpha) * Math.sqrt((a + b - (b - a) * (b - a)) / (n + 2));
	return {
		value: n === 0 ? Number.NaN : (gained - lost) / n,
		interval: [Math.max(-1, b - a - half), Math.min(1, b - a + half)],
		pValue: mcnemarExact(lost, gained),
	};
}

/** Two-sided exact McNemar test (McNemar, Psychometrika 12, 1947): binomial test of the discordant pairs against 1/2. */
export function mcnemarExact(lost: number, gained: number): number {
	const n = lost + gained;
	if (n === 0) return 1;
	const fewer = Math.min(lost, gained);
	// In logarithms, so that thousands of discordant pairs do not underflow.
	let logTerm = -n * Math.LN2;
	let sum = Math.exp(logTerm);
	for (let k = 1; k <= fewer; k++) {
		logTerm += Math.log((n - k + 1) / k);
		sum += Math.exp(logTerm);
	}
	return Math.min(1, 2 * sum);
}
