import type { NumberArray } from '../../numeric/statistics.ts';
import { type Estimate, quantileInterval } from '../intervals.ts';
import type { TaskMetric } from '../study.ts';
import type { MetricOptions } from './binary-metrics.ts';
import { factorsOf } from './guarded.ts';
import { steady } from './steady.ts';

/** How far one output of one example is from the original's, as sums that samples add up. */
export interface ExampleDistance {
	readonly signal: number;
	readonly noise: number;
	readonly cosine: number;
	readonly maxAbs: number;
}

export function distanceOf(original: NumberArray, own: NumberArray): ExampleDistance {
	let [signal, noise, power, product, maxAbs] = [0, 0, 0, 0, 0];
	for (let i = 0; i < original.length; i++) {
		const [a, b] = [original[i] as number, own[i] as number];
		const d = Math.abs(a - b);
		signal += a * a;
		power += b * b;
		product += a * b;
		noise += d * d;
		if (!(d <= maxAbs)) maxAbs = d;
	}
	const cosine =
		noise === 0 ? 1 : signal === 0 || power === 0 ? 0 : Math.max(-1, Math.min(1, product / Math.sqrt(signal) / Math.sqrt(power)));
	return { signal, noise, cosine, maxAbs };
}

/**
 * Any output against the original's: SQNR of all examples together and mean cosine (guarded.ts: the ratio of the sums, and 1 - cosine, on a scale of
 * logarithms), and the largest difference of the median example (interval by order statistics). The largest of all has no interval that any
 * number of examples could give; it stands with the outputs. SQNR is left out where all outputs are equal.
 */
export function fidelityMetrics(distances: readonly ExampleDistance[], { alpha }: MetricOptions): TaskMetric[] {
	const n = distances.length;
	if (n === 0) return [];
	const metrics: TaskMetric[] = [];
	const signal = distances.reduce((sum, each) => sum + each.signal, 0);
	const noise = distances.reduce((sum, each) => sum + each.noise, 0);
	const sqnr = steady(10 * Math.log10(signal / noise));
	if (Number.isFinite(sqnr)) {
		const [low, high] = factorsOf(
			distances.map((each) => n * (each.noise / noise - each.signal / signal)),
			{ alpha, squares: true },
		);
		const decibel = (factor: number): number => steady(10 * Math.log10(factor));
		metrics.push({ metric: 'sqnr', value: sqnr, interval: [sqnr - decibel(high), sqnr - decibel(low)], n });
	}
	const cosine = meanCosine(
		distances.map((each) => each.cosine),
		alpha,
	);
	if (Number.isFinite(cosine.value)) metrics.push({ metric: 'cosine', ...cosine });
	const sorted = distances.map(({ maxAbs }) => maxAbs).sort((a, b) => a - b);
	const middle = ((sorted[Math.floor((n - 1) / 2)] as number) + (sorted[Math.ceil((n - 1) / 2)] as number)) / 2;
	if (!Number.isFinite(sorted.at(-1))) return metrics;
	return [...metrics, { metric: 'maxAbs', value: middle, interval: quantileInterval(sorted, 0.5, alpha), n }];
}

/** Mean cosine, its interval through 1 - cosine. No example lies further than 2, so that of few less is carried than of squared errors. Never below -1. */
export function meanCosine(cosines: readonly number[], alpha?: number): Estimate {
	const n = cosines.length;
	const apart = cosines.reduce((sum, x) => sum + (1 - x), 0) / n;
	if (!(apart > 0)) return { value: 1 - apart, interval: [1 - apart, 1 - apart], n };
	const [low, high] = factorsOf(
		cosines.map((x) => (1 - x) / apart - 1),
		{ alpha, squares: false },
	);
	return { value: 1 - apart, interval: [Math.max(-1, 1 - apart * high), Math.min(1, 1 - apart * low)], n };
}
