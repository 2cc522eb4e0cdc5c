import { describe, expect, it } from 'vitest';
import type { Recipe } from '../core/pass/recipe.ts';
import { CallFailed } from '../workers/failure.ts';
import { createStore } from './index.ts';
import { settled, testServices } from './services.testkit.ts';

const recipe = (name: string): Recipe => ({ v: 1, seed: 0, name, steps: [{ pass: 'float16', options: { note: name } as never }] });
const file = (name: string, content = 'weights') => new File([content], name);

async function opened(options: Parameters<typeof testServices>[0] = {}) {
	const browser = testServices(options);
	const store = createStore(browser.services);
	await store.start();
	await store.getState().openFiles([file('m.onnx')]);
	await settled(store);
	return { browser, store, state: () => store.getState() };
}

describe('opening', () => {
	it('makes a study with made-up inputs, and measures nothing before there is something to compare', async () => {
		const { state, browser } = await opened();
		expect(state().study?.model.name).toBe('m.onnx');
		expect(state().dataset?.kind).toBe('synthetic');
		expect(state().kept).toEqual({ model: 'kept', inputs: 'kept' });
		expect(browser.calls).not.toContain('benchmark');
	});

	it('names a wrong file and leaves the open study alone', async () => {
		const { state } = await opened();
		const before = state().study;
		await state().openFiles([file('cat.txt')]);
		expect(state().openFailure).toMatchObject({ code: 'wrong-file', message: 'cat.txt is not a model.' });
		expect(state().study).toBe(before);
	});

	it('takes model and inputs together, and inputs later', async () => {
		const browser = testServices();
		const store = createStore(browser.services);
		await store.start();
		await store.getState().openFiles([file('a.npz')]);
		expect(store.getState().openFailure?.code).toBe('no-model');
		await store.getState().openFiles([file('m.onnx'), file('a.npz')]);
		await settled(store);
		expect(store.getState().dataset?.kind).toBe('arrays');
	});

	it('opens the stored study of a model that comes back', async () => {
		const { state, store, browser } = await opened();
		await state().runRecipes([recipe('a')]);
		await settled(store);
		state().closeStudy();
		await new Promise((resolve) => setTimeout(resolve, 10));
		const next = createStore(testServices({ root: browser.root }).services);
		await next.start();
		await next.getState().openFiles([file('m.onnx')]);
		await settled(next);
		expect(next.getState().study?.variants).toHaveLength(2);
		expect(next.getState().recent).toHaveLength(1);
	});

	it('works without storage, and says that nothing is kept', async () => {
		const { state } = await opened({ root: undefined });
		expect(state().study).toBeDefined();
		expect(state().kept.model).toBe('held');
	});
});

