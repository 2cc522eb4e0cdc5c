import { giveBack } from '../bytes/give-back.ts';

/** Columns that are factored before the rest is updated: a panel of 64 float64 numbers a row stays in the processor's cache. */
const PANEL = 64;

/** A matrix that should have been positive definite is not: `pivot` is the first row whose leading minor fails. */
export class NotPositiveDefinite extends Error {
	override readonly name = 'NotPositiveDefinite';
	constructor(readonly pivot: number) {
		super(`the matrix is not positive definite (row ${pivot})`);
	}
}

/**
 * Cholesky factor of a symmetric positive definite matrix, in place: on return the lower triangle with the diagonal of the
 * row-major [n, n] array holds L with A = L L^T, the part above the diagonal holds zeros. Only the lower triangle is read.
 * Right-looking and blocked (Golub and Van Loan, Matrix Computations, 4.2.6); n^3 / 6 multiplications with fixed order of
 * sums, so the same bits on every machine. Throws NotPositiveDefinite; the array is then spoilt.
 */
export function choleskyInPlace(a: Float64Array, n: number): Float64Array {
	if (a.length !== n * n) throw new RangeError(`${a.length} numbers are no ${n} x ${n} matrix`);
	for (let k = 0; k < n; k += PANEL) {
		const end = Math.min(k + PANEL, n);
		factorPanel(a, n, k, end);
		subtractOuter(a, n, k, end);
	}
	for (let i = 0; i < n; i++) a.fill(0, i * n + i + 1, (i + 1) * n);
	return a;
}

/** Columns [from, to) of the factor, for all rows below, from the updated matrix. */
function factorPanel(a: Float64Array, n: number, from: number, to: number): void {
	for (let j = from; j < to; j++) {
		const row = j * n;
		let pivot = a[row + j]!;
		for (let k = from; k < j; k++) pivot -= a[row + k]! * a[row + k]!;
		if (!(pivot > 0) || pivot === Number.POSITIVE_INFINITY) throw new NotPositiveDefinite(j);
		const root = Math.sqrt(pivot);
		a[row + j] = root;
		const inverse = 1 / root;
		for (let i = j + 1; i < n; i++) {
			const other = i * n;
			let sum = a[other + j]!;
			for (let k = from; k < j; k++) sum -= a[other + k]! * a[row + k]!;
			a[other + j] = sum * inverse;
		}
	}
}

/** Subtracts P P^T from what is left below and right of the panel P = columns [from, to); lower triangle only. */
function subtractOuter(a: Float64Array, n: number, from: number, to: number): void {
	const width = to - from;
	for (let i = to; i < n; i += 2) {
		const pair = i + 1 < n;
		const p = i * n + from;
		const q = pair ? p + n : p;
		const last = pair ? i + 1 : i;
		for (let j = to; j <= last; j += 4) {
			const count = Math.min(4, last - j + 1);
			const r = j * n + from;
			if (count === 4) {
				let [s00, s01, s02, s03, s10, s11, s12, s13] = [0, 0, 0, 0, 0, 0, 0, 0];
				for (let k = 0; k < width; k++) {
					const x = a[p + k]!;
					const y = a[q + k]!;
					const b0 = a[r + k]!;
					const b1 = a[r + n + k]!;
					const b2 = a[r + 2 * n + k]!;
					const b3 = a[r + 3 * n + k]!;
					s00 += x * b0;
					s01 += x * b1;
					s02 += x * b2;
					s03 += x * b3;
					s10 += y * b0;
					s11 += y * b1;
					s12 += y * b2;
					s13 += y * b3;
				}
				const top = i * n + j;
				a[top]! -= s00;
				a[top + 1]! -= s01;
				a[top + 2]! -= s02;
				a[top + 3]! -= s03;
				if (pair) {
					a[top + n]! -= s10;
					a[top + n + 1]! -= s11;
					a[top + n + 2]! -= s12;
					a[top + n + 3]! -= s13;
				}
				continue;
			}
			for (let c = 0; c < count; c++) {
				let [s0, s1] = [0, 0];
				for (let k = 0; k < width; k++) {
					const b = a[r + c * n + k]!;
					s0 += a[p + k]! * b;
					s1 += a[q + k]! * b;
				}
				a[i * n + j + c]! -= s0;
				if (pair) a[(i + 1) * n + j + c]! -= s1;
			}
		}
	}
}

export interface DampedFactor {
	/** Lower triangular L, row-major [n, n], with A + damping I = L L^T. */
	readonly factor: Float64Array;
	/** What was added to the diagonal, in units of the matrix. */
	readonly damping: number;
}

/**
 * Cholesky factor of A + d I with d = `share` of the mean of the diagonal, ten times more as often as that is not positive
 * definite. A is left as it is. Rows that are all zero get the mean as their diagonal, so that they hurt nothing.
 * Throws RangeError where the matrix holds NaN or infinity.
 */
