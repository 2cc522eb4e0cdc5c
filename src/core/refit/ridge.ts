import { giveBack } from '../bytes/give-back.ts';
import { solveCholeskyBlocked } from '../numeric/blocked-solve.ts';
import { dampedCholesky, NotPositiveDefinite } from '../numeric/linear-algebra.ts';
import type { Moments, RowProducts } from './moments.ts';

/** Weights [outputs, features] and bias of an affine map. */
export interface Affine {
	readonly weights: Float64Array;
	readonly bias: Float64Array;
}

/** Covariance of the features, not divided by the rows, in double or single precision. */
export function centred<Numbers extends Float32Array | Float64Array = Float64Array>(
	moments: Moments,
	out: Numbers = moments.xx.slice() as Numbers,
): Numbers {
	const { features, xx, x, rows } = moments;
	for (let i = 0; i < features; i++) {
		const mean = (x[i] as number) / Math.max(1, rows);
		for (let j = 0; j < features; j++) out[i * features + j] = (xx[i * features + j] as number) - mean * (x[j] as number);
	}
	return out;
}

/** Means of features and outputs where a bias takes them up, else zeros. */
function meansOf(moments: Moments, withBias: boolean): { x: Float64Array; y: Float64Array } {
	const mean = (sum: number): number => (withBias ? sum / Math.max(1, moments.rows) : 0);
	return { x: moments.x.map(mean), y: moments.y.map(mean) };
}

/** tr(W A W^T) and W A for W [outputs, n], A symmetric [n, n], by the runtime. */
async function timesSymmetric(products: RowProducts, weights: Float64Array, matrix: Float32Array, n: number): Promise<Float32Array> {
	const outputs = weights.length / n;
	// [n, outputs]
	const right = turned(weights, outputs, n);
	const product = await products.of(matrix, right, n);
	giveBack(right);
	return product;
}

/** In single precision, divided by a number. */
function scaledBy(data: Float64Array, by: number): Float32Array {
	const out = new Float32Array(data.length);
	for (let i = 0; i < out.length; i++) out[i] = (data[i] as number) / by;
	return out;
}

function turned(data: ArrayLike<number>, rows: number, columns: number): Float32Array {
	const out = new Float32Array(data.length);
	for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j] as number;
	return out;
}

/**
 * Judges changes of an affine map on rows that were not fitted on. Scaled to mean squares, so that float32 products do.
 */
export class HeldRows {
	readonly #moments: Moments;
	readonly #products: RowProducts;
	readonly #start: Affine;
	readonly #xx: Float32Array;

	constructor(moments: Moments, start: Affine, products: RowProducts) {
		this.#moments = moments;
		this.#start = start;
		this.#products = products;
		this.#xx = scaledBy(moments.xx, Math.max(1, moments.rows));
	}

	/** Mean over rows of the squared error, summed over outputs. */
	async error({ weights, bias }: Affine): Promise<number> {
		const { features: n, outputs, rows, x, y, yx, yy } = this.#moments;
		const product = await timesSymmetric(this.#products, weights, this.#xx, n);
		let error = yy / rows;
		for (let o = 0; o < outputs; o++) {
			const b = bias[o] as number;
			for (let i = 0; i < n; i++) {
				const at = o * n + i;
				error +=
					(weights[at] as number) * ((product[i * outputs + o] as number) + (2 * (b * (x[i] as number) - (yx[at] as number))) / rows);
			}
			error += b * b - (2 * b * (y[o] as number)) / rows;
		}
		giveBack(product);
		return Math.max(0, error);
	}

	async before(): Promise<number> {
		return this.error(this.#start);
	}

	/** Gives its memory back, not that of the moments. */
	release(): void {
		giveBack(this.#xx);
	}
}

/**
 * Affine ridge regression drawn towards given weights: least |Y - X W^T - b|^2 + strength * d / 2 |W - W0|^2, where d is the
 * mean variance of the features (Hoerl and Kennard 1970, with a prior mean). All features are drawn alike: those that hardly speak in the
 * sample inputs may speak in others. The bias is not drawn.
 */
export class RidgeTowards {
	readonly #moments: Moments;
	readonly #prior: Float64Array;
	readonly #withBias: boolean;
	readonly #covariance: Float64Array;
	/** What the prior weights leave unexplained, [features, outputs]. */
	readonly #residual: Float64Array;

	readonly #products: RowProducts;

	private constructor(
		moments: Moments,
		prior: Float64Array,
		withBias: boolean,
		covariance: Float64Array,
		residual: Float64Array,
		products: RowProducts,
	) {
		this.#products = products;
		this.#moments = moments;
		this.#prior = prior;
		this.#withBias = withBias;
		this.#covariance = covariance;
		this.#residual = residual;
	}

	static async prepare(moments: Moments, prior: Float64Array, withBias: boolean, products: RowProducts): Promise<RidgeTowards> {
		const { features: n, outputs, rows } = moments;
		const covariance = withBias ? centred(moments) : moments.xx.slice();
		const means = meansOf(moments, withBias);
		const scaled = scaledBy(covariance, Math.max(1, rows));
		const explained = await timesSymmetric(products, prior, scaled, n);
		giveBack(scaled);
		const residual = new Float64Array(n * outputs);
		for (let i = 0; i < n; i++) {
			for (let o = 0; o < outputs; o++) {
				const cross = (moments.yx[o * n + i] as number) - (means.x[i] as number) * (moments.y[o] as number) * (withBias ? 1 : 0);
				residual[i * outputs + o] = cross - (explained[i * outputs + o] as number) * rows;
			}
		}
		giveBack(explained);
		return new RidgeTowards(moments, prior, withBias, covariance, residual, products);
	}

	/** Gives its memory back, not that of the moments and of the prior weights. */
	release(): void {
		giveBack(this.#covariance);
		giveBack(this.#residual);
	}

	/** undefined: the system cannot be solved. */
	async solve(strength: number): Promise<Affine | undefined> {
		const { features: n, outputs } = this.#moments;
		const change = Float32Array.from(this.#residual);
		try {
			const { factor } = dampedCholesky(this.#covariance, n, strength * 0.5 + 1e-7);
			const lower = new Float32Array(factor);
			giveBack(factor);
			await solveCholeskyBlocked(lower, n, change, outputs, async (left, right, rows, inner) => {
				const turnedLeft = turned(left, rows, inner);
				const product = await this.#products.of(turnedLeft, right, inner);
				giveBack(turnedLeft);
				return product;
			});
			giveBack(lower);
		} catch (error) {
			if (error instanceof NotPositiveDefinite || error instanceof RangeError) return undefined;
			throw error;
		}
		const weights = this.#prior.slice();
		for (let o = 0; o < outputs; o++) {
			for (let i = 0; i < n; i++) weights[o * n + i] = (weights[o * n + i] as number) + (change[i * outputs + o] as number);
		}
		giveBack(change);
		if (!weights.every(Number.isFinite)) return undefined;
		return { weights, bias: this.#withBias ? biasFor(this.#moments, weights) : new Float64Array(outputs) };
	}
}

/** The bias that leaves no mean error. */
export function biasFor(moments: Moments, weights: Float64Array): Float64Array {
	const { features: n, outputs, rows } = moments;
	const bias = new Float64Array(outputs);
	for (let o = 0; o < outputs; o++) {
		let sum = moments.y[o] as number;
		for (let i = 0; i < n; i++) sum -= (weights[o * n + i] as number) * (moments.x[i] as number);
		bias[o] = sum / Math.max(1, rows);
	}
	return bias;
}
