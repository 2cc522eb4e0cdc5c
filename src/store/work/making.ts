import type { Note } from '../../core/pass/pass.ts';
import { foundRecipe, recipeNeeds } from '../../core/pass/pipeline.ts';
import type { Recipe } from '../../core/pass/recipe.ts';
import { indicesOf, pinned } from '../../core/study/learning.ts';
import type { DatasetFacts, Hash, Target, Variant } from '../../core/study/study.ts';
import { toFailure } from '../../workers/failure.ts';
import type { CompressArgs } from '../../workers/protocol.ts';
import type { Progress } from '../../workers/serve.ts';
import type { Context, OpenStudy } from '../context.ts';
import { referenceTarget } from './plan.ts';
import { engineKey, engineSubject, filesOf } from './subject.ts';

const weighAtOnceBytes = 300_000_000;
const minute = 60_000;
/** More threads gain passes little: their models are small pieces. */
const mostLearnThreads = 4;

/** Makes variants and weighs them. */
export interface Maker {
	compress(id: Hash, open: OpenStudy, signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<void>;
	/** Resolves when nothing is being weighed. */
	weighed(): Promise<void>;
	/** Weighs the large ones, which waited until nothing else runs. */
	weighHeavy(): void;
	reset(): void;
}

export function createMaker(context: Context): Maker {
	const { services, get } = context;
	let weighing: Promise<void> = Promise.resolve();
	const heavy: Variant[] = [];

	const compress = async (id: Hash, open: OpenStudy, signal: AbortSignal, onProgress: (p: Progress) => void): Promise<void> => {
		const variant = get().study?.variants.find((entry) => entry.id === id);
		if (!variant || !open.model) return;
		const { recipe, notes } = await resolved(variant.recipe, open, signal, onProgress);
		const learnt = get().study?.dataset;
		const modelHash = get().study?.model.hash;
		const learn = learnt && (await learnOf(recipe, learnt, open, variant.learntFrom));
		// Its worker has a runtime of its own: two heaps are more than the model needs, and what this one read is read again in seconds.
		if (learn) services.host.endIdle('engine');
		const result = await services.host.call(
			learn ? 'learn' : 'compress',
			'compress',
			{
				files: open.model,
				...(modelHash !== undefined && { modelHash }),
				recipe,
				job: `${context.tab}-${context.nextId()}`,
				...(learn && { learn }),
			},
			{ signal, onProgress, input: id, deadlineMs: 60 * minute },
		);
		if (result.held) context.held.set(result.file, result.held);
		// The person may have renamed it meanwhile.
		const current = get().study?.variants.find((entry) => entry.id === id);
		if (!current || context.open !== open) return;
		const { file, bytes, parameters, operators, layers, report: passReports } = result;
		const [first, ...others] = passReports;
		const report = first && notes.length > 0 ? [{ ...first, notes: [...notes, ...first.notes] }, ...others] : passReports;
		const written: Variant = {
			...current,
			// What searching passes found takes their place: this recipe gives these bytes anywhere.
			recipe: foundRecipe(recipe, passReports),
			file,
			sizes: { bytes },
			parameters,
			operators,
			layers,
			report,
			...(learn && { learntFrom: pinned(learnt, variant.learntFrom) }),
		};
		await context.commit({ type: 'variant', variant: written }, 'stored');
		if (bytes <= weighAtOnceBytes) {
			const before = weighing;
			weighing = before.then(() => weigh(written));
		} else heavy.push(written);
	};

	/** Some passes look at the original on the inputs first; what they found becomes part of the recipe, so that it gives these bytes anywhere. */
	const resolved = async (
		recipe: Recipe,
		open: OpenStudy,
		signal: AbortSignal,
		onProgress: (p: Progress) => void,
	): Promise<{ readonly recipe: Recipe; readonly notes: readonly Note[] }> => {
		const dataset = get().study?.dataset;
		const { passes } = await import('../../passes/registry.ts');
		const asks = recipe.steps.some((step) => !step.off && passes.get(step.pass)?.resolve);
		if (!asks || !dataset || !open.inputs) return { recipe, notes: [] };
		try {
			return await services.host.call(
				'engine',
				'resolve',
				{ ...engineSubject(context, open, referenceTarget), recipe },
				{ signal, onProgress, key: engineKey(referenceTarget), deadlineMs: 10 * minute },
			);
		} catch (error) {
			if (signal.aborted) throw error;
			const { message } = toFailure(error);
			return { recipe, notes: [{ level: 'warn', reason: `The original could not be measured before this step: ${message}` }] };
		}
	};

	/** The inputs and the runtime, for recipes whose passes measure or learn. */
	const learnOf = async (
		recipe: Recipe,
		dataset: DatasetFacts,
		open: OpenStudy,
		learntFrom: Variant['learntFrom'],
	): Promise<CompressArgs['learn']> => {
		const { passes } = await import('../../passes/registry.ts');
		if (!open.inputs || recipeNeeds(recipe, passes).size === 0) return undefined;
		const target: Target = { backend: 'wasm', threads: learnThreads() };
		return { ...engineSubject(context, open, target), calibration: indicesOf(dataset, learntFrom) };
	};

	/** As many as the person measures with. */
	const learnThreads = (): number => {
		const { capabilities, settings } = get();
		const asked = settings.targets.filter(({ backend }) => backend === 'wasm').map(({ threads }) => threads);
		return capabilities?.isolated ? Math.min(mostLearnThreads, Math.max(1, ...asked)) : 1;
	};

	/** Transferred size and zeros: worth knowing, never a reason to fail. */
	const weigh = async (variant: Variant): Promise<void> => {
		const { open } = context;
		if (!open) return;
		try {
			const files = await filesOf(context, variant.id, open);
			const data = files.external[0]?.blob;
			const { gzip, brotli, nonZeros } = await services.host.call(
				'disk',
				'weigh',
				{ blob: files.model, ...(data && { data }) },
				{ signal: open.closing.signal, input: variant.id },
			);
			const current = get().study?.variants.find((entry) => entry.id === variant.id);
			if (!current || context.open !== open || get().readOnly) return;
			const sizes = {
				bytes: files.model.size + (data?.size ?? 0),
				...(gzip !== undefined && { gzip }),
				...(brotli !== undefined && { brotli }),
			};
			await context.commit({ type: 'variant', variant: { ...current, sizes, ...(nonZeros !== undefined && { nonZeros }) } });
		} catch {
			// The size on disk is known; the rest stays unknown.
		}
	};

	return {
		compress,
		weighed: () => weighing,
		weighHeavy() {
			for (const variant of heavy.splice(0)) void weigh(variant);
		},
		reset() {
			heavy.length = 0;
		},
	};
}
