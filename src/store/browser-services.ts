import type { Services } from './services.ts';

/** The services of a real page. */
export function browserServices(): Services {
	let settingsStore: Services['settingsStore'];
	try {
		settingsStore = globalThis.localStorage;
	} catch {
		// Site data blocked: settings hold for this visit.
	}
	return {
		settingsStore,
		nowMs: () => Date.now(),
		later: (callback, delayMs) => void setTimeout(callback, delayMs),
	};
}
