import { describe, expect, it } from 'vitest';
import type { Recipe } from '../core/pass/recipe.ts';
import type { LearnFrom } from '../core/study/learning.ts';
import type { DatasetFacts, Evaluation } from '../core/study/study.ts';
import { CallFailed } from '../workers/failure.ts';
import { type AppStore, createStore } from './index.ts';
import { settled, testHash, testServices } from './services.testkit.ts';

const recipe: Recipe = { v: 1, seed: 0, name: 'a', steps: [{ pass: 'gptq', options: {} }] };

const facts: DatasetFacts = {
	hash: testHash('set'),
	name: 'set',
	kind: 'arrays',
	n: 40,
	labelled: false,
	preprocessing: '',
	skipped: [],
};

async function opened(handlers: NonNullable<Parameters<typeof testServices>[0]>['handlers'] = {}) {
	/** What each variant was made from, and how each evaluation was asked for. */
	const learnt: (readonly number[] | undefined)[] = [];
	const judged: { readonly variant: string; readonly margin: number | undefined }[] = [];
	const browser = testServices();
	const usual = (method: string, args: unknown): Promise<unknown> =>
		browser.services.host.call('engine', method as 'evaluate', args as never, {}) as Promise<unknown>;
	const { services } = testServices({
		root: browser.root,
		handlers: {
			describeInputs: () => facts,
			chooseLearning: ({ kept, learnFrom }: { kept: readonly number[]; learnFrom: LearnFrom }) => {
				const indices = (learnFrom.choice === 'first' ? kept : kept.toReversed()).slice(0, learnFrom.n).toSorted((a, b) => a - b);
				return {
					choice: learnFrom.choice,
					indices,
					names: indices.map(String),
					coverage: { mean: 0.5, most: 1 },
					random: { mean: 0.6, most: 2 },
				};
			},
			compress: (args: { learn?: { calibration: readonly number[] } }) => {
				learnt.push(args.learn?.calibration);
				return usual('compress', args);
			},
			evaluate: async (args: { variant: { id: string }; dataset: DatasetFacts }) => {
				const { stopEarly } = args.dataset.settings ?? {};
				judged.push({ variant: args.variant.id, margin: stopEarly?.margin });
				const { evaluation } = (await usual('evaluate', args)) as { evaluation: Evaluation };
				return { evaluation: { ...evaluation, ...(stopEarly && args.variant.id !== 'original' && { stopEarly }) } };
			},
			...handlers,
		},
	});
	const store = createStore(services);
	await store.start();
	await store.getState().openFiles([new File(['weights'], 'm.onnx'), new File(['x'], 'a.npz')]);
	await settled(store);
	const run = async (): Promise<void> => {
		await store.getState().runRecipes([recipe]);
		await settled(store);
	};
	const state = () => store.getState();
	return { store, state, run, learnt, judged, say: (learnFrom?: LearnFrom) => state().changeLearnFrom(learnFrom, () => {}) };
}

const ids = (state: () => ReturnType<AppStore['getState']>): readonly string[] => state().study?.variants.map(({ id }) => id) ?? [];

describe('examples to learn from', () => {
	it('other ones make another variant of the same recipe; the usual ones the variant that is there', async () => {
		const { state, run, learnt, say } = await opened();
		await run();
		expect(learnt).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
		const hash = state().study?.dataset?.hash;
		expect(await say({ choice: 'k-center', n: 3 })).toBe(true);
		expect(state().study?.dataset).toMatchObject({
			hash,
			settings: { learnFrom: { choice: 'k-center', n: 3 } },
			split: { chosen: { indices: [7, 8, 9], coverage: { mean: 0.5 } } },
		});
		await run();
		expect(learnt.at(-1)).toEqual([7, 8, 9]);
		expect(await say({ choice: 'first', n: 3 })).toBe(true);
		await run();
		expect(new Set(ids(state)).size).toBe(4);
		expect(state().study?.variants.map(({ learntFrom }) => learntFrom?.n)).toEqual([undefined, 10, 3, 3]);
		// As many as there are is the usual way.
		expect(await say({ choice: 'herding', n: 10 })).toBe(true);
		expect(state().study?.dataset?.settings).toBeUndefined();
		await run();
		expect(ids(state)).toHaveLength(4);
		expect(state().study?.evaluations.every((entry) => entry.dataset === hash)).toBe(true);
	});

	it('sets examples aside where none are yet', async () => {
		const { state, say } = await opened();
		expect(state().study?.dataset?.split).toBeUndefined();
		expect(await say({ choice: 'first', n: 2 })).toBe(true);
		expect(state().study?.dataset?.split).toMatchObject({ of: 40, chosen: { indices: [0, 1] } });
	});

	it('a variant that is made anew learns from what it learnt from', async () => {
		const { state, run, learnt, say, store } = await opened({
			compress: () => {
				throw new CallFailed({ code: 'memory', message: 'too much' });
			},
		});
		await say({ choice: 'first', n: 2 });
		await run();
		const id = ids(state)[1] as string;
		expect(state().study?.variants[1]).toMatchObject({ failure: { code: 'memory' }, learntFrom: { chosen: { indices: [0, 1] } } });
		await say({ choice: 'k-center', n: 4 });
		await state().rerun(id);
		await settled(store);
		expect(state().study?.variants[1]?.learntFrom).toMatchObject({ n: 2, chosen: { choice: 'first', indices: [0, 1] } });
		expect(learnt).toEqual([]);
	});

	it('leaves everything as it is where nothing can be chosen, and says so', async () => {
		const { state, say } = await opened({
			chooseLearning: () => {
				throw new CallFailed({ code: 'bug', message: 'nothing of the model can be observed' });
			},
		});
		expect(await say({ choice: 'k-center', n: 2 })).toBe(false);
		expect(state().study?.dataset?.settings).toBeUndefined();
		expect(state().toasts.some(({ message }) => message.includes('nothing of the model'))).toBe(true);
	});
});

describe('stopping early', () => {
	it('judges variants again, the original not, and again in full when it is taken back', async () => {
		const { state, store, run, judged } = await opened();
		await run();
		const id = ids(state)[1] as string;
		const before = judged.length;
		state().changeStopEarly({ margin: 0.01 });
		await settled(store);
		expect(judged.slice(before)).toEqual([{ variant: id, margin: 0.01 }]);
		const early = () => state().study?.evaluations.find((entry) => entry.variant === id)?.stopEarly;
		expect(early()).toEqual({ margin: 0.01 });
		state().changeStopEarly({ margin: 0.01 });
		await settled(store);
		state().changeStopEarly({ margin: 0.02 });
		await settled(store);
		state().changeStopEarly(undefined);
		await settled(store);
		expect(judged.slice(before).map(({ margin }) => margin)).toEqual([0.01, 0.02, undefined]);
		expect(early()).toBeUndefined();
		expect(state().study?.dataset?.settings).toBeUndefined();
	});
});
