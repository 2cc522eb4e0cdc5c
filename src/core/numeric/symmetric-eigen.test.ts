import { describe, expect, it } from 'vitest';
import { seededRandom } from './random.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

function symmetric(n: number, seed: number, rank = n): Float64Array {
	const random = seededRandom(seed);
	const factors = Array.from({ length: rank }, () => Float64Array.from({ length: n }, () => random.next() - 0.5));
	const a = new Float64Array(n * n);
	for (const [k, row] of factors.entries()) {
		for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) a[i * n + j]! += (k % 2 === 0 ? 1 : -0.5) * row[i]! * row[j]!;
	}
	return a;
}

describe('symmetricEigen', () => {
	it.each([1, 2, 3, 7, 24, 65])('gives A V = V D with orthonormal V for n = %i', (n) => {
		const a = symmetric(n, n);
		const { values, vectors } = symmetricEigen(a, n);
		const scale = Math.max(...Array.from(values, Math.abs));
		for (let k = 0; k < n; k++) {
			if (k > 0) expect(values[k]!).toBeLessThanOrEqual(values[k - 1]!);
			const v = vectors.subarray(k * n, (k + 1) * n);
			for (let i = 0; i < n; i++) {
				let sum = 0;
				for (let j = 0; j < n; j++) sum += a[i * n + j]! * v[j]!;
				expect(Math.abs(sum - values[k]! * v[i]!)).toBeLessThan(1e-12 * scale * n);
			}
			for (let m = 0; m <= k; m++) {
				let dot = 0;
				for (let j = 0; j < n; j++) dot += v[j]! * vectors[m * n + j]!;
				expect(dot).toBeCloseTo(m === k ? 1 : 0, 11);
			}
		}
	});

	it('takes matrices of low rank, diagonal ones, and zero', () => {
		const low = symmetricEigen(symmetric(20, 3, 4), 20);
		expect(low.values.filter((value) => Math.abs(value) > 1e-10)).toHaveLength(4);
		const diagonal = new Float64Array(16);
		for (const [i, value] of [3, -1, 7, 7].entries()) diagonal[i * 5] = value;
		expect([...symmetricEigen(diagonal, 4).values]).toEqual([7, 7, 3, -1]);
		expect([...symmetricEigen(new Float64Array(9), 3).values]).toEqual([0, 0, 0]);
	});

	it('refuses NaN', () => {
		expect(() => symmetricEigen(Float64Array.of(1, Number.NaN, Number.NaN, 1), 2)).toThrow(RangeError);
	});
});
