import type { Interval, MetricName, TaskMetric } from '../study.ts';

/** What a metric is, for whoever shows it. */
export interface MetricFacts {
	/** As it stands at an axis and in a table. */
	readonly title: string;
	/** For sentences: "2.1 points of accuracy". */
	readonly noun: string;
	/** `share`: 0..1, shown in percent. */
	readonly unit: 'share' | 'number' | 'dB';
	readonly better: 'high' | 'low';
	/** It compares a model with the original, and this is what the original has; absent: with labels. */
	readonly perfect?: number;
}

const share = (title: string, noun: string): MetricFacts => ({ title, noun, unit: 'share', better: 'high' });

export const metricFacts: Readonly<Record<MetricName, MetricFacts>> = {
	top1: share('top-1', 'accuracy'),
	top5: share('top-5', 'top-5 accuracy'),
	accuracy: share('accuracy', 'accuracy'),
	precision: share('precision', 'precision'),
	recall: share('recall', 'recall'),
	f1: share('F1', 'F1'),
	auc: share('ROC-AUC', 'ROC-AUC'),
	ap: share('average precision', 'average precision'),
	ece: { ...share('calibration error', 'calibration error'), better: 'low' },
	mae: { title: 'MAE', noun: 'mean absolute error', unit: 'number', better: 'low' },
	rmse: { title: 'RMSE', noun: 'root mean square error', unit: 'number', better: 'low' },
	r2: { title: 'R2', noun: 'R2', unit: 'number', better: 'high' },
	exact: share('exact match', 'exact matches'),
	cer: { ...share('character error rate', 'character error rate'), better: 'low' },
	sequences: { ...share('same sequences', 'same sequences'), perfect: 1 },
	steps: { ...share('same steps', 'same steps'), perfect: 1 },
	neighbours: { ...share('same nearest neighbour', 'same nearest neighbours'), perfect: 1 },
	cosine: { title: 'cosine', noun: 'cosine', unit: 'number', better: 'high', perfect: 1 },
	sqnr: { title: 'SQNR', noun: 'SQNR', unit: 'dB', better: 'high', perfect: Number.POSITIVE_INFINITY },
	maxAbs: { title: 'largest difference, median example', noun: 'largest difference', unit: 'number', better: 'low', perfect: 0 },
};

/** Macro averages say so, where there are more than two classes. */
const macro: ReadonlySet<MetricName> = new Set(['precision', 'recall', 'f1', 'auc', 'ap']);

export function metricTitle(metric: MetricName, task: string | undefined): string {
	const { title } = metricFacts[metric];
	return macro.has(metric) && task !== 'binary' ? `macro ${title}` : title;
}

/** The one that stands for the others, the first of these that was measured. */
const mainOrder: readonly MetricName[] = ['top1', 'accuracy', 'auc', 'mae', 'exact', 'cer', 'neighbours', 'sequences'];

/** The metric that a study shows at its axis and in its table; undefined where fidelity of the outputs says as much. */
export function mainMetric(metrics: readonly TaskMetric[]): TaskMetric | undefined {
	for (const name of mainOrder) {
		const found = metrics.find(({ metric }) => metric === name);
		if (found) return found;
	}
	// Labels were there, and nothing else is defined on them: all of one class.
	return metrics.find(({ metric }) => metric === 'f1');
}

/** `81.2 %`, `0.0312`, `31.4 dB`. */
export function metricText(metric: MetricName, value: number): string {
	const { unit } = metricFacts[metric];
	if (!Number.isFinite(value)) return value === Number.POSITIVE_INFINITY ? 'equal' : '–';
	if (unit === 'share') return `${(value * 100).toFixed(1)} %`;
	if (unit === 'dB') return `${value.toFixed(1)} dB`;
	return metric === 'cosine' || metric === 'r2' ? value.toFixed(4) : value.toPrecision(3);
}

const signed = (value: number, text: string): string =>
	Number(text) === 0 ? text.replace(/^-/, '') : `${value < 0 ? '−' : '+'}${text.replace(/^-/, '')}`;

function changeNumber(metric: MetricName, value: number): string {
	const { unit } = metricFacts[metric];
	if (unit === 'share') return signed(value, (value * 100).toFixed(1));
	if (unit === 'dB') return signed(value, value.toFixed(1));
	return signed(value, metric === 'cosine' || metric === 'r2' ? value.toFixed(4) : Math.abs(value) < 1e-12 ? '0' : value.toPrecision(2));
}

/** `−0.5 points [−1.2, +0.2]`, `+0.013 [+0.002, +0.024]`. */
export function changeText(metric: MetricName, value: number, interval: Interval): string {
	const points = metricFacts[metric].unit === 'share' ? ' points' : '';
	return `${changeNumber(metric, value)}${points} [${changeNumber(metric, interval[0])}, ${changeNumber(metric, interval[1])}]`;
}

/** `−0.5 points`, `+0.013`. */
export function changeShort(metric: MetricName, value: number): string {
	return `${changeNumber(metric, value)}${metricFacts[metric].unit === 'share' ? ' points' : ''}`;
}

/** Whether the data can tell this difference from none: both the interval and the paired test say so. */
export function isMeasurable({ interval, pValue }: NonNullable<TaskMetric['difference']>, alpha = 0.05): boolean {
	return (interval[0] > 0 || interval[1] < 0) && pValue <= alpha;
}

/** The same, but only what makes a model worse. */
export function isWorse(metric: MetricName, value: number): boolean {
	return metricFacts[metric].better === 'high' ? value < 0 : value > 0;
}

/** A sentence of the form "−0.5 points [−1.2, +0.2], no measurable difference at n = 400". */
export function differenceSentence({ metric, difference, n }: TaskMetric, alpha?: number): string {
	if (!difference) return '';
	const text = changeText(metric, difference.value, difference.interval);
	return isMeasurable(difference, alpha)
		? `${text} at n = ${n.toLocaleString('en')}`
		: `${text}, no measurable difference at n = ${n.toLocaleString('en')}`;
}
