import { knownOf, type MetricOptions } from './metrics/binary-metrics.ts';
import { resampledMetrics, type Statistic } from './metrics/resampling.ts';
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

/** Bins of confidence for the calibration error (Guo and others, ICML 2017). */
const bins = 15;
/** Items and classes looked at over all resamples are bounded: large sets are resampled less often, never less than 200 times. */
const mostWork = 1.5e9;

/**
 * Macro precision, recall and F1 over the classes that occur among the labels (a class that is never predicted has precision 0), and the
 * expected calibration error: mean over bins of confidence of |share right - mean confidence|, weighted by examples. Intervals by resampling
 * examples; with the original's answers to the same examples, paired differences. Empty without labels.
 */
export function classificationMetrics(answers: Answers, options: MetricOptions, original?: Answers): TaskMetric[] {
	const known = knownOf(answers.labels);
	const n = known.length;
	if (n === 0) return [];
	const models = original ? [answers, original] : [answers];
	const classes = 1 + known.reduce((most, i) => Math.max(most, answers.labels[i]!, ...models.map(({ predicted }) => predicted[i]!)), 0);
	const resamples = Math.max(200, Math.min(1000, Math.floor(mostWork / ((n * models.length + classes) * 8))));
	return resampledMetrics(statistic(models, known, classes), { n, paired: original !== undefined, resamples, ...options });
}

function statistic(models: readonly Answers[], known: readonly number[], classes: number): Statistic {
	const items = models.flatMap((model) => known.map((i) => [model, i] as const));
	const labels = Int32Array.from(items, ([model, i]) => model.labels[i]!);
	const predicted = Int32Array.from(items, ([model, i]) => model.predicted[i]!);
	const confidence = Float64Array.from(items, ([model, i]) => model.confidence[i]!);
	const sure = confidence.every(Number.isFinite);
	const right = new Float64Array(classes);
	const labelled = new Float64Array(classes);
	const said = new Float64Array(classes);
	const inBin = new Float64Array(bins);
	return {
		names: ['precision', 'recall', 'f1', 'ece'],
		of(weights) {
			for (const counts of [right, labelled, said, inBin]) counts.fill(0);
			let total = 0;
			for (let k = 0; k < labels.length; k++) {
				const w = weights[k]!;
				if (w === 0) continue;
				const [label, guess] = [labels[k]!, predicted[k]!];
				total += w;
				labelled[label]! += w;
				if (guess >= 0) said[guess]! += w;
				if (guess === label) right[label]! += w;
				if (!sure) continue;
				const bin = Math.min(bins - 1, Math.floor(confidence[k]! * bins));
				inBin[bin]! += w * ((guess === label ? 1 : 0) - confidence[k]!);
			}
			let [present, precision, recall, f1] = [0, 0, 0, 0];
			for (let c = 0; c < classes; c++) {
				if (labelled[c] === 0) continue;
				present += 1;
				precision += said[c] === 0 ? 0 : right[c]! / said[c]!;
				recall += right[c]! / labelled[c]!;
				f1 += (2 * right[c]!) / (labelled[c]! + said[c]!);
			}
			let ece = 0;
			for (let bin = 0; bin < bins; bin++) ece += Math.abs(inBin[bin]!);
			return [precision / present, recall / present, f1 / present, sure ? ece / total : Number.NaN];
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
