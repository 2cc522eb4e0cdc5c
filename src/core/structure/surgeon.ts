import { dampedCholesky, inverseFromCholesky } from '../numeric/linear-algebra.ts';

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
	/** Added to the diagonal, as a share of its mean: how little the rows are trusted. default 0.01 */
	readonly damping?: number;
	readonly signal?: AbortSignal | undefined;
}

/**
 * Optimal brain surgeon on the inputs of layers (Hassibi and Stork 1992; blocks of features as in Kurtic et al. 2022): the unit goes whose
 * loss costs least once the weights of the others have made up for it, again and again. With H^-1 the inverse covariance and F the
 * features of a unit, removing it costs tr(W_F (H^-1_FF)^-1 W_F^T); the others become W - W_F (H^-1_FF)^-1 H^-1_F:.
 */
export function removalOrder(layers: readonly SurgeonLayer[], units: number, options: SurgeonOptions): Removal {
	const states = layers.map((layer) => new LayerState(layer, options.damping ?? 0.01));
	const alive = new Set(Array.from({ length: units }, (_, unit) => unit));
	const order: number[] = [];
	const curve: ErrorPoint[] = [];
	const measure = (): void => {
		if (!options.measureAt.includes(order.length)) return;
		const error = states.reduce((sum, state) => sum + state.heldError(), 0);
		const wanted = options.keepWeightsAt.includes(order.length);
		curve.push({ removed: order.length, error, ...(wanted && { layers: states.map((state) => state.result()) }) });
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
		measure();
	}
	return { order, curve };
}

class LayerState {
	readonly #layer: SurgeonLayer;
	readonly #inverse: Float64Array;
	readonly #weights: Float64Array;
	/** Sum over outputs of squared weights, by feature. */
	readonly #energy: Float64Array;
	readonly #gone: Uint8Array;
	readonly #scale: number;

	constructor(layer: SurgeonLayer, damping: number) {
		this.#layer = layer;
		const n = layer.features;
		this.#inverse = inverseFromCholesky(dampedCholesky(layer.covariance, n, damping).factor, n);
		this.#weights = Float64Array.from(layer.weights);
		this.#energy = new Float64Array(n);
		this.#gone = new Uint8Array(n);
		const variance = quadratic(layer.covariance, n, this.#weights);
		this.#scale = variance > 0 ? 1 / variance : 0;
		for (let i = 0; i < this.#weights.length; i++) this.#energy[i % n]! += (this.#weights[i] as number) ** 2;
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
		for (let o = 0; o < this.#layer.outputs; o++) {
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
		const { outputs, features: n } = this.#layer;
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
	heldError(): number {
		const { weights, features, heldCovariance } = this.#layer;
		const difference = this.#weights.map((w, i) => w - (weights[i] as number));
		const signal = quadratic(heldCovariance, features, Float64Array.from(weights));
		return signal > 0 ? quadratic(heldCovariance, features, difference) / signal : 0;
	}

	result(): { weights: Float32Array; biasChange: Float32Array } {
		const { outputs, features, weights, means } = this.#layer;
		const biasChange = new Float32Array(outputs);
		for (let o = 0; o < outputs; o++) {
			let sum = 0;
			for (let i = 0; i < features; i++) {
				const at = o * features + i;
				sum += ((weights[at] as number) - (this.#weights[at] as number)) * (means[i] as number);
			}
			biasChange[o] = sum;
		}
		return { weights: Float32Array.from(this.#weights), biasChange };
	}
}

/** tr(W C W^T). */
function quadratic(covariance: Float64Array, n: number, weights: Float64Array): number {
	let total = 0;
	const row = new Float64Array(n);
	for (let base = 0; base < weights.length; base += n) {
		row.fill(0);
		for (let i = 0; i < n; i++) {
			const w = weights[base + i] as number;
			if (w === 0) continue;
			const at = i * n;
			for (let j = 0; j < n; j++) row[j]! += w * (covariance[at + j] as number);
		}
		for (let j = 0; j < n; j++) total += (row[j] as number) * (weights[base + j] as number);
	}
	return Math.max(0, total);
}
