import { seededRandom } from '../../numeric/random.ts';

/**
 * Several metrics of one sample, computed together. The sample is given by how often each item of a pool is in it: items 0..n-1 are the
 * model's answers to the n examples, items n..2n-1 the original's. NaN: not defined for that sample.
 */
export interface PooledStatistic {
	readonly metrics: number;
	of(weights: Int32Array): ArrayLike<number>;
}

export interface SwapOptions {
	readonly seed: number;
	/** default 1,000; 0: no test, every p-value is 1 */
	readonly swaps?: number;
}

/** Swaps at most; a p-value of 0.05 is then known to 0.7 points. */
const mostSwaps = 1000;
/** Every metric that has been met or passed this often is clear enough: its p-value lies above 0.06 then. */
const enough = 60;

/**
 * Two-sided p-values of the paired differences, by swapping the two models' answers within examples at random (Fisher's permutation test for pairs: if
 * both are equally good, every swap is as likely; its level holds for any n and any metric, and for shares of right answers it is McNemar's
 * test). It ends early where every metric is far from measurable (Besag and Clifford, Biometrika 78, 1991: the p-value of such a test is h / l for
 * the h-th draw at least as far being the l-th of all, which keeps the level).
 */
export function swapTest(statistic: PooledStatistic, n: number, { seed, swaps = mostSwaps }: SwapOptions): Float64Array {
	const { metrics } = statistic;
	const random = seededRandom(seed).fork('swaps');
	const first = new Int32Array(2 * n);
	const second = new Int32Array(2 * n);
	first.fill(1, 0, n);
	second.fill(1, n);
	const value = Float64Array.from(statistic.of(first));
	const before = Float64Array.from(statistic.of(second));
	const asFar = new Float64Array(metrics);
	const compared = new Float64Array(metrics);
	const pValues = new Float64Array(metrics).fill(Number.NaN);
	for (let m = 0; m < metrics; m++) if (!Number.isFinite((value[m] as number) - (before[m] as number))) pValues[m] = 1;
	for (let r = 0; r < swaps && pValues.some(Number.isNaN); r++) {
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
			if (!Number.isNaN(pValues[m])) continue;
			const difference = Math.abs((a[m] as number) - (b[m] as number));
			if (!Number.isFinite(difference)) continue;
			compared[m]! += 1;
			const seen = Math.abs((value[m] as number) - (before[m] as number));
			// What differs by rounding alone is as far.
			if (difference >= seen - 1e-12 * Math.max(1, seen)) asFar[m]! += 1;
			if (asFar[m] === enough) pValues[m] = enough / (compared[m] as number);
		}
	}
	return pValues.map((p, m) => (Number.isNaN(p) ? (1 + (asFar[m] as number)) / (1 + (compared[m] as number)) : p));
}
