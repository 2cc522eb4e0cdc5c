import { describe, expect, it } from 'vitest';
import { clippedNormalMean } from './clipped-normal.ts';

/** By the trapezoidal rule over 12 deviations. */
function integral(mean: number, deviation: number, low: number, high: number): number {
	const steps = 200_000;
	let sum = 0;
	for (let i = 0; i <= steps; i++) {
		const z = -12 + (24 * i) / steps;
		const x = Math.min(high, Math.max(low, mean + deviation * z));
		sum += x * Math.exp((-z * z) / 2) * (i === 0 || i === steps ? 0.5 : 1);
	}
	return ((sum * 24) / steps) * 0.3989422804014327;
}

describe('clippedNormalMean', () => {
	it.each([
		[0.3, 1.2, 0, Number.POSITIVE_INFINITY],
		[-2, 0.5, 0, Number.POSITIVE_INFINITY],
		[4, 2, 0, 6],
		[7, 0.1, 0, 6],
		[0, 1, -0.5, 0.25],
		[1, 3, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
	])('mean %d, deviation %d, clipped to [%d, %d]', (mean, deviation, low, high) => {
		expect(clippedNormalMean(mean, deviation, low, high)).toBeCloseTo(integral(mean, deviation, low, high), 5);
	});

	it('without deviation is the mean, clipped', () => {
		expect(clippedNormalMean(-1, 0, 0, 6)).toBe(0);
	});
});
