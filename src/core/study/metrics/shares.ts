import type { Interval, MetricName, TaskMetric } from '../study.ts';
import { normalQuantile, tQuantile } from './normal.ts';
import { steady } from './steady.ts';

/** A figure between 0 and 1 with its interval and what differences of it need. */
export interface ShareFigure {
	readonly metric: MetricName;
	readonly value: number;
	readonly interval: Interval;
	/** Of each example: with its weight raised by 1 / n the figure is larger by influence / n. */
	readonly influences: Float64Array;
	/** What one example can change. */
	readonly step: number;
	/** Degrees of freedom of its variance. */
	readonly df: number;
}

/** Metrics out of figures of a model and, where there is one to compare with, of the original. `test` gives the p-values in the same order. */
export function withDifferences(
	own: readonly (ShareFigure | undefined)[],
	original: readonly (ShareFigure | undefined)[] | undefined,
	test: (() => ArrayLike<number>) | undefined,
	n: number,
	alpha: number | undefined,
): TaskMetric[] {
	const pValues = test?.();
	return own.flatMap((figure, m) => {
		if (!figure) return [];
		const { metric, value, interval, influences, df } = figure;
		const before = original?.[m];
		if (!before) return [{ metric, value, interval, n }];
		const change = value - before.value;
		const step = Math.max(figure.step, before.step);
		return [
			{
				metric,
				value,
				interval,
				n,
				difference: {
					value: change,
					interval: differenceOfShares(
						change,
						influences.map((u, i) => u - (before.influences[i] as number)),
						step,
						Math.min(df, before.df),
						alpha,
					),
					pValue: pValues?.[m] ?? 1,
				},
			},
		];
	});
}

/** How much evidence the usual variance of a figure stands for beside what its sample shows, in examples of the rarer kind. */
export const priorExamples = 2;

/** Two-sided point of the normal distribution. */
export function pointOf(alpha: number): number {
	return steady(normalQuantile(1 - alpha / 2));
}

/** Wilson's interval (JASA 22, 1927) of a share that is worth `worth` independent examples, not necessarily a whole number; `df`: of its variance. */
export function worthInterval(share: number, worth: number, alpha = 0.05, df = Number.POSITIVE_INFINITY): Interval {
	const z = Number.isFinite(df) ? steady(tQuantile(1 - alpha / 2, Math.max(3, df))) : pointOf(alpha);
	const centre = (share + (z * z) / (2 * worth)) / (1 + (z * z) / worth);
	const half = (z / (1 + (z * z) / worth)) * Math.sqrt((share * (1 - share)) / worth + (z * z) / (4 * worth * worth));
	return [share <= 0 ? 0 : Math.max(0, centre - half), share >= 1 ? 1 : Math.min(1, centre + half)];
}

/**
 * How many independent examples a mean of shares is worth (Korn and Graubard, Survey Methodology 24, 1998): what it would be worth were all examples
 * alike (`alike`), divided by how much its variance is off that. The variance comes out of few examples where a share lies near 0 or 1, so it
 * is drawn towards the usual one; `rare` says how many examples of the rarer kind there are.
 */
export function worthOf(share: number, variance: number, alike: number, rare: number): number {
	const usual = (share * (1 - share)) / alike;
	if (!(usual > 0)) return alike;
	return (alike * (rare + priorExamples)) / ((rare * variance) / usual + priorExamples);
}

/**
 * Interval of a difference of two such figures out of the influence of each example on it (the figure with the example's weight raised by 1 / n is larger by
 * influence / n). As Bonett and Price (J. Educ. Behav. Stat. 37, 2012) do for shares, half an example is added that the variant loses and half a one that it gains, so
 * that models which agree on all examples are not taken for the same; `step` is what one example can change.
 */
export function differenceOfShares(value: number, influences: ArrayLike<number>, step: number, df: number, alpha = 0.05): Interval {
	const n = influences.length;
	let squares = 0;
	for (let i = 0; i < n; i++) squares += ((influences[i] as number) / n) ** 2;
	const centre = value / (1 + step);
	const half = tQuantile(1 - alpha / 2, Math.max(3, df)) * Math.sqrt(squares + step * step);
	return [Math.max(-1, centre - half), Math.min(1, centre + half)];
}

/**
 * Interval of a rate that is no share and may pass 1 (errors over characters): that of a count with the same relative variance, by Poisson's score
 * interval. `count` errors in `of`, `variance` of their sum over examples.
 */
export function rateInterval(count: number, of: number, variance: number, erring: number, alpha = 0.05): Interval {
	const z = pointOf(alpha);
	if (of === 0) return [0, Number.MAX_VALUE];
	// Errors that come together count as one: `size` of them at once, 2 where nothing is known.
	const size = ((count > 0 ? variance / count : 0) * erring + 2 * priorExamples) / (erring + priorExamples);
	const events = count / size;
	const half = z * Math.sqrt(events + (z * z) / 4);
	const bound = (x: number): number => (x * size) / of;
	return [count === 0 ? 0 : Math.max(0, bound(events + (z * z) / 2 - half)), bound(events + (z * z) / 2 + half)];
}
