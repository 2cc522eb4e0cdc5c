import { describeOptions } from '../core/pass/options.ts';
import type { Recipe, RecipeStep } from '../core/pass/recipe.ts';
import { passes } from './registry.ts';

/** Passes after which a model computes what it did, up to float32 rounding. */
const PLAIN: ReadonlySet<string> = new Set([
	'optimize',
	'fix-dims',
	'raise-opset',
	'equalize',
	'smooth-quant',
	'awq',
	'extract',
	'rename-io',
	'retype-io',
	'fold-preprocessing',
]);

/**
 * The steps of a recipe before the first that loses anything: the model after them is what a variant is compared with layer by layer, because it
 * has the same nodes and scales. Empty where the recipe begins with a loss.
 */
export function plainSteps(recipe: Recipe): readonly RecipeStep[] {
	const steps = recipe.steps.filter((step) => !step.off);
	const end = steps.findIndex(({ pass }) => !PLAIN.has(pass));
	return end < 0 ? steps : steps.slice(0, end);
}

/**
 * The recipe with layers, by label, left as they are by every step that would change them for the worse. undefined where none of its steps
 * can leave layers out, or all leave these out already.
 */
export function keepingLayers(recipe: Recipe, labels: readonly string[]): Recipe | undefined {
	let added = false;
	const steps = recipe.steps.map((step): RecipeStep => {
		const pass = passes.get(step.pass);
		if (step.off || PLAIN.has(step.pass) || !pass) return step;
		if (!describeOptions(pass.options).some(({ key }) => key === 'nodesToExclude')) return step;
		const given = step.options.nodesToExclude;
		const excluded = Array.isArray(given) ? given.filter((name): name is string => typeof name === 'string') : [];
		const more = labels.filter((label) => !excluded.includes(label));
		if (more.length === 0) return step;
		added = true;
		return { ...step, options: { ...step.options, nodesToExclude: [...excluded, ...more] } };
	});
	return added ? { ...recipe, steps } : undefined;
}
