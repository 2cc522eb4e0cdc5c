import { describe, expect, it } from 'vitest';
import { parseOptions } from '../core/pass/options.ts';
import { recipeNeeds } from '../core/pass/pipeline.ts';
import { presets } from './presets.ts';
import { passes } from './registry.ts';
import { standardSet } from './standard-set.ts';

describe('presets', () => {
	it('have names of their own', () => {
		expect(new Set(presets.map(({ id }) => id)).size).toBe(presets.length);
		expect(new Set(presets.map(({ title }) => title)).size).toBe(presets.length);
	});

	it.each(presets)('$id: every step is a pass with options that it takes, and says whether it learns', ({ recipe, learns }) => {
		for (const step of recipe.steps) {
			const pass = passes.get(step.pass);
			expect(pass, step.pass).toBeDefined();
			if (pass) parseOptions(pass.options, step.options);
		}
		const needs = recipeNeeds(recipe, passes);
		expect(learns ?? false).toBe(needs.has('calibration') || needs.has('labels'));
	});

	it('make a standard set of different recipes', () => {
		const set = standardSet();
		expect(set.length).toBeGreaterThanOrEqual(8);
		expect(new Set(set.map(({ steps }) => JSON.stringify(steps))).size).toBe(set.length);
	});
});
