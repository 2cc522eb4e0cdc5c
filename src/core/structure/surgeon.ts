import { giveBack } from '../bytes/give-back.ts';
import { dampedCholesky, inverseOfLower, solveCholesky } from '../numeric/linear-algebra.ts';
import { seededRandom } from '../numeric/random.ts';
import type { RowProducts } from '../refit/moments.ts';

/** One layer that sums over channels that may go. */
export interface SurgeonLayer {
	/** [outputs, features] row-major. */
	readonly weights: Float32Array;
	readonly outputs: number;
	readonly features: number;
	/** Covariance of the features over the rows to learn from, and over rows held out; [features, features], any common scale. */
	readonly covariance: Float64Array;
	readonly heldCovariance: Float32Array;
	/** Means of the features, for the bias that makes up for what goes. */
	readonly means: Float64Array;
	/** Rows that the covariance was taken over. */
	readonly rows: number;
	/** Features of each unit, in the order of units. */
	readonly unitFeatures: readonly (readonly number[])[];
}

/** What a number of removed units costs. */
export interface ErrorPoint {
	readonly removed: number;
	/** Squared error of the layers' outputs on held-out rows over their variance, summed over layers, others made up for by the rest. */
	readonly error: number;
	/** For each layer the weights that make up for what is gone [outputs, features], and what is added to the bias. */
	readonly layers?: readonly { readonly weights: Float32Array; readonly biasChange: Float32Array }[];
}

export interface Removal {
	/** Units, first to go first. */
	readonly order: readonly number[];
	readonly curve: readonly ErrorPoint[];
}

export interface SurgeonOptions {
	/** Units that go at most. */
	readonly most: number;
	/** Counts of removed units at which the error is measured, ascending. */
	readonly measureAt: readonly number[];
	/** Of these, where the weights are wanted. */
	readonly keepWeightsAt: readonly number[];
	/** An order to follow instead of the cheapest first. */
	readonly order?: readonly number[];
	/** Added to the diagonals of the covariances, in shares of their means. */
	readonly damping: number;
	/** Products by a runtime. */
	readonly products: Pick<RowProducts, 'of'>;
	readonly signal?: AbortSignal | undefined;
}

/**
 * Optimal brain surgeon on the inputs of layers (Hassibi and Stork 1992; blocks of features as in Kurtic et al. 2022): the unit goes whose
 * loss costs least once the weights of the others have made up for it, again and again. With H^-1 the inverse covariance and F the
 * features of a unit, removing it costs tr(W_F (H^-1_FF)^-1 W_F^T); the others become W - W_F (H^-1_FF)^-1 H^-1_F:.
 */
export async function removalOrder(layers: readonly SurgeonLayer[], units: number, options: SurgeonOptions): Promise<Removal> {
	const states: LayerState[] = [];
	for (const layer of layers) states.push(await LayerState.open(layer, options));
	const alive = new Set(Array.from({ length: units }, (_, unit) => unit));
	const order: number[] = [];
	const curve: ErrorPoint[] = [];
	const measure = async (): Promise<void> => {
		if (!options.measureAt.includes(order.length)) return;
		let error = 0;
		for (const state of states) error += await state.heldError();
		const wanted = options.keepWeightsAt.includes(order.length);
		const results: Awaited<ReturnType<LayerState['result']>>[] = [];
		if (wanted) for (const state of states) results.push(await state.result());
		curve.push({ removed: order.length, error, ...(wanted && { layers: results }) });
	};
	while (order.length < options.most) {
		options.signal?.throwIfAborted();
		let next = options.order?.[order.length] ?? -1;
		if (!options.order) {
			let least = Number.POSITIVE_INFINITY;
			for (const unit of alive) {
				let cost = 0;
				for (const state of states) cost += state.cost(unit);
				if (cost < least) [least, next] = [cost, unit];
			}
		}
		if (next < 0) break;
		for (const state of states) state.remove(next);
		alive.delete(next);
		order.push(next);
		await measure();
	}
	for (const state of states) state.release();
	return { order, curve };
}

/** Outputs that stand for all of a layer while units are ranked. */
const MOST_OUTPUTS = 128;

/**
 * Units of a group are removed from one layer after another, nothing of the size of the inverse covariance being rewritten: each removed
 * feature leaves one row of a pivoted Cholesky factor of the inverse (Golub and Van Loan, Matrix Computations, 4.2.8), from which the
 * columns that later removals need are told. n k numbers are read for the k-th removal instead of n^2 being updated.
 */
class LayerState {
	readonly #layer: SurgeonLayer;
	readonly #products: Pick<RowProducts, 'of'>;
	readonly #outputs: number;
	/** Inverse of the damped covariance, as it was at the start. */
	readonly #inverse: Float32Array;
	/** A row for each removed feature: H^-1 of what is left is H^-1 - R^T R. */
	readonly #rows: Float32Array[] = [];
	/** The removed features, in the order of the rows. */
	readonly #removed: number[] = [];
	/** Weights while units go: the layer's own, or random mixtures of its outputs where these are many. */
	readonly #weights: Float32Array;
	readonly #start: Float32Array;
	/** For each unit that is left its block of H^-1 and of W^T W, [m, m]. */
	readonly #blocks: ({ readonly inverse: Float64Array; readonly energy: Float64Array } | undefined)[];
	readonly #scale: number;
	/** Room for sums over the features. */
	readonly #sums: Float64Array;
	#signal: number | undefined;

