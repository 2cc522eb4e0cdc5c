import { describe, expect, it } from 'vitest';
import { solveCholeskyBlocked } from './blocked-solve.ts';
import { type LearnedRoundingOptions, learnRounding, type Multiply, type RoundingGrid } from './learned-rounding.ts';
import { choleskyInPlace } from './linear-algebra.ts';
import { fitPalette, PaletteGrid } from './palette.ts';
import { seededRandom } from './random.ts';
import { UniformGrid } from './uniform-grid.ts';

const rows = 6;
const columns = 40;
const options: LearnedRoundingOptions = { damping: 0.01, actOrder: true, start: 'feedback', sweeps: 3 };

/** Inputs whose columns depend on each other, as activations do. */
function problem(seed: number): { weights: Float32Array; gram: Float64Array } {
	const random = seededRandom(seed);
	const mix = Float64Array.from({ length: columns * columns }, () => random.normal() / 4);
	const gram = new Float64Array(columns * columns);
	const x = new Float64Array(columns);
	for (let n = 0; n < 300; n++) {
		const free = Float64Array.from({ length: columns }, () => random.normal());
		for (let i = 0; i < columns; i++) {
			x[i] = free[i]!;
			for (let k = 0; k < columns; k++) x[i]! += mix[i * columns + k]! * free[k]!;
		}
		for (let i = 0; i < columns; i++) for (let j = 0; j < columns; j++) gram[i * columns + j]! += x[i]! * x[j]!;
	}
	return { weights: Float32Array.from({ length: rows * columns }, () => random.normal()), gram };
}

const grid = (halfScales = true): UniformGrid => {
	const scales = new Float32Array((rows * columns) / 8).fill(0.375);
	return new UniformGrid({ block: 8, rowStride: 5, blockStride: 1, offset: 0 }, columns, scales, 8, { min: 0, max: 15 }, halfScales);
};

/** The same with scales that stay. */
const fixedGrid = (): RoundingGrid => {
	const own = grid();
	return { nearest: (row, column, x) => own.nearest(row, column, x), value: (row, column, code) => own.value(row, column, code) };
};

/** Sum over rows of (w - v) H (w - v), straight from its definition. */
function errorOf(weights: Float32Array, gram: Float64Array, value: (row: number, column: number) => number, damping: number): number {
	let sum = 0;
	for (let r = 0; r < rows; r++) {
		const e = Float64Array.from({ length: columns }, (_, c) => weights[r * columns + c]! - value(r, c));
		for (let i = 0; i < columns; i++) {
			for (let j = 0; j < columns; j++) sum += e[i]! * (gram[i * columns + j]! + (i === j ? damping : 0)) * e[j]!;
		}
	}
	return sum;
}

describe('learned rounding', () => {
	it('reports the error that its codes really have', async () => {
		const { weights, gram } = problem(1);
		const own = grid();
		const found = await learnRounding(weights, rows, columns, gram, own, options);
		const direct = errorOf(weights, gram, (r, c) => own.value(r, c, found.codes[r * columns + c]!), found.damping);
		expect(found.error / direct).toBeCloseTo(1, 4);
		expect(found.power / errorOf(weights, gram, () => 0, found.damping)).toBeCloseTo(1, 5);
	});

	it('is better with each step: nearest, feedback, descent, refitted scales', async () => {
		const { weights, gram } = problem(2);
		const feedback = await learnRounding(weights, rows, columns, gram, fixedGrid(), { ...options, sweeps: 0 });
		const descended = await learnRounding(weights, rows, columns, gram, fixedGrid(), { ...options, sweeps: 4 });
		const refitted = await learnRounding(weights, rows, columns, gram, grid(), { ...options, sweeps: 4 });
		expect(feedback.error).toBeLessThan(0.6 * feedback.nearestError);
		expect(descended.error).toBeLessThan(feedback.error);
		expect(refitted.error).toBeLessThan(descended.error);
		const fromNearest = await learnRounding(weights, rows, columns, gram, fixedGrid(), { ...options, start: 'nearest', sweeps: 6 });
		expect(fromNearest.error).toBeLessThan(0.7 * fromNearest.nearestError);
	});

	it('rounds to nearest where inputs are independent', async () => {
		const { weights } = problem(3);
		const unit = Float64Array.from({ length: columns * columns }, (_, at) => (at % (columns + 1) === 0 ? 1 : 0));
		const own = fixedGrid();
		const { codes, error, nearestError } = await learnRounding(weights, rows, columns, unit, own, options);
		expect(codes).toEqual(Uint8Array.from(weights, (w) => own.nearest(0, 0, w)));
		expect(error).toBe(nearestError);
	});

	it('gives the same bytes twice, and the same with any product of matrices', async () => {
		const { weights, gram } = problem(4);
		const once = await learnRounding(weights, rows, columns, gram, grid(), options);
		expect((await learnRounding(weights, rows, columns, gram, grid(), options)).codes).toEqual(once.codes);
		const multiply: Multiply = async (a, b, n, inner, m) => {
			const out = new Float32Array(n * m);
			for (let i = 0; i < n; i++) {
				for (let j = 0; j < m; j++) {
					let sum = 0;
					for (let k = 0; k < inner; k++) sum += a[i * inner + k]! * b[k * m + j]!;
					out[i * m + j] = sum;
				}
			}
			return out;
		};
		const other = await learnRounding(weights, rows, columns, gram, grid(), { ...options, multiply });
		expect(other.error / once.error).toBeCloseTo(1, 2);
	});

	it('stands inputs that are always zero, and refuses what does not fit', async () => {
		const { weights, gram } = problem(5);
		for (let i = 0; i < columns; i++) {
			gram[3 * columns + i] = 0;
			gram[i * columns + 3] = 0;
		}
		const found = await learnRounding(weights, rows, columns, gram, grid(), options);
		expect(found.error).toBeLessThan(found.nearestError);
		await expect(learnRounding(weights, rows, columns + 1, gram, grid(), options)).rejects.toThrow(RangeError);
		const all = await learnRounding(weights, rows, columns, new Float64Array(columns * columns), grid(), options);
		expect(all.codes.length).toBe(weights.length);
	});

	it('keeps codes in range, signed ones too', async () => {
		const { weights, gram } = problem(6);
		const scales = new Float32Array(rows).fill(0.1);
		const own = new UniformGrid(
			{ block: columns, rowStride: 1, blockStride: 0, offset: 0 },
			columns,
			scales,
			0,
			{ min: -8, max: 7 },
			false,
		);
		const { codes } = await learnRounding(weights, rows, columns, gram, own, options);
		expect([...new Int8Array(codes.buffer)].every((code) => code >= -8 && code <= 7)).toBe(true);
		expect(new Set(new Int8Array(codes.buffer)).size).toBeGreaterThan(8);
	});
});

