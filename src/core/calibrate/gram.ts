import { attribute } from '../ir/attribute.ts';
import { Model } from '../ir/model.ts';
import { tensorType } from '../ir/type.ts';
import type { Compute, ComputeSession } from '../pass/calibration.ts';

/** Bytes of rows that are gathered before they are multiplied. */
const BLOCK_BYTES = 8_000_000;

/**
 * Sum of x x^T over rows x of length `columns`, float64 [columns, columns] row-major. Rows are gathered into blocks, multiplied
 * by the runtime in float32 (its threads and SIMD) and added up here. Memory: one matrix and one block.
 */
export class GramReducer {
	readonly columns: number;
	readonly #product: GramProduct;
	readonly #sum: Float64Array;
	readonly #block: Float32Array;
	readonly #capacity: number;
	#filled = 0;
	#rows = 0;

	constructor(columns: number, product: GramProduct) {
		this.columns = columns;
		this.#product = product;
		this.#sum = new Float64Array(columns * columns);
		this.#capacity = Math.max(64, Math.floor(BLOCK_BYTES / 4 / columns));
		this.#block = new Float32Array(this.#capacity * columns);
	}

	/** Rows seen. Fewer than `columns` cannot give a matrix of full rank. */
	get rows(): number {
		return this.#rows + this.#filled;
	}

	/** Takes whole rows; they are copied. Rows with a NaN or an infinity are left out. */
	async add(data: Float32Array): Promise<void> {
		const { columns } = this;
		if (data.length % columns !== 0) throw new RangeError(`${data.length} numbers are no whole rows of ${columns}`);
		for (let at = 0; at < data.length; ) {
			const take = Math.min(this.#capacity - this.#filled, (data.length - at) / columns);
			for (let row = 0; row < take; row++, at += columns) {
				const values = data.subarray(at, at + columns);
				let finite = 0;
				for (let i = 0; i < columns; i++) finite += (values[i] as number) - (values[i] as number);
				if (finite !== 0) continue;
				this.#block.set(values, this.#filled * columns);
				this.#filled += 1;
			}
			if (this.#filled === this.#capacity) await this.#flush();
		}
	}

	/** The matrix so far, not divided by the rows. The array is the reducer's own. */
	async matrix(): Promise<Float64Array> {
		await this.#flush();
		return this.#sum;
	}

	async #flush(): Promise<void> {
		if (this.#filled === 0) return;
		const result = await this.#product.of(this.#block.slice(0, this.#filled * this.columns), this.columns);
		const sum = this.#sum;
		for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (result[i] as number);
		this.#rows += this.#filled;
		this.#filled = 0;
	}
}

/** X^T X by the runtime: one small model for all shapes, loaded once. Release it when done. */
export class GramProduct {
	readonly #session: ComputeSession;

	private constructor(session: ComputeSession) {
		this.#session = session;
	}

	static async create(compute: Compute): Promise<GramProduct> {
		const model = new Model();
		model.setOpset('', 13);
		const { graph } = model;
		const x = graph.addInput('x', tensorType('float32', ['n', 'k']));
		const turned = graph.append(
			graph.createNode({ op: 'Transpose', inputs: [x], outputs: ['t'], attributes: { perm: attribute.ints([1, 0]) } }),
		);
		const gram = graph.append(graph.createNode({ op: 'MatMul', inputs: [turned.output(), x], outputs: ['g'] })).output();
		gram.type = tensorType('float32', ['k', 'k']);
		graph.setOutputs([gram]);
		return new GramProduct(await compute.load(model));
	}

	/** `rows` [n, columns] row-major; gives [columns, columns]. */
	async of(rows: Float32Array, columns: number): Promise<Float32Array> {
		const { g } = await this.#session.run({ x: { dtype: 'float32', dims: [rows.length / columns, columns], data: rows } });
		return g?.data as Float32Array;
	}

	async release(): Promise<void> {
		await this.#session.release();
	}
}
