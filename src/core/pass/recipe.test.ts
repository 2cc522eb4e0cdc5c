import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, canonicalRecipe, InvalidRecipe, parseRecipe, type Recipe } from './recipe.ts';

const recipe: Recipe = { v: 1, seed: 0, name: 'mine', steps: [{ pass: 'float16', options: { b: 1, a: [2] } }] };

describe('parseRecipe', () => {
	it('takes a recipe as it was written', () => {
		expect(parseRecipe(JSON.parse(JSON.stringify(recipe)))).toEqual(recipe);
	});
	it('says when a recipe is from a newer version', () => {
		expect(() => parseRecipe({ v: 2, steps: [] })).toThrow(/newer Pare \(recipe format 2/);
	});
	it('names what is wrong', () => {
		expect(() => parseRecipe({ v: 1, seed: 0, steps: [{ pass: '../x', options: {} }] })).toThrow(/steps\.0\.pass/);
		expect(() => parseRecipe({ v: 1, seed: -1, steps: [] })).toThrow(/seed/);
		expect(() => parseRecipe({ v: 1, seed: 0, steps: [], extra: 1 })).toThrow(InvalidRecipe);
		expect(() => parseRecipe(null)).toThrow(InvalidRecipe);
	});
	it('never throws anything else on foreign data', () => {
		fc.assert(
			fc.property(fc.jsonValue(), (value) => {
				try {
					parseRecipe(value);
				} catch (error) {
					expect(error).toBeInstanceOf(InvalidRecipe);
				}
			}),
			{ seed: 1, numRuns: 500 },
		);
	});
});

describe('canonicalJson', () => {
	it('gives equal text for equal data, whatever the order of keys', () => {
		expect(canonicalJson({ b: [1, { d: 2, c: 3 }], a: 'x' })).toBe(canonicalJson({ a: 'x', b: [1, { c: 3, d: 2 }] }));
	});
	it('is JSON that reads back as the same data', () => {
		fc.assert(
			fc.property(fc.jsonValue(), (value) => {
				expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
			}),
			{ seed: 2 },
		);
	});
	it('leaves out what is undefined, as JSON does', () => {
		expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
	});
});

describe('canonicalRecipe', () => {
	it('depends on steps and seed, not on names or steps that are off', () => {
		const { name: _, ...unnamed } = recipe;
		const withOff: Recipe = { ...recipe, name: 'other', steps: [...recipe.steps, { pass: 'prune-magnitude', options: {}, off: true }] };
		expect(canonicalRecipe(unnamed)).toBe(canonicalRecipe(recipe));
		expect(canonicalRecipe(withOff)).toBe(canonicalRecipe(recipe));
		expect(canonicalRecipe({ ...recipe, seed: 1 })).not.toBe(canonicalRecipe(recipe));
	});
});
