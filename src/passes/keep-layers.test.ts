import { describe, expect, it } from 'vitest';
import type { Recipe } from '../core/pass/recipe.ts';
import { keepingLayers, plainSteps } from './keep-layers.ts';

const recipe: Recipe = {
	v: 1,
	seed: 0,
	steps: [
		{ pass: 'optimize', options: {} },
		{ pass: 'int8-static', options: { nodesToExclude: ['a'] } },
		{ pass: 'prune-magnitude', options: {}, off: true },
	],
};

describe('plainSteps', () => {
	it('ends at the first step that loses something', () => {
		expect(plainSteps(recipe).map(({ pass }) => pass)).toEqual(['optimize']);
		expect(plainSteps({ ...recipe, steps: recipe.steps.slice(1) })).toEqual([]);
		expect(plainSteps({ ...recipe, steps: recipe.steps.slice(0, 1) })).toHaveLength(1);
	});
});

describe('keepingLayers', () => {
	it('adds layers to the steps that can leave them out and run', () => {
		const kept = keepingLayers(recipe, ['a', 'b']);
		expect(kept?.steps.map(({ options }) => options.nodesToExclude)).toEqual([undefined, ['a', 'b'], undefined]);
	});

	it('gives nothing where nothing would change', () => {
		expect(keepingLayers(recipe, ['a'])).toBeUndefined();
		expect(keepingLayers({ ...recipe, steps: recipe.steps.slice(0, 1) }, ['b'])).toBeUndefined();
	});
});
