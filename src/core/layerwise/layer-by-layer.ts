import { observe } from '../calibrate/observe.ts';
import { attribute } from '../ir/attribute.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import type { TensorRef } from '../ir/tensor.ts';
import type { TensorData } from '../ir/tensor-data.ts';
import { solveCholeskyBlocked } from '../numeric/blocked-solve.ts';
import { decodeFloat16 } from '../numeric/float16.ts';
import { dampingFor, type Multiply } from '../numeric/learned-rounding.ts';
import { dampedCholesky } from '../numeric/linear-algebra.ts';
import type { Note, PassContext } from '../pass/pass.ts';
import { type BiasPlace, biasPlace, changeBias } from './bias.ts';
import { ExampleRuns, type ExampleVisitor } from './example-runs.ts';
import { centre, type LayerInputs, LayerSums, layerRows, MatrixProducts, RowMask } from './inputs.ts';
import { type Layer, readMatrix, storeMatrix } from './layer.ts';

export interface LayerwiseOptions {
	/** Examples that are run. */
	readonly samples: number;
	/** Rows of a layer's input that are used at most, in multiples of its columns; at least 512 to 4,096. */
	readonly rowsPerColumn: number;
	readonly damping: number;
	/** Damping of one layer, where not all take the same. */
	readonly dampingOf?: (layer: Layer, inputs: LayerInputs) => number;
	/** Biases make up for the mean error of their layer. */
	readonly correctBias: boolean;
	/** Weights are first fitted to what the original model puts out, given the inputs that the changed model really has. */
	readonly correctDrift: boolean;
}

/** What a rounder made of a layer's weight. */
export interface Rounded {
	/** Values that the weight now stands for, [groups * rows, columns]. */
	readonly values: Float32Array;
	/** Error of the layer's output over its power, rounded to nearest and as found. */
	readonly nearest: number;
	readonly found: number;
}

/** Finds values for a weight [groups * rows, columns]; undefined leaves the weight as it is. */
export type Rounder = (layer: Layer, weights: Float32Array, inputs: LayerInputs, multiply: Multiply) => Promise<Rounded | undefined>;

/** Bytes of rows that are kept of one layer, so that original and changed model can be compared. */
const ROW_BYTES = 96_000_000;

/** What was learned of one layer. */
export interface LayerReport {
	readonly layer: Layer;
	readonly rows: number;
	readonly nearest: number;
	readonly found: number;
}

/**
 * Changes the weights of layers one after the other, each on the inputs that the model gives with the weights before it already
 * changed, beside the inputs of the original. The model then holds the changed weights as float32 and changed biases; nothing
 * else of it is touched. Memory: sums and rows of one layer, and what lies at the border of what has run.
 */
export async function layerByLayer(
	model: Model,
	layers: readonly Layer[],
	context: PassContext,
	options: LayerwiseOptions,
	round: Rounder,
	notes: Note[],
): Promise<LayerReport[]> {
	const { compute, calibration } = context;
	if (!compute || !calibration || layers.length === 0) return [];
	const reports: LayerReport[] = [];
	const product = await MatrixProducts.create(compute);
	const multiply: Multiply = (...given) => product.multiply(...given);
	try {
		// Those that cannot be changed in turn see what the original gives.
		const apart = layers.filter(({ inTurn }) => !inTurn);
		reports.push(...(await changeApart(model, apart, context, options, round, notes, product, multiply)));
		const inTurn = layers.filter((layer) => layer.inTurn);
		if (inTurn.length > 0) reports.push(...(await changeInTurn(model, inTurn, context, options, round, notes, product, multiply)));
	} finally {
		await product.release();
	}
	return reports;
}

/** Inputs of layers inside If, Loop and Scan, and of recurrent layers, by runs of the model as it stands. */
async function changeApart(
	model: Model,
	layers: readonly Layer[],
	context: PassContext,
	options: LayerwiseOptions,
	round: Rounder,
	notes: Note[],
	product: MatrixProducts,
	multiply: Multiply,
): Promise<LayerReport[]> {
	const { compute, calibration, signal } = context;
	if (!compute || !calibration || layers.length === 0) return [];
	const count = Math.min(options.samples, calibration.n);
	const reports: LayerReport[] = [];
	// A few at a time: rows are kept until the run ends.
	for (let at = 0; at < layers.length; at += 8) {
		const part = layers.slice(at, at + 8);
		const rows = new Map<Layer, Float32Array[][]>(part.map((layer) => [layer, []]));
		const values = new Set(part.flatMap(({ input, feedback }) => (feedback ? [input, feedback] : [input])));
		const indices = Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * calibration.n) / count));
		await observe(
			model,
			[...values],
			({ value, data, dims, count: joined }) => {
				for (const layer of part) {
					if (layer.input !== value && layer.feedback !== value) continue;
					rows.get(layer)?.push(layerRows(layer, data, dims, rowLimit(layer, options, count) * joined, undefined));
				}
			},
			{ compute, calibration, indices, signal },
		);
		for (const layer of part) {
			signal?.throwIfAborted();
			const own = rows.get(layer) ?? [];
			const skip = (reason: string): void => {
				notes.push({ level: 'info', node: layer.plan.value.name, reason: `rounded to nearest: ${reason}` });
			};
			if (own.length === 0) {
				skip('no sample input reaches it');
				continue;
			}
			try {
				const sums = await sumUp(layer, own, undefined, product, false);
				const report = await changeLayer(layer, sums, undefined, context, options, round, multiply);
				if (report) reports.push(report);
			} catch (error) {
				if (!(error instanceof RangeError)) throw error;
				skip(error.message);
			}
		}
	}
	return reports;
}

