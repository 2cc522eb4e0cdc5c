import { describe, expect, it } from 'vitest';
import { addDims, ceilDivideDims, floorDivideDims, largerDim, multiplyDims, quotient, smallerDim, subtractDims } from './infer-dims.ts';
import { evaluateDim, polynomialOf, sizeWithOpenAsOne, symbolsOf } from './symbolic.ts';
import { dimOf } from './symbolic-algebra.ts';

describe('formulas of sizes', () => {
	it('have one text whatever way they were reached', () => {
		expect(addDims('N', 'N')).toBe('(2*N)');
		expect(addDims(addDims('b', 'a'), 1)).toBe(addDims(1, addDims('a', 'b')));
		expect(multiplyDims(addDims('N', 1), 'M')).toBe('(M*N + M)');
		expect(subtractDims(addDims('N', 3), 'N')).toBe(3);
		expect(multiplyDims(addDims('N', 1), addDims('N', -1))).toBe('(N*N - 1)');
	});

	it('divide where it comes out even, else round down with what divides taken out', () => {
		expect(quotient(['N', 12, 'S'], ['N', 4])).toBe('(3*S)');
		expect(quotient(['(N*M + M)'], ['(N + 1)'])).toBe('M');
		expect(quotient(['N'], [2])).toBeNull();
		expect(floorDivideDims('(N + 5)', 2)).toBe('(floor((N + 1)/2) + 2)');
		expect(floorDivideDims('(2*N)', 2)).toBe('N');
		expect(ceilDivideDims('N', 2)).toBe('(floor((N + 1)/2))');
		expect(floorDivideDims('N', 'M')).toBe('(floor(N/M))');
	});

	it('compare where the difference has a sign', () => {
		expect(largerDim('(N + 1)', 'N')).toBe('(N + 1)');
		expect(smallerDim('N', 4)).toBe('(min(4, N))');
		expect(largerDim('N', 0)).toBe('N');
	});

	it('are read back from their text, odd names of symbols included', () => {
		for (const name of ['a + b', 'p2o.DynamicDimension.0', '?', 'back`tick', 'floor', '2x', '']) {
			const formula = addDims(floorDivideDims(multiplyDims(name, 3), 2), 1);
			expect(typeof formula).toBe('string');
			expect(dimOf(polynomialOf(formula as string))).toBe(formula);
			expect([...symbolsOf(formula)]).toEqual([name]);
			expect(evaluateDim(formula as string, () => 5)).toBe(8);
		}
		expect(dimOf(polynomialOf('(broken'))).toBe('(broken');
	});

	it('keep the size of every sum, product and quotient of random formulas', () => {
		let state = 1;
		const random = (most: number): number => {
			state = (state * 48271) % 2147483647;
			return state % most;
		};
		const sizes: Record<string, number> = { N: 7, M: 4, K: 9 };
		const sizeOf = (dim: number | string): number => evaluateDim(dim, (symbol) => sizes[symbol] ?? Number.NaN);
		for (let trial = 0; trial < 400; trial++) {
			let formula: number | string = ['N', 'M', 'K', 3][random(4)] as number | string;
			let size = sizeOf(formula);
			for (let step = 0; step < 5; step++) {
				const other = ['N', 'M', 2, 5, 'K'][random(5)] as number | string;
				const value = sizeOf(other);
				const [next, expected] = [
					[addDims(formula, other), size + value],
					[subtractDims(formula, other), size - value],
					[multiplyDims(formula, other), size * value],
					[floorDivideDims(formula, other), Math.floor(size / value)],
					[largerDim(formula, other), Math.max(size, value)],
					[smallerDim(formula, other), Math.min(size, value)],
				][random(6)] as [number | string | null, number];
				if (next === null) break;
				[formula, size] = [next, expected];
				expect(sizeOf(formula)).toBe(size);
				expect(dimOf(polynomialOf(formula))).toBe(formula);
			}
		}
	});

	it('count open dimensions as 1 for lower bounds', () => {
		expect(sizeWithOpenAsOne('(3*N + 1)')).toBe(4);
		expect(sizeWithOpenAsOne('(N - 5)')).toBe(1);
		expect(sizeWithOpenAsOne(null)).toBe(1);
	});
});
