import type { AnyPass, Family } from '../core/pass/pass.ts';
import { recipeNeeds } from '../core/pass/pipeline.ts';
import type { Recipe } from '../core/pass/recipe.ts';
import type { StudyEvent } from '../core/study/events.ts';
import { variantId } from '../core/study/identity.ts';
import { learntFromOf, learntKey } from '../core/study/learning.ts';
import { usualCalibration, usualSplitSeed } from '../core/study/split.ts';
import type { Hash, Variant } from '../core/study/study.ts';
import { toFailure } from '../workers/failure.ts';
import type { Context } from './context.ts';
import type { Actions } from './state.ts';

export interface Running extends Pick<Actions, 'runRecipes' | 'rerun'> {}

/** Recipes become variants of the open study; the runner sees what they lack. */
export function createRunning(context: Context, registry: () => Promise<ReadonlyMap<string, AnyPass>>): Running {
	const { services, get, set } = context;

	const refuse = (): boolean => {
		const { study, readOnly, shared } = get();
		if (!study) {
			get().toast(shared ? 'Drop the model of this comparison to run its recipes here.' : 'Open a model first.', 'error');
			return true;
		}
		if (readOnly) {
			get().toast('Another tab works on this study. Take it over to run something here.', 'error');
			return true;
		}
		if (!context.open?.model) {
			get().toast(`Drop ${study.model.name} again to go on: it was not stored here.`, 'error');
			return true;
		}
		if (study.facts.missingData.length > 0) {
			get().toast(`Weights are missing. Drop ${study.facts.missingData.slice(0, 3).join(', ')} with the model.`, 'error');
			return true;
		}
		return false;
	};

	const learns = (recipe: Recipe, passes: ReadonlyMap<string, AnyPass>): boolean => {
		// A step that this version does not know fails when it is run, and says so there.
		if (recipe.steps.some((step) => !step.off && !passes.has(step.pass))) return false;
		const needs = recipeNeeds(recipe, passes);
		return needs.has('calibration') || needs.has('labels');
	};

	return {
		async runRecipes(recipes) {
			if (refuse()) return;
			const passes = await registry();
			const model = get().study?.model.hash;
			if (model === undefined) return;
			if (recipes.some((recipe) => learns(recipe, passes))) {
				try {
					await setAside(context);
				} catch (error) {
					context.sayFailure(toFailure(error));
					context.wakeWork();
					return;
				}
			}
			const dataset = get().study?.dataset;
			const asked: { readonly id: Hash; readonly recipe: Recipe; readonly learntFrom?: Variant['learntFrom'] }[] = [];
			for (const recipe of recipes) {
				if (!recipe.steps.some((step) => !step.off)) get().toast('This recipe has no step to run.', 'error');
				else if (dataset && learns(recipe, passes)) {
					asked.push({ id: await variantId(model, recipe, passes, learntKey(dataset)), recipe, learntFrom: learntFromOf(dataset) });
				} else asked.push({ id: await variantId(model, recipe, passes), recipe });
			}
			// From here on nothing waits: all variants and the first step appear at once.
			if (get().study?.model.hash !== model) return;
			for (const { id, recipe, learntFrom } of asked) {
				const variants = get().study?.variants ?? [];
				const existing = variants.find((entry) => entry.id === id);
				if (existing) {
					// One that failed or was cancelled is asked for again.
					if (existing.failure) again(existing);
					continue;
				}
				const variant: Variant = {
					id,
					name: uniqueName(recipe.name ?? nameOf(recipe, passes), variants),
					family: familyOf(recipe, passes),
					recipe,
					report: [],
					...(learntFrom && { learntFrom }),
					createdAt: new Date(services.nowMs()).toISOString(),
				};
				void context.commit({ type: 'variant', variant });
			}
			const selected = asked[0]?.id;
			if (selected !== undefined && recipes.length === 1) set({ selected });
			context.wakeWork();
		},
		async rerun(id) {
			if (refuse()) return;
			const variant = get().study?.variants.find((entry) => entry.id === id);
			if (!variant) return;
			if (variant.failure) again(variant);
			else {
				const redo: StudyEvent = { type: 'unmeasured', variants: [id] };
				void context.commit(redo);
				context.wanted.add(id);
			}
			context.wakeWork();
		},
	};

	function again(variant: Variant): void {
		const { failure: _, ...rest } = variant;
		void context.commit({ type: 'variant', variant: rest });
		void context.commit({ type: 'unmeasured', variants: [variant.id] });
	}
}

/**
 * What learns first sets some examples aside: results are judged on the others from then on, and what was judged on all is judged again.
 * Throws where the inputs cannot be read any more.
 */
export async function setAside(context: Context): Promise<void> {
	const { services, get, open } = context;
	// What is asked for while examples are still being read learns from the same share as what is asked for later.
	while (open?.inputsPending && !open.closing.signal.aborted) await new Promise<void>((resolve) => services.later(resolve, 100));
	const dataset = get().study?.dataset;
	if (!open?.inputs || !dataset || dataset.kind === 'synthetic' || dataset.split) return;
	const calibration = usualCalibration(dataset.n);
	get().toast(`${calibration} of ${dataset.n} examples are kept to learn from; results are judged on the others.`);
	await context.splitInputs(open, { seed: usualSplitSeed, calibration });
}

/** Steps in words, as variants are called when the recipe has no name. */
export function nameOf(recipe: Recipe, passes: ReadonlyMap<string, Pick<AnyPass, 'title'>>): string {
	return recipe.steps
		.filter((step) => !step.off)
		.map((step) => passes.get(step.pass)?.title ?? step.pass)
		.join(' + ');
}

function uniqueName(name: string, variants: readonly Variant[]): string {
	const taken = new Set(variants.map((entry) => entry.name));
	if (!taken.has(name)) return name;
	for (let n = 2; ; n += 1) if (!taken.has(`${name} (${n})`)) return `${name} (${n})`;
}

export function familyOf(recipe: Recipe, passes: ReadonlyMap<string, Pick<AnyPass, 'family'>>): Family {
	const families = new Set(recipe.steps.filter((step) => !step.off).flatMap((step) => passes.get(step.pass)?.family ?? []));
	families.delete('original');
	if (families.has('both') || (families.has('quantized') && families.has('pruned'))) return 'both';
	for (const family of ['factorized', 'pruned', 'quantized'] as const) if (families.has(family)) return family;
	return 'optimized';
}
