import { giveBack } from '../bytes/give-back.ts';
import { attribute } from '../ir/attribute.ts';
import { Model } from '../ir/model.ts';
import { tensorType } from '../ir/type.ts';
import type { Compute, ComputeSession } from '../pass/calibration.ts';

/** Sums over rows that a least-squares fit needs: X^T X, X^T Y, the sums of X and Y and of Y squared. Memory does not grow with rows. */
export interface Moments {
	readonly features: number;
	readonly outputs: number;
	rows: number;
	/** [features, features] */
	readonly xx: Float64Array;
	/** [outputs, features] */
	readonly yx: Float64Array;
	readonly x: Float64Array;
	readonly y: Float64Array;
	/** Sum of all outputs squared. */
	yy: number;
}

export function emptyMoments(features: number, outputs: number): Moments {
	return {
		features,
		outputs,
		rows: 0,
		xx: new Float64Array(features * features),
		yx: new Float64Array(features * outputs),
		x: new Float64Array(features),
		y: new Float64Array(outputs),
		yy: 0,
	};
}

/** Gives the memory of sums back that nobody reads again. */
export function releaseMoments({ xx, yx }: Moments): void {
	giveBack(xx);
	giveBack(yx);
}

/** a + b, written into a. */
export function addMoments(a: Moments, b: Moments): Moments {
	for (const key of ['xx', 'yx', 'x', 'y'] as const) {
		const [to, from] = [a[key], b[key]];
		for (let i = 0; i < to.length; i++) to[i] = (to[i] as number) + (from[i] as number);
	}
	a.rows += b.rows;
	a.yy += b.yy;
	return a;
}

/** The moments of some of the features. */
export function selectFeatures(moments: Moments, kept: readonly number[]): Moments {
	const out = emptyMoments(kept.length, moments.outputs);
	for (const [i, a] of kept.entries()) {
		out.x[i] = moments.x[a] as number;
		for (const [j, b] of kept.entries()) out.xx[i * kept.length + j] = moments.xx[a * moments.features + b] as number;
	}
	for (let o = 0; o < moments.outputs; o++) {
		for (const [i, a] of kept.entries()) out.yx[o * kept.length + i] = moments.yx[o * moments.features + a] as number;
	}
	out.y.set(moments.y);
	out.rows = moments.rows;
	out.yy = moments.yy;
	return out;
}

/** A^T B by the runtime (its SIMD), for all shapes. Release it when done. */
export class RowProducts {
	readonly #session: ComputeSession;

	private constructor(session: ComputeSession) {
		this.#session = session;
	}

	static async create(compute: Compute): Promise<RowProducts> {
		const model = new Model();
		model.setOpset('', 13);
		const { graph } = model;
		const a = graph.addInput('a', tensorType('float32', ['n', 'p']));
		const b = graph.addInput('b', tensorType('float32', ['n', 'q']));
		const turned = graph.append(
			graph.createNode({ op: 'Transpose', inputs: [a], outputs: ['t'], attributes: { perm: attribute.ints([1, 0]) } }),
		);
		const product = graph.append(graph.createNode({ op: 'MatMul', inputs: [turned.output(), b], outputs: ['c'] })).output();
		product.type = tensorType('float32', ['p', 'q']);
		graph.setOutputs([product]);
		return new RowProducts(await compute.load(model));
	}

	/**
	 * [p, q] of [rows, p] and [rows, q]. The runtime divides the longer side of a product among its threads, and how it adds up follows the
	 * columns that one thread has: with the longer side in rows, any number of threads gives the same bits.
	 */
	async of(a: Float32Array, b: Float32Array, rows: number): Promise<Float32Array> {
		if (a.length >= b.length) return this.#product(a, b, rows);
		const product = await this.#product(b, a, rows);
		const out = turned(product, b.length / rows, a.length / rows);
		giveBack(product);
		return out;
	}

	async #product(a: Float32Array, b: Float32Array, rows: number): Promise<Float32Array> {
		const { c } = await this.#session.run({
			a: { dtype: 'float32', dims: [rows, a.length / rows], data: a },
			b: { dtype: 'float32', dims: [rows, b.length / rows], data: b },
		});
		return c?.data as Float32Array;
	}

	async release(): Promise<void> {
		await this.#session.release();
	}
}

function turned(data: Float32Array, rows: number, columns: number): Float32Array {
	const out = new Float32Array(data.length);
	for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j] as number;
	return out;
}

/** Rows that are gathered before they are multiplied. */
const BLOCK_ROWS = 1024;

/** Streams rows into moments, block by block. Its memory is given back with `finish`. */
export class MomentsReducer {
	readonly moments: Moments;
	readonly #products: RowProducts;
	readonly #x: Float32Array;
	readonly #y: Float32Array;
	#filled = 0;

	constructor(features: number, outputs: number, products: RowProducts) {
		this.moments = emptyMoments(features, outputs);
		this.#products = products;
		this.#x = new Float32Array(BLOCK_ROWS * features);
		this.#y = new Float32Array(BLOCK_ROWS * outputs);
	}

	/** Rows [count, features] and [count, outputs]. */
	async add(x: Float32Array, y: Float32Array, count: number): Promise<void> {
		const { features, outputs } = this.moments;
		for (let at = 0; at < count; ) {
			const take = Math.min(BLOCK_ROWS - this.#filled, count - at);
			this.#x.set(x.subarray(at * features, (at + take) * features), this.#filled * features);
			this.#y.set(y.subarray(at * outputs, (at + take) * outputs), this.#filled * outputs);
			this.#filled += take;
			at += take;
			if (this.#filled === BLOCK_ROWS) await this.flush();
		}
	}

	async flush(): Promise<Moments> {
		const { moments } = this;
		const rows = this.#filled;
		if (rows === 0) return moments;
		const { features, outputs } = moments;
		const x = this.#x.slice(0, rows * features);
		const y = this.#y.slice(0, rows * outputs);
		const xx = await this.#products.of(x, x, rows);
		addInto(moments.xx, xx);
		giveBack(xx);
		if (outputs > 0) {
			const yx = await this.#products.of(y, x, rows);
			addInto(moments.yx, yx);
			giveBack(yx);
		}
		for (let r = 0; r < rows; r++) {
			for (let i = 0; i < features; i++) moments.x[i] = (moments.x[i] as number) + (x[r * features + i] as number);
			for (let i = 0; i < outputs; i++) {
				const value = y[r * outputs + i] as number;
				moments.y[i] = (moments.y[i] as number) + value;
				moments.yy += value * value;
			}
		}
		moments.rows += rows;
		this.#filled = 0;
		giveBack(x);
		giveBack(y);
		return moments;
	}

	/** The sums over all rows; no more rows can be added. */
	async finish(): Promise<Moments> {
		const moments = await this.flush();
		giveBack(this.#x);
		giveBack(this.#y);
		return moments;
	}
}

function addInto(to: Float64Array, from: Float32Array): void {
	for (let i = 0; i < to.length; i++) to[i] = (to[i] as number) + (from[i] as number);
}
