import { standardSet } from '../features/recipe/standard-set.ts';
import type { Store } from '../store/state.ts';
import type { Overlay } from './overlay.ts';

/** Something a person can do: listed by help, found by the palette, reachable by its key. */
export interface Command {
	readonly id: string;
	readonly title: string;
	/** As written in help; `mod` is Ctrl, or Command on a Mac. */
	readonly keys?: string;
	readonly group: 'File' | 'Recipe' | 'View' | 'Variant' | 'App';
	readonly enabled: boolean;
	readonly run: () => void;
}

interface Shell {
	readonly pickFiles: () => void;
	readonly show: (overlay: Overlay) => void;
}

export function commandsOf(store: Store, shell: Shell): Command[] {
	const study = store.study ?? store.shared?.study;
	const open = study !== undefined;
	const own = store.study !== undefined && !store.readOnly;
	const ids = study ? ['original', ...study.variants.map((variant) => variant.id).filter((id) => id !== 'original')] : [];
	const step = (by: number): void => {
		const at = ids.indexOf(store.selected ?? 'original');
		const next = ids[(at + by + ids.length) % ids.length];
		if (next) store.select(next);
	};
	return [
		{ id: 'open', title: 'Open a model or examples', keys: 'mod+O', group: 'File', enabled: true, run: shell.pickFiles },
		{ id: 'close', title: 'Close the study', group: 'File', enabled: open, run: store.closeStudy },
		{
			id: 'download',
			title: 'Download the selected variant',
			keys: 'mod+S',
			group: 'File',
			enabled: own && store.selected !== undefined,
			run: () => store.selected && void store.download(store.selected),
		},
		{ id: 'link', title: 'Copy the link of this comparison', group: 'File', enabled: open, run: () => void store.copyLink() },
		{ id: 'export', title: 'Export the study', group: 'File', enabled: own, run: () => void store.exportStudy({ withFiles: false }) },
		{
			id: 'export-files',
			title: 'Export the study with its files',
			group: 'File',
			enabled: own,
			run: () => void store.exportStudy({ withFiles: true }),
		},
		{ id: 'print', title: 'Print a report', group: 'File', enabled: open, run: () => window.print() },
		{ id: 'standard', title: 'Run the standard set', group: 'Recipe', enabled: own, run: () => void store.runRecipes(standardSet()) },
		{ id: 'build', title: 'Build a recipe', keys: 'R', group: 'Recipe', enabled: own, run: () => shell.show('recipe') },
		{
			id: 'run',
			title: 'Run the recipe in the builder',
			keys: 'mod+Enter',
			group: 'Recipe',
			enabled: own && store.draft.steps.some((entry) => !entry.off),
			run: () => {
				shell.show(undefined);
				void store.runRecipes([store.draft]);
			},
		},
		{ id: 'undo', title: 'Undo', keys: 'mod+Z', group: 'Recipe', enabled: store.canUndo, run: store.undo },
		{ id: 'redo', title: 'Redo', keys: 'shift+mod+Z', group: 'Recipe', enabled: store.canRedo, run: store.redo },
		{
			id: 'cancel',
			title: 'Cancel what runs',
			group: 'Recipe',
			enabled: store.jobs.some((job) => job.state === 'running'),
			run: store.cancelAll,
		},
		{ id: 'next', title: 'Next variant', keys: ']', group: 'Variant', enabled: open, run: () => step(1) },
		{ id: 'previous', title: 'Previous variant', keys: '[', group: 'Variant', enabled: open, run: () => step(-1) },
		{
			id: 'pin-a',
			title: 'Pin the selected variant as A',
			keys: 'A',
			group: 'Variant',
			enabled: open,
			run: () => store.pin('a', store.selected),
		},
		{
			id: 'pin-b',
			title: 'Pin the selected variant as B',
			keys: 'B',
			group: 'Variant',
			enabled: open,
			run: () => store.pin('b', store.selected),
		},
		{ id: 'chart', title: 'Chart and table', keys: 'C', group: 'View', enabled: open, run: () => store.setView('studio') },
		{ id: 'compare', title: 'Compare two variants', keys: 'X', group: 'View', enabled: open, run: () => store.setView('compare') },
		{
			id: 'back',
			title: 'Back to the chart',
			keys: 'Escape',
			group: 'View',
			enabled: open && store.view !== 'studio',
			run: () => store.setView('studio'),
		},
		{
			id: 'find',
			title: 'Filter the table',
			keys: '/',
			group: 'View',
			enabled: open,
			run: () => document.querySelector<HTMLInputElement>('main input[type="search"]')?.focus(),
		},
		{
			id: 'diagnosis',
			title: 'Diagnosis by layer',
			keys: 'E',
			group: 'View',
			enabled: store.study !== undefined,
			run: () => store.setView('diagnosis'),
		},
		{ id: 'graph', title: 'Graph', keys: 'G', group: 'View', enabled: store.study !== undefined, run: () => store.setView('graph') },
		{
			id: 'pruning',
			title: 'Groups and pruning',
			keys: 'P',
			group: 'View',
			enabled: store.study !== undefined,
			run: () => store.setView('pruning'),
		},
		{ id: 'samples', title: 'Examples', keys: 'S', group: 'View', enabled: store.study !== undefined, run: () => store.setView('samples') },
		{ id: 'layers', title: 'Sizes by layer', keys: 'L', group: 'View', enabled: open, run: () => store.setView('layers') },
		{
			id: 'theme',
			title: 'Dark or light',
			keys: 'D',
			group: 'App',
			enabled: true,
			run: () => store.setSettings({ theme: document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark' }),
		},
		{ id: 'settings', title: 'Settings and storage', keys: ',', group: 'App', enabled: true, run: () => shell.show('settings') },
		{ id: 'palette', title: 'Find a command', keys: 'mod+K', group: 'App', enabled: true, run: () => shell.show('palette') },
		{ id: 'help', title: 'Keys and help', keys: '?', group: 'App', enabled: true, run: () => shell.show('help') },
	];
}

/** `Ctrl+Shift+Z` or `⇧⌘Z`, as this system writes keys. */
export function keysText(keys: string): string {
	const mac = /Mac|iPhone|iPad/.test(navigator.userAgent);
	return keys
		.split('+')
		.map((key) => (key === 'mod' ? (mac ? '⌘' : 'Ctrl') : key === 'shift' ? (mac ? '⇧' : 'Shift') : key))
		.join(mac ? '' : '+');
}
