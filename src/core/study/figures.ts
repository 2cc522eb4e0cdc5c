import { mainMetric } from './metrics/metric-facts.ts';
import type { Evaluation, Hash, Interval, MetricName, OutputFidelity, Run, Study, TaskMetric, Variant } from './study.ts';
import { targetKey } from './study.ts';
import type { TaskKind } from './task.ts';

export type VariantId = Hash | 'original';

/** What is known of one variant, gathered from the study's three lists. */
export interface VariantFigures {
	readonly id: VariantId;
	readonly variant: Variant | undefined;
	readonly bytes: number | undefined;
	/** Original bytes over its bytes: 3.7 means 3.7 times smaller. */
	readonly timesSmaller: number | undefined;
	readonly evaluation: Evaluation | undefined;
	/** The metric that stands for its task on real examples: accuracy, ROC-AUC, mean absolute error … */
	readonly main: TaskMetric | undefined;
	/** The output that looks like a classifier's, where there is one. */
	readonly classifier: OutputFidelity | undefined;
	/** Lowest SQNR over the outputs, dB; Infinity where all are equal to the original's. */
	readonly worstSqnrDb: number | undefined;
	readonly worstCosine: number | undefined;
	/** Newest run on each target, by target key. Failed ones too. */
	readonly runs: ReadonlyMap<string, Run>;
}

export function figuresOf(study: Study, id: VariantId): VariantFigures {
	const variant = study.variants.find((entry) => entry.id === id);
	const bytes = variant?.sizes?.bytes ?? (id === 'original' ? study.model.byteLength : undefined);
	const evaluation = study.evaluations.findLast((entry) => entry.variant === id);
	const outputs = evaluation && !evaluation.failure ? evaluation.outputs : [];
	const finite = outputs.flatMap((output) => (output.sqnrDb === null ? [] : [output.sqnrDb]));
	const runs = new Map<string, Run>();
	for (const run of study.runs) if (run.variant === id) runs.set(targetKey(run.target), run);
	return {
		id,
		variant,
		bytes,
		timesSmaller: bytes ? study.model.byteLength / bytes : undefined,
		evaluation,
		main: evaluation && !evaluation.synthetic ? mainMetric(evaluation.metrics) : undefined,
		classifier: outputs.find((output) => output.agreement),
		worstSqnrDb: outputs.length === 0 ? undefined : finite.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...finite),
		worstCosine: outputs.length === 0 ? undefined : Math.min(...outputs.map((output) => output.cosine)),
		runs,
	};
}

/** The main metric of the study's newest evaluations on real examples, and their task; undefined where they have none. */
export function mainMetricOf(
	study: Study,
): { readonly metric: MetricName; readonly n: number; readonly task: TaskKind | undefined } | undefined {
	const { dataset } = study;
	const own = study.evaluations.filter((entry) => !entry.synthetic && !entry.failure && (!dataset || entry.dataset === dataset.hash));
	for (const { metrics, task } of (own.length > 0 ? own : study.evaluations.filter((entry) => !entry.synthetic)).toReversed()) {
		const main = mainMetric(metrics);
		if (main) return { metric: main.metric, n: main.n, task: task?.kind };
	}
	return undefined;
}

/** Targets that the study has runs for, in the order they first appear. */
export function targetsOf(study: Study): string[] {
	return [...new Set(study.runs.map((run) => targetKey(run.target)))];
}

export function holds(interval: Interval, value: number): boolean {
	return interval[0] <= value && value <= interval[1];
}

export type SpeedVerdict = 'faster' | 'slower' | 'no measurable difference' | 'unknown';

/** Whether a run's ratio to the original can be told from 1. */
export function speedOf(run: Run | undefined): SpeedVerdict {
	if (!run?.ratio || run.failure) return 'unknown';
	if (holds(run.ratio.interval, 1)) return 'no measurable difference';
	return run.ratio.value < 1 ? 'faster' : 'slower';
}
