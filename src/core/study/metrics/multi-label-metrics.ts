import type { LabelFigures, MetricName, TaskMetric } from '../study.ts';
import { type Area, averagePrecision, rocArea } from './areas.ts';
import type { MetricOptions } from './binary-metrics.ts';
import { RankedPool } from './ranking.ts';
import { type ShareFigure, withDifferences, worthInterval, worthOf } from './shares.ts';
import { type PooledStatistic, swapTest } from './swap-test.ts';

/** What a model said to each example and label, one example after the other. */
export interface MultiLabelAnswers {
	/** Labels of an example. */
	readonly width: number;
	/** [examples * width]: 1 applies, 0 does not, -1 throughout an example without labels. */
	readonly labels: Int8Array;
	readonly scores: Float64Array;
	/** Scores from here on say that a label applies. */
	readonly cut: number;
}

const mostLabelsShown = 100;

/**
 * Macro averages over labels of ROC-AUC, average precision, precision, recall and F1. Labels that apply to none or to all of the examples
 * have no area and take no part in those; the others are over labels that apply to some. Labels of an example hang together, so variances sum what each
 * example changes over all labels (shares.ts); p-values by swapping the models' answers.
 */
export function multiLabelMetrics(own: MultiLabelAnswers, options: MetricOptions, original?: MultiLabelAnswers): TaskMetric[] {
	const known = knownExamples(own);
	const n = known.length;
	if (n === 0) return [];
	const { alpha } = options;
	const test = original && (() => swapTest(statistic([own, original], known), n, options));
	return withDifferences(figuresOf(own, known, alpha), original && figuresOf(original, known, alpha), test, n, alpha);
}

/** What a label adds to each macro average: undefined where it takes no part. */
interface Part {
	readonly value: number;
	readonly centre: number;
	readonly influences: Float64Array;
	/** Variance that it would have by itself. */
	readonly variance: number;
	readonly step: number;
	readonly df: number;
	readonly rare: number;
	/** Of the variance that the influences give. */
	readonly inflation: number;
}

function figuresOf(own: MultiLabelAnswers, known: readonly number[], alpha: number | undefined): (ShareFigure | undefined)[] {
	const n = known.length;
	const all = new Int32Array(n).fill(1);
	const parts = Array.from({ length: own.width }, (_, label): (Part | undefined)[] => {
		const column = columnOf([own], known, label);
		const { labels, said, scores } = column;
		const { labelled, claimed, hits } = countsOf(column, all);
		if (labelled === 0) return names.map(() => undefined);
		const area = (found: Area | undefined): Part | undefined =>
			found && { ...found, rare: Math.min(labelled, n - labelled) * Math.min(found.centre, 1 - found.centre) };
		const share = (value: number, count: number, influence: (is: number, says: number) => number): Part => ({
			value,
			centre: value,
			influences: Float64Array.from(labels, (is, k) => n * influence(is, said[k] as number)),
			variance: (value * (1 - value)) / Math.max(1, count),
			step: 1 / (count + 1),
			df: count,
			rare: count * Math.min(value, 1 - value),
			inflation: 1,
		});
		const precision = claimed === 0 ? 0 : hits / claimed;
		const recall = hits / labelled;
		const f1 = (2 * hits) / (labelled + claimed);
		const roc = rocArea(scores, labels, alpha);
		return [
			area(roc),
			roc && area(averagePrecision(scores, labels, alpha)),
			share(precision, claimed, (is, says) => (claimed === 0 ? 0 : (says * (is - precision)) / claimed)),
			share(recall, labelled, (is, says) => (is * (says - recall)) / labelled),
			share(f1, (labelled + claimed) / 2, (is, says) => (2 * is * says - f1 * (is + says)) / (labelled + claimed)),
		];
	});
	return names.map((metric, m): ShareFigure | undefined => {
		const list = parts.flatMap((each) => each[m] ?? []);
		const count = list.length;
		if (count === 0) return undefined;
		const mean = (of: (part: Part) => number): number => list.reduce((sum, part) => sum + of(part), 0) / count;
		const influences = new Float64Array(n);
		for (const part of list) for (let k = 0; k < n; k++) influences[k]! += (part.influences[k] as number) / count;
		const centre = mean((part) => part.centre);
		const usual = mean(({ variance }) => variance) / count;
		const alike = usual > 0 ? (centre * (1 - centre)) / usual : mean(({ df }) => df) * count;
		const variance = influences.reduce((sum, u) => sum + (u / n) ** 2, 0) * (n / Math.max(1, n - 1)) * mean(({ inflation }) => inflation);
		const df = mean((part) => part.df) * Math.sqrt(count);
		return {
			metric,
			value: mean(({ value }) => value),
			interval: worthInterval(centre, worthOf(centre, variance, alike, mean(({ rare }) => rare) * count), alpha, df),
			influences,
			step: Math.sqrt(mean(({ step }) => step * step) / count),
			df,
		};
	});
}

