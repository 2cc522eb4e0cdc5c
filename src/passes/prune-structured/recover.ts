import { giveBack } from '../../core/bytes/give-back.ts';
import type { StagedOptions } from '../../core/calibrate/stages.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { Compute } from '../../core/pass/calibration.ts';
import type { PassContext } from '../../core/pass/pass.ts';
import { DepthwiseMoments, depthwiseMap, readDepthwise, writeDepthwise } from '../../core/refit/depthwise.ts';
import { bestFit, STRENGTHS, varianceOf } from '../../core/refit/fit.ts';
import { featureRows, type LayerMatrix, layerOutput, outputRows, readLayer, writeLayer } from '../../core/refit/layer.ts';
import { MomentsReducer, RowProducts, releaseMoments } from '../../core/refit/moments.ts';
import type { Affine } from '../../core/refit/ridge.ts';
import { openRows, type Phase, pickPositions, planPhases, type RowSource, rowsWanted } from '../../core/refit/rows.ts';
import type { Samples } from '../../core/refit/samples.ts';
import { nodePositions, type ResidualSum, residualSum } from '../../core/refit/targets.ts';
import { LIVE_BYTES, PIECES, profileTargets } from './learn.ts';

/** A layer to fit anew. */
export interface Refit {
	/** In the pruned model. */
	readonly node: Node;
	/** In the original. */
	readonly original: Node;
	/** Output channels of the original that are left; undefined: all. */
	readonly outputs: readonly number[] | undefined;
	readonly kernel: readonly number[];
	/** Each output channel sees one input channel only. */
	readonly depthwise: boolean;
}

export interface RefitResult {
	readonly node: Node;
	/** Squared error over variance on held-out rows, before and after. */
	readonly before: number;
	readonly after: number;
	/** Strength of the regularization; undefined: left as it was. */
	readonly strength?: number;
}

/** What a layer is fitted to: its own output, or the sum that it goes into. */
interface Aim {
	readonly refit: Refit;
	readonly input: Value;
	/** In the original. */
	readonly target: Value;
	/** In the pruned model. */
	readonly residual: ResidualSum | undefined;
}

/**
 * Fits layers of a pruned model to what the original gives, one after another in the model's order: inputs are those that the pruned
 * model, fitted so far, really gives. A layer whose output is added to a residual stream is fitted to the stream. Regularization is
 * chosen for each layer on held-out rows; a layer that does not gain there stays.
 */
export async function refitLayers(
	pruned: Model,
	original: Model,
	refits: readonly Refit[],
	samples: Samples,
	context: PassContext & { readonly compute: Compute },
): Promise<RefitResult[]> {
	const { compute } = context;
	const results: RefitResult[] = [];
	const [places, originalPlaces] = [nodePositions(pruned), nodePositions(original)];
	const aims = refits.flatMap((refit): Aim[] => {
		const input = refit.node.input(0);
		if (!input) return [];
		const residual = residualSum(refit.node, places);
		const sum = residual && residualSum(refit.original, originalPlaces);
		return [{ refit, input, target: sum?.sum ?? layerOutput(refit.original), residual: sum && residual }];
	});
	if (aims.length === 0) return results;
	const products = await RowProducts.create(compute);
	try {
		const live = await profileTargets(
			original,
			aims.map((aim) => aim.target),
			samples,
			compute,
		);
		for (const phase of planPhases(live, samples.all.length, LIVE_BYTES)) {
			const besideBytes = phase.examples * Math.max(...live.slice(phase.from, phase.to));
			await refitPhase(pruned, original, aims, phase, besideBytes, samples, context, products, results);
		}
	} finally {
		await products.release();
	}
	return results;
}

/** Rows of one layer in one example: what it reads, and what it should give. */
type RowVisitor = (x: Float32Array, y: Float32Array, count: number, held: boolean) => void | Promise<void>;