describe('running', () => {
	it('writes all, compares each, measures once for each target', async () => {
		const { state, store, browser } = await opened();
		await state().runRecipes([recipe('a'), recipe('b')]);
		await settled(store);
		expect(state().study?.variants.map(({ name, sizes, file: hash }) => [name, sizes?.bytes, hash !== undefined])).toEqual([
			['Original', 7, false],
			['a', 50, true],
			['b', 50, true],
		]);
		expect(state().study?.evaluations.map((entry) => entry.variant)).toHaveLength(3);
		expect(state().study?.runs).toHaveLength(3);
		const steps = browser.calls.filter((name) => ['compress', 'evaluate', 'benchmark'].includes(name));
		expect(steps.at(-1)).toBe('benchmark');
		expect(steps.toSorted()).toEqual(['benchmark', 'compress', 'compress', 'evaluate', 'evaluate', 'evaluate']);
	});

	it.each([
		['made-up inputs', [file('m.onnx')], []],
		// The original is judged on labelled examples at once, and again once some of them are set aside.
		['labelled examples', [file('m.onnx'), file('labelled.npz')], ['evaluate']],
	])('a variant that learns has the machine for itself, and takes turns with comparing: %s', async (_, files, before) => {
		const { services } = testServices();
		const order: string[] = [];
		const now = new Set<string>();
		const call = async (kind: never, method: never, ...rest: never[]): Promise<unknown> => {
			if (method !== 'evaluate' && method !== 'compress') return services.host.call(kind, method, ...(rest as unknown as [never]));
			order.push(method);
			expect([...now]).toEqual([]);
			now.add(method);
			await new Promise((resolve) => setTimeout(resolve, 2));
			now.delete(method);
			return services.host.call(kind, method, ...(rest as unknown as [never]));
		};
		const store = createStore({ ...services, host: { ...services.host, call: call as typeof services.host.call } });
		await store.start();
		await store.getState().openFiles(files);
		await settled(store);
		const learns = (name: string): Recipe => ({ v: 1, seed: 0, name, steps: [{ pass: 'gptq', options: { note: name } as never }] });
		await store.getState().runRecipes([learns('a'), learns('b')]);
		await settled(store);
		expect(order).toEqual([...before, 'compress', 'evaluate', 'evaluate', 'compress', 'evaluate']);
	});

	it('makes the same recipe once', async () => {
		const { state, store } = await opened();
		await state().runRecipes([recipe('a')]);
		await settled(store);
		await state().runRecipes([{ ...recipe('a'), name: 'another name' }]);
		await settled(store);
		expect(state().study?.variants).toHaveLength(2);
		expect(state().selected).toBe(state().study?.variants[1]?.id);
	});

	it('keeps a failure with its variant, goes on with the others, and tries again when asked', async () => {
		let fail = true;
		const { state, store } = await opened({
			handlers: {
				evaluate: () => {
					throw new CallFailed({ code: 'run', message: 'no kernel' });
				},
				compress: async ({ recipe: { name } }: { recipe: Recipe }) => {
					if (name === 'a' && fail) throw new CallFailed({ code: 'pass', message: 'broken' });
					return { file: 'f'.repeat(64), bytes: 5, parameters: 1, operators: [], layers: [], report: [], held: { model: new Blob(['x']) } };
				},
			},
			root: undefined,
		});
		await state().runRecipes([recipe('a'), recipe('b')]);
		await settled(store);
		const [, a, b] = state().study?.variants ?? [];
		expect(a?.failure?.message).toBe('broken');
		expect(b?.file).toBeDefined();
		expect(state().study?.evaluations.find((entry) => entry.variant === b?.id)?.failure?.message).toBeDefined();
		fail = false;
		await state().rerun(a?.id ?? '');
		await settled(store);
		expect(state().study?.variants[1]?.failure).toBeUndefined();
		expect(state().study?.variants[1]?.file).toBeDefined();
	});

	it('measures one by one what failed together', async () => {
		const sizes: number[] = [];
		const { state, store } = await opened({
			handlers: {
				benchmark: ({ variants }: { variants: { id: string }[] }) => {
					sizes.push(variants.length);
					throw new CallFailed({ code: 'worker-died', message: 'gone' });
				},
			},
		});
		await state().runRecipes([recipe('a')]);
		await settled(store);
		expect(sizes).toEqual([2, 1, 1]);
		expect(state().study?.runs.map((run) => run.failure?.code)).toEqual(['worker-died', 'worker-died']);
	});

	it('says a full storage once and stops asking for more', async () => {
		const { state, store, browser } = await opened({
			handlers: {
				compress: () => {
					throw new CallFailed({ code: 'storage-full', message: 'the storage is full' });
				},
			},
		});
		await state().runRecipes([recipe('a'), recipe('b')]);
		await settled(store);
		expect(browser.calls.filter((name) => name === 'compress')).toHaveLength(1);
		expect(
			state()
				.study?.variants.slice(1)
				.map((entry) => entry.failure?.code),
		).toEqual(['storage-full', 'storage-full']);
		expect(state().toasts.filter(({ tone }) => tone === 'error')).toHaveLength(1);
	});

	it('frees what removed variants hold before it gives up', async () => {
		let full = false;
		const { state, store, browser } = await opened({
			handlers: {
				compress: async ({ recipe: { name } }: { recipe: Recipe }) => {
					const stored = await browser.root.folder('variants').files();
					if (full && stored.length >= 1) throw new CallFailed({ code: 'storage-full', message: 'full' });
					const hash = (name ?? '').padEnd(64, '0').replace(/[^0-9a-f]/g, '0');
					await browser.root.folder('variants').write(`${hash}.onnx`, 'x');
					return { file: hash, bytes: 1, parameters: 1, operators: [], layers: [], report: [] };
				},
			},
		});
		await state().runRecipes([recipe('a')]);
		await settled(store);
		full = true;
		state().removeVariants([state().study?.variants[1]?.id ?? '']);
		await state().runRecipes([recipe('b')]);
		await settled(store);
		expect(state().study?.variants.map(({ name, failure }) => [name, failure?.code])).toEqual([
			['Original', undefined],
			['b', undefined],
		]);
		expect(state().canUndo).toBe(false);
	});

	it('cancels what runs and what waits, and keeps what is finished', async () => {
		const { state, store } = await opened({
			handlers: { benchmark: () => new Promise(() => {}) },
		});
		await state().runRecipes([recipe('a')]);
		while (!state().jobs.some((job) => job.kind === 'benchmark' && job.state === 'running'))
			await new Promise((resolve) => setTimeout(resolve, 1));
		state().cancelAll();
		await settled(store);
		expect(state().study?.evaluations).toHaveLength(2);
		expect(state().study?.runs.every((run) => run.failure?.code === 'cancelled')).toBe(true);
		expect(state().jobs.find((job) => job.kind === 'benchmark')?.state).toBe('cancelled');
	});

	it('waits for a hidden tab before it measures, and flags one that was hidden meanwhile', async () => {
		let release = (): void => {};
		const { state, store, browser } = await opened({
			handlers: {
				benchmark: async ({ variants, target }: { variants: { id: string }[]; target: never }) => {
					await new Promise<void>((resolve) => {
						release = resolve;
					});
					return {
						unfinished: [],
						runs: variants.map(({ id }) => ({
							variant: id,
							target,
							threadsUsed: 1,
							loadMs: 1,
							firstMs: 1,
							samplesMs: [],
							referenceMs: [],
							medianMs: 1,
							p95Ms: 1,
							caveats: [],
							measuredAt: '',
						})),
					};
				},
			},
		});
		browser.show(false);
		await state().runRecipes([recipe('a')]);
		const started = () => browser.calls.includes('benchmark');
		for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setTimeout(resolve, 0));
		expect(started()).toBe(false);
		browser.show(true);
		while (!started()) await new Promise((resolve) => setTimeout(resolve, 0));
		browser.show(false);
		browser.show(true);
		release();
		await settled(store);
		expect(state().study?.runs[0]?.caveats.join()).toContain('hidden');
	});
});

