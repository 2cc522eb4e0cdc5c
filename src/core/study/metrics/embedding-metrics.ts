import { type Estimate, proportion } from '../intervals.ts';
import type { TaskMetric } from '../study.ts';
import type { MetricOptions } from './binary-metrics.ts';
import { resampledMetrics } from './resampling.ts';

/** Vectors of the same examples by two models, one after the other. */
export interface EmbeddingAnswers {
	readonly width: number;
	/** [n * width] */
	readonly vectors: Float64Array;
}

/** Neighbours are looked for among so many examples at most, spread evenly: the work grows with the square. */
export const mostNeighbourExamples = 2000;

/**
 * A model's embeddings against the original's: the mean cosine of the two vectors of an example (examples resampled), and the share of examples
 * whose nearest neighbour by cosine among the others is the same (see neighbourAgreement).
 */
export function embeddingMetrics(own: EmbeddingAnswers, original: EmbeddingAnswers, options: MetricOptions): TaskMetric[] {
	const { width } = own;
	const n = width === 0 ? 0 : own.vectors.length / width;
	if (n === 0) return [];
	const [a, b] = [unit(own), unit(original)];
	const cosines = Float64Array.from({ length: n }, (_, i) => dot(a, i, b, i, width));
	const mean = resampledMetrics({ names: ['cosine'], of: (weights) => [weighted(cosines, weights)] }, { n, paired: false, ...options });
	if (n < 3) return mean;
	const some = Math.min(n, mostNeighbourExamples);
	const chosen = Array.from({ length: some }, (_, k) => Math.floor((k * n) / some));
	return [
		{ metric: 'neighbours', ...neighbourAgreement(nearestTwo(a, width, chosen), nearestTwo(b, width, chosen), options.alpha) },
		...mean,
	];
}

/** First and second nearest of each example. */
export interface Nearest {
	readonly first: Int32Array;
	readonly second: Int32Array;
}

/**
 * Share of examples with the same nearest neighbour, and its interval. An example is both asked about and a neighbour of others, so the answers
 * are not independent, and drawing examples with repetition would make copies each other's neighbours. So examples are left out one at a time,
 * as question and as neighbour (jackknife), and the variance found that way gives the number of independent examples that would be worth as much,
 * which is put into Wilson's interval (as Korn and Graubard, Survey Methodology 24, 1998, do for surveys). It is never taken as more than n.
 */
export function neighbourAgreement(own: Nearest, original: Nearest, alpha?: number): Estimate {
	const n = own.first.length;
	let same = 0;
	/** Change in the count of agreements when an example is left out: its own answer goes, and those who had it as neighbour have another. */
	const change = new Float64Array(n);
	for (let i = 0; i < n; i++) {
		const [a, b] = [own.first[i] as number, original.first[i] as number];
		const agrees = a === b ? 1 : 0;
		same += agrees;
		change[i]! -= agrees;
		if (a === b) change[a]! += (own.second[i] === original.second[i] ? 1 : 0) - agrees;
		else {
			change[a]! += own.second[i] === b ? 1 : 0;
			change[b]! += original.second[i] === a ? 1 : 0;
		}
	}
	const p = same / n;
	let mean = 0;
	for (let i = 0; i < n; i++) mean += (same + (change[i] as number)) / (n - 1) / n;
	let squares = 0;
	for (let i = 0; i < n; i++) squares += ((same + (change[i] as number)) / (n - 1) - mean) ** 2;
	const variance = ((n - 1) / n) * squares;
	const worth = variance > 0 && p > 0 && p < 1 ? Math.min(n, (p * (1 - p)) / variance) : n;
	const { interval } = proportion(p * worth, worth, alpha);
	return { value: p, interval, n };
}

/** The nearest two of each chosen example among the others that are chosen; of equal ones the first. Vectors have length 1. */
export function nearestTwo(vectors: Float64Array, width: number, chosen: readonly number[]): Nearest {
	const n = chosen.length;
	const first = new Int32Array(n).fill(-1);
	const second = new Int32Array(n).fill(-1);
	const best = new Float64Array(n).fill(Number.NEGATIVE_INFINITY);
	const next = new Float64Array(n).fill(Number.NEGATIVE_INFINITY);
	const offer = (i: number, j: number, likeness: number): void => {
		if (likeness > (best[i] as number)) {
			second[i] = first[i] as number;
			next[i] = best[i] as number;
			first[i] = j;
			best[i] = likeness;
		} else if (likeness > (next[i] as number)) {
			second[i] = j;
			next[i] = likeness;
		}
	};
	for (let i = 0; i < n; i++) {
		for (let j = i + 1; j < n; j++) {
			const likeness = dot(vectors, chosen[i] as number, vectors, chosen[j] as number, width);
			offer(i, j, likeness);
			offer(j, i, likeness);
		}
	}
	return { first, second };
}

function unit({ vectors, width }: EmbeddingAnswers): Float64Array {
	const result = Float64Array.from(vectors);
	for (let from = 0; from < result.length; from += width) {
		let squares = 0;
		for (let i = from; i < from + width; i++) squares += (result[i] as number) ** 2;
		const length = Math.sqrt(squares);
		for (let i = from; i < from + width; i++) result[i] = length > 0 && Number.isFinite(length) ? (result[i] as number) / length : 0;
	}
	return result;
}

function dot(a: Float64Array, i: number, b: Float64Array, j: number, width: number): number {
	let sum = 0;
	const [p, q] = [i * width, j * width];
	for (let k = 0; k < width; k++) sum += (a[p + k] as number) * (b[q + k] as number);
	return Math.max(-1, Math.min(1, sum));
}

function weighted(values: Float64Array, weights: Int32Array): number {
	let [sum, total] = [0, 0];
	for (let i = 0; i < values.length; i++) {
		sum += (weights[i] as number) * (values[i] as number);
		total += weights[i] as number;
	}
	return sum / total;
}