async function changeInTurn(
	model: Model,
	layers: readonly Layer[],
	context: PassContext,
	options: LayerwiseOptions,
	round: Rounder,
	notes: Note[],
	product: MatrixProducts,
	multiply: Multiply,
): Promise<LayerReport[]> {
	const { compute, calibration, signal } = context;
	if (!compute || !calibration) return [];
	const reports: LayerReport[] = [];
	const stages = byInput(model, layers);
	const runs = new ExampleRuns(
		model,
		stages.map(([input]) => input),
		{ compute, calibration, samples: options.samples, besideOriginal: options.correctBias || options.correctDrift, signal },
	);
	await runs.prepare();
	const masks = new Map<number, RowMask | undefined>();
	const masked = model.graph.inputs.some(({ name }) => RowMask.speaksOf(name));
	for (let index = 0; masked && index < calibration.n; index++) {
		masks.set(index, RowMask.of((await calibration.example(index, signal)).feeds));
	}
	let done = 0;
	for (const [stage, [, list]] of stages.entries()) {
		const collected = new Map<string, LayerInputs>();
		const own = new Map<string, Float32Array[][]>();
		const beside = new Map<string, Float32Array[][]>();
		const examples = runs.examplesAt(stage);
		const into =
			(rows: Map<string, Float32Array[][]>): ExampleVisitor =>
			(tensor, example) => {
				const data = floatsOf(tensor);
				for (const [key, layer] of new Map(list.map((layer) => [viewKey(layer), layer]))) {
					const known = rows.get(key) ?? [];
					rows.set(key, known);
					if (data) known.push(layerRows(layer, data, tensor.dims, rowLimit(layer, options, examples), masks.get(example)));
				}
			};
		await runs.stage(stage, into(own), into(beside));
		for (const layer of list) {
			signal?.throwIfAborted();
			context.progress(done / layers.length, layer.node.label);
			done += 1;
			const place = options.correctBias ? biasPlace(layer) : undefined;
			const key = `${viewKey(layer)}:${place !== undefined}`;
			try {
				let sums = collected.get(key);
				if (!own.get(viewKey(layer))?.length) throw new RangeError('the sample inputs gave no float numbers there');
				if (!sums) {
					sums = await sumUp(layer, own.get(viewKey(layer)) ?? [], beside.get(viewKey(layer)), product, options.correctDrift);
					if (place) centre(sums);
					collected.set(key, sums);
				}
				const report = await changeLayer(layer, sums, place, context, options, round, multiply);
				if (report) reports.push(report);
			} catch (error) {
				if (!(error instanceof RangeError)) throw error;
				notes.push({ level: 'skip', node: layer.plan.value.name, reason: `rounded to nearest: ${error.message}` });
			}
		}
	}
	return reports;
}

async function changeLayer(
	layer: Layer,
	inputs: LayerInputs,
	place: BiasPlace | undefined,
	context: PassContext,
	options: LayerwiseOptions,
	round: Rounder,
	multiply: Multiply,
): Promise<LayerReport | undefined> {
	const before = await readMatrix(layer, context.signal);
	const target = inputs.drifts
		? await drifted(layer, before, inputs, options.dampingOf?.(layer, inputs) ?? options.damping, multiply)
		: before;
	const rounded = await round(layer, target, inputs, multiply);
	if (!rounded) return undefined;
	replaceWeight(layer, storeMatrix(layer, rounded.values));
	if (place) await changeBias(layer, place, meanError(layer, before, rounded.values, inputs, place.gain), context.signal);
	return { layer, rows: inputs.rows, nearest: rounded.nearest, found: rounded.found };
}

