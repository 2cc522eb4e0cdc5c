import { convWindow, unfold, type Window, windowPositions } from '../calibrate/unfold.ts';
import { attribute } from '../ir/attribute.ts';
import { Model } from '../ir/model.ts';
import type { TensorData } from '../ir/tensor-data.ts';
import { tensorType } from '../ir/type.ts';
import type { Compute, ComputeSession } from '../pass/calibration.ts';
import type { Layer } from './layer.ts';

/** Sums over the rows x that a layer multiplies. One entry of each list for each group of a convolution. */
export interface LayerInputs {
	readonly rows: number;
	/** sum(x x^T), float64 [columns, columns]. */
	readonly grams: readonly Float64Array[];
	/** Means of x, and of what the original model has there; the same where there is no original beside it. */
	readonly means: readonly Float64Array[];
	readonly originalMeans: readonly Float64Array[];
	/** sum(x (x_original - x)^T), where asked for. */
	readonly drifts: readonly Float64Array[] | undefined;
}

/** Rows of one example that a layer sees, at most `limit`, spread evenly: [groups][count * columns]. */
export function layerRows(
	layer: Layer,
	data: Float32Array,
	dims: readonly number[],
	limit: number,
	mask: RowMask | undefined,
): Float32Array[] {
	const { columns, groups, kernel, node } = layer;
	if (kernel) {
		const window = convWindow(node, dims, kernel);
		const total = (dims[0] ?? 0) * windowPositions(window, dims).reduce((product, count) => product * count, 1);
		const positions = spread(total, limit);
		const channels = columns / kernel.reduce((product, size) => product * size, 1);
		if (groups === 1 && isPointwise(window)) return [pointRows(data, dims, window.strides, positions, channels)];
		return Array.from({ length: groups }, (_, index) => unfold(data, dims, window, { index, channels }, positions).rows);
	}
	const total = data.length / columns;
	const kept = mask?.rows(dims);
	const candidates = kept ?? undefined;
	const chosen = spread(candidates ? candidates.length : total, limit);
	const rows = new Float32Array(chosen.length * columns);
	for (const [i, at] of chosen.entries()) {
		const row = candidates ? (candidates[at] as number) : at;
		rows.set(data.subarray(row * columns, (row + 1) * columns), i * columns);
	}
	return [rows];
}

/** A kernel of one element without padding: each row is one position's channels. */
function isPointwise({ kernel, begin, end }: Window): boolean {
	return kernel.every((size) => size === 1) && begin.every((pad) => pad === 0) && end.every((pad) => pad === 0);
}

function pointRows(
	data: Float32Array,
	dims: readonly number[],
	strides: readonly number[],
	positions: readonly number[],
	channels: number,
): Float32Array {
	const spatial = dims.slice(2);
	const volume = spatial.reduce((product, dim) => product * dim, 1);
	const counts = spatial.map((dim, axis) => Math.floor((dim - 1) / (strides[axis] ?? 1)) + 1);
	const perImage = counts.reduce((product, count) => product * count, 1);
	// Offset of each position in its image's first channel.
	const offsets = positions.map((position) => {
		const image = Math.floor(position / perImage);
		let rest = position - image * perImage;
		let offset = image * channels * volume;
		for (let axis = spatial.length - 1, unit = 1; axis >= 0; axis--) {
			offset += (rest % counts[axis]!) * (strides[axis] ?? 1) * unit;
			rest = Math.floor(rest / counts[axis]!);
			unit *= spatial[axis]!;
		}
		return offset;
	});
	const rows = new Float32Array(positions.length * channels);
	for (let c = 0; c < channels; c++) {
		for (let i = 0; i < offsets.length; i++) rows[i * channels + c] = data[offsets[i]! + c * volume]!;
	}
	return rows;
}

function spread(total: number, limit: number): number[] {
	const count = Math.min(total, limit);
	return Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * total) / count));
}

/** Which rows of an example are padding, told by its attention mask. */
export class RowMask {
	readonly #dims: readonly number[];
	readonly #kept: readonly number[];

	private constructor(dims: readonly number[], kept: readonly number[]) {
		this.#dims = dims;
		this.#kept = kept;
	}

	static speaksOf(name: string): boolean {
		return /mask/i.test(name);
	}

	/** An input [batch, length] of zeros and ones whose name speaks of a mask; undefined where there is none, or nothing is masked. */
	static of(feeds: Readonly<Record<string, TensorData>>): RowMask | undefined {
		for (const [name, { data, dims }] of Object.entries(feeds)) {
			if (!RowMask.speaksOf(name) || dims.length !== 2 || !ArrayBuffer.isView(data)) continue;
			const values = Array.from(data as ArrayLike<number | bigint>, Number);
			if (!values.every((value) => value === 0 || value === 1)) continue;
			const kept = values.flatMap((value, index) => (value === 1 ? [index] : []));
			if (kept.length > 0 && kept.length < values.length) return new RowMask(dims, kept);
		}
		return undefined;
	}

	/** Rows that are no padding of an activation [batch, length, ...] with one row for each position; undefined: all. */
	rows(dims: readonly number[]): readonly number[] | undefined {
		const fits = dims.length === 3 && dims[0] === this.#dims[0] && dims[1] === this.#dims[1];
		return fits ? this.#kept : undefined;
	}
}

/** Products of float32 matrices by the runtime: two small models for all shapes, loaded once. */
export class MatrixProducts {
	readonly #plain: ComputeSession;
	readonly #turned: ComputeSession;

	private constructor(plain: ComputeSession, turned: ComputeSession) {
		this.#plain = plain;
		this.#turned = turned;
	}

