import { dampedCholesky, inverseFromCholesky, solveCholesky } from '../numeric/linear-algebra.ts';
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
	readonly heldCovariance: Float64Array;
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
	readonly products: RowProducts;
	readonly signal?: AbortSignal | undefined;
}

/**
 * Optimal brain surgeon on the inputs of layers (Hassibi and Stork 1992; blocks of features as in Kurtic et al. 2022): the unit goes whose
 * loss costs least once the weights of the others have made up for it, again and again. With H^-1 the inverse covariance and F the
 * features of a unit, removing it costs tr(W_F (H^-1_FF)^-1 W_F^T); the others become W - W_F (H^-1_FF)^-1 H^-1_F:.
 */
export async function removalOrder(layers: readonly SurgeonLayer[], units: number, options: SurgeonOptions): Promise<Removal> {
	const states = layers.map((layer) => new LayerState(layer, options));
	const alive = new Set(Array.from({ length: units }, (_, unit) => unit));
	const order: number[] = [];
	const curve: ErrorPoint[] = [];
	const measure = async (): Promise<void> => {
		if (!options.measureAt.includes(order.length)) return;
		let error = 0;
		for (const state of states) error += await state.heldError();
		const wanted = options.keepWeightsAt.includes(order.length);
		curve.push({ removed: order.length, error, ...(wanted && { layers: states.map((state) => state.result(order)) }) });
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
	return { order, curve };
}

/** Outputs that stand for all of a layer while units are ranked. */
const MOST_OUTPUTS = 128;

class LayerState {
	readonly #layer: SurgeonLayer;
	readonly #products: RowProducts;
	readonly #damping: number;
	readonly #outputs: number;
	readonly #inverse: Float64Array;
	/** Weights while units go: the layer's own, or random mixtures of its outputs where these are many. */
	readonly #weights: Float64Array;
	readonly #start: Float64Array;
	/** Sum over outputs of squared weights, by feature. */
	readonly #energy: Float64Array;
	readonly #gone: Uint8Array;
	readonly #scale: number;
	readonly #held: Float32Array;
	#signal: number | undefined;

	constructor(layer: SurgeonLayer, options: SurgeonOptions) {
		this.#layer = layer;
		this.#products = options.products;
		const n = layer.features;
		// Few rows for many features say little about what makes up for what.
		this.#damping = options.damping;
		this.#inverse = inverseFromCholesky(dampedCholesky(layer.covariance, n, this.#damping).factor, n);
		this.#outputs = Math.min(layer.outputs, MOST_OUTPUTS);
		this.#weights = mixed(layer.weights, layer.outputs, n, this.#outputs);
		this.#start = this.#weights.slice();
		this.#energy = new Float64Array(n);
		this.#gone = new Uint8Array(n);
		this.#held = Float32Array.from(layer.heldCovariance);
		let variance = 0;
		for (let i = 0; i < this.#weights.length; i++) this.#energy[i % n]! += (this.#weights[i] as number) ** 2;
		for (let i = 0; i < n; i++) variance += (this.#energy[i] as number) * (layer.covariance[i * n + i] as number);
		this.#scale = variance > 0 ? 1 / variance : 0;
	}

	cost(unit: number): number {
		const features = this.#layer.unitFeatures[unit] ?? [];
		const n = this.#layer.features;
		if (features.length === 1) {
			const f = features[0] as number;
			return ((this.#energy[f] as number) / (this.#inverse[f * n + f] as number)) * this.#scale;
		}
		const small = this.#block(features);
		if (!small) return 0;
		let cost = 0;
		for (let o = 0; o < this.#outputs; o++) {
			for (const [i, a] of features.entries()) {
				for (const [j, b] of features.entries()) {
					cost += (this.#weights[o * n + a] as number) * (this.#weights[o * n + b] as number) * (small[i * features.length + j] as number);
				}
			}
		}
		return cost * this.#scale;
	}

	/** (H^-1_FF)^-1 for the features of a unit. */
	#block(features: readonly number[]): Float64Array | undefined {
		const m = features.length;
		if (m === 0) return undefined;
		const n = this.#layer.features;
		const block = new Float64Array(m * m);
		for (const [i, a] of features.entries()) for (const [j, b] of features.entries()) block[i * m + j] = this.#inverse[a * n + b] as number;
		return inverseFromCholesky(dampedCholesky(block, m, 1e-9).factor, m);
	}

	remove(unit: number): void {
		const features = this.#layer.unitFeatures[unit] ?? [];
		const small = this.#block(features);
		if (!small) return;
		const n = this.#layer.features;
		const outputs = this.#outputs;
		const m = features.length;
		// Rows (H^-1_FF)^-1 H^-1_F: of the update.
		const update = new Float64Array(m * n);
		for (let i = 0; i < m; i++) {
			for (let k = 0; k < m; k++) {
				const s = small[i * m + k] as number;
				const from = (features[k] as number) * n;
				for (let j = 0; j < n; j++) update[i * n + j]! += s * (this.#inverse[from + j] as number);
			}
		}
		for (let o = 0; o < outputs; o++) {
			const row = o * n;
			for (let i = 0; i < m; i++) {
				const w = this.#weights[row + (features[i] as number)] as number;
				if (w === 0) continue;
				const from = i * n;
				for (let j = 0; j < n; j++) this.#weights[row + j]! -= w * (update[from + j] as number);
			}
			for (const f of features) this.#weights[row + f] = 0;
		}
		const columns = features.map((f) => Float64Array.from({ length: n }, (_, i) => this.#inverse[i * n + f] as number));
		for (let r = 0; r < n; r++) {
			if (this.#gone[r]) continue;
			const row = r * n;
			for (let i = 0; i < m; i++) {
				const c = columns[i]?.[r] as number;
				if (c === 0) continue;
				const from = i * n;
				for (let j = 0; j < n; j++) this.#inverse[row + j]! -= c * (update[from + j] as number);
			}
		}
		for (const f of features) {
			this.#gone[f] = 1;
			for (let i = 0; i < n; i++) {
				this.#inverse[f * n + i] = 0;
				this.#inverse[i * n + f] = 0;
			}
		}
		this.#energy.fill(0);
		for (let o = 0; o < outputs; o++) {
			const row = o * n;
			for (let j = 0; j < n; j++) this.#energy[j]! += (this.#weights[row + j] as number) ** 2;
		}
	}

	/** Error on held-out rows over their variance. */
	async heldError(): Promise<number> {
		this.#signal ??= await this.#power(this.#start);
		const difference = this.#weights.map((w, i) => w - (this.#start[i] as number));
		return this.#signal > 0 ? (await this.#power(difference)) / this.#signal : 0;
	}

	/** tr(W C W^T) over held-out rows. */
	async #power(weights: Float64Array): Promise<number> {
		const n = this.#layer.features;
		const count = this.#outputs;
		const turned = new Float32Array(weights.length);
		for (let o = 0; o < count; o++) for (let i = 0; i < n; i++) turned[i * count + o] = weights[o * n + i] as number;
		const product = await this.#products.of(this.#held, turned, n);
		let total = 0;
		for (let i = 0; i < turned.length; i++) total += (turned[i] as number) * (product[i] as number);
		return Math.max(0, total);
	}

	/** The weights that make up for the units in `order`, for all outputs: W - W_R (H^-1_RR)^-1 H^-1_R: with the inverse at the start. */
	result(order: readonly number[]): { weights: Float32Array; biasChange: Float32Array } {
		const { outputs, features: n, weights, means, covariance, unitFeatures } = this.#layer;
		const gone = new Set(order.flatMap((unit) => unitFeatures[unit] ?? []));
		const kept = Array.from({ length: n }, (_, i) => i).filter((i) => !gone.has(i));
		const removed = [...gone];
		// Regression of what is gone on what stays: (C_KK + d)^-1 C_KR, [kept, removed].
		const inner = new Float64Array(kept.length * kept.length);
		const right = new Float64Array(kept.length * removed.length);
		for (const [i, a] of kept.entries()) {
			for (const [j, b] of kept.entries()) inner[i * kept.length + j] = covariance[a * n + b] as number;
			for (const [j, b] of removed.entries()) right[i * removed.length + j] = covariance[a * n + b] as number;
		}
		solveCholesky(dampedCholesky(inner, kept.length, this.#damping).factor, kept.length, right, removed.length);
		const out = new Float32Array(weights.length);
		const biasChange = new Float32Array(outputs);
		for (let o = 0; o < outputs; o++) {
			const row = o * n;
			for (const [i, a] of kept.entries()) {
				let sum = weights[row + a] as number;
				for (const [j, b] of removed.entries()) sum += (weights[row + b] as number) * (right[i * removed.length + j] as number);
				out[row + a] = sum;
			}
			let shift = 0;
			for (let i = 0; i < n; i++) shift += ((weights[row + i] as number) - (out[row + i] as number)) * (means[i] as number);
			biasChange[o] = shift;
		}
		return { weights: out, biasChange };
	}
}

/** Random sums of rows with equal expected energy of each column (Johnson and Lindenstrauss); the rows themselves where they are few. */
function mixed(weights: Float32Array, outputs: number, features: number, count: number): Float64Array {
	if (count === outputs) return Float64Array.from(weights);
	const random = seededRandom(outputs);
	const out = new Float64Array(count * features);
	const scale = 1 / Math.sqrt(count);
	for (let o = 0; o < outputs; o++) {
		for (let c = 0; c < count; c++) {
			const sign = random.next() < 0.5 ? -scale : scale;
			for (let i = 0; i < features; i++) out[c * features + i]! += sign * (weights[o * features + i] as number);
		}
	}
	return out;
}
