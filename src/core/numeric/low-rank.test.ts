import { describe, expect, it } from 'vitest';
import { factorize } from './low-rank.ts';
import { seededRandom } from './random.ts';

function normals(count: number, seed: number): Float32Array {
	const random = seededRandom(seed);
	return Float32Array.from({ length: count }, () => random.normal());
}

/** Gram matrix of inputs whose columns have very different power and are mixed. */
function gramOf(columns: number, seed: number): Float64Array {
	const random = seededRandom(seed);
	const samples = 5 * columns;
	const gram = new Float64Array(columns * columns);
	for (let s = 0; s < samples; s++) {
		const common = random.normal();
		const x = Float64Array.from(
			{ length: columns },
			(_, c) => (common + random.normal()) * (1 + 9 * ((c * 7) % columns === 0 ? 1 : c / columns)),
		);
		for (let i = 0; i < columns; i++) for (let j = 0; j < columns; j++) gram[i * columns + j]! += x[i]! * x[j]!;
	}
	return gram;
}

/** tr((W - AB) H (W - AB)^T) over tr(W H W^T). */
function lost(
	weights: Float32Array,
	rows: number,
	columns: number,
	rank: number,
	parts: { a: Float32Array; b: Float32Array },
	gram: Float64Array,
): number {
	let [error, power] = [0, 0];
	for (let r = 0; r < rows; r++) {
		const d = new Float64Array(columns);
		for (let c = 0; c < columns; c++) {
			let product = 0;
			for (let k = 0; k < rank; k++) product += parts.a[r * rank + k]! * parts.b[k * columns + c]!;
			d[c] = weights[r * columns + c]! - product;
		}
		for (let i = 0; i < columns; i++) {
			for (let j = 0; j < columns; j++) {
				error += d[i]! * gram[i * columns + j]! * d[j]!;
				power += weights[r * columns + i]! * gram[i * columns + j]! * weights[r * columns + j]!;
			}
		}
	}
	return error / power;
}

describe('factorize', () => {
	it.each([
		[12, 30],
		[30, 12],
		[16, 16],
	])('drops just the power that its energies say, %i x %i', (rows, columns) => {
		const weights = normals(rows * columns, 1);
		const gram = gramOf(columns, 2);
		const found = factorize(weights, rows, columns, gram, 1e-9);
		const total = found.energies.reduce((sum, energy) => sum + energy, 0);
		for (const rank of [1, 4, 9]) {
			const left = found.energies.slice(rank).reduce((sum, energy) => sum + energy, 0);
			expect(lost(weights, rows, columns, rank, found.factors(rank), gram)).toBeCloseTo(left / total, 4);
		}
	});

	it.each([
		[12, 30],
		[30, 12],
	])('is ahead of the plain decomposition at every rank, %i x %i', (rows, columns) => {
		const weights = normals(rows * columns, 3);
		const gram = gramOf(columns, 4);
		const aware = factorize(weights, rows, columns, gram, 1e-9);
		const plain = factorize(weights, rows, columns, undefined, 0);
		for (let rank = 1; rank < 12; rank++) {
			const of = (factors: { a: Float32Array; b: Float32Array }) => lost(weights, rows, columns, rank, factors, gram);
			expect(of(aware.factors(rank))).toBeLessThan(of(plain.factors(rank)));
		}
	});

	it('gives the weight back at full rank', () => {
		const weights = normals(8 * 20, 5);
		const { a, b } = factorize(weights, 8, 20, gramOf(20, 6), 0.01).factors(8);
		for (let r = 0; r < 8; r++) {
			for (let c = 0; c < 20; c++) {
				let sum = 0;
				for (let k = 0; k < 8; k++) sum += a[r * 8 + k]! * b[k * 20 + c]!;
				expect(sum).toBeCloseTo(weights[r * 20 + c]!, 4);
			}
		}
	});

	it('keeps the rows of a table that count', () => {
		const weights = normals(40 * 10, 7);
		const uses = Float64Array.from({ length: 40 }, (_, r) => (r < 5 ? 1 : 0.001));
		const error = (parts: { a: Float32Array; b: Float32Array }, r: number): number => {
			let sum = 0;
			for (let c = 0; c < 10; c++) {
				let product = 0;
				for (let k = 0; k < 5; k++) product += parts.a[r * 5 + k]! * parts.b[k * 10 + c]!;
				sum += (weights[r * 10 + c]! - product) ** 2;
			}
			return sum;
		};
		const weighed = factorize(weights, 40, 10, undefined, 0, uses).factors(5);
		const plain = factorize(weights, 40, 10, undefined, 0).factors(5);
		for (let r = 0; r < 5; r++) expect(error(weighed, r)).toBeLessThan(error(plain, r));
	});
});