describe('a reload', () => {
	it('at any moment finds every finished step and goes on', async () => {
		for (const stopAfter of ['compress', 'evaluate', 'benchmark']) {
			const browser = testServices();
			const gate = testServices({ root: browser.root, handlers: { [stopAfter]: () => new Promise(() => {}) } });
			const before = createStore(gate.services);
			await before.start();
			await before.getState().openFiles([file('m.onnx')]);
			await before.getState().runRecipes([recipe('a')]);
			for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setTimeout(resolve, 0));
			const seen = before.getState().study;
			const openId = gate.openId();
			if (openId === undefined) throw new Error('no study open');
			const after = createStore(testServices({ root: browser.root, openId, tab: 'next' }).services);
			await after.start();
			expect(after.getState().study?.evaluations).toEqual(expect.arrayContaining([...(seen?.evaluations ?? [])]));
			await settled(after);
			expect(after.getState().study?.runs).toHaveLength(2);
			expect(after.getState().study?.evaluations).toHaveLength(2);
		}
	});

	it('makes a variant again whose file is gone', async () => {
		const { state, store, browser } = await opened();
		await state().runRecipes([recipe('a')]);
		await settled(store);
		for (const name of await browser.root.folder('variants').files()) await browser.root.folder('variants').remove(name);
		const id = browser.openId();
		const next = testServices({ root: browser.root, ...(id !== undefined && { openId: id }), tab: 'next' });
		const after = createStore(next.services);
		await after.start();
		await settled(after);
		expect(next.calls.filter((name) => name === 'compress')).toHaveLength(1);
		expect(after.getState().study?.variants[1]?.file).toBeDefined();
	});
});

