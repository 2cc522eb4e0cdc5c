import type { Recipe } from '../core/pass/recipe.ts';
import type { DatasetFacts, Failure, ModelFacts, Study, Variant } from '../core/study/study.ts';
import { standardSet } from '../passes/standard-set.ts';
import type { EngineSubject, InputsRef } from '../workers/engine-protocol.ts';
import { CallFailed, toFailure } from '../workers/failure.ts';
import type { ModelFiles, NamedBlob } from '../workers/protocol.ts';
import type { Context, OpenStudy } from './context.ts';
import type { Studies } from './studies.ts';
import { referenceTarget } from './work/plan.ts';
import { engineKey, engineSubject } from './work/subject.ts';

const minute = 60_000;
const syntheticSeed = 1;

export interface Opening {
	openFiles(files: readonly File[]): Promise<void>;
	openSample(id: 'digits' | 'silero-vad'): Promise<void>;
	openInputs(open: OpenStudy, inputs: InputsRef, signal: AbortSignal, split?: EngineSubject['split']): Promise<void>;
	splitInputs(open: OpenStudy, split: NonNullable<EngineSubject['split']>): Promise<void>;
}

/** Files of each sample, by path below the page. */
const samples: Readonly<Record<'digits' | 'silero-vad', { readonly model: string; readonly inputs: readonly string[] }>> = {
	digits: { model: 'samples/digits/digits.onnx', inputs: ['samples/digits/digits-test.npz'] },
	'silero-vad': { model: 'samples/silero-vad/silero-vad.onnx', inputs: [] },
};

