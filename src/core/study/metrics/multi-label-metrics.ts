import type { LabelFigures, MetricName, TaskMetric } from '../study.ts';
import type { MetricOptions } from './binary-metrics.ts';
import { RankedPool } from './ranking.ts';
import { resampledMetrics, type Statistic } from './resampling.ts';

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
/** Items looked at over all resamples are bounded: wide sets are resampled less often, never less than 200 times. */
const mostWork = 1.5e9;

/**
 * Macro averages over labels of ROC-AUC, average precision, precision, recall and F1. Labels that apply to none or to all of the examples
 * have no area and take no part in those; F1 is over labels that apply to some. Examples are resampled, with all their labels; labels that a
 * sample lacks take no part in it.
 */
export function multiLabelMetrics(own: MultiLabelAnswers, options: MetricOptions, original?: MultiLabelAnswers): TaskMetric[] {
	const known = knownExamples(own);
	const n = known.length;
	if (n === 0) return [];
	const models = original ? [own, original] : [own];
	const work = n * own.width * models.length;
	const resamples = Math.max(200, Math.min(1000, Math.floor(mostWork / (work * 4))));
	return resampledMetrics(statistic(models, known), { n, paired: original !== undefined, resamples, ...options });
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

function statistic(models: readonly MultiLabelAnswers[], known: readonly number[]): Statistic {
	const width = models[0]?.width ?? 0;
	const columns = Array.from({ length: width }, (_, label) => columnOf(models, known, label));
	const pools = columns.map(({ scores, labels }) => new RankedPool(scores, labels));
	return {
		names,
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
