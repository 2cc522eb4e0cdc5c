import { dampedCholesky } from './linear-algebra.ts';

/** Values that the elements of a weight matrix [rows, columns] may take. */
export interface RoundingGrid {
	/** Code of the value nearest to x at this place. */
	nearest(row: number, column: number, x: number): number;
	value(row: number, column: number, code: number): number;
	/** What codes share with their neighbours and may still be fitted. Absent: nothing. */
	readonly scales?: SharedScales;
}

/** Scales of a grid: value = scale * slope, the same scale for a block of neighbouring columns of one row. */
export interface SharedScales {
	readonly block: number;
	slope(row: number, column: number, code: number): number;
	/** Adds `step` to the scale of the block that starts at `column`, as far as it can be stored. */
	change(row: number, column: number, step: number): void;
}

/** Product of float32 matrices a [rows, inner] and b [inner, columns]. Whoever has a runtime gives its own. */
export type Multiply = (a: Float32Array, b: Float32Array, rows: number, inner: number, columns: number) => Promise<Float32Array>;

export interface LearnedRoundingOptions {
	/** Added to the diagonal of the Gram matrix, in shares of its mean: the less data, the more. */
	readonly damping: number;
	/** Columns with the largest inputs are rounded first. */
	readonly actOrder: boolean;
	/** nearest: each element by itself. feedback: GPTQ's order and error feedback. */
	readonly start: 'nearest' | 'feedback';
	/** Passes of coordinate descent over all codes after that; between two of them the grid is refitted. */
	readonly sweeps: number;
	/** default: plain loops */
	readonly multiply?: Multiply;
	readonly signal?: AbortSignal | undefined;
}

export interface LearnedRounding {
	/** One code for each element, [rows, columns]; negative codes as two's complement. */
	readonly codes: Uint8Array;
	/** Sums over the inputs of |W x|^2, |(W - W_nearest) x|^2 and |(W - W_found) x|^2, the damping counted in. */
	readonly power: number;
	readonly nearestError: number;
	readonly error: number;
	/** What was added to the diagonal, in units of the Gram matrix. */
	readonly damping: number;
}

/**
 * Damping for sums over this many rows: the share asked for while there are at least a quarter as many rows as columns, and more
 * with the square of what is missing beyond, because inputs then say nothing about most directions.
 */
export function dampingFor(share: number, rows: number, columns: number): number {
	return Math.min(1, share * Math.max(1, (columns / (4 * Math.max(1, rows))) ** 2));
}

/** Columns that are rounded before what they leave behind is carried on by one product of matrices. */
const PANEL = 128;

/**
 * Rounds a weight matrix W [rows, columns] so that W x changes least over inputs whose Gram matrix sum(x x^T) is given, instead
 * of rounding each element to its nearest value. With H = L L^T the error of a row is |(w - v) L|^2, and column by column the
 * value is chosen that cancels what the columns before left behind. That is GPTQ (Frantar et al., 2022) in the form of Babai's
 * nearest plane, which needs no inverse; `actOrder` and damping as there. Coordinate descent on the same error follows (Behdin
 * et al., QuantEase, 2023): the objective of layer-wise rounding (Nagel et al., AdaRound, 2020), lowered code by code, so that
 * the error never grows. Nothing is random. Cost: columns^3 / 6 multiplications here, and rows columns^2 (1/2 + sweeps) in
 * `multiply`; memory: three float32 matrices of each size, one float64 [columns, columns] for a moment.
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
	const permutedGram = permuted(gram, columns, order);
	const { factor, damping } = dampedCholesky(permutedGram, columns, options.damping);
	const lower = Float32Array.from(factor);
	for (let i = 0; i < columns; i++) {
		const at = i * columns + i;
		permutedGram[at] = (permutedGram[at] === 0 ? damping : permutedGram[at]!) + damping;
	}
	const h = Float32Array.from(permutedGram);
	const work = new Rounding(weights, rows, columns, order, h, lower, grid, options.multiply ?? plainProduct);
	const power = await work.power();
	work.roundNearest();
	const nearestError = await work.measure();
	let error = nearestError;
	if (options.start === 'feedback') {
		await work.roundWithFeedback(options.signal);
		error = await work.measure();
	}
	for (let sweep = 0; sweep < options.sweeps; sweep++) {
		options.signal?.throwIfAborted();
		const changed = work.descend();
		const last = sweep === options.sweeps - 1;
		// Sums in float32 drift; what decides about codes and scales is told anew.
		error = await work.measure();
		if (last || (changed === 0 && !grid.scales)) break;
		if (grid.scales) {
			await work.refit(grid.scales);
			error = await work.measure();
		}
	}
	return { codes: work.stored(), power, nearestError, error, damping };
}

/** Plain loops, for small matrices and where there is no runtime. */
const plainProduct: Multiply = async (a, b, rows, inner, columns) => {
	const out = new Float32Array(rows * columns);
	for (let r = 0; r < rows; r++) {
		for (let k = 0; k < inner; k++) {
			const x = a[r * inner + k]!;
			if (x === 0) continue;
			for (let c = 0; c < columns; c++) out[r * columns + c]! += x * b[k * columns + c]!;
		}
	}
	return out;
};

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

