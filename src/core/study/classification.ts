import { knownOf, type MetricOptions } from './metrics/binary-metrics.ts';
import { BinnedConfidence, calibrationError } from './metrics/calibration-error.ts';
import { type ShareFigure, withDifferences, worthInterval, worthOf } from './metrics/shares.ts';
import { type PooledStatistic, swapTest } from './metrics/swap-test.ts';
import type { TaskMetric } from './study.ts';

/** What a classifier said to each example: predicted class (-1: none, it gave NaN), how sure it was, and what is right (-1: no label). */
export interface Answers {
	readonly labels: Int32Array;
	readonly predicted: Int32Array;
	/** Probability of the predicted class, 0..1; NaN where the outputs are no probabilities and no softmax makes them some. */
	readonly confidence: Float64Array;
}

/** A pair of classes that are taken for each other. */
export interface Confusion {
	readonly label: number;
	readonly predicted: number;
	readonly count: number;
}

/** How often each class is right, before and after. */
export interface ClassChange {
	readonly label: number;
	readonly n: number;
	readonly original: number;
	readonly variant: number;
}

/**
 * Macro precision, recall and F1 over the classes that occur among the labels (a class that is never predicted has precision 0), and the
 * expected calibration error (metrics/calibration-error.ts). Intervals are Wilson's for as many examples as a macro average is worth
 * (metrics/shares.ts); with the original's answers to the same examples, paired differences. Empty without labels.
 */
export function classificationMetrics(answers: Answers, options: MetricOptions, original?: Answers): TaskMetric[] {
	const known = knownOf(answers.labels);
	const n = known.length;
	if (n === 0) return [];
	const models = original ? [answers, original] : [answers];
	const classes = 1 + known.reduce((most, i) => Math.max(most, answers.labels[i]!, ...models.map(({ predicted }) => predicted[i]!)), 0);
	const { alpha } = options;
	const [own, before] = models.map((model) => figuresOf(model, known, classes, alpha));
	return withDifferences(own ?? [], before, original && (() => swapTest(statistic(models, known, classes), n, options)), n, alpha);
}

const names = ['precision', 'recall', 'f1'] as const;

function figuresOf(model: Answers, known: readonly number[], classes: number, alpha: number | undefined): (ShareFigure | undefined)[] {
	const n = known.length;
	const labels = known.map((i) => model.labels[i]!);
	const predicted = known.map((i) => model.predicted[i]!);
	const [right, labelled, said] = [new Float64Array(classes), new Float64Array(classes), new Float64Array(classes)];
	labels.forEach((label, k) => {
		const guess = predicted[k]!;
		labelled[label]! += 1;
		if (guess >= 0) said[guess]! += 1;
		if (guess === label) right[label]! += 1;
	});
	const present = labelled.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0);
	const macro = (metric: (typeof names)[number], counts: Float64Array, of: (c: number) => number): ShareFigure => {
		let [value, alone, free] = [0, 0, 0];
		for (let c = 0; c < classes; c++) {
			if (labelled[c] === 0) continue;
			value += of(c) / present;
			const count = counts[c]!;
			if (count === 0) continue;
			alone += 1 / count;
			free += (count - 1) / (count * count);
		}
		const influences = Float64Array.from(labels, (label, k) => {
			const guess = predicted[k]!;
			const hit = guess === label ? 1 : 0;
			if (metric === 'recall') return (n * (hit - of(label))) / (present * labelled[label]!);
			if (metric === 'precision') {
				return guess < 0 || labelled[guess] === 0 ? 0 : (n * (hit - of(guess))) / (present * said[guess]!);
			}
			const both = (c: number): number => labelled[c]! + said[c]!;
			const lost = guess < 0 || labelled[guess] === 0 ? 0 : of(guess) / both(guess);
			return (n / present) * ((2 * hit - of(label)) / both(label) - lost);
		});
		// Rates of a class come out of the same few examples as their variances.
		const short = free > 0 ? alone / free : 1;
		const variance = influences.reduce((sum, u) => sum + (u / n) ** 2, 0) * Math.min(2, short);
		const alike = alone > 0 ? present ** 2 / alone : n;
		return {
			metric,
			value,
			interval: worthInterval(value, worthOf(value, variance, alike, n * Math.min(value, 1 - value)), alpha, n - 1),
			influences,
			step: (1.3 * Math.sqrt(alone / n)) / present,
			df: n - 1,
		};
	};
	const confidence = Float64Array.from(known, (i) => model.confidence[i]!);
	const hits = Uint8Array.from(labels, (label, k) => (predicted[k] === label ? 1 : 0));
	return [
		macro('precision', said, (c) => (said[c] === 0 ? 0 : right[c]! / said[c]!)),
		macro('recall', labelled, (c) => right[c]! / labelled[c]!),
		macro(
			'f1',
			labelled.map((count, c) => (count + said[c]!) / 2),
			(c) => (2 * right[c]!) / (labelled[c]! + said[c]!),
		),
		confidence.every(Number.isFinite) ? calibrationError({ confidence, right: hits }, alpha) : undefined,
	];
}

