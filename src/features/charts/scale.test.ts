import { describe, expect, it } from 'vitest';
import { domainOf, ticksOf } from './scale.ts';

describe('domainOf', () => {
	it('pads a linear range on both sides', () => {
		const [low, high] = domainOf([10, 20], false);
		expect(low).toBeCloseTo(9.2);
		expect(high).toBeCloseTo(20.8);
	});
	it('gives a single value some room', () => {
		const [low, high] = domainOf([5], true);
		expect(low).toBeLessThan(5);
		expect(high).toBeGreaterThan(5);
		expect(high / low).toBeGreaterThan(1.2);
	});
	it('pads a log range by ratio', () => {
		const [low, high] = domainOf([1, 100], true);
		expect(1 / low).toBeCloseTo(high / 100);
	});
});

describe('ticksOf', () => {
	it('uses round numbers on a log axis', () => {
		expect(ticksOf([2.5e6, 2.2e7], true)).toEqual([3e6, 4e6, 5e6, 6e6, 8e6, 1e7, 1.5e7, 2e7]);
	});
	it('falls back to even steps where a log axis is short', () => {
		const ticks = ticksOf([4.1, 4.6], true);
		expect(ticks.length).toBeGreaterThanOrEqual(2);
		for (const tick of ticks) expect(tick >= 4.1 && tick <= 4.6).toBe(true);
	});
	it('stays inside a linear domain', () => {
		expect(ticksOf([69.2, 91.8], false, 6)).toEqual([70, 75, 80, 85, 90]);
	});
});
