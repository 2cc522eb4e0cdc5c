import { pairedDifference, proportion } from '../intervals.ts';
import type { TaskMetric } from '../study.ts';
import { RankedPool } from './ranking.ts';
import { resampledMetrics, type Statistic } from './resampling.ts';
import { steady } from './steady.ts';

/** What a model with two answers said to each example. */
export interface BinaryAnswers {
	/** 1, 0, or -1 where nothing is known. */
	readonly labels: Int8Array;
	/** Of the class 1: probabilities or logits. NaN: it gave no number, which counts as a wrong answer. */
	readonly scores: Float64Array;
	/** Scores from here on say 1. */
	readonly cut: number;
	/** The scores are probabilities; else logits. */
	readonly probabilities: boolean;
}

export interface MetricOptions {
	readonly seed: number;
	/** 1 - confidence; default 0.05. */
	readonly alpha?: number;
}

/** Bins of confidence for the calibration error, as for several classes. */
const bins = 15;

/**
 * Accuracy (Wilson interval; against the original McNemar's test and Bonett and Price's interval), ROC-AUC, average precision, and precision,
 * recall, F1 of the class 1 and the expected calibration error (examples resampled). Empty without labels.
 */
export function binaryMetrics(own: BinaryAnswers, options: MetricOptions, original?: BinaryAnswers): TaskMetric[] {
	const known = knownOf(own.labels);
	const n = known.length;
	if (n === 0) return [];
	const right = known.map((i) => isRight(own, i));
	let [hits, lost, gained] = [0, 0, 0];
	known.forEach((i, k) => {
		if (right[k]) hits += 1;
		if (!original) return;
		const before = isRight(original, i);
		if (before && !right[k]) lost += 1;
		if (!before && right[k]) gained += 1;
	});
	const accuracy: TaskMetric = {
		metric: 'accuracy',
		...proportion(hits, n, options.alpha),
		...(original && { difference: pairedDifference(lost, gained, n, options.alpha) }),
	};
	return [accuracy, ...resampledMetrics(statistic(own, known, original), { n, paired: original !== undefined, ...options })];
}

export function knownOf(labels: ArrayLike<number>): number[] {
	const known: number[] = [];
	for (let i = 0; i < labels.length; i++) if ((labels[i] as number) >= 0) known.push(i);
	return known;
}

function isRight({ labels, scores, cut }: BinaryAnswers, i: number): boolean {
	const score = scores[i] as number;
	return !Number.isNaN(score) && score >= cut === (labels[i] === 1);
}

function statistic(own: BinaryAnswers, known: readonly number[], original: BinaryAnswers | undefined): Statistic {
	const models = original ? [own, original] : [own];
	const items = models.flatMap((model) => known.map((i) => ({ model, i })));
	const scores = Float64Array.from(items, ({ model, i }) => model.scores[i] as number);
	const labels = Uint8Array.from(items, ({ model, i }) => model.labels[i] as number);
	const said = Uint8Array.from(items, ({ model }, k) => ((scores[k] as number) >= model.cut ? 1 : 0));
	const sure = Float64Array.from(items, ({ model }, k) => {
		const score = scores[k] as number;
		return model.probabilities ? score : steady(1 / (1 + Math.exp(-score)));
	});
	const pool = new RankedPool(scores, labels);
	const calibrated = !scores.some(Number.isNaN);
	const inBin = new Float64Array(bins);
	return {
		names: ['auc', 'ap', 'precision', 'recall', 'f1', 'ece'],
		of(weights) {
			let [hits, labelled, claimed, total] = [0, 0, 0, 0];
			inBin.fill(0);
			for (let k = 0; k < labels.length; k++) {
				const w = weights[k] as number;
				if (w === 0) continue;
				total += w;
				const [is, says] = [labels[k] as number, said[k] as number];
				labelled += w * is;
				claimed += w * says;
				hits += w * is * says;
				if (!calibrated) continue;
				// Confidence in what it says, as for several classes.
				const p = sure[k] as number;
				const confidence = Math.max(p, 1 - p);
				const bin = Math.min(bins - 1, Math.floor(confidence * bins));
				inBin[bin]! += w * ((p >= 0.5 ? 1 : 0) === is ? 1 - confidence : -confidence);
			}
			const precision = claimed === 0 ? 0 : hits / claimed;
			const recall = labelled === 0 ? Number.NaN : hits / labelled;
			const { auc, ap } = pool.areas(weights);
			const f1 = labelled + claimed === 0 ? Number.NaN : (2 * hits) / (labelled + claimed);
			const ece = calibrated ? inBin.reduce((sum, x) => sum + Math.abs(x), 0) / total : Number.NaN;
			return [auc, ap, labelled === 0 ? Number.NaN : precision, recall, f1, ece];
		},
	};
}
