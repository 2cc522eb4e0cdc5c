import { dampedCholesky } from './linear-algebra.ts';

/** Values that the elements of a weight matrix [rows, columns] may take. */
export interface RoundingGrid {
	/** Code of the value nearest to x at this place. */
	nearest(row: number, column: number, x: number): number;
	value(row: number, column: number, code: number): number;
	/**
	 * Moves what is shared by several codes of one row (a scale) to where the error is least; tells how much each value moved.
	 * Absent: nothing can be moved.
	 */
	refit?(row: number, solver: RefitSolver): void;
}

/** One row's state while its grid is refitted. Everything is in the caller's column order. */
export interface RefitSolver {
	readonly codes: Uint8Array;
	/**
	 * The step t that lowers the row's error most when `direction[i]` t is added to the values at `columns[i]`.
	 * 0 where the direction has no weight in the inputs.
	 */
	best(columns: ArrayLike<number>, direction: ArrayLike<number>): number;
	/** Adds `direction[i]` t to the values at `columns[i]`. */
	move(columns: ArrayLike<number>, direction: ArrayLike<number>, step: number): void;
}

export interface LearnedRoundingOptions {
	/** Added to the diagonal of the Gram matrix, in shares of its mean: the less data, the more. */
	readonly damping: number;
	/** Columns with the largest inputs are rounded first. */
	readonly actOrder: boolean;
	/** nearest: each element by itself. feedback: GPTQ's order and error feedback. */
	readonly start: 'nearest' | 'feedback';
	/** Passes of coordinate descent over all codes after that. */
	readonly sweeps: number;
	readonly signal?: AbortSignal | undefined;
	/** Between blocks of rows, so that a worker stays responsive. */
	readonly pause?: () => Promise<void>;
}

export interface LearnedRounding {
	/** One code for each element, [rows, columns]; negative codes as two's complement. */
	readonly codes: Uint8Array;
	/** sum of |W x|^2 over the Gram matrix's inputs, |(W - W_nearest) x|^2, and |(W - W_found) x|^2. */
	readonly power: number;
	readonly nearestError: number;
	readonly error: number;
	/** What was added to the diagonal, in units of the Gram matrix. */
	readonly damping: number;
}

const TOGETHER = 4;

/**
 * Rounds a weight matrix W [rows, columns] so that W x changes least over inputs whose Gram matrix sum(x x^T) is given, instead
 * of rounding each element to its nearest value. With H = L L^T the error of a row is |(w - v) L|^2, and column by column the
 * value is chosen that cancels what the columns before left behind. That is GPTQ (Frantar et al., 2022) in the form of Babai's
 * nearest plane, which needs no inverse; `actOrder` and damping as there. Coordinate descent on the same error follows (Behdin
 * et al., QuantEase, 2023): the objective of layer-wise rounding (Nagel et al., AdaRound, 2020), lowered code by code, so that
 * the error never grows. Nothing is random. Cost: columns^3 / 6 + rows columns^2 (1/2 + sweeps' changes) multiplications;
 * memory: three [columns, columns] float64 matrices.
 */
export async function learnRounding(
	weights: Float32Array,
	rows: number,
	columns: number,
	gram: Float64Array,
	grid: RoundingGrid,
	options: LearnedRoundingOptions,
): Promise<LearnedRounding> {
	if (weights.length !== rows * columns || gram.length !== columns * columns) throw new RangeError('weights and Gram matrix do not fit');
	const order = processingOrder(gram, columns, options.actOrder);
	const h = permuted(gram, columns, order);
	const { factor, damping } = dampedCholesky(h, columns, options.damping);
	transposeInPlace(factor, columns);
	for (let i = 0; i < columns; i++) h[i * columns + i] = (h[i * columns + i] === 0 ? damping : h[i * columns + i]!) + damping;
	const codes = new Uint8Array(rows * columns);
	const block = new RowBlock(columns, order, h, factor, grid);
	let [power, nearestError, error] = [0, 0, 0];
	for (let row = 0; row < rows; row += TOGETHER) {
		options.signal?.throwIfAborted();
		const count = Math.min(TOGETHER, rows - row);
		block.load(weights, row, count);
		power += block.power();
		block.roundNearest();
		nearestError += block.error();
		if (options.start === 'feedback') block.roundWithFeedback();
		for (let sweep = 0; sweep < options.sweeps; sweep++) {
			block.gradients();
			const changed = block.descend();
			if (grid.refit && sweep < options.sweeps - 1) block.refit();
			else if (changed === 0) break;
		}
		error += block.error();
		block.store(codes);
		if (options.pause && row % 64 === 0) await options.pause();
	}
	return { codes, power, nearestError, error, damping };
}

