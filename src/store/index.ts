import { useStore as useZustand } from 'zustand';
import { createStore as createVanilla, type StoreApi } from 'zustand/vanilla';
import { browserServices } from './browser-services.ts';
import { sharedBuilders } from './builders.ts';
import type { Context } from './context.ts';
import { createData } from './data.ts';
import { createDiagnosis } from './diagnosis.ts';
import { createGraphs } from './graph.ts';
import { dropStudyEdits, emptyHistory, removedFiles } from './history.ts';
import { initialState } from './initial.ts';
import { interfaceActions } from './interface-actions.ts';
import { createOpening } from './open.ts';
import { createPruning } from './pruning.ts';
import { createRunning } from './running.ts';
import { createSamples } from './samples.ts';
import type { Services } from './services.ts';
import { availableTargets, loadSettings } from './settings.ts';
import { createSharing } from './share.ts';
import type { Store } from './state.ts';
import { createStudies, type Studies } from './studies.ts';
import { createRunner } from './work/runner.ts';
import { workActions } from './work-actions.ts';

export type AppStore = StoreApi<Store> & {
	/** Looks at device and storage, sweeps what an earlier visit left, reopens this tab's study. Once per page. */
	readonly start: () => Promise<void>;
};

/** A store of its own; the page has one, tests make one each with their own services. */
export function createStore(services: Services): AppStore {
	let context!: Context;
	let studies!: Studies;
	const store = createVanilla<Store>()((set, get) => {
		const { settings, chosen } = loadSettings(services.settingsStore);
		let id = 0;
		let storage: ReturnType<Services['storage']> | undefined;
		context = {
			services,
			get,
			set,
			tab: services.uniqueName(),
			chosen: new Set(chosen),
			history: emptyHistory,
			open: undefined,
			storage: () => {
				storage ??= services.storage();
				return storage;
			},
			held: new Map(),
			references: new Map(),
			feeds: undefined,
			wanted: new Set(),
			diagnosing: false,
			pwa: undefined,
			nextId: () => ++id,
			commit: (event, when) => studies.commit(event, when),
			freeRemoved: () => freeRemoved(context, studies),
			openInputs: (...args) => opening.openInputs(...args),
			splitInputs: (...args) => opening.splitInputs(...args),
			sayFailure: (failure) => get().toast([failure.message, failure.advice].filter(Boolean).join(' '), 'error'),
			stopWork: (variant) => runner.stopVariant(variant),
			wakeWork: () => runner.wake(),
		};
		const runner = createRunner(context);
		studies = createStudies(context, runner);
		const opening = createOpening(context, studies);
		const diagnoser = createDiagnosis(context);
		const pruner = createPruning(context);
		const registry = async () => (await import('../passes/registry.ts')).passes;
		return {
			...initialState,
			settings,
			...interfaceActions(context),
			...workActions(context, studies, runner, [diagnoser, pruner]),
			...diagnoser.actions,
			...pruner.actions,
			openFiles: opening.openFiles,
			openSample: opening.openSample,
			...createData(context),
			...createGraphs(context),
			...createSamples(context),
			...createRunning(context, registry),
			...createSharing(context, sharedBuilders),
		};
	});
	let started: Promise<void> | undefined;
	const start = (): Promise<void> => {
		started ??= begin(context, studies);
		return started;
	};
	return Object.assign(store, { start });
}

async function begin(context: Context, studies: Studies): Promise<void> {
	const { services, get, set } = context;
	services.channel?.listen((message) => studies.hear(message));
	context.pwa = services.startPwa({
		onOfflineReady: () => set({ offlineReady: true }),
		onUpdateReady: () => set({ updateReady: true }),
		onSharedFiles: (files) => void get().openFiles(files),
		mayReload: () => get().study === undefined && get().opening === undefined,
	});
	const detecting = services.detect().then(({ capabilities, environment }) => {
		const { settings } = get();
		const threads = context.chosen.has('threads') ? settings.threads : capabilities.threads;
		const targets = context.chosen.has('targets') ? settings.targets : availableTargets({ ...capabilities, threads });
		set({ capabilities, environment, settings: { ...settings, threads, targets } });
	});
	if (await context.storage()) {
		await services
			.joinTabs(async () => {
				await services.host.call('disk', 'sweep', null, { input: 'sweep' });
			})
			.catch(() => {
				// What is left over is swept at the next start.
			});
	}
	await detecting;
	await studies.refreshList();
	const last = services.openStudyOfTab.get();
	if (last !== undefined && !get().study && !get().opening && !get().shared && (await context.storage())) {
		await studies.openStored(last).catch(() => services.openStudyOfTab.set(undefined));
	}
	context.wakeWork();
}

async function freeRemoved(context: Context, studies: Studies): Promise<boolean> {
	const hashes = removedFiles(context.history, context.get().study);
	if (hashes.length === 0) return false;
	context.history = dropStudyEdits(context.history);
	context.set({ canUndo: context.history.past.length > 0, canRedo: context.history.future.length > 0 });
	await studies.flush();
	const { removed } = await context.services.host.call('disk', 'dropFiles', { hashes }, { input: 'drop' });
	return removed > 0;
}

let app: AppStore | undefined;

/** The store of this page, made and started on first use. */
export function appStore(): AppStore {
	if (!app) {
		const services = browserServices();
		app = createStore(services);
		void app.start();
		// A handle for drills and bug reports; it gives nothing that the page's own console does not have.
		if (new URLSearchParams(location.search).has('debug')) Object.assign(globalThis, { pare: { store: app, host: services.host } });
	}
	return app;
}

/** Reads a part of the state in a component; it renders again when that part changes. */
export function useStore<T>(select: (state: Store) => T): T {
	return useZustand(appStore(), select);
}
