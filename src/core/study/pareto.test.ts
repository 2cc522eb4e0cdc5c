import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Direction, paretoFront } from './pareto.ts';

/** By the definition: every point against every other. */
function slowFront(points: readonly (readonly number[])[], directions: readonly Direction[]): Set<number> {
	const cost = points.map((point) => point.map((x, axis) => (directions[axis] === 'min' ? x : -x)));
	const usable = cost.flatMap((point, i) => (point.some(Number.isNaN) ? [] : [i]));
	const dominates = (a: number[], b: number[]): boolean =>
		a.every((x, axis) => x <= (b[axis] as number)) && a.some((x, axis) => x < (b[axis] as number));
	return new Set(usable.filter((i) => !usable.some((j) => dominates(cost[j] as number[], cost[i] as number[]))));
}

describe('paretoFront', () => {
	it('keeps what nothing dominates, best on the first axis first', () => {
		const points = [
			[4, 0.9],
			[1, 0.5],
			[2, 0.8],
			[3, 0.7],
			[2, 0.8],
			[Number.NaN, 1],
		];
		expect(paretoFront(points, ['min', 'max'])).toEqual([1, 2, 4, 0]);
	});

	it.each([1, 2, 3])('agrees with the definition on %i axes (property)', (axes) => {
		const value = fc.oneof(fc.integer({ min: 0, max: 6 }), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -0));
		const directions = fc.array(fc.constantFrom<Direction>('min', 'max'), { minLength: axes, maxLength: axes });
		fc.assert(
			fc.property(fc.array(fc.array(value, { minLength: axes, maxLength: axes }), { maxLength: 30 }), directions, (points, ways) => {
				const front = paretoFront(points, ways);
				expect(new Set(front).size).toBe(front.length);
				expect(new Set(front)).toEqual(slowFront(points, ways));
			}),
			{ seed: 1 },
		);
	});

	it('takes 200,000 points of two axes', () => {
		const points = Array.from({ length: 200_000 }, (_, i) => [i, 200_000 - i]);
		expect(paretoFront(points, ['min', 'min'])).toHaveLength(200_000);
	});
});
