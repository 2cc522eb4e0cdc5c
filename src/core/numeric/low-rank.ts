import { dampedCholesky, solveLowerTransposed } from './linear-algebra.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

/** A weight seen through its singular values, largest first: how much each rank adds, and the factors of any rank. */
export interface Factorization {
	/** Squared singular values of W L with H = L L^T: what each rank adds to the power of the layer's output. */
	readonly energies: Float64Array;
	/** W ≈ A B with A [rows, rank] and B [rank, columns], row-major float32. */
	factors(rank: number): { readonly a: Float32Array; readonly b: Float32Array };
}

/**
 * Best approximations of W [rows, columns] by lower rank for inputs with the Gram matrix H [columns, columns]: least
 * tr((W - A B) H (W - A B)^T), the truncated singular value decomposition of W L (whitening as in SVD-LLM, Wang and others 2024).
 * Without a Gram matrix the plain decomposition of W. The eigenproblem is solved on the shorter side.
 *
 * `rowWeights`, for tables that are looked up: how much each row counts. Least sum over rows of weight |row - its approximation|^2.
 */
export function factorize(
	weights: Float32Array,
	rows: number,
	columns: number,
	gram: Float64Array | undefined,
	damping: number,
	rowWeights?: Float64Array,
): Factorization {
	if (rowWeights) return byColumns(weights, rows, columns, undefined, damping, rowWeights);
	return rows <= columns ? byRows(weights, rows, columns, gram, damping) : byColumns(weights, rows, columns, gram, damping);
}

/** Eigenvectors U of W H W^T: A = U_r, B = U_r^T W. No inverse is needed. */
function byRows(weights: Float32Array, rows: number, columns: number, gram: Float64Array | undefined, damping: number): Factorization {
	const metric = gram && damped(gram, columns, damping);
	const inner = new Float64Array(rows * rows);
	const mapped = new Float64Array(columns);
	for (let r = 0; r < rows; r++) {
		const row = weights.subarray(r * columns, (r + 1) * columns);
		if (metric) multiplyRow(row, metric, columns, mapped);
		else mapped.set(row);
		for (let s = 0; s <= r; s++) {
			const at = s * columns;
			let sum = 0;
			for (let k = 0; k < columns; k++) sum += mapped[k]! * weights[at + k]!;
			inner[r * rows + s] = sum;
			inner[s * rows + r] = sum;
		}
	}
	const { values, vectors } = symmetricEigen(inner, rows);
	return {
		energies: values.map((value) => Math.max(0, value)),
		factors(rank) {
			const a = new Float32Array(rows * rank);
			const b = new Float32Array(rank * columns);
			const sum = new Float64Array(columns);
			for (let k = 0; k < rank; k++) {
				sum.fill(0);
				for (let r = 0; r < rows; r++) {
					const u = vectors[k * rows + r]!;
					a[r * rank + k] = u;
					const at = r * columns;
					for (let c = 0; c < columns; c++) sum[c]! += u * weights[at + c]!;
				}
				b.set(sum, k * columns);
			}
			return { a, b };
		},
	};
}

/** Eigenvectors V of L^T W^T W L: A = W L V_r, B = V_r^T L^-1. */
function byColumns(
	weights: Float32Array,
	rows: number,
	columns: number,
	gram: Float64Array | undefined,
	damping: number,
	rowWeights?: Float64Array,
): Factorization {
	const n = columns;
	const lower = gram ? dampedCholesky(gram, n, damping).factor : undefined;
	const square = new Float64Array(n * n);
	for (let r = 0; r < rows; r++) {
		const at = r * n;
		const counts = rowWeights ? rowWeights[r]! : 1;
		for (let i = 0; i < n; i++) {
			const w = weights[at + i]! * counts;
			if (w === 0) continue;
			for (let j = 0; j <= i; j++) square[i * n + j]! += w * weights[at + j]!;
		}
	}
	for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) square[j * n + i] = square[i * n + j]!;
	const { values, vectors } = symmetricEigen(lower ? sandwich(square, lower, n) : square, n);
	return {
		energies: values.map((value) => Math.max(0, value)),
		factors(rank) {
			const a = new Float32Array(rows * rank);
			const b = new Float32Array(rank * n);
			for (let k = 0; k < rank; k++) {
				const v = vectors.subarray(k * n, (k + 1) * n);
				// L v for A, and the solution of L^T x = v for B: x^T = v^T L^-1.
				const lv = new Float64Array(n);
				for (let i = 0; i < n; i++) {
					let sum = 0;
					if (lower) for (let j = 0; j <= i; j++) sum += lower[i * n + j]! * v[j]!;
					else sum = v[i]!;
					lv[i] = sum;
				}
				for (let r = 0; r < rows; r++) {
					const at = r * n;
					let sum = 0;
					for (let c = 0; c < n; c++) sum += weights[at + c]! * lv[c]!;
					a[r * rank + k] = sum;
				}
				const solved = v.slice();
				if (lower) solveLowerTransposed(lower, n, solved, 1);
				b.set(solved, k * n);
			}
			return { a, b };
		},
	};
}

/** L^T S L. */
function sandwich(square: Float64Array, lower: Float64Array, n: number): Float64Array {
	const half = new Float64Array(n * n);
	for (let i = 0; i < n; i++) {
		const out = half.subarray(i * n, (i + 1) * n);
		for (let k = 0; k < n; k++) {
			const s = square[i * n + k]!;
			const row = k * n;
			for (let j = 0; j <= k; j++) out[j]! += s * lower[row + j]!;
		}
	}
	const result = new Float64Array(n * n);
	for (let k = 0; k < n; k++) {
		for (let i = 0; i <= k; i++) {
			const l = lower[k * n + i]!;
			if (l === 0) continue;
			for (let j = 0; j < n; j++) result[i * n + j]! += l * half[k * n + j]!;
		}
	}
	return result;
}

function multiplyRow(row: Float32Array, metric: Float64Array, n: number, out: Float64Array): void {
	out.fill(0);
	for (let j = 0; j < n; j++) {
		const w = row[j]!;
		if (w === 0) continue;
		const at = j * n;
		for (let k = 0; k < n; k++) out[k]! += w * metric[at + k]!;
	}
}

function damped(gram: Float64Array, n: number, share: number): Float64Array {
	let trace = 0;
	for (let i = 0; i < n; i++) trace += gram[i * n + i]!;
	const result = gram.slice();
	for (let i = 0; i < n; i++) result[i * n + i]! += (share * (trace > 0 ? trace : n)) / n;
	return result;
}
