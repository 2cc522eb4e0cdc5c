import type { Recipe } from '../core/pass/recipe.ts';
import { presets } from './presets.ts';

const variation = (name: string, ...steps: Recipe['steps']): Recipe => ({ v: 1, seed: 0, name, steps });

/** Presets that need nothing but the model and are made in seconds. */
const quick: readonly string[] = ['float16', 'prune-50', 'int8-dynamic', 'int8-weights', 'int4-weights'];

/** Quick presets and their usual variations: enough points to see the shape of the trade-off at once. */
export function standardSet(): Recipe[] {
	return [
		...presets.filter(({ id }) => quick.includes(id)).map((preset) => ({ ...preset.recipe, name: preset.id })),
		variation('int8-dynamic per tensor', { pass: 'int8-dynamic', options: { perChannel: false } }),
		variation('int8-weights per channel', { pass: 'weight-only', options: { bits: 8, blockSize: 0 } }),
		variation('int4-weights block 128', { pass: 'weight-only', options: { bits: 4, blockSize: 128, symmetric: false, method: 'mse' } }),
		variation('prune-25', { pass: 'prune-magnitude', options: { ratio: 0.25 } }),
		variation(
			'prune-50 + int8-weights',
			{ pass: 'prune-magnitude', options: { ratio: 0.5 } },
			{ pass: 'weight-only', options: { bits: 8, blockSize: 32 } },
		),
	];
}
