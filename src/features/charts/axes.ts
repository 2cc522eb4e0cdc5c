import { mainMetricOf } from '../../core/study/figures.ts';
import { metricFacts, metricText, metricTitle } from '../../core/study/metrics/metric-facts.ts';
import { type Hash, type Interval, type MetricName, type Study, targetKey } from '../../core/study/study.ts';
import { formatBytes, formatCount, formatMs } from '../../ui/format.ts';

type VariantId = Hash | 'original';

/** A measured figure with its 95 % interval where there is one. */
export interface Figure {
	readonly value: number;
	readonly interval?: Interval;
	/** The outputs are equal to the original's: SQNR has no finite value. */
	readonly exact?: boolean;
}

/** Something a chart can put on an axis. `figure` gives undefined where it was not measured. */
export interface Axis {
	readonly key: string;
	/** As people read it at the axis, with unit and n. */
	readonly label: string;
	readonly shortLabel: string;
	readonly better: 'low' | 'high';
	readonly log: boolean;
	readonly format: (value: number) => string;
	/** Difference of two values in the axis' own unit, e.g. points. */
	readonly figure: (variant: VariantId) => Figure | undefined;
}

const number = (value: number, digits: number): string =>
	value.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** What a variant costs: sizes, counts, and times on every target that was measured. */
export function costAxes(study: Study): Axis[] {
	const variants = new Map(study.variants.map((variant) => [variant.id, variant]));
	const plain = (value: number | undefined): Figure | undefined => (value === undefined ? undefined : { value });
	const axes: Axis[] = [
		{
			key: 'size',
			label: 'size, MB',
			shortLabel: 'size',
			better: 'low',
			log: true,
			format: formatBytes,
			figure: (id) => plain(variants.get(id)?.sizes?.bytes ?? (id === 'original' ? study.model.byteLength : undefined)),
		},
	];
	for (const method of ['gzip', 'brotli'] as const) {
		if (!study.variants.some((variant) => variant.sizes?.[method] !== undefined)) continue;
		axes.push({
			key: method,
			label: `size as transferred (${method}), MB`,
			shortLabel: `${method} size`,
			better: 'low',
			log: true,
			format: formatBytes,
			figure: (id) => plain(variants.get(id)?.sizes?.[method]),
		});
	}
	if (study.variants.some((variant) => variant.nonZeros !== undefined)) {
		axes.push({
			key: 'nonZeros',
			label: 'weights that are not zero',
			shortLabel: 'non-zeros',
			better: 'low',
			log: true,
			format: formatCount,
			figure: (id) => plain(variants.get(id)?.nonZeros),
		});
	}
	const targets = new Map(study.runs.filter((run) => !run.failure).map((run) => [targetKey(run.target), run.target]));
	for (const key of targets.keys()) {
		const runs = new Map(study.runs.filter((run) => targetKey(run.target) === key && !run.failure).map((run) => [run.variant, run]));
		const original = runs.get('original');
		axes.push({
			key: `latency:${key}`,
			label: `latency, ms, ${key} (median, interval from paired rounds)`,
			shortLabel: `latency ${key}`,
			better: 'low',
			log: true,
			format: formatMs,
			figure: (id) => {
				const run = runs.get(id);
				if (!run) return undefined;
				if (!run.ratio || !original) return { value: run.medianMs };
				// Everything on one axis must share a base: ratios come from the same rounds, so a busy machine cancels out.
				const base = original.medianMs;
				return { value: run.ratio.value * base, interval: [run.ratio.interval[0] * base, run.ratio.interval[1] * base] };
			},
		});
		axes.push({
			key: `load:${key}`,
			label: `load and first inference, ms, ${key}`,
			shortLabel: `load ${key}`,
			better: 'low',
			log: true,
			format: formatMs,
			figure: (id) => {
				const run = runs.get(id);
				return run ? { value: run.loadMs + run.firstMs } : undefined;
			},
		});
	}
	return axes;
}

/** Metrics beside the main one that a chart can show. SQNR and cosine of the outputs have axes of their own. */
const onAxes: ReadonlySet<MetricName> = new Set(['top5', 'f1', 'auc', 'ap', 'rmse', 'r2', 'cer', 'steps']);

