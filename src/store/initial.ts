import { defaultSettings } from './settings.ts';
import type { AppState } from './state.ts';

export const initialState: AppState = {
	study: undefined,
	shared: undefined,
	opening: undefined,
	openFailure: undefined,
	environment: undefined,
	capabilities: undefined,
	dataset: undefined,
	jobs: [],
	selected: undefined,
	pinned: [undefined, undefined],
	draft: { v: 1, seed: 0, steps: [] },
	canUndo: false,
	canRedo: false,
	view: 'studio',
	settings: defaultSettings,
	recent: [],
	toasts: [],
	readOnly: false,
	storage: undefined,
	kept: { model: 'held', inputs: 'held' },
	offlineReady: false,
	updateReady: false,
};
