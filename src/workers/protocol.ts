import type { PassReport } from '../core/pass/pass.ts';
import type { Recipe } from '../core/pass/recipe.ts';
import type { NodeKey } from '../core/study/node-figures.ts';
import type { Hash, LayerFacts, ModelFacts, ModelIdentity, Study, Target } from '../core/study/study.ts';
import type { CulpritReport, ErrorReport, LatencyReport, SensitivityReport } from '../engine/diagnose/report.ts';
import type { Feeds } from '../engine/port.ts';
import type { StructureSensitivity } from '../passes/prune-structured/sensitivity.ts';
import type { LoadedStudy, StudySummary } from '../platform/documents.ts';
import type { EngineMethods, EngineSubject } from './engine-protocol.ts';
import type { GraphMethods } from './graph-protocol.ts';

/**
 * Kinds of worker: `compress` runs passes, `learn` runs passes that need a runtime (the same program, one at a time), `engine` runs
 * models, `disk` hashes, copies, packs and reads studies, `graph` draws graphs.
 */
export type Kind = 'compress' | 'learn' | 'engine' | 'disk' | 'graph';

export interface NamedBlob {
	/** Name as dropped, folders included where known. */
	readonly name: string;
	readonly blob: Blob;
}

/** A model with the files that its external data names. */
export interface ModelFiles {
	readonly name: string;
	readonly model: Blob;
	readonly external: readonly NamedBlob[];
}

export interface CompressMethods {
	/** Facts of a model, by its structure alone: weights are not read. */
	inspect(args: { readonly files: ModelFiles }): ModelFacts;
	compress(args: CompressArgs): CompressResult;
	/** Where a variant loses, layer by layer. In a worker with a runtime (`learn`). */
	diagnose(args: DiagnoseArgs): DiagnoseResult;
	/** What the outputs of a model lose with each of its groups of channels. In a worker with a runtime (`learn`). */
	groupSensitivity(args: GroupSensitivityArgs): StructureSensitivity;
	/** Times of a model's nodes on the target of the worker. */
	nodeTimes(args: { readonly target: Target; readonly files: ModelFiles; readonly feeds: Feeds }): LatencyReport;
}

export interface GroupSensitivityArgs {
	readonly subject: EngineSubject;
	/** The model whose groups are looked at; it takes the original's inputs. */
	readonly files: ModelFiles;
	/** Indices of the examples that passes learn from. */
	readonly calibration: readonly number[];
}

export interface DiagnoseArgs {
	readonly subject: EngineSubject;
	readonly variant: ModelFiles;
	/** What made the variant: it is compared with the original after the steps that lose nothing. */
	readonly recipe: Recipe;
	/** Indices of the examples to measure on, and of those that passes learnt from. */
	readonly examples: readonly number[];
	readonly calibration: readonly number[];
	/** Most examples to run. */
	readonly limit: number;
	/** `errors` brings what each layer alone does to the outputs with it. */
	readonly what: 'errors' | 'restored' | 'culprit';
	/** Layers by sensitivity, for the search of the culprit. */
	readonly ranking?: readonly NodeKey[];
}

export interface DiagnoseResult {
	/** Passes after which the original was compared. */
	readonly comparedAfter: readonly string[];
	readonly errors?: ErrorReport;
	readonly sensitivity?: SensitivityReport;
	readonly restored?: SensitivityReport;
	readonly culprit?: CulpritReport;
}

export interface CompressArgs {
	readonly files: ModelFiles;
	/** Names the stored copy of the same files, which is read faster where it is there. */
	readonly modelHash?: Hash;
	readonly recipe: Recipe;
	/** Folder under tmp/; a name that no other job has. */
	readonly job: string;
	/** For recipes whose passes measure or learn: the original with its inputs, and which of them are theirs. */
	readonly learn?: EngineSubject & { readonly calibration: readonly number[] };
}

export interface CompressResult {
	readonly file: Hash;
	readonly bytes: number;
	readonly parameters: number;
	readonly operators: readonly { readonly op: string; readonly count: number }[];
	readonly layers: readonly LayerFacts[];
	readonly report: readonly PassReport[];
	/** The content, only where this browser has no file system of its own. */
	readonly held?: { readonly model: Blob; readonly data?: Blob };
}

export interface DiskMethods {
	/** What each dropped file is, by its content. */
	sniff(args: { readonly files: readonly NamedBlob[] }): readonly SniffedFile[];
	/** Hash of a model; of all its parts where it has external data. */
	hashModel(args: { readonly files: ModelFiles }): ModelIdentity;
	hash(args: { readonly blob: Blob }): Hash;
	/** Stores a copy of a model so that its studies survive a reload. */
	keepModel(args: { readonly hash: Hash; readonly files: ModelFiles; readonly job: string }): null;
	/** Stores a copy of a study's inputs. */
	keepInputs(args: { readonly study: string; readonly files: readonly NamedBlob[]; readonly job: string }): null;
	/** Size as transferred, and how many stored numbers are not zero. */
	weigh(args: { readonly blob: Blob; readonly data?: Blob }): {
		readonly gzip?: number;
		readonly brotli?: number;
		readonly nonZeros?: number;
	};
	loadStudy(args: { readonly id: string }): (LoadedStudy & { readonly missing: readonly Hash[] }) | null;
	saveStudy(args: { readonly study: Study }): null;
	compact(args: { readonly id: string }): null;
	list(args: null): readonly StudySummary[];
	remove(args: { readonly id: string }): null;
	/** Only while this is the only tab. */
	sweep(args: null): { readonly removed: number };
	dropFiles(args: { readonly hashes: readonly Hash[] }): { readonly removed: number };
	/** Removes everything that this program stored. */
	clear(args: null): null;
	/** A study as a JSON file. */
	studyDocument(args: { readonly study: Study }): Blob;
	/** A zip of a study with the files of its variants. */
	pack(args: { readonly study: Study; readonly entries: readonly NamedBlob[]; readonly job: string }): Blob;
	/** A study from JSON or from such a zip; its files are stored under their hashes. */
	unpack(args: { readonly file: NamedBlob; readonly job: string }): { readonly study: Study; readonly files: number };
	/** A recipe from JSON. */
	readRecipe(args: { readonly file: NamedBlob }): Recipe;
}

/** Where a dropped file goes. */
export type SniffedFile =
	| { readonly kind: 'model' | 'inputs' | 'recipe' | 'study' }
	/** Perhaps the weights of a model that is dropped with it; alone it is a wrong file. */
	| { readonly kind: 'external'; readonly message: string }
	| { readonly kind: 'wrong'; readonly message: string };

export interface Methods {
	readonly compress: CompressMethods;
	readonly learn: CompressMethods;
	readonly engine: EngineMethods;
	readonly disk: DiskMethods;
	readonly graph: GraphMethods;
}