describe('palettes', () => {
	it('finds the values that there are', () => {
		const values = Float32Array.from({ length: 1000 }, (_, i) => [-1, 0.25, 0.5, 3][i % 4]!);
		expect([...fitPalette(values, new Float64Array(1000).fill(1), 4)]).toEqual([-1, 0.25, 0.5, 3]);
		expect(fitPalette(Float32Array.of(2, 2, 2), Float64Array.of(1, 1, 1), 4).every((entry) => entry === 2)).toBe(true);
	});

	it('puts entries where the weight is, and beats even steps', () => {
		const random = seededRandom(8);
		const values = Float32Array.from({ length: 5000 }, () => random.normal());
		const error = (entries: ArrayLike<number>): number =>
			values.reduce((sum, x) => sum + Math.min(...Array.from(entries, (entry) => (x - entry) ** 2)), 0) / values.length;
		const found = error(fitPalette(values, new Float64Array(5000).fill(1), 16));
		// The best 16 levels of a normal distribution leave 0.0095 (Max, 1960), the best even ones 0.0115.
		expect(found).toBeLessThan(0.0105);
	});

	it('serves as a grid', async () => {
		const { weights, gram } = problem(7);
		const palettes = Float32Array.of(-2, -1, -0.25, 0.25, 1, 2, 2.5, 3, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5);
		const scales = new Float32Array(rows).fill(0.5);
		const own = new PaletteGrid(palettes, 8, scales, 3, 0, columns);
		expect(own.nearest(0, 0, -0.9)).toBe(0);
		expect(own.nearest(0, 0, 0.6)).toBe(4);
		expect(own.nearest(3, 0, 0.05)).toBe(2);
		expect(own.value(3, 0, 3)).toBe(0.25);
		const found = await learnRounding(weights, rows, columns, gram, own, options);
		expect(found.error).toBeLessThan(found.nearestError);
		expect(found.codes.every((code) => code < 8)).toBe(true);
	});
});

describe('blocked solve', () => {
	it('solves over several panels', async () => {
		const n = 210;
		const random = seededRandom(11);
		const a = new Float64Array(n * n);
		for (let i = 0; i < n; i++) {
			for (let j = 0; j <= i; j++) {
				const x = i === j ? n : random.normal();
				a[i * n + j] = x;
				a[j * n + i] = x;
			}
		}
		const lower = Float32Array.from(choleskyInPlace(a.slice(), n));
		const wanted = Float32Array.from({ length: n * 3 }, () => random.normal());
		const b = new Float32Array(n * 3);
		for (let i = 0; i < n; i++) for (let k = 0; k < n; k++) for (let c = 0; c < 3; c++) b[i * 3 + c]! += a[i * n + k]! * wanted[k * 3 + c]!;
		const multiply: Multiply = async (x, y, r, inner, m) => {
			const out = new Float32Array(r * m);
			for (let i = 0; i < r; i++)
				for (let k = 0; k < inner; k++) for (let c = 0; c < m; c++) out[i * m + c]! += x[i * inner + k]! * y[k * m + c]!;
			return out;
		};
		await solveCholeskyBlocked(lower, n, b, 3, multiply);
		expect(b.every((x, i) => Math.abs(x - wanted[i]!) < 1e-4)).toBe(true);
	});
});
