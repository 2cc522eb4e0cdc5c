import { describe, expect, it } from 'vitest';
import { seededRandom } from '../core/numeric/random.ts';
import { isFlat, runsPerSample, timerStepMs } from './clock.ts';

describe('clock', () => {
	it('finds the step of a coarse clock', () => {
		let ticks = 0;
		expect(timerStepMs(() => Math.floor(++ticks / 50) * 0.1)).toBeCloseTo(0.1, 9);
		expect(timerStepMs(() => 0)).toBe(1);
	});

	it('takes as many runs as 20 steps need', () => {
		expect(runsPerSample(50, 0.1)).toBe(1);
		expect(runsPerSample(2, 0.1)).toBe(1);
		expect(runsPerSample(0.1, 0.1)).toBe(20);
		expect(runsPerSample(0, 0.1)).toBe(1000);
	});

	it('ends warm-up when the times no longer fall', () => {
		expect(isFlat([10, 10, 10])).toBe(false);
		expect(isFlat([100, 80, 60, 45, 30, 20])).toBe(false);
		expect(isFlat([100, 60, 20, 10, 10, 10, 10.1, 9.9, 10])).toBe(true);
		expect(isFlat([10, 11, 10, 60, 10, 11])).toBe(true);
		const random = seededRandom(2);
		const noisy = Array.from({ length: 6 }, () => 10 + 3 * random.normal());
		expect(isFlat(noisy)).toBe(true);
	});
});
