import type { Family, PassReport } from '../pass/pass.ts';
import type { Recipe } from '../pass/recipe.ts';
import type { ClassMapping, DataSettings, Evidence, Preprocessing, StopEarly } from './data-settings.ts';
import type { ChosenExamples } from './learning.ts';
import type { LabelKind, TaskFacts } from './task.ts';

/** SHA-256 in lower-case hex. */
export type Hash = string;

export type Backend = 'wasm' | 'webgpu' | 'webnn';

/** One way to run a model: provider and threads. Written `wasm×1`, `wasm×4`, `webgpu`. */
export interface Target {
	readonly backend: Backend;
	/** WASM threads; 1 elsewhere. */
	readonly threads: number;
}

export function targetKey(target: Target): string {
	return target.backend === 'wasm' ? `wasm×${target.threads}` : target.backend;
}

/** Shape facts of one model input or output. */
export interface PortFacts {
	readonly name: string;
	/** As printed by printType, e.g. `float32[N, 3, 224, 224]`. */
	readonly type: string;
	readonly dtype: string;
	readonly shape: readonly (number | string | null)[] | null;
}

/** The plain summary of a model that the page gets: never the graph. */
export interface ModelFacts {
	readonly fileName: string;
	/** All files together, external data included. */
	readonly byteLength: number;
	readonly irVersion: number;
	readonly opsets: readonly { readonly domain: string; readonly version: number }[];
	readonly producer: string;
	readonly parameters: number;
	/** Bytes of stored tensors. */
	readonly weightBytes: number;
	/** Multiply-accumulates of one run with unknown dimensions taken as 1; undefined where shapes are not known. */
	readonly macs?: number;
	readonly nodeCount: number;
	readonly inputs: readonly PortFacts[];
	readonly outputs: readonly PortFacts[];
	/** Operators by count, most first; subgraphs included. */
	readonly operators: readonly { readonly op: string; readonly count: number; readonly parameterBytes: number }[];
	/** Largest stored tensors, most first, at most 200. */
	readonly layers: readonly LayerFacts[];
	/** Files that external data asks for and that were not dropped. */
	readonly missingData: readonly string[];
	readonly warnings: readonly string[];
	readonly metadata: Readonly<Record<string, string>>;
}

export interface LayerFacts {
	/** Node that reads the tensor, and the tensor. */
	readonly node: string;
	readonly op: string;
	readonly tensor: string;
	readonly dtype: string;
	readonly dims: readonly number[];
	readonly byteLength: number;
}

/** A model at rest: what identifies it. `hash` is of the .onnx file; external data is hashed into it by the storage layer. */
export interface ModelIdentity {
	readonly name: string;
	readonly hash: Hash;
	readonly byteLength: number;
}

/** Size on disk and as transferred. */
export interface Sizes {
	readonly bytes: number;
	readonly gzip?: number;
	readonly brotli?: number;
}

export type VariantState = 'queued' | 'compressing' | 'measuring' | 'done' | 'failed' | 'cancelled';

/** A failure as people are told it: what, where, what to do. */
export interface Failure {
	readonly code: string;
	readonly message: string;
	readonly where?: string;
	readonly advice?: string;
	/** For "copy details". */
	readonly detail?: string;
}

export interface Variant {
	/** Hash of model hash + canonical recipe + pass versions; 'original' for the model itself. */
	readonly id: Hash | 'original';
	readonly name: string;
	readonly family: Family;
	readonly recipe: Recipe;
	/** Hash of the file; absent until it is written. */
	readonly file?: Hash;
	readonly sizes?: Sizes;
	readonly parameters?: number;
	readonly nonZeros?: number;
	readonly operators?: readonly { readonly op: string; readonly count: number }[];
	readonly layers?: readonly LayerFacts[];
	readonly report: readonly PassReport[];
	/** The sample inputs that its passes learnt from, where they did. */
	readonly learntFrom?: {
		readonly dataset: string;
		readonly n: number;
		readonly synthetic: boolean;
		/** Where not all that were kept to learn from were learnt from: which, by their places in the whole set. */
		readonly chosen?: Pick<ChosenExamples, 'choice' | 'indices'>;
	};
	readonly failure?: Failure;
	readonly createdAt: string;
}