describe('two tabs', () => {
	it('one writes, the other shows and can take over', async () => {
		const claims = new Map<string, () => void>();
		const { state, store, browser } = await opened({ claims });
		await state().runRecipes([recipe('a')]);
		await settled(store);
		const second = createStore(testServices({ root: browser.root, claims, tab: 'second' }).services);
		await second.start();
		await second.getState().openStudy(state().study?.id ?? '');
		expect(second.getState().readOnly).toBe(true);
		expect(second.getState().study?.variants).toHaveLength(2);
		await second.getState().runRecipes([recipe('b')]);
		expect(second.getState().study?.variants).toHaveLength(2);
		second.getState().takeOver();
		for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setTimeout(resolve, 0));
		expect(second.getState().readOnly).toBe(false);
		expect(state().readOnly).toBe(true);
	});
});

describe('undo', () => {
	it('brings removed variants back with their figures', async () => {
		const { state, store, browser } = await opened();
		await state().runRecipes([recipe('a')]);
		await settled(store);
		const before = state().study;
		const id = before?.variants[1]?.id ?? '';
		state().select(id);
		state().removeVariants([id, 'original']);
		expect(state().study?.variants.map((entry) => entry.id)).toEqual(['original']);
		expect(state().selected).toBeUndefined();
		state().undo();
		expect({ ...state().study, updatedAt: '' }).toEqual({ ...before, updatedAt: '' });
		expect(browser.calls.filter((name) => name === 'compress')).toHaveLength(1);
		state().redo();
		expect(state().study?.variants).toHaveLength(1);
	});

	it('joins quick edits of the draft, not added steps', () => {
		const store = createStore(testServices().services);
		const { setDraft } = store.getState();
		setDraft(recipe('a'));
		setDraft({ ...recipe('b') });
		setDraft({ ...recipe('c') });
		store.getState().undo();
		expect(store.getState().draft.name).toBe('a');
		store.getState().undo();
		expect(store.getState().draft.steps).toEqual([]);
		store.getState().redo();
		store.getState().redo();
		expect(store.getState().draft.name).toBe('c');
	});

	it('renames there and back', async () => {
		const { state, store } = await opened();
		await state().runRecipes([recipe('a')]);
		await settled(store);
		const id = state().study?.variants[1]?.id ?? '';
		state().renameVariant(id, '  smaller ');
		expect(state().study?.variants[1]?.name).toBe('smaller');
		state().undo();
		expect(state().study?.variants[1]?.name).toBe('a');
	});
});

describe('downloading', () => {
	it('gives the file that was measured and its certificate, never one that was not run', async () => {
		const { state, store, browser } = await opened({
			handlers: {
				evaluate: () => {
					throw new CallFailed({ code: 'run', message: 'no' });
				},
				benchmark: () => {
					throw new CallFailed({ code: 'run', message: 'no' });
				},
			},
		});
		await state().runRecipes([recipe('a')]);
		await settled(store);
		await state().download(state().study?.variants[1]?.id ?? '');
		expect(browser.saved).toEqual([]);
		const good = await opened();
		await good.state().runRecipes([recipe('a')]);
		await settled(good.store);
		await good.state().download(good.state().study?.variants[1]?.id ?? '');
		expect(good.browser.saved.map(({ name }) => name)).toEqual(['m.a.onnx', 'm.a.certificate.json']);
	});
});