/** A weight matrix on its way; columns stand in the order of the factor. */
class Rounding {
	readonly #n: number;
	readonly #rows: number;
	readonly #order: Int32Array;
	/** Where each column of the caller stands. */
	readonly #place: Int32Array;
	readonly #h: Float32Array;
	readonly #lower: Float32Array;
	readonly #grid: RoundingGrid;
	readonly #multiply: Multiply;
	readonly #w: Float32Array;
	/** w - value(code) */
	readonly #e: Float32Array;
	/** e H */
	#g: Float32Array = new Float32Array(0);
	readonly #codes: Uint8Array;

	constructor(
		weights: Float32Array,
		rows: number,
		n: number,
		order: Int32Array,
		h: Float32Array,
		lower: Float32Array,
		grid: RoundingGrid,
		multiply: Multiply,
	) {
		this.#n = n;
		this.#rows = rows;
		this.#order = order;
		this.#place = new Int32Array(n);
		for (let i = 0; i < n; i++) this.#place[order[i]!] = i;
		this.#h = h;
		this.#lower = lower;
		this.#grid = grid;
		this.#multiply = multiply;
		this.#w = new Float32Array(rows * n);
		for (let r = 0; r < rows; r++) for (let p = 0; p < n; p++) this.#w[r * n + p] = weights[r * n + order[p]!]!;
		this.#e = new Float32Array(rows * n);
		this.#codes = new Uint8Array(rows * n);
	}

