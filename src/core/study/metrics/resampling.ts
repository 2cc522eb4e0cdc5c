import { seededRandom } from '../../numeric/random.ts';
import type { Interval, MetricName, TaskMetric } from '../study.ts';
import { normalCdf, normalQuantile, tQuantile } from './normal.ts';
import { steady } from './steady.ts';

/**
 * Several metrics of one sample, computed together. The sample is given by how often each item of a pool is in it: items 0..n-1 are the
 * model's answers to the n examples, items n..2n-1 the original's, where there is one to compare with. NaN: not defined for that sample.
 */
export interface Statistic {
	readonly names: readonly MetricName[];
	of(weights: Int32Array): ArrayLike<number>;
}

export interface ResamplingOptions {
	/** Examples. */
	readonly n: number;
	/** The pool holds the original's answers too: differences are wanted. */
	readonly paired: boolean;
	readonly seed: number;
	/** 1 - confidence; default 0.05. */
	readonly alpha?: number;
	/** default 1,000 */
	readonly resamples?: number;
}

/** Most groups that are left out in turn to find the acceleration. */
const mostGroups = 100;

/**
 * Values of the metrics with bias-corrected and accelerated bootstrap intervals (BCa; Efron, JASA 82, 1987) over examples: pairs stay together.
 * The acceleration comes from leaving out examples in at most 100 groups. With the original, the paired difference gets such an interval
 * too, and a p-value by a test that swaps the two models' answers within examples at random (Fisher's permutation test for pairs: if both are
 * equally good, every swap is as likely; its level holds for any n and any metric, and for shares of right answers it is McNemar's test).
 * Metrics that are not defined on the sample itself are left out.
 */
export function resampledMetrics(statistic: Statistic, options: ResamplingOptions): TaskMetric[] {
	const { n, paired, seed, alpha = 0.05, resamples = 1000 } = options;
	if (n === 0) return [];
	const size = paired ? 2 * n : n;
	const metrics = statistic.names.length;
	const own = new Int32Array(size);
	const other = new Int32Array(size);
	const evaluate = (into: Float64Array, at: number, weights: Int32Array): void => {
		const found = statistic.of(weights);
		for (let m = 0; m < metrics; m++) into[m * stride + at] = found[m] as number;
	};
	const all = (from: number): Int32Array => {
		const weights = new Int32Array(size);
		weights.fill(1, from, from + n);
		return weights;
	};
	const value = Float64Array.from(statistic.of(all(0)));
	const before = paired ? Float64Array.from(statistic.of(all(n))) : undefined;

	const stride = resamples;
	const drawn = new Float64Array(metrics * stride);
	const drawnBefore = new Float64Array(paired ? metrics * stride : 0);
	const random = seededRandom(seed);
	for (let r = 0; r < resamples; r++) {
		own.fill(0);
		for (let i = 0; i < n; i++) own[random.below(n)]! += 1;
		evaluate(drawn, r, own);
		if (!paired) continue;
		other.fill(0);
		other.set(own.subarray(0, n), n);
		evaluate(drawnBefore, r, other);
	}
	const { without, withoutBefore, groups } = leaveOut(statistic, n, size, paired);
	const swapped = paired ? swaps(statistic, n, size, resamples, seed, value, before as Float64Array) : undefined;

	return statistic.names.flatMap((metric, m) => {
		const point = value[m] as number;
		if (!Number.isFinite(point)) return [];
		const draws = drawn.subarray(m * stride, (m + 1) * stride);
		const influence = without.subarray(m * groups, (m + 1) * groups);
		const interval = bcaInterval(point, draws, influence, n, alpha);
		const previous = before?.[m];
		if (previous === undefined || !Number.isFinite(previous)) return [{ metric, value: point, interval, n }];
		const differences = draws.map((draw, r) => draw - (drawnBefore[m * stride + r] as number));
		const change = influence.map((x, g) => x - (withoutBefore[m * groups + g] as number));
		return [
			{
				metric,
				value: point,
				interval,
				n,
				difference: {
					value: point - previous,
					interval: bcaInterval(point - previous, differences, change, n, alpha),
					pValue: swapped?.[m] ?? 1,
				},
			},
		];
	});
}

