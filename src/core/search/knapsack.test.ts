import { describe, expect, it } from 'vitest';
import { seededRandom } from '../numeric/random.ts';
import { type KnapsackOption, solveKnapsack } from './knapsack.ts';

const option = (cost: number, ...uses: number[]): KnapsackOption => ({ cost, uses });

/** Every combination. */
function bruteForce(items: readonly (readonly KnapsackOption[])[], limits: readonly number[]): number {
	let best = Number.POSITIVE_INFINITY;
	const visit = (at: number, cost: number, used: readonly number[]): void => {
		if (at === items.length) {
			if (used.every((total, k) => total <= (limits[k] as number) * (1 + 1e-12))) best = Math.min(best, cost);
			return;
		}
		for (const { cost: more, uses } of items[at] ?? [])
			visit(
				at + 1,
				cost + more,
				used.map((total, k) => total + (uses[k] as number)),
			);
	};
	visit(
		0,
		0,
		limits.map(() => 0),
	);
	return best;
}

function randomItems(seed: number, n: number, kinds: number, limits: number): KnapsackOption[][] {
	const random = seededRandom(seed);
	return Array.from({ length: n }, () =>
		Array.from({ length: kinds }, (_, j) =>
			j === 0
				? option(1, ...new Array<number>(limits).fill(0))
				: option(random.next(), ...Array.from({ length: limits }, () => random.next() ** 4)),
		),
	);
}

describe('solveKnapsack', () => {
	it('takes the cheapest options where nothing is limited', () => {
		expect(
			solveKnapsack(
				[
					[option(3), option(1)],
					[option(-1), option(0)],
				],
				[],
			),
		).toMatchObject({ chosen: [1, 0], cost: 0, feasible: true });
	});

	it('equals all combinations within one limit, to a hundredth', () => {
		for (let seed = 1; seed <= 20; seed++) {
			const items = randomItems(seed, 7, 3, 1);
			const found = solveKnapsack(items, [0.3]);
			expect(found.feasible).toBe(true);
			expect(found.used[0]).toBeLessThanOrEqual(0.3 * (1 + 1e-9));
			expect(found.cost).toBeLessThanOrEqual(bruteForce(items, [0.3]) + 0.01);
		}
	});

	it('keeps two limits and comes near the best', () => {
		for (let seed = 1; seed <= 20; seed++) {
			const items = randomItems(seed, 7, 3, 2);
			const found = solveKnapsack(items, [0.4, 0.3]);
			expect(found.feasible).toBe(true);
			expect(found.used[1]).toBeLessThanOrEqual(0.3 * (1 + 1e-9));
			expect(found.cost).toBeLessThanOrEqual(1.25 * bruteForce(items, [0.4, 0.3]));
		}
	});

	it('uses quantities that differ by orders of magnitude', () => {
		const items = Array.from({ length: 400 }, (_, i) => [option(1, 0), option(0, i === 0 ? 0.9 : 1e-7)]);
		expect(solveKnapsack(items, [1]).cost).toBe(0);
	});

	it('says where no choice holds, and exceeds the limit least', () => {
		const found = solveKnapsack([[option(0, 5), option(9, 3)]], [1]);
		expect(found).toMatchObject({ chosen: [1], feasible: false });
	});

	it('takes what uses nothing where nothing is allowed', () => {
		expect(solveKnapsack([[option(2, 0), option(1, 0.1)]], [0]).chosen).toEqual([0]);
	});

	it('refuses items that it cannot choose from', () => {
		expect(() => solveKnapsack([[]], [1])).toThrow(RangeError);
		expect(() => solveKnapsack([[option(1)]], [1])).toThrow(RangeError);
		expect(() => solveKnapsack([[option(1, -1)]], [1])).toThrow(RangeError);
	});
});