/** Column at each place of the factor; the last place is rounded first. */
function processingOrder(gram: Float64Array, n: number, actOrder: boolean): Int32Array {
	const order = Int32Array.from({ length: n }, (_, i) => n - 1 - i);
	// Stable: equal columns keep their order.
	if (actOrder) order.sort((a, b) => gram[a * n + a]! - gram[b * n + b]! || b - a);
	return order;
}

function permuted(a: Float64Array, n: number, order: Int32Array): Float64Array {
	const out = new Float64Array(n * n);
	for (let i = 0; i < n; i++) {
		const from = order[i]! * n;
		for (let j = 0; j < n; j++) out[i * n + j] = a[from + order[j]!]!;
	}
	return out;
}

function transposeInPlace(a: Float64Array, n: number): void {
	for (let i = 0; i < n; i++) {
		for (let j = i + 1; j < n; j++) {
			const kept = a[i * n + j]!;
			a[i * n + j] = a[j * n + i]!;
			a[j * n + i] = kept;
		}
	}
}

/** A few rows of the weight, columns in the order of the factor. */
class RowBlock implements RefitSolver {
	readonly #n: number;
	readonly #order: Int32Array;
	/** Where each column of the caller stands. */
	readonly #place: Int32Array;
	readonly #h: Float64Array;
	/** Transposed factor: row p holds L[i][p] for i >= p. */
	readonly #u: Float64Array;
	readonly #grid: RoundingGrid;
	readonly #w: Float64Array;
	/** w - value(code) */
	readonly #e: Float64Array;
	/** e H */
	readonly #g: Float64Array;
	readonly #codes: Uint8Array;
	#row = 0;
	#count = 0;
	/** Row of the block that is being refitted. */
	#at = 0;
	/** Its codes in the caller's order. */
	codes: Uint8Array;

	constructor(n: number, order: Int32Array, h: Float64Array, u: Float64Array, grid: RoundingGrid) {
		this.#n = n;
		this.#order = order;
		this.#place = new Int32Array(n);
		for (let i = 0; i < n; i++) this.#place[order[i]!] = i;
		this.#h = h;
		this.#u = u;
		this.#grid = grid;
		this.#w = new Float64Array(TOGETHER * n);
		this.#e = new Float64Array(TOGETHER * n);
		this.#g = new Float64Array(TOGETHER * n);
		this.#codes = new Uint8Array(TOGETHER * n);
		this.codes = new Uint8Array(n);
	}

