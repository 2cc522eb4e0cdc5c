import { describe, expect, it } from 'vitest';
import {
	choleskyInPlace,
	dampedCholesky,
	inverseFromCholesky,
	NotPositiveDefinite,
	solveCholesky,
	solveLower,
	solveLowerTransposed,
} from './linear-algebra.ts';
import { seededRandom } from './random.ts';

/** A well-conditioned Gram matrix. */
function gram(n: number, seed: number): Float64Array {
	const random = seededRandom(seed);
	const rows = 2 * n;
	const x = Float64Array.from({ length: rows * n }, () => random.normal());
	const a = new Float64Array(n * n);
	for (let r = 0; r < rows; r++) for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) a[i * n + j]! += x[r * n + i]! * x[r * n + j]!;
	return a;
}

function product(a: Float64Array, b: Float64Array, n: number, columns = n): Float64Array {
	const out = new Float64Array(n * columns);
	for (let i = 0; i < n; i++)
		for (let k = 0; k < n; k++) for (let j = 0; j < columns; j++) out[i * columns + j]! += a[i * n + k]! * b[k * columns + j]!;
	return out;
}

const turned = (a: Float64Array, n: number): Float64Array => a.map((_, at) => a[(at % n) * n + Math.floor(at / n)]!);
const distance = (a: Float64Array, b: Float64Array): number => a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);

describe('Cholesky', () => {
	it.each([1, 2, 3, 5, 63, 64, 65, 66, 67, 130])('gives back a matrix of %i rows', (n) => {
		const a = gram(n, n);
		const factor = choleskyInPlace(a.slice(), n);
		for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) expect(factor[i * n + j]).toBe(0);
		expect(distance(product(factor, turned(factor, n), n), a)).toBeLessThan(1e-10 * n * n);
	});

	it('solves and inverts', () => {
		const n = 70;
		const a = gram(n, 9);
		const factor = choleskyInPlace(a.slice(), n);
		const b = Float64Array.from({ length: n * 3 }, (_, i) => Math.sin(i));
		const x = b.slice();
		solveCholesky(factor, n, x, 3);
		expect(distance(product(a, x, n, 3), b)).toBeLessThan(1e-9);
		const half = b.slice();
		solveLower(factor, n, half, 3);
		expect(distance(product(factor, half, n, 3), b)).toBeLessThan(1e-9);
		solveLowerTransposed(factor, n, half, 3);
		expect(distance(half, x)).toBe(0);
		const unit = product(a, inverseFromCholesky(factor, n), n);
		expect(
			distance(
				unit,
				Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0)),
			),
		).toBeLessThan(1e-9);
	});

	it('names the row that is not positive definite', () => {
		expect(() => choleskyInPlace(Float64Array.of(1, 0, 2, 1), 2)).toThrow(NotPositiveDefinite);
		try {
			choleskyInPlace(Float64Array.of(1, 0, 2, 1), 2);
		} catch (error) {
			expect((error as NotPositiveDefinite).pivot).toBe(1);
		}
		expect(() => choleskyInPlace(new Float64Array(3), 2)).toThrow(RangeError);
	});

	it('damps as much as it takes, and treats dead rows', () => {
		const n = 6;
		// Rank 1, with a row of zeros.
		const v = [1, 2, 3, 4, 5, 0];
		const a = Float64Array.from({ length: n * n }, (_, at) => v[Math.floor(at / n)]! * v[at % n]!);
		const before = a.slice();
		const { factor, damping } = dampedCholesky(a, n, 0.01);
		expect(a).toEqual(before);
		expect(damping).toBeCloseTo((0.01 * 55) / 6, 12);
		expect(factor.every(Number.isFinite)).toBe(true);
		expect(dampedCholesky(a, n, 0).damping).toBeGreaterThan(0);
		expect(() => dampedCholesky(Float64Array.of(Number.NaN), 1, 0.1)).toThrow(RangeError);
		expect(dampedCholesky(new Float64Array(4), 2, 0.01).factor[0]).toBeGreaterThan(0);
	});
});
