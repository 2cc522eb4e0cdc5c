import type { Interval } from '../study.ts';
import { tQuantile } from './normal.ts';
import { steady } from './steady.ts';

/** What the two bounds of an interval may err in, and how far beyond what was seen the guarded one looks. */
interface Guard {
	readonly open: number;
	readonly guarded: number;
	/** The made-up example is so many times the largest. */
	readonly beyond: number;
}

/**
 * No interval out of a sample alone shows what the sample happens to lack: with errors four times as large in 5 % of the examples, one of thirteen
 * samples of 50 has none of them and looks like any other. So the bound on the side where few examples can carry most is taken from the sample with
 * one made-up example beyond the largest that was seen (the device of Chen, Variyath and Abraham, J. Comput. Graph. Stat. 17, 2008, for
 * empirical likelihood; three times the largest square up to n = 100, less and less beyond). It errs in less than its half of alpha where tails
 * are light; the open bound is allowed more than its half, so that both together keep to alpha. The constants are set by
 * bench/statistics.ts, for normal, Laplace, contaminated and lognormal errors from n = 20 on.
 */
function guardOf(n: number, alpha: number, squares: boolean): Guard {
	const few = Math.min(1, Math.sqrt(100 / n));
	const beyond = 3 * few;
	return { open: alpha * (0.5 + 0.3 * few), guarded: alpha * (0.5 - 0.1 * few), beyond: squares ? beyond : Math.sqrt(beyond) };
}

export interface GuardedOptions {
	/** 1 - confidence; default 0.05. */
	readonly alpha?: number | undefined;
	/** The parts of examples are squares, of which a few can carry more of the mean than of absolute values. */
	readonly squares: boolean;
}

/** One example says nothing about how far others lie: a bound that excludes nothing, and can be written down. */
const anything = 1e12;

interface Moments {
	readonly squares: number;
	readonly skew: number;
	readonly least: number;
	readonly largest: number;
}

function momentsOf(influences: ArrayLike<number>): Moments {
	let [squares, cubes, least, largest] = [0, 0, 0, 0];
	for (let i = 0; i < influences.length; i++) {
		const u = influences[i] as number;
		squares += u * u;
		cubes += u * u * u;
		if (u < least) least = u;
		if (u > largest) largest = u;
	}
	const n = influences.length;
	return { squares, skew: squares === 0 ? 0 : cubes / n / (squares / n) ** 1.5, least, largest };
}

/**
 * Interval of a positive figure (mean absolute error, mean square, a ratio of means) out of the influence of each example on its logarithm: the
 * figure with one example more of weight 1 / n is larger by about influence / n, and influences sum to 0 (Hampel 1974; the infinitesimal
 * jackknife of Jaeckel 1972). Student's t on the scale of logarithms, whose lower bound is corrected for half of the skew that is left
 * (the Cornish-Fisher term of Johnson, JASA 73, 1978), and whose upper bound is guarded (guardOf). Bounds come as factors of the value.
 */
export function factorsOf(influences: ArrayLike<number>, { alpha = 0.05, squares }: GuardedOptions): Interval {
	const n = influences.length;
	if (n < 2) return [1 / anything, anything];
	const moments = momentsOf(influences);
	const { open, guarded, beyond } = guardOf(n, alpha, squares);
	const error = Math.sqrt(moments.squares / (n * (n - 1)));
	const t = tQuantile(1 - open, n - 1);
	const skewed = (moments.skew * (2 * t * t + 1)) / (6 * Math.sqrt(n)) - (error * t * t) / 2;
	const low = -error * (t - 0.5 * Math.max(0, Math.min(t / 2, skewed)));
	// The made-up example's part is `1 + largest` times the mean, and the mean with it larger.
	const part = beyond * (1 + moments.largest);
	const mean = (n + part) / (n + 1);
	const spread = moments.squares + n * (1 - mean) ** 2 + (part - mean) ** 2;
	const high = Math.log(mean) + (tQuantile(1 - guarded, n - 1) * Math.sqrt(spread / (n * (n + 1)))) / mean;
	return [steady(Math.exp(low)), Math.max(1, steady(Math.exp(high)))];
}

/**
 * Interval of a difference, to be added to it, out of the influence of each example on it. Student's t; guarded on the side of the larger of the two
 * extremes.
 */
export function aroundDifference(influences: ArrayLike<number>, { alpha = 0.05, squares }: GuardedOptions): Interval {
	const n = influences.length;
	if (n < 2) return [-anything, anything];
	const moments = momentsOf(influences);
	const { open, guarded, beyond } = guardOf(n, alpha, squares);
	const reach = (part: number, miss: number): number => {
		const spread = moments.squares + part * part * (1 - 1 / (n + 1));
		return part / (n + 1) + (tQuantile(1 - miss, n - 1) * Math.sqrt(spread)) / n;
	};
	const up = moments.largest > -moments.least;
	const most = reach(beyond * Math.max(moments.largest, -moments.least), guarded);
	// Which side the sample has by chance: the other is looked beyond too, less far.
	const least = reach((squares ? 0.4 : 0) * beyond * Math.min(moments.largest, -moments.least), open);
	return up ? [-least, Math.max(least, most)] : [-Math.max(least, most), least];
}
