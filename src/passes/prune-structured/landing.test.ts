import { describe, expect, it } from 'vitest';
import { landNear } from './landing.ts';

/** A unit of the first group is an eighth of the whole, one of the second a twentieth. */
const landing = (budget: number, prices: readonly [number, number]) => ({
	groups: 2,
	allowed: (group: number) => Array.from({ length: group === 0 ? 8 : 16 }, (_, i) => i),
	beyond: ([a = 0, b = 0]: readonly number[]) => a / 8 + b / 20 - budget,
	cost: ([a = 0, b = 0]: readonly number[]) => a * prices[0] + b * prices[1],
});

describe('landing on a budget', () => {
	it('trades units of one group for units of another where far more would be saved than asked for', () => {
		expect(landNear([1, 0], landing(0.1, [1, 1]))).toEqual([0, 2]);
	});
	it('takes the cheapest of those that land near', () => {
		// 2/8 + 1/20 and 0/8 + 6/20 both save 0.3.
		expect(landNear([3, 0], landing(0.3, [1, 1]))).toEqual([2, 1]);
		expect(landNear([3, 0], landing(0.3, [5, 1]))).toEqual([0, 6]);
	});
	it('leaves what is near as it is', () => {
		expect(landNear([0, 2], landing(0.09, [0, 1]))).toEqual([0, 2]);
	});
});