/** The figures of each label, on the whole set. */
export function labelFigures(own: MultiLabelAnswers, original?: MultiLabelAnswers): LabelFigures[] {
	const known = knownExamples(own);
	const n = known.length;
	if (n === 0) return [];
	const all = new Int32Array(n).fill(1);
	const list: LabelFigures[] = [];
	for (let label = 0; label < Math.min(own.width, mostLabelsShown); label++) {
		const column = columnOf([own], known, label);
		const { auc, ap } = new RankedPool(column.scores, column.labels).areas(all);
		const before = original && columnOf([original], known, label);
		const originalAuc = before && new RankedPool(before.scores, before.labels).areas(all).auc;
		const counts = countsOf(column, all);
		list.push({
			label,
			n,
			positives: counts.labelled,
			...(Number.isFinite(auc) && { auc }),
			...(Number.isFinite(auc) && { ap }),
			f1: counts.labelled + counts.claimed === 0 ? 0 : (2 * counts.hits) / (counts.labelled + counts.claimed),
			...(originalAuc !== undefined && Number.isFinite(originalAuc) && { originalAuc }),
		});
	}
	return list;
}

function knownExamples({ labels, width }: MultiLabelAnswers): number[] {
	const known: number[] = [];
	for (let i = 0; i * width < labels.length; i++) if ((labels[i * width] as number) >= 0) known.push(i);
	return known;
}

interface Column {
	readonly scores: Float64Array;
	readonly labels: Uint8Array;
	readonly said: Uint8Array;
}

function columnOf(models: readonly MultiLabelAnswers[], known: readonly number[], label: number): Column {
	const at = models.flatMap((model) => known.map((i) => ({ model, i: i * model.width + label })));
	const scores = Float64Array.from(at, ({ model, i }) => model.scores[i] as number);
	return {
		scores,
		labels: Uint8Array.from(at, ({ model, i }) => model.labels[i] as number),
		said: Uint8Array.from(at, ({ model }, k) => ((scores[k] as number) >= model.cut ? 1 : 0)),
	};
}

function countsOf({ labels, said }: Column, weights: Int32Array): { labelled: number; claimed: number; hits: number } {
	let [labelled, claimed, hits] = [0, 0, 0];
	for (let k = 0; k < labels.length; k++) {
		const w = weights[k] as number;
		if (w === 0) continue;
		const [is, says] = [labels[k] as number, said[k] as number];
		labelled += w * is;
		claimed += w * says;
		hits += w * is * says;
	}
	return { labelled, claimed, hits };
}

const names: readonly MetricName[] = ['auc', 'ap', 'precision', 'recall', 'f1'];

function statistic(models: readonly MultiLabelAnswers[], known: readonly number[]): PooledStatistic {
	const width = models[0]?.width ?? 0;
	const columns = Array.from({ length: width }, (_, label) => columnOf(models, known, label));
	const pools = columns.map(({ scores, labels }) => new RankedPool(scores, labels));
	return {
		metrics: names.length,
		of(weights) {
			const sums = new Float64Array(names.length);
			let [ranked, present] = [0, 0];
			columns.forEach((column, label) => {
				const { labelled, claimed, hits } = countsOf(column, weights);
				if (labelled === 0) return;
				present += 1;
				sums[2]! += claimed === 0 ? 0 : hits / claimed;
				sums[3]! += hits / labelled;
				sums[4]! += (2 * hits) / (labelled + claimed);
				const { auc, ap } = (pools[label] as RankedPool).areas(weights);
				if (Number.isNaN(auc)) return;
				ranked += 1;
				sums[0]! += auc;
				sums[1]! += ap;
			});
			return sums.map((sum, m) => sum / (m < 2 ? ranked : present));
		},
	};
}
