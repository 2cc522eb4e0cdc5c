import type { MetricName, TaskMetric } from '../study.ts';
import type { MetricOptions } from './binary-metrics.ts';
import { aroundDifference, factorsOf } from './guarded.ts';
import { swapTest } from './swap-test.ts';

/** What a model said to each example, one after the other, and what is right. */
export interface RegressionAnswers {
	/** Values of an example. */
	readonly width: number;
	/** [examples * width]; NaN throughout an example without targets. */
	readonly targets: Float64Array;
	readonly values: Float64Array;
}

const names: readonly MetricName[] = ['mae', 'rmse', 'r2'];

/**
 * Mean absolute error and root mean square error over all values, and R2 (1 - squared error over squared deviation from the mean of the
 * targets; the mean over outputs where there are several, outputs whose targets are all the same left out). Intervals of MAE, the mean square and
 * 1 - R2 on a scale of logarithms, of differences as they are, guarded against large errors that the sample lacks (guarded.ts); p-values by
 * swapping the models' answers. An error of 0 throughout has no scale, and its interval is that value.
 */
export function regressionMetrics(own: RegressionAnswers, options: MetricOptions, original?: RegressionAnswers): TaskMetric[] {
	const { width } = own;
	const known: number[] = [];
	for (let i = 0; i * width < own.targets.length; i++) if (!Number.isNaN(own.targets[i * width])) known.push(i);
	const n = known.length;
	if (n === 0) return [];
	const sample = new ErrorSample(own, original, known);
	const { alpha } = options;
	const figures = sample.figures(0);
	const before = original && sample.figures(1);
	const pValues = original && swapTest({ metrics: names.length, of: (weights) => sample.pooled(weights) }, n, options);
	return names.flatMap((metric, m) => {
		const { value, part, influences } = figures[m] as Figure;
		if (!Number.isFinite(value)) return [];
		const squares = metric !== 'mae';
		// Influences on the figure to those on the logarithm of its positive part.
		const relative = influences.map((u) => (part > 0 ? (metric === 'r2' ? -u : metric === 'rmse' ? 2 * u : u) / part : 0));
		const [low, high] = part > 0 ? factorsOf(relative, { alpha, squares }) : [1, 1];
		const previous = before?.[m];
		return [
			{
				metric,
				value,
				interval:
					metric === 'r2'
						? ([1 - part * high, 1 - part * low] as const)
						: metric === 'rmse'
							? ([part * Math.sqrt(low), part * Math.sqrt(high)] as const)
							: ([part * low, part * high] as const),
				n,
				...(previous && {
					difference: {
						value: value - previous.value,
						interval: differenceInterval(value - previous.value, influences, previous.influences, alpha, squares),
						pValue: pValues?.[m] as number,
					},
				}),
			},
		];
	});
}

function differenceInterval(value: number, own: Float64Array, original: Float64Array, alpha: number | undefined, squares: boolean) {
	const [low, high] = aroundDifference(
		own.map((u, k) => u - (original[k] as number)),
		{ alpha, squares },
	);
	return [value + low, value + high] as const;
}

interface Figure {
	readonly value: number;
	/** What is positive: the figure itself, of R2 1 - R2. */
	readonly part: number;
	/** Of each example on the figure. */
	readonly influences: Float64Array;
}

/** Errors of one or two models on the same examples. */
class ErrorSample {
	readonly #n: number;
	readonly #width: number;
	/** By model, then example: sum over outputs of |error| and of error^2. */
	readonly #absolute: readonly Float64Array[];
	readonly #squares: readonly Float64Array[];
	/** By model, [examples * width]: error^2. */
	readonly #errors: readonly Float64Array[];
	/** [examples * width], less their mean over the examples. */
	readonly #targets: Float64Array;

