import type { NumberArray } from '../../numeric/statistics.ts';
import { quantileInterval } from '../intervals.ts';
import type { TaskMetric } from '../study.ts';
import type { MetricOptions } from './binary-metrics.ts';
import { resampledMetrics } from './resampling.ts';
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
 * Any output against the original's: SQNR of all examples together and mean cosine (examples resampled), and the largest difference of the median
 * example (interval by order statistics). The largest of all has no interval that any number of examples could give; it stands with the outputs.
 * SQNR is left out where all outputs are equal.
 */
export function fidelityMetrics(distances: readonly ExampleDistance[], options: MetricOptions): TaskMetric[] {
	const n = distances.length;
	if (n === 0) return [];
	const metrics = resampledMetrics(
		{
			names: ['sqnr', 'cosine'],
			of(weights) {
				let [signal, noise, cosine, total] = [0, 0, 0, 0];
				distances.forEach((distance, k) => {
					const w = weights[k] as number;
					signal += w * distance.signal;
					noise += w * distance.noise;
					cosine += w * distance.cosine;
					total += w;
				});
				return [steady(10 * Math.log10(signal / noise)), cosine / total];
			},
		},
		{ n, paired: false, ...options },
	);
	const sorted = distances.map(({ maxAbs }) => maxAbs).sort((a, b) => a - b);
	const middle = ((sorted[Math.floor((n - 1) / 2)] as number) + (sorted[Math.ceil((n - 1) / 2)] as number)) / 2;
	if (!Number.isFinite(sorted.at(-1))) return metrics;
	return [...metrics, { metric: 'maxAbs', value: middle, interval: quantileInterval(sorted, 0.5, options.alpha), n }];
}
