import { pairedDifference, proportion } from '../intervals.ts';
import type { TaskMetric } from '../study.ts';
import type { MetricOptions } from './binary-metrics.ts';
import { differenceOfShares, rateInterval, worthInterval, worthOf } from './shares.ts';
import { swapTest } from './swap-test.ts';

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
 * characters of the right sequences, over all examples together; rateInterval). Against the original: the share of steps with the same
 * class (Wilson's interval for as many steps as they are worth, since steps of one example hang together) and of examples with the same sequence (Wilson).
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
	const steps = ratioOf(agreeing);
	if (steps.of > 0) {
		const broken = agreeing.filter(({ count, of }) => count < of).length;
		// Steps of an example hang together, how much is known only where some differ.
		const worth = worthOf(steps.value, steps.variance, broken === 0 ? run.length : Math.sqrt(run.length * steps.of), broken);
		metrics.push({ metric: 'steps', value: steps.value, interval: worthInterval(steps.value, worth, options.alpha), n: run.length });
	}
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
		...errorRate(errors.slice(0, n), before && errors.slice(n), options),
	];
}

interface Counts {
	readonly count: number;
	readonly of: number;
}

/** Errors over characters of all examples together. */
function errorRate(own: readonly Counts[], original: readonly Counts[] | undefined, options: MetricOptions): TaskMetric[] {
	const { alpha } = options;
	const n = own.length;
	const rate = ratioOf(own);
	if (rate.of === 0) return [];
	const erring = own.filter(({ count }) => count > 0).length;
	const before = original && ratioOf(original);
	const both = original && [...own, ...original];
	const pValue = both && swapTest({ metrics: 1, of: (weights) => [ratio(both, weights)] }, n, options)[0];
	const change = before && rate.value - before.value;
	return [
		{
			metric: 'cer',
			value: rate.value,
			interval: rateInterval(rate.value * rate.of, rate.of, rate.variance * rate.of * rate.of, erring, alpha),
			n,
			...(before &&
				change !== undefined && {
					difference: {
						value: change,
						interval: differenceOfShares(
							change,
							rate.influences.map((u, i) => u - (before.influences[i] as number)),
							2 / (rate.of + 2),
							n - 1,
							alpha,
						),
						pValue: pValue ?? 1,
					},
				}),
		},
	];
}

/** A ratio of sums over examples, with its variance and the influence of each example. */
function ratioOf(items: readonly Counts[]) {
	const n = items.length;
	const [count, of] = [items.reduce((sum, item) => sum + item.count, 0), items.reduce((sum, item) => sum + item.of, 0)];
	const value = count / of;
	const influences = Float64Array.from(items, (item) => (n * (item.count - value * item.of)) / of);
	const variance = influences.reduce((sum, u) => sum + (u / n) ** 2, 0) * (n / Math.max(1, n - 1));
	return { value, of, influences, variance };
}

function ratio(items: readonly Counts[], weights: Int32Array): number {
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