	constructor(own: RegressionAnswers, original: RegressionAnswers | undefined, known: readonly number[]) {
		const n = known.length;
		const { width } = own;
		const models = original ? [own, original] : [own];
		this.#n = n;
		this.#width = width;
		this.#absolute = models.map(() => new Float64Array(n));
		this.#squares = models.map(() => new Float64Array(n));
		this.#errors = models.map(() => new Float64Array(n * width));
		this.#targets = new Float64Array(n * width);
		models.forEach(({ values, targets }, m) => {
			const [absolute, squares, errors] = [this.#absolute[m], this.#squares[m], this.#errors[m]] as Float64Array[];
			known.forEach((i, k) => {
				for (let j = 0; j < width; j++) {
					const error = (values[i * width + j] as number) - (targets[i * width + j] as number);
					(errors as Float64Array)[k * width + j] = error * error;
					(absolute as Float64Array)[k]! += Math.abs(error);
					(squares as Float64Array)[k]! += error * error;
				}
			});
		});
		for (let j = 0; j < width; j++) {
			let sum = 0;
			known.forEach((i, k) => {
				const target = own.targets[i * width + j] as number;
				this.#targets[k * width + j] = target;
				sum += target;
			});
			for (let k = 0; k < n; k++) this.#targets[k * width + j]! -= sum / n;
		}
	}

	/** MAE, RMSE and R2 of a model, with the influence of each example. */
	figures(model: number): Figure[] {
		const [n, width] = [this.#n, this.#width];
		const [absolute, squares, errors] = [this.#absolute[model], this.#squares[model], this.#errors[model]] as [
			Float64Array,
			Float64Array,
			Float64Array,
		];
		const mae = absolute.reduce((sum, x) => sum + x, 0) / (n * width);
		const root = Math.sqrt(squares.reduce((sum, x) => sum + x, 0) / (n * width));
		const unexplained = new Float64Array(n);
		let [ratio, outputs] = [0, 0];
		for (let j = 0; j < width; j++) {
			let [spread, missed] = [0, 0];
			for (let k = 0; k < n; k++) {
				spread += (this.#targets[k * width + j] as number) ** 2;
				missed += errors[k * width + j] as number;
			}
			if (!(spread > 0)) continue;
			outputs += 1;
			ratio += missed / spread;
			for (let k = 0; k < n; k++) {
				const square = (this.#targets[k * width + j] as number) ** 2;
				unexplained[k]! -= (n * ((errors[k * width + j] as number) - (missed / spread) * square)) / spread;
			}
		}
		return [
			{ value: mae, part: mae, influences: absolute.map((x) => x / width - mae) },
			{ value: root, part: root, influences: squares.map((x) => (root > 0 ? (x / width - root * root) / (2 * root) : 0)) },
			{
				value: outputs === 0 ? Number.NaN : 1 - ratio / outputs,
				part: ratio / outputs,
				influences: unexplained.map((x) => x / outputs),
			},
		];
	}

	/** The same figures of a sample out of the answers of both models: items 0..n-1 are the model's, n..2n-1 the original's. */
	pooled(weights: Int32Array): number[] {
		const [n, width] = [this.#n, this.#width];
		let [total, absolute, squares] = [0, 0, 0];
		const sums = new Float64Array(width);
		const spread = new Float64Array(width);
		const missed = new Float64Array(width);
		this.#errors.forEach((errors, m) => {
			const [absolutes, squared] = [this.#absolute[m] as Float64Array, this.#squares[m] as Float64Array];
			for (let k = 0; k < n; k++) {
				const w = weights[m * n + k] as number;
				if (w === 0) continue;
				total += w;
				absolute += w * (absolutes[k] as number);
				squares += w * (squared[k] as number);
				for (let j = 0; j < width; j++) {
					const target = this.#targets[k * width + j] as number;
					sums[j]! += w * target;
					spread[j]! += w * target * target;
					missed[j]! += w * (errors[k * width + j] as number);
				}
			}
		});
		let [unexplained, outputs] = [0, 0];
		for (let j = 0; j < width; j++) {
			const deviation = (spread[j] as number) - (sums[j] as number) ** 2 / total;
			if (!(deviation > 0)) continue;
			unexplained += (missed[j] as number) / deviation;
			outputs += 1;
		}
		return [absolute / (total * width), Math.sqrt(squares / (total * width)), 1 - unexplained / outputs];
	}
}