async function refitPhase(
	pruned: Model,
	original: Model,
	aims: readonly Aim[],
	phase: Phase,
	/** What the original keeps between layers where it runs beside the pruned model. */
	besideBytes: number,
	samples: Samples,
	context: PassContext & { readonly compute: Compute },
	products: RowProducts,
	results: RefitResult[],
): Promise<void> {
	const { compute, signal } = context;
	const part = aims.slice(phase.from, phase.to);
	const chosen = samples.all.slice(0, phase.examples);
	const staged = {
		compute,
		calibration: samples.calibration,
		indices: chosen.map((entry) => entry.index),
		...PIECES,
		signal,
	};
	context.progress(0.7 + (0.28 * phase.from) / aims.length, 'what the original gives');
	const wantedFrom = await wantedRowsOf(original, part, phase, chosen.length, besideBytes, staged);
	const givenFrom = await openRows(
		pruned,
		part.flatMap(({ input, residual }) => (residual ? [input, residual.other, residual.sum] : [input])),
		staged,
	);
	try {
		for (const [i, aim] of part.entries()) {
			signal?.throwIfAborted();
			const { refit } = aim;
			context.progress(0.7 + (0.28 * (phase.from + i)) / aims.length, `fitting ${refit.node.label}`);
			const rows = async (features: number, visit: RowVisitor): Promise<void> =>
				layerRows(aim, await wantedFrom.rows(i, features), givenFrom, (x, y, count, example) =>
					visit(x, y, count, chosen[example]?.held ?? false),
				);
			const result = refit.depthwise ? await fitDepthwise(refit, rows, signal) : await fitDense(refit, rows, products, signal);
			if (result) results.push(result);
		}
	} finally {
		givenFrom.end();
		wantedFrom.end();
	}
}

/** Rows of a layer's target in one example. */
interface WantedRows {
	readonly data: Float32Array;
	readonly positions: readonly number[];
}

/** Rows that the layers of a phase should give, by example; asked for layer after layer, with the features of each. */
interface WantedSource {
	rows(i: number, features: number): Promise<Map<number, WantedRows>>;
	/** Lets go of what is kept for later layers. */
	end(): void;
}

/** Rows of targets that are always held for all layers of a phase. */
const WANTED_BYTES = 24_000_000;

/**
 * Reads what the original gives at the targets of a phase. Where the rows of all its layers take less than the values that the original
 * keeps between layers, the original runs first and is done, so that these are not held beside those of the pruned model.
 */
async function wantedRowsOf(
	original: Model,
	part: readonly Aim[],
	phase: Phase,
	examples: number,
	besideBytes: number,
	options: StagedOptions,
): Promise<WantedSource> {
	const source = await openRows(
		original,
		part.map((aim) => aim.target),
		options,
	);
	const read = async (i: number, features: number): Promise<Map<number, WantedRows>> => {
		const { refit, target } = part[i] as Aim;
		const { node, outputs } = refit;
		const each = Math.ceil(rowsWanted(features) / examples);
		const wanted = new Map<number, WantedRows>();
		await source.advance(target, (data, dims, example) => {
			const count = node.op === 'Conv' ? (dims[0] ?? 0) * product(dims.slice(2)) : product(dims.slice(0, -1));
			const positions = pickPositions(count, each, (phase.from + i) * 7919 + example);
			const rows = outputRows(node, data, dims, positions);
			const chosen = selectColumns(rows.data, rows.count, outputs);
			if (chosen !== rows.data) giveBack(rows.data);
			wanted.set(example, { data: chosen, positions });
		});
		return wanted;
	};
	const sizes: { readonly features: number; readonly outputs: number }[] = [];
	for (const { refit } of part) sizes.push(await sizeOf(refit, options.signal));
	const bytes = sizes.reduce((sum, { features, outputs }) => sum + 4 * outputs * (rowsWanted(features) + examples), 0);
	if (bytes > Math.max(WANTED_BYTES, besideBytes)) return { rows: read, end: () => source.end() };
	const held: Map<number, WantedRows>[] = [];
	try {
		for (const [i, { features }] of sizes.entries()) held.push(await read(i, features));
	} finally {
		source.end();
	}
	return { rows: async (i) => held[i] as Map<number, WantedRows>, end: () => undefined };
}

/** What `rows` is asked for when a layer is fitted, and how many outputs a row has. */
async function sizeOf({ node, depthwise }: Refit, signal: AbortSignal | undefined): Promise<{ features: number; outputs: number }> {
	if (depthwise) {
		const layer = await readDepthwise(node, signal);
		return layer ? { features: layer.taps, outputs: layer.channels } : { features: 1, outputs: 0 };
	}
	const layer = await readLayer(node, signal);
	if (typeof layer === 'string') return { features: 1, outputs: 0 };
	giveBack(layer.weights);
	return layer;
}