/** Where figures were measured. */
export interface Environment {
	readonly browser: string;
	readonly platform: string;
	readonly cores: number;
	readonly isolated: boolean;
	readonly runtime: string;
	readonly gpu?: string;
	readonly pare: string;
}

export type Interval = readonly [low: number, high: number];

/** A timed run of a variant on a target. Raw samples are kept. */
export interface Run {
	readonly variant: Hash | 'original';
	readonly target: Target;
	/** Threads that the runtime really used. */
	readonly threadsUsed: number;
	readonly loadMs: number;
	readonly firstMs: number;
	/** Warm, interleaved with the original. */
	readonly samplesMs: readonly number[];
	/** How many samples stand behind the figures where the samples themselves are not kept, as in a comparison read from a link. */
	readonly sampleCount?: number;
	/** Samples of the original from the same interleaved rounds. */
	readonly referenceMs: readonly number[];
	readonly medianMs: number;
	readonly p95Ms: number;
	/** Ratio of medians to the original with its 95 % interval; absent for the original. */
	readonly ratio?: { readonly value: number; readonly interval: Interval };
	/** Nodes by provider, where the runtime tells. */
	readonly placement?: readonly { readonly provider: string; readonly nodes: number; readonly ops: readonly string[] }[];
	/** Microseconds by operator, from the profile. */
	readonly profile?: readonly { readonly op: string; readonly count: number; readonly totalUs: number; readonly provider: string }[];
	/** Agreement of the timed run's outputs with the same variant on the reference target (WASM, one thread). */
	readonly agreement?: { readonly cosine: number; readonly maxAbs: number; readonly ok: boolean };
	/** Why the figures deserve care: hidden tab, no isolation, few samples. */
	readonly caveats: readonly string[];
	readonly failure?: Failure;
	readonly measuredAt: string;
}

/** Fidelity of one output to the original, over all inputs. */
export interface OutputFidelity {
	readonly output: string;
	readonly n: number;
	readonly cosine: number;
	/** Worst cosine of a single example. */
	readonly worstCosine: number;
	readonly sqnrDb: number | null;
	readonly maxAbs: number;
	/** Share of rows with the same best class, where the output looks like a classifier's. */
	readonly agreement?: { readonly value: number; readonly interval: Interval; readonly n: number };
}

/**
 * Names of metrics; metric-facts.ts says what each is. Precision, recall, F1, auc and ap are macro averages over classes or labels (of the positive
 * class where there are two); ece is the expected calibration error.
 */
export type MetricName =
	| 'top1'
	| 'top5'
	| 'accuracy'
	| 'precision'
	| 'recall'
	| 'f1'
	| 'auc'
	| 'ap'
	| 'ece'
	| 'mae'
	| 'rmse'
	| 'r2'
	| 'exact'
	| 'cer'
	| 'sequences'
	| 'steps'
	| 'neighbours'
	| 'cosine'
	| 'sqnr'
	| 'maxAbs';

/** A figure of the task, with labels, or against the original where the task has none. */
export interface TaskMetric {
	readonly metric: MetricName;
	readonly value: number;
	/** 95 % (see Evaluation.stopped). */
	readonly interval: Interval;
	/** Examples. */
	readonly n: number;
	/** Difference to the original on the same examples: paired. */
	readonly difference?: { readonly value: number; readonly interval: Interval; readonly pValue: number };
}

export interface LabelFigures {
	readonly label: number;
	readonly n: number;
	readonly positives: number;
	/** Areas under the ROC curve and average precision; absent where the label applies to none or to all. */
	readonly auc?: number;
	readonly ap?: number;
	readonly f1: number;
	/** The original's area, on the same examples. */
	readonly originalAuc?: number;
}

