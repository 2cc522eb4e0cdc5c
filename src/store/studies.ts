import { applyEvent, type StudyEvent } from '../core/study/events.ts';
import type { DatasetFacts, Failure, Study, Variant } from '../core/study/study.ts';
import { inputsFolder, keptFiles, modelFolder } from '../platform/artifacts.ts';
import { appendEvent } from '../platform/documents.ts';
import type { InputsRef } from '../workers/engine-protocol.ts';
import { toFailure } from '../workers/failure.ts';
import type { ModelFiles } from '../workers/protocol.ts';
import type { Context, OpenStudy } from './context.ts';
import { dropStudyEdits } from './history.ts';
import type { Kept } from './state.ts';
import type { Runner } from './work/runner.ts';

/** Events after which the journal is folded into a new snapshot. */
const eventsPerSnapshot = 64;
/** Inputs up to this size are kept with the study; larger ones are asked for again after a reload. */
const keptInputsBytes = 500_000_000;
const syntheticSeed = 1;
/** Inputs of a stored study that were made, not given. */
const syntheticInputs: InputsRef = { kind: 'synthetic', seed: syntheticSeed };

/** Writes go one after the other, so that the journal has the order of the changes. */
function createQueue(): (work: () => Promise<void>) => Promise<void> {
	let last: Promise<void> = Promise.resolve();
	return (work) => {
		last = last.then(work, work);
		return last;
	};
}

export interface Studies {
	commit(event: StudyEvent, when?: 'shown' | 'stored'): Promise<void>;
	/** Opens a study as the one on the page and claims it. */
	show(study: Study, next: number, model: ModelFiles | undefined, inputs: InputsRef | undefined): Promise<OpenStudy>;
	close(): void;
	openStored(id: string): Promise<void>;
	/** Copies model and inputs into the storage, in the background. */
	keepModel(open: OpenStudy, files: ModelFiles): void;
	keepInputs(open: OpenStudy, inputs: InputsRef): void;
	setInputs(open: OpenStudy, inputs: InputsRef, dataset: DatasetFacts): Promise<void>;
	refreshList(): Promise<void>;
	/** Resolves when every change so far is durable. */
	flush(): Promise<void>;
	hear(message: unknown): void;
}