	private constructor(layer: SurgeonLayer, inverse: Float32Array, products: Pick<RowProducts, 'of'>) {
		this.#layer = layer;
		this.#products = products;
		this.#inverse = inverse;
		const n = layer.features;
		this.#sums = new Float64Array(n);
		this.#outputs = Math.min(layer.outputs, MOST_OUTPUTS);
		this.#weights = mixed(layer.weights, layer.outputs, n, this.#outputs);
		this.#start = this.#weights.slice();
		let variance = 0;
		for (let i = 0; i < this.#weights.length; i++) {
			const f = i % n;
			variance += (this.#weights[i] as number) ** 2 * (layer.covariance[f * n + f] as number);
		}
		this.#scale = variance > 0 ? 1 / variance : 0;
		this.#blocks = layer.unitFeatures.map((features) => ({
			inverse: this.#square(features, (a, b) => inverse[a * n + b] as number),
			energy: this.#square(features, (a, b) => {
				let sum = 0;
				for (let at = 0; at < this.#weights.length; at += n) sum += (this.#weights[at + a] as number) * (this.#weights[at + b] as number);
				return sum;
			}),
		}));
	}

	static async open(layer: SurgeonLayer, { products, damping }: SurgeonOptions): Promise<LayerState> {
		const n = layer.features;
		// L^-T L^-1, the product by the runtime.
		const { factor } = dampedCholesky(layer.covariance, n, damping);
		const lower = inverseOfLower(factor, n);
		giveBack(factor);
		const inverse = await products.of(lower, lower, n);
		giveBack(lower);
		return new LayerState(layer, inverse, products);
	}

	#square(features: readonly number[], entry: (a: number, b: number) => number): Float64Array {
		const m = features.length;
		const out = new Float64Array(m * m);
		for (const [i, a] of features.entries()) for (const [j, b] of features.entries()) out[i * m + j] = entry(a, b);
		return out;
	}

	/** tr(W_F (H^-1_FF)^-1 W_F^T) over the variance of the outputs. */
	cost(unit: number): number {
		const block = this.#blocks[unit];
		if (!block) return 0;
		const { inverse, energy } = block;
		if (inverse.length === 1) return ((energy[0] as number) / Math.max(inverse[0] as number, LEAST)) * this.#scale;
		const m = Math.sqrt(inverse.length);
		if (m === 0) return 0;
		const solved = energy.slice();
		solveCholesky(dampedCholesky(inverse, m, 1e-9).factor, m, solved, m);
		let trace = 0;
		for (let i = 0; i < m; i++) trace += solved[i * m + i] as number;
		return trace * this.#scale;
	}

	remove(unit: number): void {
		this.#blocks[unit] = undefined;
		for (const feature of this.#layer.unitFeatures[unit] ?? []) this.#removeFeature(feature);
	}

	#removeFeature(f: number): void {
		const n = this.#layer.features;
		const row = this.#inverse.slice(f * n, (f + 1) * n);
		const sums = this.#sums;
		subtractCombined(row, this.#rows, f, sums);
		const pivot = Math.max(row[f] as number, LEAST);
		const by = 1 / Math.sqrt(pivot);
		for (let j = 0; j < n; j++) row[j] = (row[j] as number) * by;
		// What is gone stays out of reach, whatever rounding left of it.
		for (const gone of this.#removed) row[gone] = 0;
		// w is the feature's column of the weights, u what it gives to W^T w.
		const weights = this.#weights;
		const u = sums.fill(0);
		let energy = 0;
		for (let at = 0; at < weights.length; at += n) {
			const w = weights[at + f] as number;
			if (w === 0) continue;
			energy += w * w;
			for (let j = 0; j < n; j++) u[j]! += w * (weights[at + j] as number);
		}
		for (let at = 0; at < weights.length; at += n) {
			const w = (weights[at + f] as number) * by;
			if (w === 0) continue;
			for (let j = 0; j < n; j++) weights[at + j]! -= w * (row[j] as number);
			weights[at + f] = 0;
		}
		for (const [unit, block] of this.#blocks.entries()) {
			if (!block) continue;
			const features = this.#layer.unitFeatures[unit] as readonly number[];
			const m = features.length;
			for (let i = 0; i < m; i++) {
				const a = features[i] as number;
				const ra = row[a] as number;
				for (let j = 0; j < m; j++) {
					const b = features[j] as number;
					const rb = row[b] as number;
					block.inverse[i * m + j]! -= ra * rb;
					block.energy[i * m + j]! += ra * rb * by * by * energy - by * ((u[a] as number) * rb + ra * (u[b] as number));
				}
			}
		}
		this.#rows.push(row);
		this.#removed.push(f);
	}

	/** Gives its memory back, not that of the layer. */
	release(): void {
		for (const data of [this.#inverse, this.#weights, this.#start]) giveBack(data);
		for (const row of this.#rows) giveBack(row);
	}

	/** Error on held-out rows over their variance. */
	async heldError(): Promise<number> {
		this.#signal ??= await this.#power(this.#start);
		if (this.#signal <= 0) return 0;
		const change = this.#weights.map((w, i) => w - (this.#start[i] as number));
		const error = await this.#power(change);
		giveBack(change);
		return error / this.#signal;
	}

	/** tr(W C W^T) over held-out rows. */
	async #power(weights: Float32Array): Promise<number> {
		const n = this.#layer.features;
		const turned = transposed(weights, this.#outputs, n);
		const product = await this.#products.of(this.#layer.heldCovariance, turned, n);
		let total = 0;
		for (let i = 0; i < turned.length; i++) total += (turned[i] as number) * (product[i] as number);
		giveBack(turned);
		giveBack(product);
		return Math.max(0, total);
	}

	/** The weights that make up for what is gone, for all outputs: W - W_F (H^-1_FF)^-1 H^-1_F:, of the rows R: W - W_F R_:F^-1 R. */
	async result(): Promise<{ weights: Float32Array; biasChange: Float32Array }> {
		const { outputs, features: n, weights, means } = this.#layer;
		const removed = this.#removed;
		const k = removed.length;
		// Y = W_F R_:F^-1, turned: R_:F is upper triangular, since a removed feature is zero in all later rows.
		const y = new Float32Array(k * outputs);
		for (let i = 0; i < k; i++) {
			const to = y.subarray(i * outputs, (i + 1) * outputs);
			const f = removed[i] as number;
			for (let o = 0; o < outputs; o++) to[o] = weights[o * n + f] as number;
			for (let j = 0; j < i; j++) {
				const by = this.#rows[j]?.[f] as number;
				const from = y.subarray(j * outputs, (j + 1) * outputs);
				for (let o = 0; o < outputs; o++) to[o]! -= by * (from[o] as number);
			}
			const pivot = 1 / (this.#rows[i]?.[f] as number);
			for (let o = 0; o < outputs; o++) to[o]! *= pivot;
		}
		const stacked = new Float32Array(k * n);
		for (const [i, row] of this.#rows.entries()) stacked.set(row, i * n);
		const change = await this.#products.of(y, stacked, k);
		giveBack(y);
		giveBack(stacked);
		const out = new Float32Array(weights.length);
		const biasChange = new Float32Array(outputs);
		for (let o = 0; o < outputs; o++) {
			let shift = 0;
			for (let i = 0; i < n; i++) {
				out[o * n + i] = (weights[o * n + i] as number) - (change[o * n + i] as number);
			}
			for (const f of removed) out[o * n + f] = 0;
			for (let i = 0; i < n; i++) shift += ((weights[o * n + i] as number) - (out[o * n + i] as number)) * (means[i] as number);
			biasChange[o] = shift;
		}
		giveBack(change);
		return { weights: out, biasChange };
	}
}

/** Least pivot of an inverse covariance: below it is rounding. */
const LEAST = 1e-30;

/** row -= sum of rows times their entries at a feature, four at a time; `sum` is room for that. */
function subtractCombined(row: Float32Array, rows: readonly Float32Array[], feature: number, sum: Float64Array): void {
	const n = row.length;
	sum.fill(0);
	let k = 0;
	for (; k + 3 < rows.length; k += 4) {
		const [p, q, r, s] = [rows[k], rows[k + 1], rows[k + 2], rows[k + 3]] as [Float32Array, Float32Array, Float32Array, Float32Array];
		const [a, b, c, d] = [p[feature]!, q[feature]!, r[feature]!, s[feature]!];
		for (let j = 0; j < n; j++) sum[j]! += a * p[j]! + b * q[j]! + c * r[j]! + d * s[j]!;
	}
	for (; k < rows.length; k++) {
		const p = rows[k] as Float32Array;
		const a = p[feature]!;
		for (let j = 0; j < n; j++) sum[j]! += a * p[j]!;
	}
	for (let j = 0; j < n; j++) row[j]! -= sum[j]!;
}

function transposed(data: Float32Array, rows: number, columns: number): Float32Array {
	const out = new Float32Array(data.length);
	for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j] as number;
	return out;
}

/** Random sums of rows with equal expected energy of each column (Johnson and Lindenstrauss); the rows themselves where they are few. */
function mixed(weights: Float32Array, outputs: number, features: number, count: number): Float32Array {
	if (count === outputs) return weights.slice();
	const random = seededRandom(outputs);
	const out = new Float32Array(count * features);
	const scale = 1 / Math.sqrt(count);
	for (let o = 0; o < outputs; o++) {
		for (let c = 0; c < count; c++) {
			const sign = random.next() < 0.5 ? -scale : scale;
			for (let i = 0; i < features; i++) out[c * features + i]! += sign * (weights[o * features + i] as number);
		}
	}
	return out;
}