/** How sure intervals are and of how many examples they are: judging may have stopped early, each time elsewhere. */
function sampleWords(samples: readonly { readonly n: number; readonly alpha: number }[]): string {
	const range = (values: readonly number[], text: (value: number) => string): string => {
		const [least, most] = [text(Math.min(...values)), text(Math.max(...values))];
		return least === most ? least : `${least} to ${most}`;
	};
	const sure = range(
		samples.map(({ alpha }) => 100 * (1 - alpha)),
		(value) => number(value, Math.abs(value - Math.round(value)) < 0.05 ? 0 : 1),
	);
	return `${sure} % interval${sure.includes(' ') ? 's' : ''}, n = ${range(
		samples.map(({ n }) => n),
		(value) => value.toLocaleString(),
	)}`;
}

/** What a variant is worth: task metrics where labels are there, and fidelity to the original. The first is the default. */
export function qualityAxes(study: Study): Axis[] {
	const evaluations = new Map(
		study.evaluations.filter((evaluation) => !evaluation.failure).map((evaluation) => [evaluation.variant, evaluation]),
	);
	const all = [...evaluations.values()];
	const synthetic = all.some((evaluation) => evaluation.synthetic);
	const on = synthetic ? ', synthetic inputs' : '';
	const axes: Axis[] = [];
	const main = mainMetricOf(study);
	const measured = new Map(all.flatMap(({ metrics, task }) => metrics.map(({ metric }) => [metric, task])));
	const others = synthetic ? [] : [...measured.keys()].filter((metric) => metric !== main?.metric && onAxes.has(metric));
	for (const metric of main && !synthetic ? [main.metric, ...others] : others) {
		const samples = all.flatMap(({ metrics, stopped }) =>
			metrics.filter((entry) => entry.metric === metric).map(({ n }) => ({ n, alpha: stopped?.alpha ?? 0.05 })),
		);
		const { better, unit, perfect } = metricFacts[metric];
		const name = metricTitle(metric, measured.get(metric)?.kind);
		const of = unit === 'share' ? ', %' : unit === 'dB' ? ', dB' : '';
		axes.push({
			key: metric,
			label: `${name}${of} (${sampleWords(samples)})`,
			shortLabel: name,
			better,
			log: false,
			format: (value) => metricText(metric, value),
			figure: (id) => {
				if (id === 'original' && perfect !== undefined) return { value: perfect, exact: true };
				const found = evaluations.get(id)?.metrics.find((entry) => entry.metric === metric);
				return found ? { value: found.value, interval: found.interval } : undefined;
			},
		});
	}
	const agreeing = all.flatMap(({ outputs }) => outputs.flatMap(({ agreement }) => (agreement ? [{ n: agreement.n, alpha: 0.05 }] : [])));
	if (agreeing.length > 0) {
		axes.push({
			key: 'agreement',
			label: `same answer as the original, % (${sampleWords(agreeing)}${on})`,
			shortLabel: 'agreement',
			better: 'high',
			log: false,
			format: (value) => `${number(value * 100, 1)} %`,
			figure: (id) => {
				if (id === 'original') return { value: 1, exact: true };
				const found = evaluations.get(id)?.outputs.find((output) => output.agreement)?.agreement;
				return found ? { value: found.value, interval: found.interval } : undefined;
			},
		});
	}
	if (all.some((evaluation) => evaluation.outputs.length > 0)) {
		axes.push({
			key: 'sqnr',
			label: `signal to quantization noise, dB (worst output${on})`,
			shortLabel: 'SQNR',
			better: 'high',
			log: false,
			format: (value) => `${number(value, 1)} dB`,
			figure: (id) => {
				if (id === 'original') return { value: Number.POSITIVE_INFINITY, exact: true };
				const outputs = evaluations.get(id)?.outputs;
				if (!outputs || outputs.length === 0) return undefined;
				const finite = outputs.flatMap((output) => (output.sqnrDb === null ? [] : [output.sqnrDb]));
				return finite.length === 0 ? { value: Number.POSITIVE_INFINITY, exact: true } : { value: Math.min(...finite) };
			},
		});
		axes.push({
			key: 'cosine',
			label: `cosine to the original (worst output${on})`,
			shortLabel: 'cosine',
			better: 'high',
			log: false,
			format: (value) => number(value, 4),
			figure: (id) => {
				if (id === 'original') return { value: 1, exact: true };
				const outputs = evaluations.get(id)?.outputs;
				return outputs && outputs.length > 0 ? { value: Math.min(...outputs.map((output) => output.cosine)) } : undefined;
			},
		});
	}
	return axes;
}
