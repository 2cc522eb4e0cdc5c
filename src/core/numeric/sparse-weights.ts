import type { Multiply } from './learned-rounding.ts';
import { dampedCholesky, inverseOfLower } from './linear-algebra.ts';

/** Where zeros may stand: a share of all weights, or `keep` of every `group` neighbours along the summed axis. */
export type SparsePattern =
	| { readonly kind: 'share'; readonly zeros: number }
	| { readonly kind: 'groups'; readonly keep: number; readonly group: number };

/**
 * How weights are ranked. magnitude: |w|. wanda: |w| times the root of its input's power (Sun and others 2023). sparsegpt: what the
 * layer's output loses when the weight goes and the others make up for it (Frantar and Alistarh 2023).
 */
export type SparseCriterion = 'magnitude' | 'wanda' | 'sparsegpt';

export interface SparseOptions {
	readonly criterion: SparseCriterion;
	readonly pattern: SparsePattern;
	/** Added to the diagonal of the Gram matrix, in shares of its mean. */
	readonly damping: number;
	/** Passes in which each kept weight moves to where the layer's error is least; 0: none. */
	readonly sweeps: number;
	/** Products of float32 matrices by the runtime; plain loops where absent. */
	readonly multiply?: Multiply | undefined;
	readonly signal?: AbortSignal | undefined;
}

export interface SparseResult {
	/** [rows, columns] with the zeros set. */
	readonly values: Float32Array;
	/** Squared error of the layer's output over the rows behind the Gram matrix, for zeros alone and as found, and the output's power. */
	readonly zeroedError: number;
	readonly error: number;
	readonly power: number;
}

/** Columns whose zeros are chosen together; what they cost is then spread over the columns after them. */
const BLOCK = 128;

/**
 * Zeros for a weight W [rows, columns] that multiplies inputs with the Gram matrix H = sum(x x^T) [columns, columns]: least
 * tr((W - V) H (W - V)^T). With `sparsegpt` columns are walked in blocks; removed weights are made up for by the later columns of their
 * row through the Cholesky factor of H^-1. Then coordinate descent over the kept weights.
 */
export async function sparsify(
	weights: Float32Array,
	rows: number,
	columns: number,
	gram: Float64Array,
	options: SparseOptions,
): Promise<SparseResult> {
	const { damped, damping } = dampedGram(gram, columns, options.damping);
	const kept = new Uint8Array(rows * columns).fill(1);
	const values = weights.slice();
	if (options.criterion === 'sparsegpt') await walkBlocks(values, kept, rows, columns, gram, options);
	else {
		const power = Float64Array.from({ length: columns }, (_, c) => (options.criterion === 'wanda' ? gram[c * columns + c]! : 1));
		choose(kept, rows, columns, 0, columns, options.pattern, (r, c) => values[r * columns + c]! ** 2 * power[c]!);
	}
	for (let i = 0; i < values.length; i++) if (kept[i] === 0) values[i] = 0;
	const zeroed = weights.map((weight, i) => weight * kept[i]!);
	const product = productWith(gram, rows, columns, options.multiply);
	const zeroedError = await outputError(weights, zeroed, product);
	for (let sweep = 0; sweep < options.sweeps; sweep++) {
		options.signal?.throwIfAborted();
		const difference = weights.map((weight, i) => weight - values[i]!);
		descend(values, kept, await product(difference), difference, damped, damping, rows, columns);
	}
	const power = await outputError(weights, new Float32Array(weights.length), product);
	const error = await outputError(weights, values, product);
	// Where making up did harm (few rows, rounding), zeros alone are kept: never worse than that.
	return error <= zeroedError ? { values, zeroedError, error, power } : { values: zeroed, zeroedError, error: zeroedError, power };
}

async function walkBlocks(
	values: Float32Array,
	kept: Uint8Array,
	rows: number,
	columns: number,
	gram: Float64Array,
	{ pattern, damping, signal }: SparseOptions,
): Promise<void> {
	const upper = inverseFactor(gram, columns, damping);
	const align = pattern.kind === 'groups' ? pattern.group : 1;
	const step = Math.max(align, Math.floor(BLOCK / align) * align);
	const errors = new Float64Array(step);
	for (let from = 0; from < columns; from += step) {
		signal?.throwIfAborted();
		const to = Math.min(from + step, columns);
		choose(kept, rows, columns, from, to, pattern, (r, c) => (values[r * columns + c]! / upper[c * columns + c]!) ** 2);
		for (let r = 0; r < rows; r++) {
			const row = r * columns;
			for (let c = from; c < to; c++) {
				const removed = kept[row + c] === 0 ? values[row + c]! / upper[c * columns + c]! : 0;
				errors[c - from] = removed;
				if (removed === 0) continue;
				for (let k = c; k < to; k++) values[row + k]! -= removed * upper[c * columns + k]!;
				values[row + c] = 0;
			}
			for (let c = from; c < to; c++) {
				const removed = errors[c - from]!;
				if (removed === 0) continue;
				for (let k = to; k < columns; k++) values[row + k]! -= removed * upper[c * columns + k]!;
			}
		}
		await Promise.resolve();
	}
}