/** The same figures of samples out of both models' answers. */
function statistic(models: readonly Answers[], known: readonly number[], classes: number): PooledStatistic {
	const items = models.flatMap((model) => known.map((i) => [model, i] as const));
	const labels = Int32Array.from(items, ([model, i]) => model.labels[i]!);
	const predicted = Int32Array.from(items, ([model, i]) => model.predicted[i]!);
	const confidence = Float64Array.from(items, ([model, i]) => model.confidence[i]!);
	const binned = confidence.every(Number.isFinite)
		? new BinnedConfidence(
				confidence,
				Uint8Array.from(labels, (label, k) => (predicted[k] === label ? 1 : 0)),
			)
		: undefined;
	const right = new Float64Array(classes);
	const labelled = new Float64Array(classes);
	const said = new Float64Array(classes);
	return {
		metrics: names.length + 1,
		of(weights) {
			for (const counts of [right, labelled, said]) counts.fill(0);
			for (let k = 0; k < labels.length; k++) {
				const w = weights[k]!;
				if (w === 0) continue;
				const [label, guess] = [labels[k]!, predicted[k]!];
				labelled[label]! += w;
				if (guess >= 0) said[guess]! += w;
				if (guess === label) right[label]! += w;
			}
			let [present, precision, recall, f1] = [0, 0, 0, 0];
			for (let c = 0; c < classes; c++) {
				if (labelled[c] === 0) continue;
				present += 1;
				precision += said[c] === 0 ? 0 : right[c]! / said[c]!;
				recall += right[c]! / labelled[c]!;
				f1 += (2 * right[c]!) / (labelled[c]! + said[c]!);
			}
			return [precision / present, recall / present, f1 / present, binned?.of(weights) ?? Number.NaN];
		},
	};
}

/** Which classes are taken for which, most often first. */
export function confusions({ labels, predicted }: Answers, most: number): Confusion[] {
	const counts = new Map<string, Confusion>();
	labels.forEach((label, i) => {
		const guess = predicted[i]!;
		if (label < 0 || guess < 0 || guess === label) return;
		const key = `${label} ${guess}`;
		counts.set(key, { label, predicted: guess, count: (counts.get(key)?.count ?? 0) + 1 });
	});
	return [...counts.values()].sort((a, b) => b.count - a.count || a.label - b.label || a.predicted - b.predicted).slice(0, most);
}

/** Classes whose share of right answers changed most. */
export function classChanges(variant: Answers, original: Answers, most: number): ClassChange[] {
	const tally = new Map<number, { n: number; original: number; variant: number }>();
	variant.labels.forEach((label, i) => {
		if (label < 0) return;
		let entry = tally.get(label);
		if (!entry) {
			entry = { n: 0, original: 0, variant: 0 };
			tally.set(label, entry);
		}
		entry.n += 1;
		if (original.predicted[i] === label) entry.original += 1;
		if (variant.predicted[i] === label) entry.variant += 1;
	});
	return [...tally]
		.map(([label, { n, original: before, variant: after }]) => ({ label, n, original: before / n, variant: after / n }))
		.filter((change) => change.original !== change.variant)
		.sort((a, b) => Math.abs(b.variant - b.original) * b.n - Math.abs(a.variant - a.original) * a.n || a.label - b.label)
		.slice(0, most);
}