export interface Evaluation {
	readonly variant: Hash | 'original';
	/** Hash of inputs and preprocessing. */
	readonly dataset: Hash;
	readonly synthetic: boolean;
	readonly target: Target;
	readonly outputs: readonly OutputFidelity[];
	/** What the metrics are about; absent where it was measured before there were tasks. */
	readonly task?: TaskFacts;
	readonly metrics: readonly TaskMetric[];
	/** By label, where several may apply, by output index; the first hundred. `n`: examples with a label, `positives` those it applies to. */
	readonly labelFigures?: readonly LabelFigures[];
	/** It was asked to end as soon as the answer is clear; the original never is. */
	readonly stopEarly?: StopEarly;
	/** It was to end as soon as the answer was clear: after so many examples, for this reason. Its intervals have confidence `1 - alpha`. */
	readonly stopped?: { readonly after: number; readonly of: number; readonly alpha: number; readonly why: string };
	/** Classes that are taken for others, most often first, and those whose share of right answers changed most. By output index. */
	readonly confusions?: readonly { readonly label: number; readonly predicted: number; readonly count: number }[];
	readonly classChanges?: readonly { readonly label: number; readonly n: number; readonly original: number; readonly variant: number }[];
	/** Examples that disagree most: index, and what original and variant said. */
	readonly disagreements: readonly {
		readonly index: number;
		readonly label?: string;
		readonly original: string;
		readonly variant: string;
		readonly cosine: number;
	}[];
	readonly failure?: Failure;
	readonly measuredAt: string;
}

export interface DatasetFacts {
	readonly hash: Hash;
	readonly name: string;
	readonly kind: DataKind;
	readonly n: number;
	/** Entries in the files, where fewer were asked for or can be used. */
	readonly available?: number;
	/** Examples that a person left out. */
	readonly leftOutCount?: number;
	/** Most examples that were asked for. */
	readonly limit?: number;
	readonly labelled: boolean;
	readonly labelKind?: LabelKind;
	readonly classes?: number;
	/** How names in the data stand for outputs, where there are names. */
	readonly mapping?: ClassMapping;
	/** What is done to each example, in words. */
	readonly preprocessing: string;
	/** The same as data, for pictures. */
	readonly picture?: Preprocessing;
	/** How what was found was found. */
	readonly evidence?: readonly Evidence[];
	/** What the person chose; the rest was found. */
	readonly settings?: DataSettings;
	/** Entries left out, with reasons: the first thousand. */
	readonly skipped: readonly { readonly name: string; readonly reason: string }[];
	/** How many were left out in all, where that is more than `skipped` names. */
	readonly skippedCount?: number;
	/** Set once a recipe learns from the set: some examples are kept for that, and `n` counts those that results are judged on. */
	readonly split?: DatasetSplit;
}

/** Which examples passes learn from; results are judged on the others. */
export interface DatasetSplit {
	readonly seed: number;
	/** Examples in all. */
	readonly of: number;
	/** Indices of those that passes learn from, ascending. */
	readonly calibration: readonly number[];
	/** What the split says of the set: copies left out, labels that contradict. */
	readonly notes: readonly string[];
	/** Which of those kept are learnt from; absent: all. */
	readonly chosen?: ChosenExamples;
}

export type DataKind = 'pictures' | 'arrays' | 'table' | 'text' | 'sound' | 'synthetic' | 'sample';

/** Everything that is known about one model and its variants: one JSON document. */
export interface Study {
	readonly v: 1;
	readonly id: string;
	readonly model: ModelIdentity;
	readonly facts: ModelFacts;
	readonly dataset?: DatasetFacts;
	readonly environment: Environment;
	readonly variants: readonly Variant[];
	readonly runs: readonly Run[];
	readonly evaluations: readonly Evaluation[];
	readonly createdAt: string;
	readonly updatedAt: string;
}
