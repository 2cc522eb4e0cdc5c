import type { Backend, Target } from '../core/study/study.ts';
import type { Capabilities, Settings, Theme } from './state.ts';

const key = 'pare.settings';
const themes: readonly Theme[] = ['system', 'light', 'dark'];
const backends: readonly Backend[] = ['wasm', 'webgpu', 'webnn'];

/** Where settings are kept; localStorage in the page. It may throw (blocked cookies), which means defaults. */
export type SettingsStore = Pick<Storage, 'getItem' | 'setItem'>;

export const defaultSettings: Settings = {
	theme: 'system',
	threads: 1,
	targets: [{ backend: 'wasm', threads: 1 }],
	memoryBudgetBytes: 2_000_000_000,
	rounds: 20,
	maxExamples: 512,
};

/** Targets that this device can run, in the order in which they are measured: the reference first. */
export function availableTargets(capabilities: Capabilities): readonly Target[] {
	const targets: Target[] = [{ backend: 'wasm', threads: 1 }];
	if (capabilities.isolated && capabilities.threads > 1) targets.push({ backend: 'wasm', threads: capabilities.threads });
	if (capabilities.webgpu.available) targets.push({ backend: 'webgpu', threads: 1 });
	if (capabilities.webnn.available) targets.push({ backend: 'webnn', threads: 1 });
	return targets;
}

/** Settings of an earlier visit; anything unreadable is left at its default. `stored` says whether the person ever chose. */
export function loadSettings(store: SettingsStore | undefined): {
	readonly settings: Settings;
	readonly chosen: ReadonlySet<keyof Settings>;
} {
	let input: Record<string, unknown> = {};
	try {
		const parsed: unknown = JSON.parse(store?.getItem(key) ?? '{}');
		if (typeof parsed === 'object' && parsed !== null) input = parsed as Record<string, unknown>;
	} catch {
		// Blocked or damaged: defaults.
	}
	const chosen = new Set<keyof Settings>();
	const settings: { -readonly [K in keyof Settings]: Settings[K] } = { ...defaultSettings };
	const theme = themes.find((entry) => entry === input.theme);
	if (theme) {
		settings.theme = theme;
		chosen.add('theme');
	}
	for (const [name, min, max] of [
		['threads', 1, 64],
		['memoryBudgetBytes', 100_000_000, 64_000_000_000],
		['rounds', 3, 1000],
		['maxExamples', 1, 100_000],
	] as const) {
		const value = input[name];
		if (typeof value === 'number' && Number.isFinite(value)) {
			settings[name] = Math.min(max, Math.max(min, Math.round(value)));
			chosen.add(name);
		}
	}
	if (Array.isArray(input.targets)) {
		const targets = input.targets.flatMap((entry: unknown): Target[] => {
			if (typeof entry !== 'object' || entry === null) return [];
			const { backend, threads } = entry as Record<string, unknown>;
			const known = backends.find((name) => name === backend);
			if (!known || typeof threads !== 'number' || !(threads >= 1 && threads <= 64)) return [];
			return [{ backend: known, threads: Math.round(threads) }];
		});
		if (targets.length > 0) {
			settings.targets = targets;
			chosen.add('targets');
		}
	}
	return { settings, chosen };
}

/** Keeps only what the person chose, so that better defaults of a later version reach them. */
export function saveSettings(store: SettingsStore | undefined, settings: Settings, chosen: ReadonlySet<keyof Settings>): void {
	try {
		store?.setItem(key, JSON.stringify(Object.fromEntries([...chosen].map((name) => [name, settings[name]]))));
	} catch {
		// Full or blocked: the settings hold for this visit.
	}
}