/** Metrics with each of a few groups of examples left out. Groups take every g-th example, so that sorted sets are cut evenly. */
function leaveOut(statistic: Statistic, n: number, size: number, paired: boolean) {
	const groups = Math.min(n, mostGroups);
	const metrics = statistic.names.length;
	const without = new Float64Array(metrics * groups);
	const withoutBefore = new Float64Array(paired ? metrics * groups : 0);
	const weights = new Int32Array(size);
	for (let g = 0; g < groups; g++) {
		for (const [from, into] of paired
			? ([
					[0, without],
					[n, withoutBefore],
				] as const)
			: ([[0, without]] as const)) {
			weights.fill(0);
			for (let i = 0; i < n; i++) if (i % groups !== g) weights[from + i] = 1;
			const found = statistic.of(weights);
			for (let m = 0; m < metrics; m++) into[m * groups + g] = found[m] as number;
		}
	}
	return { without, withoutBefore, groups };
}

/** Two-sided p-values by swapping the models' answers within examples. */
function swaps(
	statistic: Statistic,
	n: number,
	size: number,
	resamples: number,
	seed: number,
	value: Float64Array,
	before: Float64Array,
): Float64Array {
	const metrics = statistic.names.length;
	const random = seededRandom(seed).fork('swaps');
	const first = new Int32Array(size);
	const second = new Int32Array(size);
	const asFar = new Float64Array(metrics).fill(1);
	const compared = new Float64Array(metrics).fill(1);
	for (let r = 0; r < resamples; r++) {
		for (let i = 0; i < n; i++) {
			const swap = random.next() < 0.5 ? 1 : 0;
			first[i] = 1 - swap;
			first[n + i] = swap;
			second[i] = swap;
			second[n + i] = 1 - swap;
		}
		const a = Float64Array.from(statistic.of(first));
		const b = statistic.of(second);
		for (let m = 0; m < metrics; m++) {
			const difference = Math.abs((a[m] as number) - (b[m] as number));
			if (!Number.isFinite(difference)) continue;
			compared[m]! += 1;
			const seen = Math.abs((value[m] as number) - (before[m] as number));
			// What differs by rounding alone is as far.
			if (difference >= seen - 1e-12 * Math.max(1, seen)) asFar[m]! += 1;
		}
	}
	return asFar.map((count, m) => count / (compared[m] as number));
}

/**
 * BCa interval of a value, out of its bootstrap draws and its values with groups left out. Draws that are no numbers are left out. Where all
 * draws are the same, that is the interval. Two corrections: for small n the level is widened as the t distribution is wider than the normal one
 * (Hesterberg, The American Statistician 69, 2015); and where resampling moves the value by more than a quarter of its standard error, so that
 * draws no longer lie around what they estimate (calibration error: noise can only add to it), the interval is the normal one around the value less
 * that bias (Efron and Tibshirani 1993, 10.3).
 */
export function bcaInterval(value: number, draws: ArrayLike<number>, leftOut: ArrayLike<number>, n: number, alpha = 0.05): Interval {
	const sorted = Float64Array.from(draws).filter(Number.isFinite).sort();
	const count = sorted.length;
	if (count === 0) return [Number.NaN, Number.NaN];
	const z = steady(tQuantile(1 - alpha / 2, Math.max(1, n - 1)) * Math.sqrt(n / Math.max(1, n - 1)));
	const mean = sorted.reduce((sum, x) => sum + x, 0) / count;
	const deviation = Math.sqrt(sorted.reduce((sum, x) => sum + (x - mean) * (x - mean), 0) / Math.max(1, count - 1));
	const bias = mean - value;
	if (Math.abs(bias) > 0.25 * deviation && deviation > 0) return [value - bias - z * deviation, value - bias + z * deviation];
	let below = 0;
	const slack = 1e-12 * Math.max(1, Math.abs(value));
	for (const draw of sorted) below += draw < value - slack ? 1 : draw <= value + slack ? 0.5 : 0;
	const shift = normalQuantile(Math.min(1 - 0.5 / count, Math.max(0.5 / count, below / count)));
	const acceleration = accelerationOf(leftOut);
	const at = (point: number): number => {
		const moved = shift + point;
		const stretch = 1 - acceleration * moved;
		// So skew that the correction breaks down: without it.
		const q = steady(normalCdf(stretch > 0 ? shift + moved / stretch : shift + moved));
		const place = q * (count - 1);
		const low = Math.floor(place);
		const a = sorted[low] as number;
		return a + (place - low) * ((sorted[Math.min(low + 1, count - 1)] as number) - a);
	};
	return [at(-z), at(z)];
}

function accelerationOf(leftOut: ArrayLike<number>): number {
	const finite = Array.from(leftOut).filter(Number.isFinite);
	if (finite.length < 3) return 0;
	const mean = finite.reduce((sum, x) => sum + x, 0) / finite.length;
	let [squares, cubes] = [0, 0];
	for (const x of finite) {
		const d = mean - x;
		squares += d * d;
		cubes += d * d * d;
	}
	return squares === 0 ? 0 : cubes / (6 * squares * Math.sqrt(squares));
}