/** Shows the rows of a layer, example by example: features that the pruned model gives, and what is left to explain of the target. */
async function layerRows(
	{ refit, input, residual }: Aim,
	wanted: Map<number, WantedRows>,
	givenFrom: RowSource,
	visit: (x: Float32Array, y: Float32Array, count: number, example: number) => void | Promise<void>,
): Promise<void> {
	const { node, kernel } = refit;
	if (residual) {
		await givenFrom.advance(residual.other, (data, dims, example) => {
			const entry = wanted.get(example);
			if (!entry) return;
			const other = outputRows(node, data, dims, entry.positions).data;
			// Another shape is broadcast there: then the example is left out.
			if (other.length !== entry.data.length) wanted.delete(example);
			else for (let k = 0; k < other.length; k++) entry.data[k] = (entry.data[k] as number) - (other[k] as number);
			giveBack(other);
		});
	}
	await givenFrom.advance(input, async (data, dims, example) => {
		const entry = wanted.get(example);
		wanted.delete(example);
		if (!entry) return;
		const rows = featureRows(node, data, dims, kernel, entry.positions);
		await visit(rows.data, entry.data, rows.count, example);
		giveBack(rows.data);
		giveBack(entry.data);
	});
}

async function fitDense(
	{ node, kernel }: Refit,
	rows: (features: number, visit: RowVisitor) => Promise<void>,
	products: RowProducts,
	signal: AbortSignal | undefined,
): Promise<RefitResult | undefined> {
	const layer: LayerMatrix | string = await readLayer(node, signal);
	if (typeof layer === 'string') {
		await rows(1, () => undefined);
		return undefined;
	}
	const fit = new MomentsReducer(layer.features, layer.outputs, products);
	const held = new MomentsReducer(layer.features, layer.outputs, products);
	await rows(layer.features, (x, y, count, isHeld) => (isHeld ? held : fit).add(x, y, count));
	const [learned, judged] = [await fit.finish(), await held.finish()];
	const release = (): void => {
		for (const moments of [learned, judged]) releaseMoments(moments);
		giveBack(layer.weights);
	};
	if (learned.rows < 8 || judged.rows < 2) {
		release();
		return undefined;
	}
	const start: Affine = { weights: Float64Array.from(layer.weights), bias: Float64Array.from(layer.bias) };
	const found = await bestFit(learned, judged, start, layer.hasBias, products);
	const variance = varianceOf(judged);
	if (found.affine) writeLayer(node, layer, Float32Array.from(found.affine.weights), Float32Array.from(found.affine.bias), kernel);
	for (const data of [start.weights, found.affine?.weights]) giveBack(data);
	release();
	return { node, before: found.before / variance, after: found.after / variance, ...(found.affine && { strength: found.strength }) };
}

async function fitDepthwise(
	{ node }: Refit,
	rows: (features: number, visit: RowVisitor) => Promise<void>,
	signal: AbortSignal | undefined,
): Promise<RefitResult | undefined> {
	const layer = await readDepthwise(node, signal);
	if (!layer) {
		await rows(1, () => undefined);
		return undefined;
	}
	const [fit, held] = [new DepthwiseMoments(layer), new DepthwiseMoments(layer)];
	await rows(layer.taps, (x, y, count, isHeld) => (isHeld ? held : fit).add(x, y, count));
	if (fit.rows < 8 || held.rows < 2) return undefined;
	const start = depthwiseMap(layer);
	const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);
	const variance = Math.max(total(held.variances()), 1e-30);
	const before = total(held.errors(start));
	let [after, strength] = [before, undefined as number | undefined];
	for (const tried of STRENGTHS) {
		const error = total(held.errors(fit.solve(start, tried)));
		if (error < after) [after, strength] = [error, tried];
	}
	const result = { node, before: before / variance, after: after / variance };
	if (strength === undefined) return result;
	fit.join(held);
	const map = fit.solve(start, strength);
	const { channels, taps } = layer;
	const weights = Float32Array.from({ length: channels * taps }, (_, k) => map[Math.floor(k / taps) * (taps + 1) + (k % taps)] as number);
	const bias = Float32Array.from({ length: channels }, (_, c) => map[c * (taps + 1) + taps] as number);
	writeDepthwise(node, layer, weights, bias);
	return { ...result, strength };
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

function selectColumns(data: Float32Array, rows: number, columns: readonly number[] | undefined): Float32Array {
	if (!columns) return data;
	const width = data.length / Math.max(1, rows);
	const out = new Float32Array(rows * columns.length);
	for (let r = 0; r < rows; r++) for (const [i, c] of columns.entries()) out[r * columns.length + i] = data[r * width + c] as number;
	return out;
}
