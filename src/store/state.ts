import type { Recipe } from '../core/pass/recipe.ts';
import type { PruningPlan } from '../core/structure/plan.ts';
import type { DataSettings, Preprocessing, StopEarly } from '../core/study/data-settings.ts';
import type { LearnFrom } from '../core/study/learning.ts';
import type { NodeFigures, NodeKey } from '../core/study/node-figures.ts';
import type { DatasetFacts, Environment, Failure, Hash, ModelFacts, Study, Target } from '../core/study/study.ts';
import type { Task } from '../core/study/task.ts';
import type { GraphDiff } from '../core/view/diff.ts';
import type { GraphDrawing } from '../core/view/drawing.ts';
import type { LayoutRequest, LayoutResult } from '../core/view/layers.ts';
import type { TensorFacts } from '../core/view/tensor-facts.ts';
import type { CulpritReport, ErrorReport, LatencyReport, SensitivityReport } from '../engine/diagnose/report.ts';
import type { Drawing } from '../engine/drawing.ts';
import type { StructureSensitivity } from '../passes/prune-structured/sensitivity.ts';
import type { DataHealth, InputPreview, SampleAnswers, SampleDetail } from '../workers/engine-protocol.ts';
import type { Progress } from '../workers/serve.ts';

export type { Drawing } from '../engine/drawing.ts';
export type { PictureAnswer, Pixels } from '../engine/output-picture.ts';
export type { DataHealth, InputPreview, SampleAnswers, SampleDetail } from '../workers/engine-protocol.ts';

/** One piece of work in the queue: a variant being made, measured, or a model being opened. */
export interface Job {
	readonly id: string;
	readonly kind: 'open' | 'compress' | 'evaluate' | 'benchmark' | 'diagnose' | 'export';
	/** e.g. `float16: measuring on WASM`. */
	readonly title: string;
	readonly variant?: Hash | 'original';
	readonly state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
	/** 0..1; undefined while it cannot be told. */
	readonly fraction?: number;
	readonly detail?: string;
	readonly startedAt?: number;
	readonly failure?: Failure;
}

export type Theme = 'system' | 'light' | 'dark';
export type View = 'studio' | 'compare' | 'layers' | 'graph' | 'diagnosis' | 'samples' | 'pruning' | 'settings';

export interface Toast {
	readonly id: string;
	readonly message: string;
	readonly tone: 'info' | 'error';
	/** Undo or retry. */
	readonly action?: { readonly label: string; readonly run: () => void };
}

export interface RecentStudy {
	readonly id: string;
	readonly name: string;
	readonly variants: number;
	readonly byteLength: number;
	readonly updatedAt: string;
}

/** What this device and browser offer, found at start; each absence with its effect in words. */
export interface Capabilities {
	readonly isolated: boolean;
	readonly threads: number;
	readonly webgpu: { readonly available: boolean; readonly f16: boolean; readonly adapter?: string; readonly reason?: string };
	readonly webnn: { readonly available: boolean; readonly reason?: string };
	readonly opfs: boolean;
	readonly notes: readonly string[];
}

export interface Settings {
	readonly theme: Theme;
	readonly threads: number;
	readonly targets: readonly Target[];
	readonly memoryBudgetBytes: number;
	/** Rounds of the benchmark. */
	readonly rounds: number;
	/** Examples used for fidelity. */
	readonly maxExamples: number;
}

/** A study from somebody's link, shown read-only. */
export interface SharedComparison {
	readonly study: Study;
	/** The model with the same hash has been dropped: recipes can be re-run here. */
	readonly matched: boolean;
}

/** kept: survives a reload. copying: soon. held: only until this tab closes. missing: must be dropped again. */
export type Kept = 'kept' | 'copying' | 'held' | 'missing';

export type DiagnosisKind = 'errors' | 'restored' | 'culprit' | 'latency';

