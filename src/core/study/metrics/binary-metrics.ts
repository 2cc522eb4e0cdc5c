import { pairedDifference, proportion } from '../intervals.ts';
import type { TaskMetric } from '../study.ts';
import { type Area, averagePrecision, rocArea } from './areas.ts';
import { BinnedConfidence, calibrationError } from './calibration-error.ts';
import { RankedPool } from './ranking.ts';
import { type ShareFigure, withDifferences } from './shares.ts';
import { steady } from './steady.ts';
import { type PooledStatistic, swapTest } from './swap-test.ts';

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
	/** Swaps of the paired test (swap-test.ts). */
	readonly swaps?: number;
}

/**
 * Accuracy, precision, recall and F1 of the class 1 (Wilson intervals; differences after Bonett and Price, for accuracy with McNemar's test), ROC-AUC and
 * average precision (areas.ts), and the expected calibration error (calibration-error.ts). p-values by swapping the models' answers. Empty
 * without labels.
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
	const { alpha } = options;
	const accuracy: TaskMetric = {
		metric: 'accuracy',
		...proportion(hits, n, alpha),
		...(original && { difference: pairedDifference(lost, gained, n, alpha) }),
	};
	const figures = figuresOf(own, known, alpha);
	const before = original && figuresOf(original, known, alpha);
	const pool = original && poolOf([own, original], known);
	return [accuracy, ...withDifferences(figures, before, pool && (() => swapTest(pool, n, options)), n, alpha)];
}

const names = ['auc', 'ap', 'precision', 'recall', 'f1', 'ece'] as const;

/** The figures of one model, in the order of `names`; undefined where one is not defined. */
function figuresOf(model: BinaryAnswers, known: readonly number[], alpha: number | undefined): (ShareFigure | undefined)[] {
	const n = known.length;
	const scores = Float64Array.from(known, (i) => model.scores[i] as number);
	const labels = Uint8Array.from(known, (i) => model.labels[i] as number);
	const said = Uint8Array.from(scores, (score) => (score >= model.cut ? 1 : 0));
	let [hits, labelled, claimed] = [0, 0, 0];
	for (let k = 0; k < n; k++) {
		labelled += labels[k] as number;
		claimed += said[k] as number;
		hits += (labels[k] as number) * (said[k] as number);
	}
	const influences = (of: (is: number, says: number) => number): Float64Array =>
		Float64Array.from(labels, (is, k) => n * of(is, said[k] as number));
	const precision = claimed === 0 ? 0 : hits / claimed;
	const recall = hits / labelled;
	const f1 = (2 * hits) / (labelled + claimed);
	const area = (found: Area | undefined, name: 'auc' | 'ap'): ShareFigure | undefined => found && { metric: name, ...found };
	// Of examples that are in the class or said to be, so many are both: a share, of which F1 is a rising function.
	const both = proportion(hits, labelled + claimed - hits, alpha).interval.map((share) => (2 * share) / (1 + share)) as [number, number];
	return [
		area(rocArea(scores, labels, alpha), 'auc'),
		area(averagePrecision(scores, labels, alpha), 'ap'),
		labelled === 0
			? undefined
			: {
					metric: 'precision',
					value: precision,
					interval: proportion(hits, claimed, alpha).interval,
					influences: influences((is, says) => (claimed === 0 ? 0 : (says * (is - precision)) / claimed)),
					step: 1 / (claimed + 1),
					df: n - 1,
				},
		labelled === 0
			? undefined
			: {
					metric: 'recall',
					value: recall,
					interval: proportion(hits, labelled, alpha).interval,
					influences: influences((is, says) => (is * (says - recall)) / labelled),
					step: 1 / (labelled + 1),
					df: n - 1,
				},
		labelled + claimed === 0
			? undefined
			: {
					metric: 'f1',
					value: f1,
					interval: both,
					influences: influences((is, says) => (2 * is * says - f1 * (is + says)) / (labelled + claimed)),
					step: 1.2 / (labelled + claimed + 2),
					df: n - 1,
				},
		scores.some(Number.isNaN) ? undefined : calibrationError(confidenceOf(model, scores, labels), alpha),
	];
}

function confidenceOf({ probabilities }: BinaryAnswers, scores: Float64Array, labels: Uint8Array) {
	const sure = scores.map((score) => (probabilities ? score : steady(1 / (1 + Math.exp(-score)))));
	return {
		// In what it says, as for several classes.
		confidence: sure.map((p) => Math.max(p, 1 - p)),
		right: Uint8Array.from(sure, (p, k) => ((p >= 0.5 ? 1 : 0) === labels[k] ? 1 : 0)),
	};
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

/** The same figures of samples out of both models' answers. */
function poolOf(models: readonly BinaryAnswers[], known: readonly number[]): PooledStatistic {
	const parts = models.map((model) => Float64Array.from(known, (i) => model.scores[i] as number));
	const scores = Float64Array.from(parts.flatMap((part) => [...part]));
	const labels = Uint8Array.from(models.flatMap((model) => known.map((i) => model.labels[i] as number)));
	const said = Uint8Array.from(scores, (score, k) => (score >= (models[k < known.length ? 0 : 1] as BinaryAnswers).cut ? 1 : 0));
	const calibrated = !scores.some(Number.isNaN);
	const n = known.length;
	const answers = models.map((model, m) => confidenceOf(model, parts[m] as Float64Array, labels.subarray(m * n, (m + 1) * n)));
	const confidence = Float64Array.from(answers.flatMap((each) => [...each.confidence]));
	const right = Uint8Array.from(answers.flatMap((each) => [...each.right]));
	const pool = new RankedPool(scores, labels);
	const binned = calibrated ? new BinnedConfidence(confidence, right) : undefined;
	return {
		metrics: names.length,
		of(weights) {
			let [hits, labelled, claimed] = [0, 0, 0];
			for (let k = 0; k < labels.length; k++) {
				const w = weights[k] as number;
				if (w === 0) continue;
				const [is, says] = [labels[k] as number, said[k] as number];
				labelled += w * is;
				claimed += w * says;
				hits += w * is * says;
			}
			const { auc, ap } = pool.areas(weights);
			return [
				auc,
				ap,
				labelled === 0 ? Number.NaN : claimed === 0 ? 0 : hits / claimed,
				labelled === 0 ? Number.NaN : hits / labelled,
				labelled + claimed === 0 ? Number.NaN : (2 * hits) / (labelled + claimed),
				binned?.of(weights) ?? Number.NaN,
			];
		},
	};
}
