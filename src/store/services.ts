import type { SettingsStore } from './settings.ts';

/** What the store needs from the browser, so that tests give their own. */
export interface Services {
	/** localStorage, or undefined where it is blocked. */
	readonly settingsStore: SettingsStore | undefined;
	/** Milliseconds since 1970. */
	nowMs(): number;
	later(callback: () => void, delayMs: number): void;
}
