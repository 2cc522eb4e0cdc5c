import { pairedDifference, proportion } from '../intervals.ts';
import type { TaskMetric } from '../study.ts';
import type { MetricOptions } from './binary-metrics.ts';
import { resampledMetrics } from './resampling.ts';

/** What a model of sequences said to each example; undefined for examples that were not run. */
export interface SequenceAnswers {
	/** The class of each step. */
	readonly steps: readonly (Int32Array | undefined)[];
	/** The sequence that the steps spell. */
	readonly said: readonly (readonly (number | string)[] | undefined)[];
	/** The right one, of tokens or of characters as `said`, where known. */
	readonly right: readonly (readonly (number | string)[] | undefined)[];
}

/** Steps to a sequence: repeats are one, and the blank, which ends a repeat, is none (CTC; Graves and others, ICML 2006). null: every step is a token. */
export function decodeSteps(steps: Int32Array, blank: number | null): number[] {
	if (blank === null) return [...steps];
	const tokens: number[] = [];
	let previous = -1;
	for (const step of steps) {
		if (step !== previous && step !== blank && step >= 0) tokens.push(step);
		previous = step;
	}
	return tokens;
}

/**
 * With right sequences: the share that is met exactly (Wilson; McNemar against the original) and the character error rate (edit distance over
 * characters of the right sequences, over all examples together; examples resampled). Against the original: the share of steps with the same
 * class (examples resampled, since steps of one example hang together) and of examples with the same sequence (Wilson).
 */
export function sequenceMetrics(own: SequenceAnswers, options: MetricOptions, original?: SequenceAnswers): TaskMetric[] {
	const metrics: TaskMetric[] = [];
	const labelled = own.right.flatMap((right, i) => (right && own.said[i] ? [i] : []));
	if (labelled.length > 0) metrics.push(...againstLabels(own, labelled, options, original));
	if (!original) return metrics;
	const run = own.steps.flatMap((steps, i) => (steps && original.steps[i] ? [i] : []));
	if (run.length === 0) return metrics;
	const same = run.map((i) => equal(own.said[i] ?? [], original.said[i] ?? []));
	metrics.push({ metric: 'sequences', ...proportion(same.filter(Boolean).length, run.length, options.alpha) });
	const agreeing = run.map((i) => sameSteps(own.steps[i] as Int32Array, original.steps[i] as Int32Array));
	metrics.push(
		...resampledMetrics({ names: ['steps'], of: (weights) => [ratio(agreeing, weights)] }, { n: run.length, paired: false, ...options }),
	);
	return metrics;
}

function againstLabels(
	own: SequenceAnswers,
	labelled: readonly number[],
	options: MetricOptions,
	original: SequenceAnswers | undefined,
): TaskMetric[] {
	const n = labelled.length;
	const models = original ? [own, original] : [own];
	const met = models.map(({ said }) => labelled.map((i) => equal(said[i] ?? [], own.right[i] ?? [])));
	const [hits, before] = met as [boolean[], boolean[]?];
	let [lost, gained] = [0, 0];
	hits.forEach((hit, k) => {
		if (before?.[k] && !hit) lost += 1;
		if (before && !before[k] && hit) gained += 1;
	});
	const errors = models.flatMap(({ said }) =>
		labelled.map((i) => {
			const right = own.right[i] ?? [];
			return { count: editDistance(said[i] ?? [], right), of: right.length };
		}),
	);
	return [
		{
			metric: 'exact',
			...proportion(hits.filter(Boolean).length, n, options.alpha),
			...(before && { difference: pairedDifference(lost, gained, n, options.alpha) }),
		},
		...resampledMetrics({ names: ['cer'], of: (weights) => [ratio(errors, weights)] }, { n, paired: before !== undefined, ...options }),
	];
}

function ratio(items: readonly { readonly count: number; readonly of: number }[], weights: Int32Array): number {
	let [count, of] = [0, 0];
	items.forEach((item, k) => {
		const w = weights[k] as number;
		count += w * item.count;
		of += w * item.of;
	});
	return count / of;
}

function sameSteps(a: Int32Array, b: Int32Array): { count: number; of: number } {
	let count = 0;
	for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] === b[i]) count += 1;
	return { count, of: Math.max(a.length, b.length) };
}

function equal(a: readonly (number | string)[], b: readonly (number | string)[]): boolean {
	return a.length === b.length && a.every((x, i) => x === b[i]);
}

/** Insertions, deletions and substitutions that make one of the other (Levenshtein 1966). */
export function editDistance(a: readonly (number | string)[], b: readonly (number | string)[]): number {
	let previous = Uint32Array.from({ length: b.length + 1 }, (_, j) => j);
	let current = new Uint32Array(b.length + 1);
	for (let i = 1; i <= a.length; i++) {
		current[0] = i;
		for (let j = 1; j <= b.length; j++) {
			const changed = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
			current[j] = Math.min(changed, (previous[j] as number) + 1, (current[j - 1] as number) + 1);
		}
		[previous, current] = [current, previous];
	}
	return previous[b.length] as number;
}