/** W + W D^T (H + d I)^-1 with D = sum(x (x_original - x)^T): least squares of W x_original over x. */
async function drifted(
	layer: Layer,
	weights: Float32Array,
	inputs: LayerInputs,
	damping: number,
	multiply: Multiply,
): Promise<Float32Array> {
	const { rows, columns } = layer;
	const out = weights.slice();
	for (const [g, gram] of inputs.grams.entries()) {
		const drift = inputs.drifts?.[g];
		if (!drift) continue;
		const { factor } = dampedCholesky(gram, columns, dampingFor(damping, inputs.rows, columns));
		// Right-hand sides [columns, rows]: D W^T.
		const turned = new Float32Array(columns * rows);
		for (let r = 0; r < rows; r++) for (let k = 0; k < columns; k++) turned[k * rows + r] = weights[(g * rows + r) * columns + k]!;
		const right = (await multiply(Float32Array.from(drift), turned, columns, columns, rows)).slice();
		await solveCholeskyBlocked(Float32Array.from(factor), columns, right, rows, multiply);
		for (let r = 0; r < rows; r++) for (let j = 0; j < columns; j++) out[(g * rows + r) * columns + j]! += right[j * rows + r]!;
	}
	return out;
}

/** W mean(x_original) - V mean(x), for each output channel. */
function meanError(layer: Layer, before: Float32Array, after: Float32Array, inputs: LayerInputs, gain: number): Float64Array {
	const { groups, rows, columns } = layer;
	const error = new Float64Array(groups * rows);
	for (let channel = 0; channel < error.length; channel++) {
		const g = Math.floor(channel / rows);
		let sum = 0;
		for (let k = 0; k < columns; k++) {
			const at = channel * columns + k;
			sum += before[at]! * inputs.originalMeans[g]![k]! - after[at]! * inputs.means[g]![k]!;
		}
		error[channel] = sum * gain;
	}
	return error;
}

function replaceWeight(layer: Layer, tensor: TensorRef): void {
	const { value } = layer.plan;
	if (value.initializer) value.initializer = tensor;
	else value.producer?.setAttribute('value', attribute.tensor(tensor));
}

async function sumUp(
	layer: Layer,
	own: readonly Float32Array[][],
	others: readonly Float32Array[][] | undefined,
	product: MatrixProducts,
	drift: boolean,
): Promise<LayerInputs> {
	const sums = new LayerSums(layer, product, drift && others !== undefined);
	// Few calls of the runtime with many rows each.
	const together = Math.max(1, Math.ceil(4096 / Math.max(1, (own[0]?.[0]?.length ?? 0) / layer.columns)));
	for (let at = 0; at < own.length; at += together) {
		const rows = Array.from({ length: layer.groups }, (_, g) => joined(own.slice(at, at + together).map((entry) => entry[g]!)));
		const beside =
			others && Array.from({ length: layer.groups }, (_, g) => joined(others.slice(at, at + together).map((entry) => entry[g]!)));
		await sums.add(rows, beside);
	}
	return sums.result();
}

function joined(parts: readonly Float32Array[]): Float32Array {
	const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		out.set(part, at);
		at += part.length;
	}
	return out;
}

function rowLimit(layer: Layer, options: LayerwiseOptions, examples: number): number {
	// Short sums need few rows to be known well.
	const wanted = Math.max(Math.min(4096, Math.max(512, 64 * layer.columns)), options.rowsPerColumn * layer.columns);
	const most = Math.floor(ROW_BYTES / 4 / layer.columns / layer.groups);
	return Math.max(1, Math.ceil(Math.min(wanted, most) / examples));
}

/** Layers with the same input see the same rows where they unfold it alike. */
function viewKey({ columns, groups, kernel, node }: Layer): string {
	if (!kernel) return `${columns}`;
	return JSON.stringify([
		columns,
		groups,
		kernel,
		node.ints('strides') ?? null,
		node.ints('pads') ?? null,
		node.ints('dilations') ?? null,
		node.string('auto_pad', ''),
	]);
}

/** Layers by the value that they read, in the order in which the graph reads them. */
function byInput(model: Model, layers: readonly Layer[]): [Value, Layer[]][] {
	const position = new Map<Node, number>();
	for (const node of model.graph.nodes()) position.set(node, position.size);
	const ordered = [...layers].sort((a, b) => (position.get(a.node) ?? 0) - (position.get(b.node) ?? 0));
	const stages = new Map<Value, Layer[]>();
	for (const layer of ordered) stages.set(layer.input, [...(stages.get(layer.input) ?? []), layer]);
	return [...stages];
}

function floatsOf(tensor: TensorData): Float32Array | undefined {
	if (tensor.data instanceof Float32Array) return tensor.data;
	return tensor.dtype === 'float16' && tensor.data instanceof Uint16Array ? decodeFloat16(tensor.data) : undefined;
}
