import type { DatasetFacts, Evaluation, Hash, Run, Target } from '../core/study/study.ts';
import type { ModelFiles, NamedBlob } from './protocol.ts';

/** Inputs that models are run on. */
export type InputsRef =
	| { readonly kind: 'files'; readonly files: readonly NamedBlob[]; readonly sample: boolean }
	/** Made from the model's inputs and the seed. */
	| { readonly kind: 'synthetic'; readonly seed: number };

/** What every call to the engine says: which model is the original, on what inputs, at most how many of them. */
export interface EngineSubject {
	readonly target: Target;
	/** Names the original in the worker's caches. */
	readonly modelHash: Hash;
	readonly original: ModelFiles;
	readonly inputs: InputsRef;
	readonly maxExamples: number;
}

export interface MeasuredFile {
	readonly id: Hash | 'original';
	readonly files: ModelFiles;
}

/** One worker serves one target; the host starts another for another. */
export interface EngineMethods {
	/** Opens inputs for a model. Throws what the readers throw for wrong files. */
	describeInputs(args: Omit<EngineSubject, 'target'>): DatasetFacts;
	/** Fidelity to the original and, with labels, task metrics. */
	evaluate(args: EngineSubject & { readonly variant: MeasuredFile; readonly dataset: DatasetFacts }): Evaluation;
	/** Interleaved times of the original and of variants. What cannot run on the target has a failure in its run. */
	benchmark(args: EngineSubject & { readonly variants: readonly MeasuredFile[]; readonly rounds: number }): readonly Run[];
}