	load(weights: Float32Array, row: number, count: number): void {
		this.#row = row;
		this.#count = count;
		// A block that is not full computes on rows of zeros.
		this.#w.fill(0);
		this.#e.fill(0);
		for (let r = 0; r < count; r++) {
			const from = (row + r) * this.#n;
			for (let i = 0; i < this.#n; i++) this.#w[r * this.#n + i] = weights[from + this.#order[i]!]!;
		}
	}

	/** Sum of w H w over the rows. */
	power(): number {
		this.#e.set(this.#w);
		return this.error();
	}

	/** Sum of e H e over the rows, by |e L|^2. */
	error(): number {
		let sum = 0;
		const out = new Float64Array(TOGETHER);
		for (let p = 0; p < this.#n; p++) {
			this.#dots(this.#u, p, p, out);
			for (let r = 0; r < this.#count; r++) sum += out[r]! * out[r]!;
		}
		return sum;
	}

	roundNearest(): void {
		for (let r = 0; r < this.#count; r++) {
			for (let p = 0; p < this.#n; p++) this.#choose(r, p, this.#w[r * this.#n + p]!);
		}
	}

	roundWithFeedback(): void {
		const n = this.#n;
		const out = new Float64Array(TOGETHER);
		for (let p = n - 1; p >= 0; p--) {
			this.#dots(this.#u, p, p + 1, out);
			const inverse = 1 / this.#u[p * n + p]!;
			for (let r = 0; r < this.#count; r++) this.#choose(r, p, this.#w[r * n + p]! + out[r]! * inverse);
		}
	}

	/** g = e H, from scratch. */
	gradients(): void {
		const out = new Float64Array(TOGETHER);
		for (let p = 0; p < this.#n; p++) {
			this.#dots(this.#h, p, 0, out);
			for (let r = 0; r < TOGETHER; r++) this.#g[r * this.#n + p] = out[r]!;
		}
	}

	/** One pass over all codes, each put where the error is least while the others stay. Gives how many changed. */
	descend(): number {
		const n = this.#n;
		const h = this.#h;
		let changed = 0;
		for (let r = 0; r < this.#count; r++) {
			const base = r * n;
			const g = this.#g.subarray(base, base + n);
			for (let p = n - 1; p >= 0; p--) {
				const before = this.#e[base + p]!;
				const target = this.#w[base + p]! - before + g[p]! / h[p * n + p]!;
				const column = this.#order[p]!;
				const code = this.#grid.nearest(this.#row + r, column, target) & 255;
				if (code === this.#codes[base + p]) continue;
				this.#choose(r, p, target);
				const step = this.#e[base + p]! - before;
				addScaled(g, h, p * n, step);
				changed += 1;
			}
		}
		return changed;
	}

	refit(): void {
		const n = this.#n;
		for (let r = 0; r < this.#count; r++) {
			this.#at = r;
			for (let p = 0; p < n; p++) this.codes[this.#order[p]!] = this.#codes[r * n + p]!;
			this.#grid.refit?.(this.#row + r, this);
			// What the grid stores is rounded: errors are told again from its values.
			for (let p = 0; p < n; p++) {
				this.#e[r * n + p] = this.#w[r * n + p]! - this.#grid.value(this.#row + r, this.#order[p]!, this.#codes[r * n + p]!);
			}
		}
	}

	best(columns: ArrayLike<number>, direction: ArrayLike<number>): number {
		const n = this.#n;
		const base = this.#at * n;
		let slope = 0;
		let curve = 0;
		for (let i = 0; i < columns.length; i++) {
			const p = this.#place[columns[i]!]!;
			const d = direction[i]!;
			if (d === 0) continue;
			slope += d * this.#g[base + p]!;
			let sum = 0;
			for (let k = 0; k < columns.length; k++) sum += direction[k]! * this.#h[p * n + this.#place[columns[k]!]!]!;
			curve += d * sum;
		}
		return curve > 0 ? slope / curve : 0;
	}

	move(columns: ArrayLike<number>, direction: ArrayLike<number>, step: number): void {
		const n = this.#n;
		const base = this.#at * n;
		const g = this.#g.subarray(base, base + n);
		for (let i = 0; i < columns.length; i++) {
			const p = this.#place[columns[i]!]!;
			const by = -step * direction[i]!;
			if (by === 0) continue;
			this.#e[base + p]! += by;
			addScaled(g, this.#h, p * n, by);
		}
	}

	store(codes: Uint8Array): void {
		const n = this.#n;
		for (let r = 0; r < this.#count; r++) {
			const to = (this.#row + r) * n;
			for (let p = 0; p < n; p++) codes[to + this.#order[p]!] = this.#codes[r * n + p]!;
		}
	}

	#choose(r: number, p: number, target: number): void {
		const column = this.#order[p]!;
		const code = this.#grid.nearest(this.#row + r, column, target);
		this.#codes[r * this.#n + p] = code & 255;
		this.#e[r * this.#n + p] = this.#w[r * this.#n + p]! - this.#grid.value(this.#row + r, column, code & 255);
	}

	/** Products of the rows of e with row p of a matrix, from column `first` on. */
	#dots(matrix: Float64Array, p: number, first: number, out: Float64Array): void {
		const n = this.#n;
		const e = this.#e;
		const row = p * n;
		let [a, b, c, d] = [0, 0, 0, 0];
		for (let i = first; i < n; i++) {
			const x = matrix[row + i]!;
			a += e[i]! * x;
			b += e[n + i]! * x;
			c += e[2 * n + i]! * x;
			d += e[3 * n + i]! * x;
		}
		out[0] = a;
		out[1] = b;
		out[2] = c;
		out[3] = d;
	}
}

/** y += by * matrix[from ..] */
function addScaled(y: Float64Array, matrix: Float64Array, from: number, by: number): void {
	for (let i = 0; i < y.length; i++) y[i]! += by * matrix[from + i]!;
}