	/** Sum of w H w over the rows. */
	async power(): Promise<number> {
		return dot(this.#w, await this.#multiply(this.#w, this.#h, this.#rows, this.#n, this.#n));
	}

	/** Sum of e H e over the rows; e H is kept for the next descent. */
	async measure(): Promise<number> {
		this.#g = await this.#multiply(this.#e, this.#h, this.#rows, this.#n, this.#n);
		return dot(this.#e, this.#g);
	}

	roundNearest(): void {
		for (let r = 0; r < this.#rows; r++) for (let p = 0; p < this.#n; p++) this.#choose(r, p, this.#w[r * this.#n + p]!);
	}

	async roundWithFeedback(signal: AbortSignal | undefined): Promise<void> {
		const n = this.#n;
		const e = this.#e;
		for (let to = n; to > 0; to = Math.max(0, to - PANEL)) {
			signal?.throwIfAborted();
			const from = Math.max(0, to - PANEL);
			const width = to - from;
			const rest = n - to;
			const carried =
				rest > 0
					? await this.#multiply(slab(e, this.#rows, n, to, n), slab(this.#lower, n, n, from, to, to), this.#rows, rest, width)
					: new Float32Array(this.#rows * width);
			// Columns of the factor within the panel, each contiguous.
			const columns = new Float32Array(width * width);
			for (let i = 0; i < width; i++) for (let p = 0; p <= i; p++) columns[p * width + i] = this.#lower[(from + i) * n + from + p]!;
			for (let r = 0; r < this.#rows; r++) {
				const base = r * n + from;
				for (let p = width - 1; p >= 0; p--) {
					let sum = carried[r * width + p]!;
					for (let i = p + 1; i < width; i++) sum += e[base + i]! * columns[p * width + i]!;
					this.#choose(r, from + p, this.#w[base + p]! + sum / columns[p * width + p]!);
				}
			}
		}
	}

	/** One pass over all codes, each put where the error is least while the others stay. Gives how many changed. */
	descend(): number {
		const n = this.#n;
		const h = this.#h;
		let changed = 0;
		for (let r = 0; r < this.#rows; r++) {
			const base = r * n;
			const g = this.#g.subarray(base, base + n);
			for (let p = n - 1; p >= 0; p--) {
				const before = this.#e[base + p]!;
				const target = this.#w[base + p]! - before + g[p]! / h[p * n + p]!;
				const code = this.#grid.nearest(r, this.#order[p]!, target) & 255;
				if (code === this.#codes[base + p]) continue;
				this.#choose(r, p, target);
				addScaled(g, h, p * n, this.#e[base + p]! - before);
				changed += 1;
			}
		}
		return changed;
	}

	/**
	 * Fits scales to the codes. Each block's best step while the others stay gives a direction for its row, and the row goes along
	 * it as far as its error falls.
	 */
	async refit(scales: SharedScales): Promise<void> {
		const n = this.#n;
		const { block } = scales;
		const blocks = Math.ceil(n / block);
		const steps = new Float64Array(this.#rows * blocks);
		const direction = new Float32Array(this.#rows * n);
		for (let r = 0; r < this.#rows; r++) {
			for (let b = 0; b < blocks; b++) {
				const step = this.#bestStep(r, b * block, Math.min(n, (b + 1) * block), scales, blocks);
				steps[r * blocks + b] = step;
				for (let column = b * block; column < Math.min(n, (b + 1) * block); column++) {
					const at = r * n + this.#place[column]!;
					direction[at] = step * scales.slope(r, column, this.#codes[at]!);
				}
			}
		}
		const turned = await this.#multiply(direction, this.#h, this.#rows, n, n);
		for (let r = 0; r < this.#rows; r++) {
			const [from, to] = [r * n, (r + 1) * n];
			const curve = dot(direction.subarray(from, to), turned.subarray(from, to));
			if (!(curve > 0)) continue;
			const share = dot(this.#g.subarray(from, to), direction.subarray(from, to)) / curve;
			for (let b = 0; b < blocks; b++) {
				const step = share * steps[r * blocks + b]!;
				if (step !== 0) scales.change(r, b * block, step);
			}
		}
		// Scales are rounded where they are stored: errors are told again from the values.
		for (let r = 0; r < this.#rows; r++) {
			for (let p = 0; p < n; p++) this.#e[r * n + p] = this.#w[r * n + p]! - this.#grid.value(r, this.#order[p]!, this.#codes[r * n + p]!);
		}
	}

	/** The step of one block's scale that lowers the row's error most; 1 where it is the only block and the row finds its own. */
	#bestStep(r: number, from: number, to: number, scales: SharedScales, blocks: number): number {
		if (blocks === 1) return 1;
		const n = this.#n;
		const count = to - from;
		const places = new Int32Array(count);
		const slopes = new Float64Array(count);
		let fall = 0;
		let curve = 0;
		for (let i = 0; i < count; i++) {
			const p = this.#place[from + i]!;
			const d = scales.slope(r, from + i, this.#codes[r * n + p]!);
			places[i] = p;
			slopes[i] = d;
			if (d === 0) continue;
			fall += d * this.#g[r * n + p]!;
			let sum = 0;
			for (let k = 0; k < i; k++) sum += slopes[k]! * this.#h[p * n + places[k]!]!;
			curve += d * (2 * sum + d * this.#h[p * n + p]!);
		}
		return curve > 0 ? fall / curve : 0;
	}

	/** Codes in the caller's order. */
	stored(): Uint8Array {
		const n = this.#n;
		const out = new Uint8Array(this.#codes.length);
		for (let r = 0; r < this.#rows; r++) for (let p = 0; p < n; p++) out[r * n + this.#order[p]!] = this.#codes[r * n + p]!;
		return out;
	}

	#choose(r: number, p: number, target: number): void {
		const column = this.#order[p]!;
		const code = this.#grid.nearest(r, column, target) & 255;
		this.#codes[r * this.#n + p] = code;
		this.#e[r * this.#n + p] = this.#w[r * this.#n + p]! - this.#grid.value(r, column, code);
	}
}

/** Rows [first, rows) and columns [from, to) of a matrix [rows, width] by themselves. */
function slab(matrix: Float32Array, rows: number, width: number, from: number, to: number, first = 0): Float32Array {
	const out = new Float32Array((rows - first) * (to - from));
	for (let r = first, at = 0; r < rows; r++, at += to - from) out.set(matrix.subarray(r * width + from, r * width + to), at);
	return out;
}

function dot(a: Float32Array, b: Float32Array): number {
	let sum = 0;
	for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
	return sum;
}

/** y += by * matrix[from ..] */
function addScaled(y: Float32Array, matrix: Float32Array, from: number, by: number): void {
	for (let i = 0; i < y.length; i++) y[i]! += by * matrix[from + i]!;
}
