import type { Duplicate, Mislabelled, Outlier } from '../core/data-health/health.ts';
import type { Note } from '../core/pass/pass.ts';
import type { PortChange } from '../core/pass/ports.ts';
import type { Recipe } from '../core/pass/recipe.ts';
import type { DataSettings, Preprocessing } from '../core/study/data-settings.ts';
import type { ChosenExamples, LearnFrom } from '../core/study/learning.ts';
import type { DatasetFacts, Evaluation, Hash, Run, Target } from '../core/study/study.ts';
import type { Drawing } from '../engine/drawing.ts';
import type { PictureAnswer } from '../engine/output-picture.ts';
import type { Outputs } from '../engine/outputs.ts';
import type { Feeds } from '../engine/port.ts';
import type { Sample } from '../engine/sample-answers.ts';
import type { ModelFiles, NamedBlob } from './protocol.ts';

/** Inputs that models are run on. */
export type InputsRef =
	| {
			readonly kind: 'files';
			readonly files: readonly NamedBlob[];
			readonly sample: boolean;
			/** What a person chose about the data; the rest is found. */
			readonly settings?: DataSettings;
	  }
	/** Made from the model's inputs and the seed. */
	| { readonly kind: 'synthetic'; readonly seed: number };

/** One input as the model sees it. */
export interface InputPreview {
	readonly name: string;
	/** Name or index of the class that is right for it. */
	readonly label?: string;
	readonly picture: { readonly width: number; readonly height: number; readonly data: Uint8ClampedArray<ArrayBuffer> };
	/** Of the numbers that the model is fed. */
	readonly least: number;
	readonly most: number;
}

/** Answers to examples, and where these stand in the whole set: `places[position]` is an index for `previews`. */
export interface SampleAnswers {
	readonly samples: readonly Sample[];
	readonly places: readonly number[];
	readonly classNames?: readonly string[];
}

/** One example looked at closely: what the model is fed, and what it and a variant put out where that is a picture. */
export interface SampleDetail {
	readonly inputs: readonly Drawing[];
	readonly pictures: readonly PictureAnswer[];
}

/** What looks wrong with a set. Indices are of the whole set; the hashes name examples for DataSettings.leftOut. */
export interface DataHealth {
	readonly examples: readonly { readonly name: string; readonly contentHash: string; readonly label?: number }[];
	readonly duplicates: readonly Duplicate[];
	readonly mislabelled: readonly Mislabelled[];
	readonly outliers: readonly Outlier[];
	readonly classNames?: readonly string[];
	/** The value that the features are of. */
	readonly featuresOf: string;
}

/** What every call to the engine says: which model is the original, on what inputs, at most how many of them. */
export interface EngineSubject {
	readonly target: Target;
	/** Names the original in the worker's caches. */
	readonly modelHash: Hash;
	readonly original: ModelFiles;
	readonly inputs: InputsRef;
	readonly maxExamples: number;
	/** Models that are sure to need more are refused before they are run. */
	readonly memoryBudgetBytes: number;
	/** Some of the inputs are kept for passes to learn from: results are judged on the others. */
	readonly split?: { readonly seed: number; readonly calibration: number };
	/** What was found about pictures when the inputs were opened first: a worker that opens them again need not try every convention. */
	readonly found?: Preprocessing;
	/** The inputs were opened for this model before; `readable`: and every entry of theirs could be read, so none is read beforehand. */
	readonly opened?: { readonly readable: boolean };
}

export interface MeasuredFile {
	readonly id: Hash | 'original';
	readonly files: ModelFiles;
	/** How its inputs and outputs differ from the original's. */
	readonly ports?: readonly PortChange[];
}

/** One worker serves one target; the host starts another for another. */
export interface EngineMethods {
	/** Opens inputs for a model. Throws what the readers throw for wrong files. */
	describeInputs(args: Omit<EngineSubject, 'target'>): DatasetFacts;
	/** The same inputs in halves: some to learn from, the others to judge results on. */
	splitInputs(args: EngineSubject & { readonly facts: DatasetFacts; readonly split: NonNullable<EngineSubject['split']> }): DatasetFacts;
	/** Which of the examples that are kept to learn from are learnt from. Runs the original on those that are kept. */
	chooseLearning(args: EngineSubject & { readonly kept: readonly number[]; readonly learnFrom: LearnFrom }): ChosenExamples;
	/** Fidelity to the original and, with labels, task metrics. */
	evaluate(
		args: EngineSubject & {
			readonly variant: MeasuredFile;
			readonly dataset: DatasetFacts;
			/** Study under which outputs are kept on the way, so that what is ended goes on from there. */
			readonly study?: string;
		},
	): {
		readonly evaluation: Evaluation;
		/** What the model says to the benchmark's inputs; absent where that is too large to keep. */
		readonly reference?: Outputs;
	};
	/** The same outputs for a model that was evaluated in an earlier visit. */
	reference(args: EngineSubject & { readonly variant: MeasuredFile }): Outputs | null;
	/** Lets the passes of a recipe measure the original on the inputs and write what they found into their options. */
	resolve(args: EngineSubject & { readonly recipe: Recipe }): { readonly recipe: Recipe; readonly notes: readonly Note[] };
	/** Some inputs as pictures, resized and cut, with what becomes of them; with `as`, as that preprocessing would make them. */
	previews(args: EngineSubject & { readonly indices: readonly number[]; readonly as?: Preprocessing }): readonly InputPreview[];
	/** Answers of the original and a variant to each example that results are judged on. */
	samples(args: EngineSubject & { readonly variant: MeasuredFile; readonly dataset: DatasetFacts; readonly study?: string }): SampleAnswers;
	/** Inputs of examples of the whole set, small enough to be drawn. */
	drawInputs(args: EngineSubject & { readonly indices: readonly number[] }): readonly (readonly Drawing[])[];
	/** An example of the whole set, with pictures that the original and a variant put out for it. Runs both on it. */
	sampleDetail(args: EngineSubject & { readonly variant: MeasuredFile; readonly index: number }): SampleDetail;
	/** Copies, labels that look wrong, and strange examples, by the original's own features. Runs it on all examples. */
	health(args: EngineSubject): DataHealth;
	/** Inputs of the first example: what is timed, on every target the same. */
	feeds(args: EngineSubject): Feeds;
	/**
	 * Interleaved times of the original and of variants. What cannot run on the target has a failure in its run. `unfinished` were not
	 * reached because the runtime broke down: they want a fresh worker.
	 */
	benchmark(args: {
		readonly target: Target;
		readonly original: ModelFiles;
		readonly originalReference?: Outputs;
		readonly variants: readonly (MeasuredFile & { readonly reference?: Outputs })[];
		readonly feeds: Feeds;
		readonly rounds: number;
		readonly budgetMs: number;
		readonly memoryBudgetBytes: number;
	}): { readonly runs: readonly Run[]; readonly unfinished: readonly (Hash | 'original')[] };
}
