import type { StudyEvent } from '../core/study/events.ts';
import type { Failure, Hash } from '../core/study/study.ts';
import type { Outputs } from '../engine/outputs.ts';
import type { Feeds } from '../engine/port.ts';
import type { Folder } from '../platform/folder.ts';
import type { Claim } from '../platform/locks.ts';
import type { Pwa } from '../platform/pwa.ts';
import type { EngineSubject, InputsRef } from '../workers/engine-protocol.ts';
import type { ModelFiles } from '../workers/protocol.ts';
import type { History } from './history.ts';
import type { Services } from './services.ts';
import type { AppState, Settings, Store } from './state.ts';

/** What belongs to the open study and is no part of it: files, its claim, its place in the journal. */
export interface OpenStudy {
	readonly id: string;
	/** undefined where the model was not kept and has to be dropped again. */
	model: ModelFiles | undefined;
	inputs: InputsRef | undefined;
	/** Inputs are being opened: what a recipe finds out on them must not depend on who was first. */
	inputsPending: boolean;
	claim: Claim | undefined;
	/** Number of the next journal entry. */
	next: number;
	/** Entries since the last snapshot. */
	sinceSnapshot: number;
	/** Stops everything that works for this study. */
	readonly closing: AbortController;
}

/** What the slices of the store share. One per store. */
export interface Context {
	readonly services: Services;
	readonly get: () => Store;
	readonly set: (change: Partial<AppState>) => void;
	/** Name of this tab in journal entries and temporary folders. */
	readonly tab: string;
	/** Settings that the person chose, as opposed to defaults. */
	readonly chosen: Set<keyof Settings>;
	history: History;
	open: OpenStudy | undefined;
	/** Resolves once storage was looked at. */
	storage(): Promise<Folder | undefined>;
	/** Files of variants where there is no storage. */
	readonly held: Map<Hash, { readonly model: Blob; readonly data?: Blob }>;
	/** Outputs of models on the reference target, which runs on other targets are compared with. Kept for this visit. */
	readonly references: Map<Hash | 'original', Outputs>;
	/** Inputs that are timed, by dataset. */
	feeds: { readonly dataset: Hash; readonly feeds: Feeds } | undefined;
	/** Measured again on request, even where nothing else asks for it. */
	readonly wanted: Set<Hash | 'original'>;
	/** A diagnosis runs: nothing is measured meanwhile. */
	diagnosing: boolean;
	pwa: Pwa | undefined;
	/** Unique within this store. */
	nextId(): number;
	/**
	 * Applies an event to the open study, journals it and tells other tabs. Resolves when it is durable, or could not be made so.
	 * `stored`: it is journaled before it is shown, so that no result that was seen can be lost. Default: shown at once, for what people do.
	 */
	commit(event: StudyEvent, when?: 'shown' | 'stored'): Promise<void>;
	/** Frees what removed variants hold, at the price of their undo. Tells whether there was anything. */
	freeRemoved(): Promise<boolean>;
	/** Makes these the inputs of the open study, some of them kept to learn from where `split` says so. Rejects where they cannot be used. */
	openInputs(open: OpenStudy, inputs: InputsRef, signal: AbortSignal, split?: EngineSubject['split']): Promise<void>;
	/** Keeps some of the open inputs to learn from: results are judged on the others. Rejects where they cannot be read any more. */
	splitInputs(open: OpenStudy, split: NonNullable<EngineSubject['split']>): Promise<void>;
	/** Says a failure that has no place of its own on the page. */
	sayFailure(failure: Failure): void;
	/** Stops jobs of a variant; finished results stay. */
	stopWork(variant: string): void;
	/** Looks at what the study lacks and works on it. */
	wakeWork(): void;
}