/**
 * Upper triangular U with (H + d I)^-1 = U^T U, row-major. With J reversing the order of columns and J H J = L L^T, U = J L^-1 J: one
 * factorization, and no inverse of H.
 */
function inverseFactor(gram: Float64Array, n: number, damping: number): Float32Array {
	return inverseOfLower(dampedCholesky(gram.slice().reverse(), n, damping).factor, n).reverse();
}

/** Marks the weights of columns [from, to) that go: those with the least scores. */
function choose(
	kept: Uint8Array,
	rows: number,
	columns: number,
	from: number,
	to: number,
	pattern: SparsePattern,
	score: (row: number, column: number) => number,
): void {
	if (pattern.kind === 'groups') {
		const order = new Float64Array(pattern.group);
		for (let r = 0; r < rows; r++) {
			for (let start = from; start + pattern.group <= to; start += pattern.group) {
				for (let k = 0; k < pattern.group; k++) order[k] = score(r, start + k);
				const places = Array.from(order.keys()).sort((a, b) => order[a]! - order[b]! || a - b);
				for (const place of places.slice(0, pattern.group - pattern.keep)) kept[r * columns + start + place] = 0;
			}
		}
		return;
	}
	const width = to - from;
	const scores = new Float64Array(rows * width);
	for (let r = 0; r < rows; r++) for (let c = 0; c < width; c++) scores[r * width + c] = score(r, from + c);
	const count = Math.round(scores.length * pattern.zeros);
	if (count <= 0) return;
	const threshold = scores.slice().sort()[count - 1]!;
	let left = count;
	for (const value of scores) if (value < threshold) left -= 1;
	for (let i = 0; i < scores.length; i++) {
		const value = scores[i]!;
		if (value > threshold || (value === threshold && left-- <= 0)) continue;
		kept[Math.floor(i / width) * columns + from + (i % width)] = 0;
	}
}

function dampedGram(gram: Float64Array, n: number, share: number): { readonly damped: Float64Array; readonly damping: number } {
	let trace = 0;
	for (let i = 0; i < n; i++) trace += gram[i * n + i]!;
	const damping = (share * (trace > 0 ? trace : n)) / n;
	const damped = gram.slice();
	for (let i = 0; i < n; i++) damped[i * n + i]! += damping;
	return { damped, damping };
}

/**
 * One pass of coordinate descent over the kept weights of every row: each goes to where tr((W - V) H (W - V)^T) is least. `slopes`:
 * (W - V) H without damping [rows, columns]; the damping of H is added for what differs.
 */
function descend(
	values: Float32Array,
	kept: Uint8Array,
	slopes: ArrayLike<number>,
	difference: Float32Array,
	damped: Float64Array,
	damping: number,
	rows: number,
	columns: number,
): void {
	const gradient = new Float64Array(columns);
	for (let r = 0; r < rows; r++) {
		const row = r * columns;
		for (let k = 0; k < columns; k++) gradient[k] = slopes[row + k]! + damping * difference[row + k]!;
		for (let j = 0; j < columns; j++) {
			if (kept[row + j] === 0) continue;
			const at = j * columns;
			const before = values[row + j]!;
			const after = Math.fround(before + gradient[j]! / damped[at + j]!);
			const change = after - before;
			if (change === 0) continue;
			values[row + j] = after;
			for (let k = 0; k < columns; k++) gradient[k]! -= change * damped[at + k]!;
		}
	}
}

/** D -> D H for D [rows, columns]. */
function productWith(
	gram: Float64Array,
	rows: number,
	columns: number,
	multiply: Multiply | undefined,
): (d: Float32Array) => Promise<ArrayLike<number>> {
	if (multiply) {
		const single = Float32Array.from(gram);
		return (d) => multiply(d, single, rows, columns, columns);
	}
	return async (d) => {
		const out = new Float64Array(rows * columns);
		for (let row = 0; row < out.length; row += columns) {
			for (let j = 0; j < columns; j++) {
				const x = d[row + j]!;
				if (x === 0) continue;
				const at = j * columns;
				for (let k = 0; k < columns; k++) out[row + k]! += x * gram[at + k]!;
			}
		}
		return out;
	};
}

/** tr((A - B) H (A - B)^T). */
async function outputError(a: Float32Array, b: Float32Array, product: (d: Float32Array) => Promise<ArrayLike<number>>): Promise<number> {
	const difference = a.map((x, i) => x - b[i]!);
	const times = await product(difference);
	let total = 0;
	for (let i = 0; i < difference.length; i++) total += difference[i]! * times[i]!;
	return Math.max(0, total);
}