export function createStudies(context: Context, runner: Pick<Runner, 'reset'>): Studies {
	const { services, get, set } = context;
	const inOrder = createQueue();

	const setKept = (change: Partial<{ model: Kept; inputs: Kept }>): void => set({ kept: { ...get().kept, ...change } });

	const sayOnce = (failure: Failure): void => context.sayFailure(failure);

	/** Puts an event into the study on the page and tells other tabs. */
	const apply = (event: StudyEvent, at: string): void => {
		const { study } = get();
		if (!study) return;
		set({ study: applyEvent(study, event, at), ...(event.type === 'dataset' && { dataset: event.dataset ?? undefined }) });
		services.channel?.post({ type: 'event', study: study.id, event, at });
	};

	const commit: Studies['commit'] = (event, when = 'shown') => {
		const { open } = context;
		if (!get().study || !open || get().readOnly) return Promise.resolve();
		const at = new Date(services.nowMs()).toISOString();
		if (when === 'shown') apply(event, at);
		return inOrder(async () => {
			const failure = await append(open, event, at);
			if (when === 'stored' && context.open === open) apply(event, at);
			// The figure is on the page and stays there; it will not survive a reload, which must be said.
			if (failure) sayOnce({ ...failure, message: `${failure.message} The last change is not saved.` });
			if (open.sinceSnapshot >= eventsPerSnapshot) {
				open.sinceSnapshot = 0;
				await services.host.call('disk', 'compact', { id: open.id }, { input: `compact:${open.id}` }).catch(() => {
					// The journal is complete; folding it can wait.
				});
			}
		});
	};

	const append = async (open: OpenStudy, event: StudyEvent, at: string): Promise<Failure | undefined> => {
		const root = await context.storage();
		if (!root) return undefined;
		try {
			await appendEvent(root, open.id, open.next, context.tab, event, at);
			open.next += 1;
			open.sinceSnapshot += 1;
			return undefined;
		} catch (error) {
			return toFailure(error);
		}
	};

	const show = async (study: Study, next: number, model: ModelFiles | undefined, inputs: InputsRef | undefined): Promise<OpenStudy> => {
		close();
		const open: OpenStudy = {
			id: study.id,
			model,
			inputs,
			inputsPending: false,
			claim: undefined,
			next,
			sinceSnapshot: 0,
			closing: new AbortController(),
		};
		context.open = open;
		const claim = await services.claim(study.id);
		if (context.open !== open) {
			claim?.release();
			return open;
		}
		open.claim = claim;
		if (claim) watchClaim(open);
		services.openStudyOfTab.set(study.id);
		set({
			study,
			dataset: study.dataset,
			opening: undefined,
			openFailure: undefined,
			readOnly: !claim,
			kept: { model: model ? 'kept' : 'held', inputs: inputs ? 'kept' : 'held' },
			selected: undefined,
			pinned: ['original', undefined],
			view: 'studio',
		});
		return open;
	};

	const watchClaim = (open: OpenStudy): void => {
		void open.claim?.lost.then(() => {
			if (context.open !== open) return;
			open.claim = undefined;
			set({ readOnly: true });
			open.closing.abort(new DOMException('Another tab took over.', 'AbortError'));
			get().toast('Another tab works on this study now. This one shows it.');
		});
	};

	const close = (): void => {
		const { open } = context;
		if (!open) return;
		context.open = undefined;
		open.closing.abort(new DOMException('The study was closed.', 'AbortError'));
		runner.reset();
		context.history = dropStudyEdits(context.history);
		set({
			study: undefined,
			dataset: undefined,
			jobs: [],
			selected: undefined,
			selectedNode: undefined,
			pruning: {},
			diagnoses: {},
			nodeFigures: {},
			pinned: [undefined, undefined],
			readOnly: false,
			kept: { model: 'held', inputs: 'held' },
			canUndo: context.history.past.length > 0,
			canRedo: context.history.future.length > 0,
		});
		void inOrder(async () => {
			if (open.claim && open.sinceSnapshot > 0 && (await context.storage())) {
				await services.host.call('disk', 'compact', { id: open.id }, { input: `compact:${open.id}` }).catch(() => {});
			}
			open.claim?.release();
			await refreshList();
		});
	};

	const openStored = async (id: string): Promise<void> => {
		const root = await context.storage();
		const loaded = root && (await services.host.call('disk', 'loadStudy', { id }, { input: `load:${id}` }));
		if (!root || !loaded) {
			await refreshList();
			throw Object.assign(new Error('This study is not stored here any more.'), { code: 'study' });
		}
		const model = await storedModel(root, loaded.study);
		const inputs = await storedInputs(root, loaded.study);
		const open = await show(loaded.study, loaded.next, model, inputs);
		setKept({ model: model ? 'kept' : 'missing', inputs: inputs ? 'kept' : 'missing' });
		if (loaded.damaged.length > 0) {
			get().toast(`${loaded.damaged.length} journal entries of this study could not be read; everything else is here.`, 'error');
		}
		if (!open.claim) return;
		// A variant whose file is gone is made again from its recipe.
		const missing = new Set(loaded.missing);
		for (const variant of loaded.study.variants) {
			if (!variant.file || !missing.has(variant.file)) continue;
			const { file: _, ...rest } = variant;
			await commit({ type: 'variant', variant: rest as Variant });
		}
		if (model && !loaded.study.dataset) {
			await context.openInputs(open, syntheticInputs, open.closing.signal).catch((error: unknown) => {
				const failure = toFailure(error);
				if (failure.code !== 'cancelled') sayOnce(failure);
			});
		}
		context.wakeWork();
	};

	type Root = NonNullable<Awaited<ReturnType<Context['storage']>>>;
	const storedModel = async (root: Root, study: Study): Promise<ModelFiles | undefined> => {
		const [main, ...external] = (await keptFiles(modelFolder(root, study.model.hash)))?.files ?? [];
		return main && { name: main.name, model: main.blob, external };
	};
	const storedInputs = async (root: Root, study: Study): Promise<InputsRef | undefined> => {
		if (!study.dataset || study.dataset.kind === 'synthetic') return syntheticInputs;
		const files = (await keptFiles(inputsFolder(root, study.id)))?.files;
		const { settings } = study.dataset;
		return files && { kind: 'files', files, sample: study.dataset.kind === 'sample', ...(settings && { settings }) };
	};

	const background = async (what: 'model' | 'inputs', open: OpenStudy, copy: () => Promise<unknown>): Promise<void> => {
		if (!(await context.storage())) {
			setKept({ [what]: 'held' });
			return;
		}
		setKept({ [what]: 'copying' });
		try {
			await copy();
			if (context.open === open) setKept({ [what]: 'kept' });
		} catch (error) {
			if (context.open !== open) return;
			setKept({ [what]: 'held' });
			const failure = toFailure(error);
			if (failure.code === 'cancelled') return;
			sayOnce({
				...failure,
				message: `A copy of the ${what} could not be stored, so it must be dropped again after a reload. ${failure.message}`,
			});
		}
	};

	const refreshList = async (): Promise<void> => {
		const root = await context.storage();
		if (!root) return;
		try {
			const [list, usage] = await Promise.all([services.host.call('disk', 'list', null, { input: 'list' }), services.usage()]);
			set({
				recent: list.map(({ id, name, variants, updatedAt, byteLength }) => ({ id, name, variants, updatedAt, byteLength })),
				storage: usage,
			});
		} catch {
			// The list is a convenience; opening says what is wrong.
		}
	};

	return {
		commit,
		show,
		close,
		openStored,
		refreshList,
		flush: () => inOrder(async () => {}),
		keepModel(open, files) {
			const { study } = get();
			if (!study) return;
			const { hash } = study.model;
			void background('model', open, () =>
				services.host.call(
					'disk',
					'keepModel',
					{ hash, files, job: `${context.tab}-${context.nextId()}` },
					{ signal: open.closing.signal, input: `keep:${hash}`, deadlineMs: 60 * 60_000 },
				),
			);
		},
		keepInputs(open, inputs) {
			if (inputs.kind === 'synthetic') {
				setKept({ inputs: 'kept' });
				return;
			}
			const { files } = inputs;
			if (files.reduce((sum, { blob }) => sum + blob.size, 0) > keptInputsBytes) {
				setKept({ inputs: 'held' });
				return;
			}
			void background('inputs', open, () =>
				services.host.call(
					'disk',
					'keepInputs',
					{ study: open.id, files, job: `${context.tab}-${context.nextId()}` },
					{ signal: open.closing.signal, input: `inputs:${open.id}`, deadlineMs: 10 * 60_000 },
				),
			);
		},
		async setInputs(open, inputs, dataset) {
			open.inputs = inputs;
			// What models said to other inputs is no reference for these.
			context.references.clear();
			context.feeds = undefined;
			// What a person chose may leave the examples as they were.
			if (JSON.stringify(get().study?.dataset) !== JSON.stringify(dataset)) await commit({ type: 'dataset', dataset });
		},
		hear(message) {
			if (typeof message !== 'object' || message === null || !('type' in message)) return;
			const { study } = get();
			const heard = message as { type: unknown; study?: unknown; event?: unknown; at?: unknown };
			if (heard.type === 'list') void refreshList();
			// Only a tab that does not write listens to one that does; both are this program, from the same origin.
			if (heard.type !== 'event' || !study || heard.study !== study.id || !get().readOnly) return;
			const event = heard.event as StudyEvent;
			set({
				study: applyEvent(study, event, String(heard.at)),
				...(event.type === 'dataset' && { dataset: event.dataset ?? undefined }),
			});
		},
	};
}
