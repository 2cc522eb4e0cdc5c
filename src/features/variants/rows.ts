import type { Family } from '../../core/pass/pass.ts';
import { figuresOf, mainMetricOf, type SpeedVerdict, speedOf, targetsOf, type VariantId } from '../../core/study/figures.ts';
import { metricFacts, metricText, metricTitle } from '../../core/study/metrics/metric-facts.ts';
import { paretoFront } from '../../core/study/pareto.ts';
import type { Failure, Interval, MetricName, Study } from '../../core/study/study.ts';
import { type QualityWords, qualityWords } from '../../core/study/words.ts';
import type { Job } from '../../store/state.ts';

export interface SpeedCell {
	readonly medianMs?: number;
	readonly ratio?: number;
	readonly interval?: Interval;
	readonly verdict: SpeedVerdict;
	readonly failure?: Failure;
	readonly n: number;
}

/** One row of the variants table, ready to sort and draw. */
export interface Row {
	readonly id: VariantId;
	readonly name: string;
	readonly family: Family;
	readonly bytes: number | undefined;
	readonly timesSmaller: number | undefined;
	readonly quality: number | undefined;
	readonly qualityText: string;
	readonly words: QualityWords;
	readonly speeds: ReadonlyMap<string, SpeedCell>;
	readonly front: boolean;
	/** queued, running …; undefined when nothing is under way. */
	readonly progress: string | undefined;
	readonly failure: Failure | undefined;
}

export type SortKey = 'name' | 'bytes' | 'quality' | `speed:${string}`;

/** What the quality column holds: one measure for all rows, so that they can be compared. */
export interface QualityColumn {
	readonly title: string;
	readonly better: 'high' | 'low';
	readonly metric: MetricName | 'agreement' | 'worstSqnr';
}

export function qualityColumn(study: Study): QualityColumn {
	const evaluations = study.evaluations.filter((evaluation) => !evaluation.failure);
	const main = mainMetricOf(study);
	if (main) return { title: metricTitle(main.metric, main.task), better: metricFacts[main.metric].better, metric: main.metric };
	if (evaluations.some((evaluation) => evaluation.outputs.some((output) => output.agreement))) {
		return { title: 'agreement', better: 'high', metric: 'agreement' };
	}
	return { title: 'SQNR', better: 'high', metric: 'worstSqnr' };
}

export function rowsOf(study: Study, jobs: readonly Job[]): Row[] {
	const column = qualityColumn(study);
	const targets = targetsOf(study);
	const ids: VariantId[] = study.variants.map((variant) => variant.id);
	if (!ids.includes('original')) ids.unshift('original');
	const rows = ids.map((id): Row => {
		const figures = figuresOf(study, id);
		const speeds = new Map<string, SpeedCell>();
		for (const target of targets) {
			const run = figures.runs.get(target);
			if (!run) continue;
			speeds.set(target, {
				...(run.failure ? { failure: run.failure } : { medianMs: run.medianMs }),
				...(run.ratio ? { ratio: run.ratio.value, interval: run.ratio.interval } : {}),
				verdict: speedOf(run),
				n: run.sampleCount ?? run.samplesMs.length,
			});
		}
		const [quality, qualityText] = qualityCell(figures, column);
		const job = jobs.find((entry) => entry.variant === id && (entry.state === 'running' || entry.state === 'queued'));
		return {
			id,
			name: id === 'original' ? 'original' : (figures.variant?.name ?? id.slice(0, 8)),
			family: figures.variant?.family ?? 'original',
			bytes: figures.bytes,
			timesSmaller: figures.timesSmaller,
			quality,
			qualityText,
			words: qualityWords(figures),
			speeds,
			front: false,
			progress: job ? (job.state === 'queued' ? 'queued' : (job.detail ?? job.kind)) : undefined,
			failure: figures.variant?.failure,
		};
	});
	// The front of size against quality; what was not measured on both takes no part.
	const front = new Set(
		paretoFront(
			rows.map((row) => [row.bytes ?? Number.NaN, row.quality ?? Number.NaN]),
			['min', column.better === 'high' ? 'max' : 'min'],
		),
	);
	return rows.map((row, index) => ({ ...row, front: front.has(index) }));
}

function qualityCell(figures: ReturnType<typeof figuresOf>, { metric }: QualityColumn): [number | undefined, string] {
	if (metric === 'agreement') {
		if (figures.id === 'original') return [1, '–'];
		const agreement = figures.classifier?.agreement;
		return agreement ? [agreement.value, `${(agreement.value * 100).toFixed(1)} %`] : [undefined, '–'];
	}
	if (metric === 'worstSqnr') {
		if (figures.id === 'original') return [Number.POSITIVE_INFINITY, '–'];
		if (figures.worstSqnrDb === undefined) return [undefined, '–'];
		return [figures.worstSqnrDb, Number.isFinite(figures.worstSqnrDb) ? `${figures.worstSqnrDb.toFixed(1)} dB` : 'equal'];
	}
	const { perfect } = metricFacts[metric];
	if (figures.id === 'original' && perfect !== undefined) return [perfect, '–'];
	const found = figures.main?.metric === metric ? figures.main : undefined;
	if (!found) return [undefined, '–'];
	// Beside figures of all examples those of some must be told from them.
	const { stopped } = figures.evaluation ?? {};
	const of = stopped && stopped.after < stopped.of ? ` (n = ${found.n.toLocaleString()})` : '';
	return [found.value, `${metricText(metric, found.value)}${of}`];
}

export function sortRows(rows: readonly Row[], key: SortKey, descending: boolean): Row[] {
	const value = (row: Row): number | string | undefined => {
		if (key === 'name') return row.name.toLowerCase();
		if (key === 'bytes') return row.bytes;
		if (key === 'quality') return row.quality;
		return row.speeds.get(key.slice('speed:'.length))?.medianMs;
	};
	return [...rows].sort((a, b) => {
		const left = value(a);
		const right = value(b);
		// What was not measured stands last whichever way the table is sorted.
		if (left === undefined || right === undefined) return left === right ? 0 : left === undefined ? 1 : -1;
		if (left === right) return 0;
		return (left < right ? -1 : 1) * (descending ? -1 : 1);
	});
}