/** What was found out about a variant layer by layer, in this visit. */
export interface Diagnosis {
	/** Passes after which the original was compared with it. */
	readonly comparedAfter: readonly string[];
	readonly errors?: ErrorReport;
	/** What one layer alone does to the outputs. */
	readonly sensitivity?: SensitivityReport;
	/** What one layer alone, as in the original, gives back. */
	readonly restored?: SensitivityReport;
	readonly culprit?: CulpritReport;
	readonly latency?: LatencyReport;
	/** What runs or waits for it now. */
	readonly running?: DiagnosisKind;
	/** Why the last one gave nothing. */
	readonly failure?: Failure;
}

/** Groups of channels of a variant, and what a person chose to cut of them, in this visit. */
export interface Pruning {
	/** undefined while it is being looked for. */
	readonly plan?: PruningPlan;
	/** Units that go, by group of the plan. */
	readonly gone: readonly number[];
	readonly sensitivity?: StructureSensitivity;
	/** The sensitivity is being measured. */
	readonly measuring?: boolean;
	/** Why there are no groups, or no sensitivity. */
	readonly failure?: Failure;
}

export interface AppState {
	/** Groups that can be cut, by variant; quickly made again. */
	readonly pruning: Readonly<Record<Hash | 'original', Pruning>>;
	/** Diagnoses by variant; the original has times only. Gone with the visit: they are quickly made again. */
	readonly diagnoses: Readonly<Record<Hash | 'original', Diagnosis>>;
	/** Overlays measured for a variant, for list and graph. */
	readonly nodeFigures: Readonly<Record<Hash | 'original', readonly NodeFigures[]>>;
	/** The node that is looked at in chart, table and graph. */
	readonly selectedNode: NodeKey | undefined;
	/** undefined until a model is open. */
	readonly study: Study | undefined;
	readonly shared: SharedComparison | undefined;
	/** Facts of a model that is being opened, before the study exists. */
	readonly opening: { readonly name: string; readonly facts?: ModelFacts } | undefined;
	readonly openFailure: Failure | undefined;
	readonly environment: Environment | undefined;
	readonly capabilities: Capabilities | undefined;
	readonly dataset: DatasetFacts | undefined;
	readonly jobs: readonly Job[];
	/** Selected variant everywhere: chart, table, panel. */
	readonly selected: Hash | 'original' | undefined;
	/** Compared variants, A and B. */
	readonly pinned: readonly [Hash | 'original' | undefined, Hash | 'original' | undefined];
	/** The recipe in the builder. */
	readonly draft: Recipe;
	readonly canUndo: boolean;
	readonly canRedo: boolean;
	readonly view: View;
	readonly settings: Settings;
	readonly recent: readonly RecentStudy[];
	readonly toasts: readonly Toast[];
	/** Another tab owns this study: this one only shows it. */
	readonly readOnly: boolean;
	readonly storage: { readonly usedBytes: number; readonly quotaBytes: number } | undefined;
	/** Whether the open study's model and inputs are stored here. `missing`: drop them again to go on measuring; figures stay. */
	readonly kept: { readonly model: Kept; readonly inputs: Kept };
	readonly offlineReady: boolean;
	readonly updateReady: boolean;
}

export interface Actions {
	/** Files as dropped, pasted or picked: model, external data, inputs, recipe, study or a mix. Sniffs and sends each to its place. */
	openFiles(files: readonly File[]): Promise<void>;
	openSample(id: 'digits' | 'silero-vad'): Promise<void>;
	openStudy(id: string): Promise<void>;
	closeStudy(): void;
	deleteStudy(id: string): Promise<void>;
	/** Read a link's hash; sets shared or openFailure. */
	openLink(hash: string): Promise<void>;

	/** What the person says about their data; undefined takes a choice back. Reads the files again; false where that failed or cannot be. */
	changeData(change: { readonly [K in keyof DataSettings]?: DataSettings[K] | undefined }): Promise<boolean>;
	/** What the model is judged as; undefined: what outputs and labels speak for. Figures are made anew, files are not read again. */
	changeTask(task: Task | undefined): void;
	/** Until when variants are judged; undefined: on all examples. Those judged otherwise are judged again. */
	changeStopEarly(stop: StopEarly | undefined): void;
	/**
	 * How many of the examples kept to learn from are learnt from, and which; undefined: all. Sets examples aside where none are yet. Variants that
	 * exist stay as they are; the same recipe then makes another. False where that failed or cannot be.
	 */
	changeLearnFrom(learnFrom: LearnFrom | undefined, onProgress: (progress: Progress) => void): Promise<boolean>;
	/** Some inputs as the model sees them, or as it would under another preprocessing. Empty where they are no pictures. */
	previewInputs(indices: readonly number[], as?: Preprocessing): Promise<readonly InputPreview[]>;

