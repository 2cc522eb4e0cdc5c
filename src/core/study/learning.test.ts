import { describe, expect, it } from 'vitest';
import { indicesOf, learntFromOf, learntIndices, learntKey } from './learning.ts';
import type { DatasetFacts } from './study.ts';

const whole: DatasetFacts = { hash: 'h', name: 'd', kind: 'arrays', n: 6, labelled: false, preprocessing: '', skipped: [] };
const split: DatasetFacts = { ...whole, split: { seed: 1, of: 9, calibration: [1, 4, 7], notes: [] } };
const chosen: DatasetFacts = {
	...split,
	split: { seed: 1, of: 9, calibration: [1, 4, 7], notes: [], chosen: { choice: 'k-center', indices: [1, 7], names: ['a', 'b'] } },
};

describe('what is learnt from', () => {
	it('is all, what is kept for it, or what was chosen of that', () => {
		expect(learntIndices(whole)).toEqual([0, 1, 2, 3, 4, 5]);
		expect(learntIndices(split)).toEqual([1, 4, 7]);
		expect(learntIndices(chosen)).toEqual([1, 7]);
	});

	it('names a set without a choice as before, and every choice otherwise', () => {
		expect(learntKey(whole)).toBe('h');
		expect(learntKey(split)).toBe('h');
		expect(learntKey(chosen)).not.toBe('h');
	});

	it('stays what a variant was asked for, whatever is chosen afterwards', () => {
		expect(indicesOf(chosen, learntFromOf(split))).toEqual([1, 4, 7]);
		expect(indicesOf(split, learntFromOf(chosen))).toEqual([1, 7]);
		expect(indicesOf(split, undefined)).toEqual([1, 4, 7]);
		expect(indicesOf({ ...chosen, hash: 'other' }, learntFromOf(split))).toEqual([1, 7]);
	});
});
