import { useStore as useZustand } from 'zustand';
import { createStore as createVanilla, type StoreApi } from 'zustand/vanilla';
import { browserServices } from './browser-services.ts';
import type { Context } from './context.ts';
import { dropStudyEdits, emptyHistory } from './history.ts';
import { initialState } from './initial.ts';
import { interfaceActions } from './interface-actions.ts';
import type { Services } from './services.ts';
import { loadSettings } from './settings.ts';
import type { Store } from './state.ts';
import { workActions } from './work-actions.ts';

export type AppStore = StoreApi<Store>;

/** A store of its own; the page has one, tests make one each with their own services. */
export function createStore(services: Services): AppStore {
	return createVanilla<Store>()((set, get) => {
		const { settings, chosen } = loadSettings(services.settingsStore);
		let id = 0;
		const context: Context = {
			services,
			get,
			set,
			chosen: new Set(chosen),
			history: emptyHistory,
			nextId: () => ++id,
			commit: () => {},
			stopWork: () => {},
		};
		void dropStudyEdits;
		return { ...initialState, settings, ...interfaceActions(context), ...workActions(context) };
	});
}

let app: AppStore | undefined;

/** The store of this page, made on first use. */
export function appStore(): AppStore {
	app ??= createStore(browserServices());
	return app;
}

/** Reads a part of the state in a component; it renders again when that part changes. */
export function useStore<T>(select: (state: Store) => T): T {
	return useZustand(appStore(), select);
}