	/** What the original and a variant say to each example that results are judged on. */
	sampleAnswers(id: Hash | 'original', signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<SampleAnswers>;
	/** Inputs of examples, by their places in the whole set, small enough to be drawn. */
	drawInputs(places: readonly number[]): Promise<readonly (readonly Drawing[])[]>;
	/** An example by its place in the whole set: what is fed, and pictures that the original and a variant put out. */
	sampleDetail(id: Hash | 'original', place: number, signal: AbortSignal): Promise<SampleDetail>;
	/** Copies, labels that look wrong, strange examples. */
	dataHealth(signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<DataHealth>;
	/** A graph of a model to be shown; '' is the main graph. */
	drawGraph(id: Hash | 'original', scope: string, signal: AbortSignal): Promise<GraphDrawing>;
	/** Two graphs in one, with what differs. */
	diffGraphs(a: Hash | 'original', b: Hash | 'original', scope: string, signal: AbortSignal): Promise<GraphDiff>;
	layOutGraph(request: LayoutRequest, signal: AbortSignal): Promise<LayoutResult & { readonly method: 'dagre' | 'layers' }>;
	/** Statistics of a stored tensor; null where it has no numbers. */
	tensorOf(id: Hash | 'original', scope: string, name: string, signal: AbortSignal): Promise<TensorFacts | null>;

	/** Makes and measures variants of these recipes; those that exist are only selected. */
	runRecipes(recipes: readonly Recipe[]): Promise<void>;
	/** Makes again what failed, or measures again. */
	rerun(variant: Hash | 'original'): Promise<void>;
	removeVariants(variants: readonly Hash[]): void;
	renameVariant(variant: Hash, name: string): void;
	/** Measures a variant layer by layer; `limit`: most examples. One at a time: another one is refused meanwhile. */
	diagnose(variant: Hash | 'original', what: DiagnosisKind, options?: { readonly limit?: number; readonly target?: Target }): Promise<void>;
	/** Makes a variant in which these layers, by label, stay as they are. */
	keepLayers(variant: Hash, labels: readonly string[]): Promise<void>;
	selectNode(node: NodeKey | undefined): void;
	/** Finds what can be cut out of a variant; kept for the visit. */
	findGroups(variant: Hash | 'original'): Promise<void>;
	/** How many units of each group shall go. */
	chooseCut(variant: Hash | 'original', gone: readonly number[]): void;
	/** Measures what each group's loss does to the outputs, on the examples that passes learn from. */
	measureGroups(variant: Hash | 'original'): Promise<void>;
	cancelJob(id: string): void;
	cancelAll(): void;

	setDraft(recipe: Recipe): void;
	undo(): void;
	redo(): void;

	select(variant: Hash | 'original' | undefined): void;
	pin(side: 'a' | 'b', variant: Hash | 'original' | undefined): void;
	setView(view: View): void;
	setSettings(settings: Partial<Settings>): void;

	/** Saves the file that was measured, with its certificate beside it. */
	download(variant: Hash | 'original'): Promise<void>;
	/** Study as JSON, or zip with its files. */
	exportStudy(options: { readonly withFiles: boolean }): Promise<void>;
	exportTable(format: 'csv' | 'json'): string;
	/** Copies the comparison's link; gives its length in characters. */
	copyLink(): Promise<number>;

	takeOver(): void;
	clearStorage(): Promise<void>;
	applyUpdate(): void;
	dismissToast(id: string): void;
	toast(message: string, tone?: Toast['tone'], action?: Toast['action']): void;
}

export type Store = AppState & Actions;
