import { bootstrap } from './intervals.ts';
import type { Interval, TaskMetric } from './study.ts';

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

type Name = 'precision' | 'recall' | 'f1' | 'ece';
const names: readonly Name[] = ['precision', 'recall', 'f1', 'ece'];

/** Bins of confidence for the calibration error (Guo and others, ICML 2017). */
const bins = 15;
const resamples = 1000;

/**
 * Macro precision, recall and F1 over the classes that occur among the labels (a class that is never predicted has precision 0), and the
 * expected calibration error: mean over bins of confidence of |share right - mean confidence|, weighted by examples. Percentile bootstrap
 * intervals at 95 %; with the original's answers to the same examples, paired bootstrap differences. Empty without labels.
 */
export function classificationMetrics(answers: Answers, seed: number, original?: Answers): TaskMetric[] {
	const known = knownExamples(answers);
	const n = known.length;
	if (n === 0) return [];
	const all = Uint32Array.from(known.keys());
	const classes = 1 + known.reduce((most, i) => Math.max(most, answers.labels[i]!, answers.predicted[i]!, original?.predicted[i] ?? 0), 0);
	const of = (given: Answers) => statistics(given, known, classes);
	const own = of(answers);
	const other = original && of(original);
	const value = own(all);
	const before = other?.(all);
	const drawn: Record<Name, number>[] = [];
	const drawnBefore: Record<Name, number>[] = [];
	// One set of resamples serves all metrics; pairs stay together.
	bootstrap(
		n,
		(indices) => {
			drawn.push(own(indices));
			if (other) drawnBefore.push(other(indices));
			return 0;
		},
		{ seed, resamples },
	);
	return names
		.filter((metric) => Number.isFinite(value[metric]))
		.map((metric) => {
			const interval = middle(drawn.map((draw) => draw[metric]));
			const differences = drawnBefore.map((draw, i) => drawn[i]![metric] - draw[metric]);
			return {
				metric,
				value: value[metric],
				interval,
				n,
				...(before && {
					difference: {
						value: value[metric] - before[metric],
						interval: middle(differences),
						pValue: twoSided(differences),
					},
				}),
			};
		});
}

function knownExamples({ labels }: Answers): number[] {
	const known: number[] = [];
	for (let i = 0; i < labels.length; i++) if (labels[i]! >= 0) known.push(i);
	return known;
}

function statistics({ labels, predicted, confidence }: Answers, known: readonly number[], classes: number) {
	const right = new Float64Array(classes);
	const labelled = new Float64Array(classes);
	const said = new Float64Array(classes);
	const inBin = new Float64Array(bins);
	const rightInBin = new Float64Array(bins);
	const sureInBin = new Float64Array(bins);
	const sure = known.every((i) => Number.isFinite(confidence[i]!));
	return (indices: ArrayLike<number>): Record<Name, number> => {
		for (const counts of [right, labelled, said, inBin, rightInBin, sureInBin]) counts.fill(0);
		for (let k = 0; k < indices.length; k++) {
			const i = known[indices[k]!]!;
			const [label, guess] = [labels[i]!, predicted[i]!];
			labelled[label]! += 1;
			if (guess >= 0) said[guess]! += 1;
			if (guess === label) right[label]! += 1;
			if (!sure) continue;
			const bin = Math.min(bins - 1, Math.floor(confidence[i]! * bins));
			inBin[bin]! += 1;
			sureInBin[bin]! += confidence[i]!;
			if (guess === label) rightInBin[bin]! += 1;
		}
		let [present, precision, recall, f1] = [0, 0, 0, 0];
		for (let c = 0; c < classes; c++) {
			if (labelled[c] === 0) continue;
			present += 1;
			const p = said[c] === 0 ? 0 : right[c]! / said[c]!;
			const r = right[c]! / labelled[c]!;
			precision += p;
			recall += r;
			f1 += p + r === 0 ? 0 : (2 * p * r) / (p + r);
		}
		let ece = 0;
		for (let bin = 0; bin < bins; bin++) ece += Math.abs(rightInBin[bin]! - sureInBin[bin]!) / indices.length;
		return { precision: precision / present, recall: recall / present, f1: f1 / present, ece: sure ? ece : Number.NaN };
	};
}

/** 95 % percentile interval. */
function middle(values: readonly number[]): Interval {
	const sorted = Float64Array.from(values).sort();
	const at = (q: number): number => {
		const place = q * (sorted.length - 1);
		const low = Math.floor(place);
		const a = sorted[low]!;
		return a + (place - low) * (sorted[Math.min(low + 1, sorted.length - 1)]! - a);
	};
	return [at(0.025), at(0.975)];
}

/** Share of resampled differences beyond 0 on the rarer side, doubled; ties count half. */
function twoSided(differences: readonly number[]): number {
	let [below, above] = [0, 0];
	for (const difference of differences) {
		if (difference < 0) below += 1;
		else if (difference > 0) above += 1;
		else {
			below += 0.5;
			above += 0.5;
		}
	}
	return Math.min(1, (2 * Math.min(below, above) + 1) / (differences.length + 1));
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