export function dampedCholesky(a: Float64Array, n: number, share: number): DampedFactor {
	let trace = 0;
	for (let i = 0; i < n; i++) trace += a[i * n + i]!;
	if (!Number.isFinite(trace)) throw new RangeError('the matrix holds NaN or infinity');
	const mean = trace > 0 ? trace / n : 1;
	for (let damping = share * mean; ; damping = Math.max(damping * 10, 1e-8 * mean)) {
		const factor = a.slice();
		for (let i = 0; i < n; i++) factor[i * n + i] = (factor[i * n + i] === 0 ? mean : factor[i * n + i]!) + damping;
		try {
			return { factor: choleskyInPlace(factor, n), damping };
		} catch (error) {
			if (!(error instanceof NotPositiveDefinite) || damping > 1e6 * mean) throw error;
		}
	}
}

/** Solves L X = B in place; L lower triangular [n, n], B row-major [n, columns]. */
export function solveLower(factor: Float64Array, n: number, b: Float64Array, columns: number): void {
	for (let i = 0; i < n; i++) {
		const row = b.subarray(i * columns, (i + 1) * columns);
		let k = 0;
		for (; k + 3 < i; k += 4) subtractFour(row, b, k * columns, columns, factor, i * n + k, 1);
		for (; k < i; k++) subtractScaled(row, b.subarray(k * columns, (k + 1) * columns), factor[i * n + k]!);
		scaleRow(row, 1 / factor[i * n + i]!);
	}
}

/** Solves L^T X = B in place; L lower triangular [n, n], B row-major [n, columns]. */
export function solveLowerTransposed(factor: Float64Array, n: number, b: Float64Array, columns: number): void {
	for (let i = n - 1; i >= 0; i--) {
		const row = b.subarray(i * columns, (i + 1) * columns);
		let k = i + 1;
		for (; k + 3 < n; k += 4) subtractFour(row, b, k * columns, columns, factor, k * n + i, n);
		for (; k < n; k++) subtractScaled(row, b.subarray(k * columns, (k + 1) * columns), factor[k * n + i]!);
		scaleRow(row, 1 / factor[i * n + i]!);
	}
}

/** y -= four rows of b from `from` on, times the factors at `at`, `at + step` ...: y is read and written once for four. */
function subtractFour(
	y: Float64Array,
	b: Float64Array,
	from: number,
	columns: number,
	factor: Float64Array,
	at: number,
	step: number,
): void {
	const [f0, f1, f2, f3] = [factor[at]!, factor[at + step]!, factor[at + 2 * step]!, factor[at + 3 * step]!];
	const [p, q, r] = [from + columns, from + 2 * columns, from + 3 * columns];
	for (let i = 0; i < columns; i++) y[i] = y[i]! - f0 * b[from + i]! - f1 * b[p + i]! - f2 * b[q + i]! - f3 * b[r + i]!;
}

/** Solves L L^T X = B in place. */
export function solveCholesky(factor: Float64Array, n: number, b: Float64Array, columns: number): void {
	solveLower(factor, n, b, columns);
	solveLowerTransposed(factor, n, b, columns);
}

/** Inverse of A = L L^T from its factor: symmetric, row-major [n, n]. */
export function inverseFromCholesky(factor: Float64Array, n: number): Float64Array {
	const inverse = lowerInverse(factor, n);
	solveLowerTransposed(factor, n, inverse, n);
	return inverse;
}

/** Inverse of a lower triangular L, itself lower triangular; float32, since what it is multiplied with is summed by the runtime. */
export function inverseOfLower(factor: Float64Array, n: number): Float32Array {
	const inverse = lowerInverse(factor, n);
	const single = new Float32Array(inverse);
	giveBack(inverse);
	return single;
}

/** L^-1, row-major [n, n]; zeros right of the diagonal. */
function lowerInverse(factor: Float64Array, n: number): Float64Array {
	const inverse = new Float64Array(n * n);
	for (let i = 0; i < n; i++) {
		const row = inverse.subarray(i * n, i * n + i + 1);
		row[i] = 1;
		let k = 0;
		// Four rows at a time, the longest last: they are zero right of their diagonals.
		for (; k + 3 < i; k += 4) {
			const [p, q, r, s] = [k * n, (k + 1) * n, (k + 2) * n, (k + 3) * n];
			const [a, b, c, d] = [factor[i * n + k]!, factor[i * n + k + 1]!, factor[i * n + k + 2]!, factor[i * n + k + 3]!];
			for (let j = 0; j < k + 4; j++)
				row[j] = row[j]! - a * inverse[p + j]! - b * inverse[q + j]! - c * inverse[r + j]! - d * inverse[s + j]!;
		}
		for (; k < i; k++) subtractScaled(row, inverse.subarray(k * n, k * n + k + 1), factor[i * n + k]!);
		scaleRow(row, 1 / factor[i * n + i]!);
	}
	return inverse;
}

/** y -= factor x, over the shorter of both. */
function subtractScaled(y: Float64Array, x: Float64Array, factor: number): void {
	if (factor === 0) return;
	const length = Math.min(x.length, y.length);
	for (let i = 0; i < length; i++) y[i]! -= factor * x[i]!;
}

function scaleRow(row: Float64Array, by: number): void {
	for (let i = 0; i < row.length; i++) row[i]! *= by;
}
