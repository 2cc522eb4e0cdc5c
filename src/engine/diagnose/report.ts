import type { NodeKey } from '../../core/study/node-figures.ts';

/** Agreement with the original; sums over all elements and examples. */
export interface ErrorFigures {
	/** Signal to noise, dB; null where both are equal (no noise) or where a value is not finite (see `maxAbs`). */
	readonly sqnrDb: number | null;
	/** null where a value is not finite. */
	readonly cosine: number | null;
	/** Largest difference; null where a value is not finite. */
	readonly maxAbs: number | null;
}

/** Counts of a tensor's values in bins of equal width, as the original computes them. */
export interface ValueHistogram {
	/** Lower edge of the first bin. */
	readonly low: number;
	readonly width: number;
	readonly counts: readonly number[];
	readonly min: number;
	readonly max: number;
}

/** A tensor that the variant turns into codes before this layer reads it. */
export interface QuantizedTensorFigures {
	/** Name of the value. */
	readonly name: string;
	readonly histogram: ValueHistogram;
	/** Codes reach from here to there; what lies beyond is clipped. Absent where the scale is found anew in each run. */
	readonly clip?: readonly [number, number];
	/** Share of the values beyond, 0..1. */
	readonly clippedShare?: number;
	/** Element type of the codes. */
	readonly codes: string;
}

/** A layer of the variant: what lies between two values that variant and original have in common and that was changed. */
export interface LayerDiagnosis {
	/** Key of its main node in the variant. */
	readonly node: NodeKey;
	/** What recipes call it (`nodesToExclude`): the label of the node in the original. */
	readonly label: string;
	/** Operators of the main node in the original and in the variant. */
	readonly op: string;
	readonly variantOp: string;
	/** The common value at which it is compared. */
	readonly value: string;
	/** Stored bytes that it reads, original and variant. */
	readonly originalBytes: number;
	readonly bytes: number;
	/** The layer alone on the original's inputs: everything that was changed in it. Absent where no example reached it. */
	readonly own?: ErrorFigures;
	/** The same with only its weights (biases included) as the variant has them. */
	readonly weights?: ErrorFigures;
	/** The same with only its inputs turned into codes. */
	readonly activations?: ErrorFigures;
	/** Why weights and activations are not told apart, where they are not. */
	readonly undivided?: string;
	/** Its value in the variant against the original's: with the errors of everything before it. */
	readonly accumulated?: ErrorFigures;
	/** Tensors that become codes before it, and their ranges. */
	readonly quantized: readonly QuantizedTensorFigures[];
	/** Distribution of its stored weights in the original. */
	readonly weightValues?: ValueHistogram;
	/** Why it was not measured. */
	readonly missing?: string;
}

export interface ErrorReport {
	/** Worst own error first. */
	readonly layers: readonly LayerDiagnosis[];
	/** Examples that ran, and whether they are made up. */
	readonly examples: number;
	readonly synthetic: boolean;
	/** The worst output of the whole variant. */
	readonly output: ErrorFigures;
	/** What could not be compared, and with what the variant was compared. */
	readonly notes: readonly string[];
	readonly durationMs: number;
}

/** What one layer does to the model's outputs. */
export interface LayerSensitivity {
	readonly node: NodeKey;
	readonly label: string;
	/** Signal to noise at the worst output, dB; null where nothing changed. */
	readonly sqnrDb: number | null;
	/** Mean divergence of the first output's rows as class scores, nats; absent where they are none. */
	readonly kl?: number;
}

export interface SensitivityReport {
	/** `alone`: this layer as in the variant, all others as in the original. `restored`: the other way round. */
	readonly way: 'alone' | 'restored';
	/** Most sensitive first: `alone` lowest dB first, `restored` highest first. */
	readonly layers: readonly LayerSensitivity[];
	/** The variant as it is, dB at the worst output on the same examples. */
	readonly whole: number | null;
	readonly examples: number;
	readonly synthetic: boolean;
	readonly durationMs: number;
}

export interface CulpritReport {
	/** The smallest set found, most sensitive first; empty where nothing is lost. */
	readonly layers: readonly { readonly node: NodeKey; readonly label: string }[];
	/** Share of the noise at the worst output that goes when these compute as in the original, 0..1. */
	readonly explained: number;
	/** Worst output of the variant, with these restored, and with every comparable layer restored, dB; null where there is no noise. */
	readonly before: number | null;
	readonly after: number | null;
	readonly best: number | null;
	/** Sets that were tried. */
	readonly trials: number;
	readonly examples: number;
	readonly synthetic: boolean;
	readonly durationMs: number;
}

/** Time of one node of the runtime's own graph. */
export interface NodeTime {
	/** As the runtime calls it. */
	readonly runtimeName: string;
	readonly op: string;
	readonly provider: string;
	/** Median over the runs, ms. */
	readonly medianMs: number;
	/** The node of the file that it came from, with its label and operator; absent where the name does not tell. */
	readonly node?: NodeKey;
	readonly label?: string;
	readonly fileOp?: string;
}

export interface LatencyReport {
	/** Most time first. */
	readonly nodes: readonly NodeTime[];
	/** Nodes of the file without a time of their own: fused into others, folded, or not run. */
	readonly silent: readonly { readonly node: NodeKey; readonly label: string; readonly op: string }[];
	/** Median of the nodes' times together, ms; and of the runs as a whole while profiled, which takes a little longer. */
	readonly nodesMs: number;
	readonly runMs: number;
	/** Share of the nodes' time that belongs to a node of the file, 0..1. */
	readonly mapped: number;
	readonly runs: number;
	readonly target: string;
}

/** A diagnosis that cannot be made, with what to do. */
export class DiagnosisError extends Error {
	override readonly name = 'DiagnosisError';
	constructor(
		readonly code: 'interface' | 'unmatched' | 'unsupported',
		message: string,
		readonly advice = '',
	) {
		super(message);
	}
}
