import { type Estimate, proportion } from '../intervals.ts';
import type { TaskMetric } from '../study.ts';
import type { MetricOptions } from './binary-metrics.ts';
import { meanCosine } from './fidelity-metrics.ts';

/** Vectors of the same examples by two models, one after the other. */
export interface EmbeddingAnswers {
	readonly width: number;
	/** [n * width] */
	readonly vectors: Float64Array;
}

/** Neighbours are looked for among so many examples at most, spread evenly: the work grows with the square. */
export const mostNeighbourExamples = 2000;

/**
 * A model's embeddings against the original's: the mean cosine of the two vectors of an example (meanCosine), and the share of examples
 * whose nearest neighbour by cosine among the others is the same (see neighbourAgreement).
 */
export function embeddingMetrics(own: EmbeddingAnswers, original: EmbeddingAnswers, options: MetricOptions): TaskMetric[] {
	const { width } = own;
	const n = width === 0 ? 0 : own.vectors.length / width;
	if (n === 0) return [];
	const [a, b] = [unit(own), unit(original)];
	const cosines = Array.from({ length: n }, (_, i) => dot(a, i, b, i, width));
	const mean: TaskMetric[] = [{ metric: 'cosine', ...meanCosine(cosines, options.alpha) }];
	if (n < 3) return mean;
	const some = Math.min(n, mostNeighbourExamples);
	const chosen = Array.from({ length: some }, (_, k) => Math.floor((k * n) / some));
	return [{ metric: 'neighbours', ...neighbourAgreement(nearest(a, width, chosen), nearest(b, width, chosen), options.alpha) }, ...mean];
}

/**
 * Share of examples with the same nearest neighbour, and its interval. Answers are not independent: an example is asked about and is a neighbour of
 * others, and drawing examples with repetition would make copies each other's neighbours. So the variance sums the products of the answers of examples
 * that hang together, one being a neighbour of the other or both having the same (a dependency graph; Chen and Shao, Annals of Probability 32, 2004), and
 * gives the number of independent examples that would be worth as much, which is put into Wilson's interval (as Korn and Graubard, Survey
 * Methodology 24, 1998, do for surveys). It is never taken as more than n.
 */
export function neighbourAgreement(own: Nearest, original: Nearest, alpha?: number): Estimate {
	const n = own.length;
	const agrees = Uint8Array.from({ length: n }, (_, i) => (own[i] === original[i] ? 1 : 0));
	const p = agrees.reduce((sum, x) => sum + x, 0) / n;
	/** Examples that have the key as a neighbour, in one model or the other. */
	const having = Array.from({ length: n }, (): number[] => []);
	for (let i = 0; i < n; i++) {
		for (const j of new Set([own[i] as number, original[i] as number])) if (j >= 0) having[j]?.push(i);
	}
	let products = 0;
	for (let i = 0; i < n; i++) {
		const together = new Set([i, ...(having[i] ?? [])]);
		for (const j of [own[i] as number, original[i] as number]) {
			if (j < 0) continue;
			together.add(j);
			for (const k of having[j] ?? []) together.add(k);
		}
		for (const j of together) products += ((agrees[i] as number) - p) * ((agrees[j] as number) - p);
	}
	const variance = products / (n * n);
	const worth = variance > 0 && p > 0 && p < 1 ? Math.min(n, (p * (1 - p)) / variance) : n;
	const { interval } = proportion(p * worth, worth, alpha);
	return { value: p, interval, n };
}

/** The nearest neighbour of each example; -1: none. */
export type Nearest = Int32Array;

/** The nearest of each chosen example among the others that are chosen; of equal ones the first. Vectors have length 1. */
export function nearest(vectors: Float64Array, width: number, chosen: readonly number[]): Nearest {
	const n = chosen.length;
	const first = new Int32Array(n).fill(-1);
	const best = new Float64Array(n).fill(Number.NEGATIVE_INFINITY);
	for (let i = 0; i < n; i++) {
		for (let j = i + 1; j < n; j++) {
			const likeness = dot(vectors, chosen[i] as number, vectors, chosen[j] as number, width);
			if (likeness > (best[i] as number)) {
				best[i] = likeness;
				first[i] = j;
			}
			if (likeness > (best[j] as number)) {
				best[j] = likeness;
				first[j] = i;
			}
		}
	}
	return first;
}

function unit({ vectors, width }: EmbeddingAnswers): Float64Array {
	const result = Float64Array.from(vectors);
	for (let from = 0; from < result.length; from += width) {
		let squares = 0;
		for (let i = from; i < from + width; i++) squares += (result[i] as number) * (result[i] as number);
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
