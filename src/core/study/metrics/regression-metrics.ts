import type { TaskMetric } from '../study.ts';
import type { MetricOptions } from './binary-metrics.ts';
import { resampledMetrics } from './resampling.ts';

/** What a model said to each example, one after the other, and what is right. */
export interface RegressionAnswers {
	/** Values of an example. */
	readonly width: number;
	/** [examples * width]; NaN throughout an example without targets. */
	readonly targets: Float64Array;
	readonly values: Float64Array;
}

/**
 * Mean absolute error and root mean square error over all values, and R2 (1 - squared error over squared deviation from the mean of the
 * targets; the mean over outputs where there are several, outputs whose targets are all the same left out). Examples are resampled.
 */
export function regressionMetrics(own: RegressionAnswers, options: MetricOptions, original?: RegressionAnswers): TaskMetric[] {
	const { width } = own;
	const known: number[] = [];
	for (let i = 0; i * width < own.targets.length; i++) if (!Number.isNaN(own.targets[i * width])) known.push(i);
	const n = known.length;
	if (n === 0) return [];
	const models = original ? [own, original] : [own];
	const size = models.length * n;
	const targets = new Float64Array(size * width);
	const errors = new Float64Array(size * width);
	const absolute = new Float64Array(size);
	const squares = new Float64Array(size);
	models.forEach((model, m) => {
		known.forEach((i, k) => {
			for (let j = 0; j < width; j++) {
				const target = model.targets[i * width + j] as number;
				const error = (model.values[i * width + j] as number) - target;
				const at = (m * n + k) * width + j;
				targets[at] = target;
				errors[at] = error * error;
				absolute[m * n + k]! += Math.abs(error);
				squares[m * n + k]! += error * error;
			}
		});
	});
	const sums = new Float64Array(width);
	const deviations = new Float64Array(width);
	const missed = new Float64Array(width);
	const statistic = (weights: Int32Array): number[] => {
		let [total, absoluteSum, squareSum] = [0, 0, 0];
		sums.fill(0);
		deviations.fill(0);
		missed.fill(0);
		for (let k = 0; k < size; k++) {
			const w = weights[k] as number;
			if (w === 0) continue;
			total += w;
			absoluteSum += w * (absolute[k] as number);
			squareSum += w * (squares[k] as number);
			for (let j = 0; j < width; j++) {
				sums[j]! += w * (targets[k * width + j] as number);
				missed[j]! += w * (errors[k * width + j] as number);
			}
		}
		for (let k = 0; k < size; k++) {
			const w = weights[k] as number;
			if (w === 0) continue;
			for (let j = 0; j < width; j++) {
				const d = (targets[k * width + j] as number) - (sums[j] as number) / total;
				deviations[j]! += w * d * d;
			}
		}
		let [explained, outputs] = [0, 0];
		for (let j = 0; j < width; j++) {
			if (deviations[j] === 0) continue;
			explained += 1 - (missed[j] as number) / (deviations[j] as number);
			outputs += 1;
		}
		return [absoluteSum / (total * width), Math.sqrt(squareSum / (total * width)), explained / outputs];
	};
	return resampledMetrics({ names: ['mae', 'rmse', 'r2'], of: statistic }, { n, paired: original !== undefined, ...options });
}