	static async create(compute: Compute): Promise<MatrixProducts> {
		return new MatrixProducts(await compute.load(productModel(false)), await compute.load(productModel(true)));
	}

	/** a [rows, inner] b [inner, columns] */
	async multiply(a: Float32Array, b: Float32Array, rows: number, inner: number, columns: number): Promise<Float32Array> {
		const { p } = await this.#plain.run({ a: matrix(a, rows, inner), b: matrix(b, inner, columns) });
		return p?.data as Float32Array;
	}

	/** a^T b of a [n, columns], b [n, columns], added to `sum` [columns, columns]. */
	async addTurned(sum: Float64Array, a: Float32Array, b: Float32Array, columns: number): Promise<void> {
		const rows = a.length / columns;
		const { p } = await this.#turned.run({ a: matrix(a, rows, columns), b: matrix(b, rows, columns) });
		const result = p?.data as Float32Array;
		for (let i = 0; i < sum.length; i++) sum[i]! += result[i]!;
	}

	async release(): Promise<void> {
		await this.#plain.release();
		await this.#turned.release();
	}
}

function matrix(data: Float32Array, rows: number, columns: number): TensorData {
	return { dtype: 'float32', dims: [rows, columns], data };
}

function productModel(turned: boolean): Model {
	const model = new Model();
	model.setOpset('', 13);
	const { graph } = model;
	const a = graph.addInput('a', tensorType('float32', [null, null]));
	const b = graph.addInput('b', tensorType('float32', [null, null]));
	const left = turned
		? graph
				.append(graph.createNode({ op: 'Transpose', inputs: [a], outputs: ['t'], attributes: { perm: attribute.ints([1, 0]) } }))
				.output()
		: a;
	const product = graph.append(graph.createNode({ op: 'MatMul', inputs: [left, b], outputs: ['p'] })).output();
	product.type = tensorType('float32', [null, null]);
	graph.setOutputs([product]);
	return model;
}

/** Columns up to which a plain loop is quicker than a call of the runtime. */
const SMALL = 48;

/** Adds rows up. The original's rows, where given, belong to the same places. */
export class LayerSums {
	readonly #columns: number;
	readonly #product: MatrixProducts;
	readonly #sums: {
		readonly gram: Float64Array;
		readonly mean: Float64Array;
		readonly original: Float64Array;
		readonly drift?: Float64Array;
	}[];
	#rows = 0;

	constructor(layer: Layer, product: MatrixProducts, drift: boolean) {
		const { columns, groups } = layer;
		this.#columns = columns;
		this.#product = product;
		this.#sums = Array.from({ length: groups }, () => ({
			gram: new Float64Array(columns * columns),
			mean: new Float64Array(columns),
			original: new Float64Array(columns),
			...(drift && { drift: new Float64Array(columns * columns) }),
		}));
	}

	/** Rows of several examples, by group. Rows that hold a NaN or an infinity make the layer unfit: RangeError. */
	async add(rows: readonly Float32Array[], original: readonly Float32Array[] | undefined): Promise<void> {
		const columns = this.#columns;
		this.#rows += (rows[0]?.length ?? 0) / columns;
		for (const [g, sums] of this.#sums.entries()) {
			const x = rows[g] as Float32Array;
			const y = original?.[g] ?? x;
			let finite = 0;
			for (let at = 0; at < x.length; at += columns) {
				for (let c = 0; c < columns; c++) {
					const value = x[at + c]!;
					finite += value - value;
					sums.mean[c]! += value;
					sums.original[c]! += y[at + c]!;
				}
			}
			if (finite !== 0) throw new RangeError('its inputs hold NaN or infinity');
			const drift = sums.drift && y !== x ? y.map((value, i) => value - x[i]!) : undefined;
			if (columns <= SMALL) {
				addProducts(sums.gram, x, x, columns);
				if (drift && sums.drift) addProducts(sums.drift, x, drift, columns);
			} else {
				await this.#product.addTurned(sums.gram, x, x, columns);
				if (drift && sums.drift) await this.#product.addTurned(sums.drift, x, drift, columns);
			}
		}
	}

	result(): LayerInputs {
		const mean = (sum: Float64Array): Float64Array => sum.map((value) => value / Math.max(1, this.#rows));
		const drifts = this.#sums.flatMap(({ drift }) => (drift ? [drift] : []));
		return {
			rows: this.#rows,
			grams: this.#sums.map(({ gram }) => gram),
			means: this.#sums.map((sums) => mean(sums.mean)),
			originalMeans: this.#sums.map((sums) => mean(sums.original)),
			drifts: drifts.length === this.#sums.length ? drifts : undefined,
		};
	}
}

function addProducts(sum: Float64Array, a: Float32Array, b: Float32Array, columns: number): void {
	for (let at = 0; at < a.length; at += columns) {
		for (let j = 0; j < columns; j++) {
			const x = a[at + j]!;
			if (x === 0) continue;
			for (let k = 0; k < columns; k++) sum[j * columns + k]! += x * b[at + k]!;
		}
	}
}

/** Sums with the means taken out: what is left once a bias makes up for the mean error. In place. */
export function centre(inputs: LayerInputs): void {
	for (const [g, gram] of inputs.grams.entries()) {
		const m = inputs.means[g]!;
		const o = inputs.originalMeans[g]!;
		const drift = inputs.drifts?.[g];
		const n = m.length;
		for (let j = 0; j < n; j++) {
			const by = inputs.rows * m[j]!;
			for (let k = 0; k < n; k++) {
				gram[j * n + k]! -= by * m[k]!;
				if (drift) drift[j * n + k]! -= by * (o[k]! - m[k]!);
			}
		}
	}
}
