import type { Model } from '../ir/model.ts';
import type { SeededRandom } from '../numeric/random.ts';
import type { CalibrationSet, Compute } from './calibration.ts';
import type { OptionsOf, OptionsSchema } from './options.ts';
import type { PortChange } from './ports.ts';
import type { Probe } from './probe.ts';
import type { RecipeStep } from './recipe.ts';
import type { ReportEntry } from './report.ts';

/** Something a pass says about one place of the model, or about the model as a whole. */
export interface Note {
	/** info: worth knowing. skip: could not be treated, with the reason. warn: the result may not be what was hoped for. */
	readonly level: 'info' | 'skip' | 'warn';
	/** Node or tensor it speaks of. */
	readonly node?: string;
	readonly reason: string;
}

/** How a variant is coloured in charts and counted in comparisons. */
export type Family = 'quantized' | 'pruned' | 'both' | 'factorized' | 'optimized' | 'original';

/** What a pass did, for people and for the study. Plain data. */
export interface PassReport {
	readonly pass: string;
	readonly version: number;
	/** Options after defaults. */
	readonly options: unknown;
	/** One sentence that leads with the least flattering truth, e.g. "Changed nothing: no MatMul has constant weights." */
	readonly headline: string;
	/** Tensors or nodes that it changed, and how many it could have changed by kind. */
	readonly changed: number;
	readonly eligible: number;
	/** Bytes of stored tensors before and after. */
	readonly bytesBefore: number;
	readonly bytesAfter: number;
	/** Share of the model's stored bytes that it touched, 0..1. */
	readonly coverage: number;
	readonly notes: readonly Note[];
	/** Figures behind the notes, for passes that give them. */
	readonly entries?: readonly ReportEntry[];
	readonly durationMs: number;
	/** Steps that a searching pass found and ran: put in its place they give the same without searching. */
	readonly found?: readonly RecipeStep[];
	/** How inputs and outputs of the model changed. */
	readonly ports?: readonly PortChange[];
}

/** What a pass returns; the pipeline adds bytes, coverage, headline and time. */
export interface PassResult {
	readonly changed: number;
	readonly eligible: number;
	/** Bytes of the stored tensors (as they were before) that it changed. */
	readonly bytesTouched: number;
	/** Noun for what was changed, e.g. "weights". */
	readonly unit: string;
	readonly notes: readonly Note[];
	readonly entries?: readonly ReportEntry[];
	/** Said instead of the pipeline's own sentence. */
	readonly headline?: string;
	/** Steps of other passes that it chose and ran with `PassContext.apply`. */
	readonly found?: readonly RecipeStep[];
	/** How inputs and outputs changed, in the order in which they did. */
	readonly ports?: readonly PortChange[];
}

export interface PassContext {
	readonly signal: AbortSignal | undefined;
	/** Seeded by recipe seed and step, so that the same recipe gives the same bytes. */
	readonly random: SeededRandom;
	/** fraction 0..1 of this pass. */
	progress(fraction: number, detail?: string): void;
	/** A runtime to measure and compute with. There whenever the pass lists 'engine', 'calibration' or 'labels' in `needs`. */
	readonly compute?: Compute;
	/** Sample inputs. There whenever the pass lists 'calibration' or 'labels' in `needs`. */
	readonly calibration?: CalibrationSet;
	/**
	 * Runs other passes, named by id, on a model (this one or a part of it), for passes that choose between them.
	 * `calibration` replaces the sample inputs (a part has its own). Throws
	 * PassFailed. There in every pipeline.
	 */
	readonly apply?: (model: Model, steps: readonly RecipeStep[], calibration?: CalibrationSet) => Promise<readonly PassReport[]>;
}

/** What a pass found out by measuring: options that it wants changed, and why. */
export interface Resolution<O> {
	/** undefined: the options stay as they are. */
	readonly changes?: Partial<O>;
	readonly notes: readonly Note[];
}

export interface Pass<S extends OptionsSchema = OptionsSchema> {
	/** Stable name, used in recipes and folders. */
	readonly id: string;
	/** Raised when the same options give other bytes than before. */
	readonly version: number;
	readonly title: string;
	/** One or two plain sentences. */
	readonly summary: string;
	readonly family: Family;
	readonly options: S;
	/** What must be there before it runs. */
	readonly needs: readonly ('calibration' | 'labels' | 'engine')[];
	/** What it will touch and what it skips, with reasons, without changing anything or reading weights. */
	applies(model: Model, options: OptionsOf<S>): Note[];
	run(model: Model, options: OptionsOf<S>, context: PassContext): Promise<PassResult>;
	/** Fills options in from what sample inputs do to the original model; see resolveRecipe. */
	resolve?(model: Model, options: OptionsOf<S>, probe: Probe): Promise<Resolution<OptionsOf<S>>>;
}

/** Keeps the options' types while passes of different kinds share a registry. */
export function definePass<S extends OptionsSchema>(pass: Pass<S>): Pass<S> {
	return pass;
}

/** A pass whose option type has been forgotten: what registries and pipelines hold. Options are parsed before use. */
export type AnyPass = Omit<Pass, 'applies' | 'run' | 'resolve'> & {
	applies(model: Model, options: never): Note[];
	run(model: Model, options: never, context: PassContext): Promise<PassResult>;
	resolve?(model: Model, options: never, probe: Probe): Promise<Resolution<unknown>>;
};
