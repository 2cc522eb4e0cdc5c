import {
	type DatasetFacts,
	type Evaluation,
	type Failure,
	type Hash,
	type Run,
	type Target,
	targetKey,
	type Variant,
} from '../../core/study/study.ts';
import { referenceTarget, type Task } from './plan.ts';

export const cancelledFailure: Failure = { code: 'cancelled', message: 'Cancelled.', advice: 'Run it again when you like.' };

export function cancelled(): DOMException {
	return new DOMException('Cancelled.', 'AbortError');
}

export function targetName(target: Target): string {
	if (target.backend === 'wasm') return `WASM, ${target.threads === 1 ? '1 thread' : `${target.threads} threads`}`;
	return target.backend === 'webgpu' ? 'WebGPU' : 'WebNN';
}

export function taskTitle(task: Task, variants: readonly Variant[]): string {
	const nameOf = (id: string): string => variants.find((entry) => entry.id === id)?.name ?? 'variant';
	switch (task.kind) {
		case 'compress':
			return `${nameOf(task.variant)}: writing`;
		case 'evaluate':
			return task.variant === 'original' ? 'Original: running the inputs' : `${nameOf(task.variant)}: comparing with the original`;
		case 'benchmark':
			return task.variants.length === 1
				? `${nameOf(task.variants[0] as string)}: measuring on ${targetName(task.target)}`
				: `${task.variants.length} models: measuring on ${targetName(task.target)}`;
	}
}

/** An evaluation that could not be made: no figures, only the reason. */
export function failedEvaluation(variant: Hash | 'original', dataset: DatasetFacts, failure: Failure, at: string): Evaluation {
	return {
		variant,
		dataset: dataset.hash,
		synthetic: dataset.kind === 'synthetic',
		target: referenceTarget,
		outputs: [],
		metrics: [],
		disagreements: [],
		failure,
		measuredAt: at,
	};
}

/** A run that could not be made. Its figures are not numbers, so that none can be taken for a time. */
export function failedRun(variant: Hash | 'original', target: Target, failure: Failure, at: string): Run {
	return {
		variant,
		target,
		threadsUsed: target.threads,
		loadMs: Number.NaN,
		firstMs: Number.NaN,
		samplesMs: [],
		referenceMs: [],
		medianMs: Number.NaN,
		p95Ms: Number.NaN,
		caveats: [],
		failure,
		measuredAt: at,
	};
}

export { targetKey };
