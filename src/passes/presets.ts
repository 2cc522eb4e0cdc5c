import type { Family } from '../core/pass/pass.ts';
import type { Recipe } from '../core/pass/recipe.ts';

/** A recipe with a stable name, in the page and on the command line. */
export interface Preset {
	readonly id: string;
	readonly title: string;
	/** One line: what one gets and what it costs. */
	readonly summary: string;
	readonly family: Family;
	readonly recipe: Recipe;
}

export const presets: readonly Preset[] = [];
