import type { Environment } from '../core/study/study.ts';
import type { Folder } from '../platform/folder.ts';
import type { Claim } from '../platform/locks.ts';
import type { Pwa, PwaCallbacks } from '../platform/pwa.ts';
import type { Host } from '../workers/host/index.ts';
import type { SettingsStore } from './settings.ts';
import type { Capabilities } from './state.ts';

/** What the store needs from the browser, so that tests give their own. */
export interface Services {
	/** localStorage, or undefined where it is blocked. */
	readonly settingsStore: SettingsStore | undefined;
	/** Milliseconds since 1970. */
	nowMs(): number;
	later(callback: () => void, delayMs: number): void;
	/** A short name that no other tab or visit has. */
	uniqueName(): string;

	readonly host: Host;
	/** The file storage; undefined where this browser has none, which means that nothing survives a reload. */
	storage(): Promise<Folder | undefined>;
	usage(): Promise<{ readonly usedBytes: number; readonly quotaBytes: number } | undefined>;
	/** Asks the browser to keep this site's files under pressure. */
	persist(): Promise<boolean>;

	detect(): Promise<{ readonly capabilities: Capabilities; readonly environment: Environment }>;
	visible(): boolean;
	/** Calls back when the tab is shown or hidden; gives a function that stops it. */
	onVisibility(callback: (visible: boolean) => void): () => void;
	isolated(): boolean;

	/** Claims a study for writing; undefined where another tab has it. */
	claim(studyId: string, options?: { readonly steal?: boolean }): Promise<Claim | undefined>;
	/** Runs the sweep if this is the only tab, then counts as open until the page goes. */
	joinTabs(sweep: () => Promise<void>): Promise<void>;
	/** Tells other tabs, and hears from them. */
	readonly channel: { post(message: unknown): void; listen(callback: (message: unknown) => void): void } | undefined;

	/** The study that this tab shows, across reloads of it. */
	readonly openStudyOfTab: { get(): string | undefined; set(id: string | undefined): void };
	startPwa(callbacks: PwaCallbacks): Pwa;

	saveFile(blob: Blob, name: string): void;
	copyText(text: string): Promise<void>;
	/** A file of this site, by its path below the page. */
	fetchFile(path: string): Promise<Blob>;
	/** Address of this page. */
	pageAddress(): string;
}
