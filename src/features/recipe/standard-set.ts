import type { Recipe } from '../../core/pass/recipe.ts';
import { presets } from '../../passes/presets.ts';

/** The presets and their usual variations: enough points to see the shape of the trade-off at once. */
export function standardSet(): Recipe[] {
	return presets.map((preset) => ({ ...preset.recipe, name: preset.title }));
}
