import { stopEarlyKey } from '../../core/study/data-settings.ts';
import { type Evaluation, type Hash, type Study, type Target, targetKey, type Variant } from '../../core/study/study.ts';
import { taskKey } from '../../core/study/task.ts';

/** One step that a study still lacks. Tasks follow from the study alone, so that a reload resumes where it stood. */
export type Task =
	| { readonly kind: 'compress'; readonly variant: Hash }
	| { readonly kind: 'evaluate'; readonly variant: Hash | 'original' }
	/** The original and these variants in the same interleaved rounds. */
	| { readonly kind: 'benchmark'; readonly target: Target; readonly variants: readonly (Hash | 'original')[] };

export interface PlanOptions {
	/** Where to measure, the reference first. */
	readonly targets: readonly Target[];
	/** Bytes of variants that may be loaded together; one always may. */
	readonly batchBytes: number;
	/** Measure the original even while there is nothing to compare it with. */
	readonly original?: boolean;
	/** Variants that are measured alone because measuring them with others failed. */
	readonly alone?: ReadonlySet<string>;
}

const maxBatch = 12;

/**
 * What is left to do, in order: write every variant, compare each with the original, then measure, one interleaved benchmark for each
 * target. A failure that is recorded counts as done until somebody asks again.
 */
export function plan(study: Study, options: PlanOptions): readonly Task[] {
	const tasks: Task[] = [];
	for (const variant of study.variants) {
		if (variant.id !== 'original' && !variant.file && !variant.failure) tasks.push({ kind: 'compress', variant: variant.id });
	}
	// A variant that is still to be written will be measured too: its later steps are planned once it is there.
	const ready = study.variants.filter((variant) => !variant.failure && (variant.id === 'original' || variant.file !== undefined));
	// The original alone waits: its figures come with those of the first variant, in the same rounds.
	const { dataset } = study;
	const alone = !options.original && ready.every((variant) => variant.id === 'original');
	// What the original gets right tells at once whether a person's data is read as it should be.
	const telling = dataset?.labelled === true && dataset.kind !== 'sample';
	if (alone && !telling) return tasks;
	if (dataset) {
		// Another task is another question: it is asked anew.
		const task = taskKey(dataset.settings?.task);
		// What was to stop early is no figure of all examples, nor the other way round. The original is always run on all.
		const stop = stopEarlyKey(dataset.settings?.stopEarly);
		const asWanted = ({ variant, stopEarly }: Evaluation): boolean => variant === 'original' || stopEarlyKey(stopEarly) === stop;
		const evaluated = new Set(
			study.evaluations
				.filter(
					(entry) =>
						entry.dataset === dataset.hash && (entry.outputs.length === 0 || (taskKey(entry.task?.chosen) === task && asWanted(entry))),
				)
				.map((entry) => entry.variant),
		);
		for (const { id } of ready) if (!evaluated.has(id)) tasks.push({ kind: 'evaluate', variant: id });
	}
	for (const target of dataset && !alone ? options.targets : []) {
		const key = targetKey(target);
		const measured = new Set(study.runs.filter((run) => targetKey(run.target) === key).map((run) => run.variant));
		for (const variants of batches(
			ready.filter(({ id }) => !measured.has(id)),
			options,
		)) {
			tasks.push({ kind: 'benchmark', target, variants });
		}
	}
	return tasks;
}

function batches(variants: readonly Variant[], { batchBytes, alone }: PlanOptions): (Hash | 'original')[][] {
	const result: (Hash | 'original')[][] = [];
	let current: (Hash | 'original')[] = [];
	let bytes = 0;
	for (const { id, sizes } of variants) {
		const size = sizes?.bytes ?? 0;
		if (alone?.has(id)) {
			result.push([id]);
			continue;
		}
		if (current.length > 0 && (bytes + size > batchBytes || current.length >= maxBatch)) {
			result.push(current);
			current = [];
			bytes = 0;
		}
		current.push(id);
		bytes += size;
	}
	if (current.length > 0) result.push(current);
	// Those that failed in company come last, so that they cannot hold the others up.
	return result.sort((a, b) => Number(a.length === 1 && alone?.has(a[0] as string)) - Number(b.length === 1 && alone?.has(b[0] as string)));
}

/** The same task has the same id, whatever else is planned; batches of one target share theirs. */
export function taskId(task: Task): string {
	return task.kind === 'benchmark' ? `benchmark:${targetKey(task.target)}:${task.variants[0]}` : `${task.kind}:${task.variant}`;
}

/** Variants that the task works for. */
export function taskVariants(task: Task): readonly (Hash | 'original')[] {
	return task.kind === 'benchmark' ? task.variants : [task.variant];
}

/** Target and dataset that evaluation uses: one that every browser has, so that figures of two devices mean the same. */
export const referenceTarget: Target = { backend: 'wasm', threads: 1 };
