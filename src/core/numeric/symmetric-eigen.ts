/** Eigenvalues, largest first, and eigenvectors as rows of a row-major [n, n] array in the same order. */
export interface Eigen {
	readonly values: Float64Array;
	readonly vectors: Float64Array;
}

/** Turns of the QL iteration for one eigenvalue; two or three are usual. */
const mostTurns = 60;

/**
 * Eigenvalues and orthonormal eigenvectors of a symmetric matrix, row-major [n, n], which is left as it is: Householder reduction to
 * tridiagonal form, then QL with implicit shifts (Golub and Van Loan, Matrix Computations, 8.3). Sums run in fixed order: the same bits on
 * every machine. About 9 n^3 multiplications. Throws RangeError for matrices with NaN or infinity.
 */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen {
	if (matrix.length !== n * n) throw new RangeError(`${matrix.length} numbers are no ${n} x ${n} matrix`);
	let finite = 0;
	for (const value of matrix) finite += value - value;
	if (finite !== 0) throw new RangeError('the matrix holds NaN or infinity');
	const diagonal = new Float64Array(n);
	const off = new Float64Array(n);
	const vectors = tridiagonalize(matrix.slice(), n, diagonal, off);
	implicitQl(diagonal, off, vectors, n);
	const order = Array.from(diagonal.keys()).sort((a, b) => diagonal[b]! - diagonal[a]! || a - b);
	const values = Float64Array.from(order, (index) => diagonal[index]!);
	const sorted = new Float64Array(n * n);
	for (const [row, index] of order.entries()) sorted.set(vectors.subarray(index * n, (index + 1) * n), row * n);
	return { values, vectors: sorted };
}

/**
 * Q^T A Q = T with T tridiagonal: `diagonal`, and `off[i]` between i and i + 1. Gives Q^T, row-major: its rows are turned into eigenvectors
 * by the QL iteration, which then works on neighbouring memory.
 */
function tridiagonalize(a: Float64Array, n: number, diagonal: Float64Array, off: Float64Array): Float64Array {
	const reflectors: { readonly from: number; readonly v: Float64Array; readonly beta: number }[] = [];
	const product = new Float64Array(n);
	for (let k = 0; k < n - 1; k++) {
		const from = k + 1;
		// The part of column k below the diagonal becomes (alpha, 0, ..., 0) by a reflection I - beta v v^T.
		let norm = 0;
		for (let i = from; i < n; i++) norm += a[k * n + i]! ** 2;
		norm = Math.sqrt(norm);
		const first = a[k * n + from]!;
		const alpha = first > 0 ? -norm : norm;
		diagonal[k] = a[k * n + k]!;
		off[k] = alpha;
		let tail = 0;
		for (let i = from + 1; i < n; i++) tail += Math.abs(a[k * n + i]!);
		if (tail === 0) {
			off[k] = first;
			continue;
		}
		const v = new Float64Array(n - from);
		for (let i = from; i < n; i++) v[i - from] = a[k * n + i]!;
		v[0] = first - alpha;
		let square = 0;
		for (const x of v) square += x * x;
		const beta = 2 / square;
		reflectors.push({ from, v, beta });
		// A <- H A H on the trailing block, by a symmetric rank-2 update: p = beta A v, w = p - (beta/2)(p.v) v, A -= v w^T + w v^T.
		let dot = 0;
		for (let i = from; i < n; i++) {
			const row = i * n + from;
			let sum = 0;
			for (let j = 0; j < v.length; j++) sum += a[row + j]! * v[j]!;
			product[i] = beta * sum;
			dot += product[i]! * v[i - from]!;
		}
		const half = (beta / 2) * dot;
		for (let i = from; i < n; i++) product[i]! -= half * v[i - from]!;
		for (let i = from; i < n; i++) {
			const row = i * n + from;
			const vi = v[i - from]!;
			const wi = product[i]!;
			for (let j = 0; j < v.length; j++) a[row + j]! -= vi * product[from + j]! + wi * v[j]!;
		}
	}
	if (n > 0) diagonal[n - 1] = a[n * n - 1]!;
	const q = new Float64Array(n * n);
	for (let i = 0; i < n; i++) q[i * n + i] = 1;
	// Q^T = H_last ... H_first: applied to the identity from the last on, each touches only the rows and columns behind it.
	for (const { from, v, beta } of reflectors.reverse()) {
		for (let row = from; row < n; row++) {
			const at = row * n + from;
			let sum = 0;
			for (let j = 0; j < v.length; j++) sum += q[at + j]! * v[j]!;
			if (sum === 0) continue;
			const scaled = beta * sum;
			for (let j = 0; j < v.length; j++) q[at + j]! -= scaled * v[j]!;
		}
	}
	return q;
}

/** Diagonalizes the tridiagonal matrix; rows of `vectors` follow. */
function implicitQl(d: Float64Array, e: Float64Array, vectors: Float64Array, n: number): void {
	for (let l = 0; l < n; l++) {
		for (let turn = 0; ; turn++) {
			let m = l;
			while (m < n - 1 && Math.abs(e[m]!) > Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!))) m += 1;
			if (m === l) break;
			if (turn >= mostTurns) throw new RangeError('the eigenvalues did not settle');
			// Wilkinson's shift from the leading 2 x 2 block.
			let g = (d[l + 1]! - d[l]!) / (2 * e[l]!);
			let r = Math.hypot(g, 1);
			g = d[m]! - d[l]! + e[l]! / (g + (g >= 0 ? r : -r));
			let [s, c, p] = [1, 1, 0];
			let i = m - 1;
			for (; i >= l; i--) {
				const f = s * e[i]!;
				const b = c * e[i]!;
				r = Math.hypot(f, g);
				e[i + 1] = r;
				if (r === 0) {
					d[i + 1]! -= p;
					e[m] = 0;
					break;
				}
				s = f / r;
				c = g / r;
				g = d[i + 1]! - p;
				const t = (d[i]! - g) * s + 2 * c * b;
				p = s * t;
				d[i + 1] = g + p;
				g = c * t - b;
				const upper = i * n;
				const lower = upper + n;
				for (let k = 0; k < n; k++) {
					const x = vectors[lower + k]!;
					const y = vectors[upper + k]!;
					vectors[lower + k] = s * y + c * x;
					vectors[upper + k] = c * y - s * x;
				}
			}
			if (r === 0 && i >= l) continue;
			d[l]! -= p;
			e[l] = g;
			e[m] = 0;
		}
	}
}
