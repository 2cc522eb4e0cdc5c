import type { Model } from '../ir/model.ts';
import { parseOptions } from './options.ts';
import type { AnyPass, Note } from './pass.ts';
import { UnknownPass } from './pipeline.ts';
import type { Probe } from './probe.ts';
import type { Recipe, RecipeStep } from './recipe.ts';

export interface ResolvedRecipe {
	readonly recipe: Recipe;
	readonly notes: readonly Note[];
}

/**
 * Lets the passes of a recipe measure the original model on sample inputs and write what they found into their options (a
 * keep-list, for one). What comes back is plain data again: it gives the same bytes anywhere, with or without the inputs.
 * The model is left as it was. Steps see the original model, not what earlier steps make of it: names carry over.
 */
export async function resolveRecipe(
	recipe: Recipe,
	model: Model,
	probe: Probe,
	registry: ReadonlyMap<string, AnyPass>,
): Promise<ResolvedRecipe> {
	const notes: Note[] = [];
	const steps: RecipeStep[] = [];
	for (const step of recipe.steps) {
		const pass = registry.get(step.pass);
		if (!pass) throw new UnknownPass(step.pass);
		if (step.off || !pass.resolve) {
			steps.push(step);
			continue;
		}
		const resolved = await pass.resolve(model, parseOptions(pass.options, step.options) as never, probe);
		notes.push(...resolved.notes);
		steps.push(resolved.changes ? { ...step, options: { ...step.options, ...resolved.changes } } : step);
	}
	return { recipe: { ...recipe, steps }, notes };
}