export function createOpening(context: Context, studies: Studies): Opening {
	const { services, get, set } = context;
	/** Opening something else ends what is being opened. */
	let current = new AbortController();

	const fail = (error: unknown): void => {
		const failure = toFailure(error);
		if (failure.code === 'cancelled') return;
		set({ openFailure: failure, opening: undefined });
	};

	const openFiles = async (files: readonly File[]): Promise<void> => {
		if (files.length === 0) return;
		current.abort(new DOMException('Something else is being opened.', 'AbortError'));
		current = new AbortController();
		const { signal } = current;
		set({ openFailure: undefined });
		try {
			const named: NamedBlob[] = files.map((file) => ({ name: file.webkitRelativePath || file.name, blob: file }));
			const sorted = await sort(named, signal);
			if (sorted.study) {
				await importStudy(sorted.study, signal);
				return;
			}
			if (sorted.recipe) await loadRecipe(sorted.recipe, signal);
			if (sorted.model) {
				await openModel(
					{ name: baseName(sorted.model.name), model: sorted.model.blob, external: sorted.external },
					sorted.inputs.length > 0 ? { kind: 'files', files: sorted.inputs, sample: false } : undefined,
					signal,
				);
			} else if (!(await addToStudy(sorted, signal))) return;
			// Told last, so that good files of the same drop are open already.
			if (sorted.wrong) set({ openFailure: sorted.wrong });
			else if (sorted.more > 0) get().toast('One model at a time: the first one was opened.');
		} catch (error) {
			fail(error);
		}
	};

	interface Sorted {
		readonly model: NamedBlob | undefined;
		/** Models beyond the first. */
		readonly more: number;
		readonly external: readonly NamedBlob[];
		readonly inputs: readonly NamedBlob[];
		readonly recipe: NamedBlob | undefined;
		readonly study: NamedBlob | undefined;
		readonly wrong: Failure | undefined;
	}

	const sort = async (named: readonly NamedBlob[], signal: AbortSignal): Promise<Sorted> => {
		const found = await services.host.call('disk', 'sniff', { files: named }, { signal, input: `sniff:${named.map(({ name }) => name)}` });
		const of = (kind: string): NamedBlob[] => named.filter((_, index) => found[index]?.kind === kind);
		const [model, ...otherModels] = of('model');
		// Pictures are inputs one by one; documents that come with a model's folder (README, config) are no reason to complain.
		const wrong = found.flatMap((entry, index) => (entry.kind === 'wrong' ? [{ ...entry, file: named[index] as NamedBlob }] : []));
		const first = wrong[0];
		const serious = first && (named.length === wrong.length || !model);
		return {
			model,
			more: otherModels.length,
			external: of('external'),
			inputs: of('inputs'),
			recipe: of('recipe')[0],
			study: of('study')[0],
			wrong: serious ? { code: 'wrong-file', message: first.message, where: baseName(first.file.name) } : undefined,
		};
	};

	/** Files without a model: weights that the open model misses, inputs, or a wrong file. */
	const addToStudy = async (sorted: Sorted, signal: AbortSignal): Promise<boolean> => {
		const { open } = context;
		const { study, readOnly } = get();
		const { external, inputs, recipe, wrong } = sorted;
		const wanted = new Set(study?.facts.missingData.map(baseName) ?? []);
		if (open?.model && study && external.some(({ name }) => wanted.has(baseName(name)))) {
			await openModel({ ...open.model, external: [...open.model.external, ...external] }, open.inputs, signal);
			return true;
		}
		if (inputs.length > 0) {
			if (!open || !study || !open.model) {
				throw new CallFailed({
					code: 'no-model',
					message: study ? 'These inputs wait for the model: it was not stored here.' : 'These are inputs. Open a model first.',
					advice: 'Drop the .onnx file, alone or together with its inputs.',
				});
			}
			if (readOnly) return true;
			await openInputs(open, { kind: 'files', files: inputs, sample: false }, signal);
			return true;
		}
		if (wrong) {
			set({ openFailure: wrong });
			return false;
		}
		if (external.length > 0 && !recipe) {
			const alone = external[0] as NamedBlob;
			throw new CallFailed({
				code: 'wrong-file',
				message: `${baseName(alone.name)} holds no model. It may be the weights of one.`,
				where: baseName(alone.name),
				advice: 'Drop it together with its .onnx file.',
			});
		}
		return true;
	};

	const openModel = async (files: ModelFiles, inputs: InputsRef | undefined, signal: AbortSignal): Promise<void> => {
		set({ opening: { name: files.name } });
		const input = `${files.name}:${files.model.size}`;
		const hashing = services.host.call('disk', 'hashModel', { files }, { signal, input, deadlineMs: 60 * minute });
		// Awaited below; a failure of the inspection comes first and must not leave this one unhandled.
		hashing.catch(() => {});
		const facts = await services.host.call('compress', 'inspect', { files }, { signal, input, deadlineMs: 2 * minute });
		signal.throwIfAborted();
		set({ opening: { name: files.name, facts } });
		const identity = await hashing;
		const known = (await storedStudyOf(identity.hash)) ?? undefined;
		signal.throwIfAborted();
		if (known !== undefined && known !== context.open?.id) {
			await studies.openStored(known);
		} else if (known === undefined || context.open?.id !== known) {
			await createStudy(identity, facts);
		}
		const { open } = context;
		const { study, shared } = get();
		set({ opening: undefined });
		if (!open || !study) return;
		if (shared?.study.model.hash === identity.hash) set({ shared: { ...shared, matched: true } });
		const hadModel = open.model !== undefined;
		open.model = files;
		if (open.claim) {
			studies.keepModel(open, files);
			weighOriginal(open);
			const has = study.dataset !== undefined && open.inputs !== undefined;
			if (inputs) await openInputs(open, inputs, signal).catch((error) => openedWithout(open, error, signal));
			else if (!has && facts.missingData.length === 0)
				await openInputs(open, { kind: 'synthetic', seed: syntheticSeed }, signal).catch(fail);
			else if (!hadModel) context.wakeWork();
		}
		context.wakeWork();
	};

	/** The model is open, its inputs are not usable: say so, and measure on made-up ones. */
	const openedWithout = async (open: OpenStudy, error: unknown, signal: AbortSignal): Promise<void> => {
		if (!get().study?.dataset) await openInputs(open, { kind: 'synthetic', seed: syntheticSeed }, signal).catch(() => {});
		fail(error);
	};

	const storedStudyOf = async (hash: string): Promise<string | undefined> => {
		if (context.open && get().study?.model.hash === hash) return context.open.id;
		if (!(await context.storage())) return undefined;
		const list = await services.host.call('disk', 'list', null, { input: 'list' });
		return list.find((entry) => entry.modelHash === hash)?.id;
	};

	const createStudy = async (model: Study['model'], facts: ModelFacts): Promise<void> => {
		const at = new Date(services.nowMs()).toISOString();
		const original: Variant = {
			id: 'original',
			name: 'Original',
			family: 'original',
			recipe: { v: 1, seed: 0, steps: [] },
			sizes: { bytes: model.byteLength },
			parameters: facts.parameters,
			operators: facts.operators.map(({ op, count }) => ({ op, count })),
			layers: facts.layers,
			report: [],
			createdAt: at,
		};
		const study: Study = {
			v: 1,
			id: services.uniqueName(),
			model,
			facts,
			environment: get().environment ?? (await services.detect()).environment,
			variants: [original],
			runs: [],
			evaluations: [],
			createdAt: at,
			updatedAt: at,
		};
		await saveNew(study);
		await studies.show(study, 1, undefined, undefined);
	};

	/** A study that cannot be stored is still opened; it is said that it will not survive. */
	const saveNew = async (study: Study): Promise<void> => {
		if (!(await context.storage())) return;
		try {
			await services.host.call('disk', 'saveStudy', { study }, { input: `save:${study.id}` });
			void services.persist();
			void studies.refreshList();
		} catch (error) {
			const failure = toFailure(error);
			context.sayFailure({ ...failure, message: `This study is not saved and ends with this tab. ${failure.message}` });
		}
	};

	const openInputs: Opening['openInputs'] = async (open, inputs, signal, split) => {
		const { study, settings } = get();
		if (!open.model || !study) return;
		open.inputsPending = true;
		try {
			const dataset: DatasetFacts = await services.host.call(
				'engine',
				'describeInputs',
				{
					modelHash: study.model.hash,
					original: open.model,
					inputs,
					maxExamples: (inputs.kind === 'files' && inputs.settings?.limit) || settings.maxExamples,
					memoryBudgetBytes: settings.memoryBudgetBytes,
					...(split && { split }),
				},
				{ signal, input: `inputs:${study.model.hash}`, key: engineKey(referenceTarget), deadlineMs: 10 * minute },
			);
			if (context.open !== open) return;
			await studies.setInputs(open, inputs, dataset);
			studies.keepInputs(open, inputs);
		} finally {
			open.inputsPending = false;
			context.wakeWork();
		}
	};

	const splitInputs: Opening['splitInputs'] = async (open, split) => {
		const facts = get().study?.dataset;
		const { inputs } = open;
		if (!inputs || !facts) return;
		open.inputsPending = true;
		try {
			const dataset = await services.host.call(
				'engine',
				'splitInputs',
				{ ...engineSubject(context, open, referenceTarget), facts, split },
				{ signal: open.closing.signal, input: `inputs:${facts.hash}`, key: engineKey(referenceTarget), deadlineMs: 10 * minute },
			);
			if (context.open === open) await studies.setInputs(open, inputs, dataset);
		} finally {
			// What asked for it wakes the work: the variant that learns goes before the original is judged on its half.
			open.inputsPending = false;
		}
	};

	const weighOriginal = (open: OpenStudy): void => {
		const original = get().study?.variants.find(({ id }) => id === 'original');
		const { model } = open;
		if (!original || !model || original.sizes?.gzip !== undefined || model.external.length > 0 || model.model.size > 300_000_000) return;
		void services.host
			.call('disk', 'weigh', { blob: model.model }, { signal: open.closing.signal, input: `weigh:${open.id}` })
			.then(({ gzip, brotli, nonZeros }) => {
				const now = get().study?.variants.find(({ id }) => id === 'original');
				if (context.open !== open || !now?.sizes) return;
				const sizes = { bytes: now.sizes.bytes, ...(gzip !== undefined && { gzip }), ...(brotli !== undefined && { brotli }) };
				void context.commit({ type: 'variant', variant: { ...now, sizes, ...(nonZeros !== undefined && { nonZeros }) } });
			})
			.catch(() => {
				// The size on disk is known; the rest stays unknown.
			});
	};

	const loadRecipe = async (file: NamedBlob, signal: AbortSignal): Promise<void> => {
		const recipe: Recipe = await services.host.call('disk', 'readRecipe', { file }, { signal, input: `recipe:${file.name}` });
		get().setDraft(recipe);
		get().toast(`Recipe ${recipe.name ?? baseName(file.name)} is in the builder.`);
	};

	const importStudy = async (file: NamedBlob, signal: AbortSignal): Promise<void> => {
		set({ opening: { name: baseName(file.name) } });
		const job = `${context.tab}-${context.nextId()}`;
		const { study, files } = await services.host.call('disk', 'unpack', { file, job }, { signal, input: `unpack:${file.name}` });
		const list = (await context.storage()) ? await services.host.call('disk', 'list', null, { input: 'list' }) : [];
		// An imported copy never writes over a study that is here.
		const own: Study =
			list.some(({ id }) => id === study.id) || context.open?.id === study.id ? { ...study, id: services.uniqueName() } : study;
		await saveNew(own);
		if (await context.storage()) await studies.openStored(own.id);
		else await studies.show(own, 1, undefined, undefined);
		set({ opening: undefined });
		get().toast(
			files > 0
				? `Study ${study.model.name} is open with ${files} model files.`
				: `Study ${study.model.name} is open. Drop the model to run its recipes here.`,
		);
	};

	return {
		openFiles,
		openInputs,
		splitInputs,
		async openSample(id) {
			current.abort(new DOMException('Something else is being opened.', 'AbortError'));
			current = new AbortController();
			const { signal } = current;
			const sample = samples[id];
			set({ openFailure: undefined, opening: { name: baseName(sample.model) } });
			try {
				const [model, ...inputs] = await Promise.all(
					[sample.model, ...sample.inputs].map(async (path) => ({ name: baseName(path), blob: await services.fetchFile(path) })),
				);
				signal.throwIfAborted();
				const main = model as NamedBlob;
				await openModel(
					{ name: main.name, model: main.blob, external: [] },
					inputs.length > 0 ? { kind: 'files', files: inputs, sample: true } : undefined,
					signal,
				);
				signal.throwIfAborted();
				if (!get().study || get().readOnly) return;
				await get().runRecipes(standardSet());
			} catch (error) {
				fail(error);
			}
		},
	};
}

function baseName(name: string): string {
	return name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
}
