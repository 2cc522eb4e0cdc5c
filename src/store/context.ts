import type { StudyEvent } from '../core/study/events.ts';
import type { History } from './history.ts';
import type { Services } from './services.ts';
import type { AppState, Settings, Store } from './state.ts';

/** What the slices of the store share. One per store. */
export interface Context {
	readonly services: Services;
	readonly get: () => Store;
	readonly set: (change: Partial<AppState>) => void;
	/** Settings that the person chose, as opposed to defaults. */
	readonly chosen: Set<keyof Settings>;
	history: History;
	/** Unique within this store. */
	nextId(): number;
	/** Applies an event to the open study, journals it and tells other tabs. */
	commit(event: StudyEvent): void;
	/** Stops jobs of a variant, finished results stay. */
	stopWork(variant: string): void;
}
