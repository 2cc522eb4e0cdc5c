import type { Node } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { Compute } from '../../core/pass/calibration.ts';
import type { PassContext } from '../../core/pass/pass.ts';
import { featureRows, layerOutput, outputRows, readLayer, rowCount, writeLayer } from '../../core/refit/layer.ts';
import { addMoments, type Moments, MomentsReducer, RowProducts } from '../../core/refit/moments.ts';
import { type Affine, biasFor, HeldRows, RidgeTowards } from '../../core/refit/ridge.ts';
import { openRows, type Phase, pickPositions, planPhases, rowsWanted } from '../../core/refit/rows.ts';
import { LIVE_BYTES, profileTargets, type Samples } from './learn.ts';

/** Strengths of the regularization that are tried, weakest first. */
const STRENGTHS = [0.001, 0.004, 0.016, 0.06, 0.25, 1, 4];

/** A layer to fit anew. */
export interface Refit {
	/** In the pruned model. */
	readonly node: Node;
	/** In the original. */
	readonly original: Node;
	/** Output channels of the original that are left; undefined: all. */
	readonly outputs: readonly number[] | undefined;
	readonly kernel: readonly number[];
}

export interface RefitResult {
	readonly node: Node;
	/** Squared error over variance on held-out rows, before and after. */
	readonly before: number;
	readonly after: number;
	/** Strength of the regularization; undefined: left as it was. */
	readonly strength?: number;
}

/**
 * Fits layers of a pruned model to what the original gives, one after another in the model's order: inputs are those that the pruned
 * model, fitted so far, really gives. Regularization is chosen for each layer on held-out rows; a layer that does not gain there stays.
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
	if (refits.length === 0) return results;
	const products = await RowProducts.create(compute);
	try {
		const targets = refits.map((refit) => layerOutput(refit.original));
		const live = await profileTargets(original, targets, samples, compute);
		for (const phase of planPhases(live, samples.all.length, LIVE_BYTES)) {
			await refitPhase(pruned, original, refits, phase, samples, context, products, results);
		}
	} finally {
		await products.release();
	}
	return results;
}

async function refitPhase(
	pruned: Model,
	original: Model,
	refits: readonly Refit[],
	phase: Phase,
	samples: Samples,
	context: PassContext & { readonly compute: Compute },
	products: RowProducts,
	results: RefitResult[],
): Promise<void> {
	const part = refits.slice(phase.from, phase.to);
	const chosen = samples.all.slice(0, phase.examples);
	const staged = {
		compute: context.compute,
		calibration: samples.calibration,
		indices: chosen.map((entry) => entry.index),
		signal: context.signal,
	};
	const inputOf = (refit: Refit) => refit.node.input(0) as NonNullable<ReturnType<Node['input']>>;
	const wantedFrom = await openRows(
		original,
		part.map((refit) => layerOutput(refit.original)),
		staged,
	);
	const givenFrom = await openRows(pruned, part.map(inputOf), staged);
	for (const [i, refit] of part.entries()) {
		context.signal?.throwIfAborted();
		context.progress(0.7 + (0.3 * (phase.from + i)) / refits.length, `fitting ${refit.node.label}`);
		const layer = await readLayer(refit.node, context.signal);
		if (typeof layer === 'string') continue;
		const fit = new MomentsReducer(layer.features, layer.outputs, products);
		const held = new MomentsReducer(layer.features, layer.outputs, products);
		const each = Math.ceil(rowsWanted(layer.features) / chosen.length);
		const targets = new Map<number, { data: Float32Array; positions: number[] }>();
		await wantedFrom.advance(layerOutput(refit.original), (data, dims, example) => {
			const count =
				refit.node.op === 'Conv' ? (dims[0] ?? 0) * dims.slice(2).reduce((a, b) => a * b, 1) : dims.slice(0, -1).reduce((a, b) => a * b, 1);
			const positions = pickPositions(count, each, (phase.from + i) * 7919 + example);
			const rows = outputRows(refit.node, data, dims, positions);
			targets.set(example, { data: selectColumns(rows.data, rows.count, refit.outputs), positions });
		});
		await givenFrom.advance(inputOf(refit), async (data, dims, example) => {
			const target = targets.get(example);
			if (!target) return;
			const rows = featureRows(refit.node, data, dims, refit.kernel, target.positions);
			if (rowCount(refit.node, layer.taps, dims, refit.kernel) < target.positions.length) return;
			await (chosen[example]?.held ? held : fit).add(rows.data, target.data, rows.count);
		});
		targets.clear();
		const [learned, judged] = [await fit.flush(), await held.flush()];
		if (learned.rows < 8 || judged.rows < 2) continue;
		const start: Affine = { weights: Float64Array.from(layer.weights), bias: Float64Array.from(layer.bias) };
		const found = await bestFit(learned, judged, start, layer.hasBias, products);
		const variance = varianceOf(judged);
		results.push({
			node: refit.node,
			before: found.before / variance,
			after: found.after / variance,
			...(found.affine && { strength: found.strength }),
		});
		if (found.affine) {
			writeLayer(refit.node, layer, Float32Array.from(found.affine.weights), Float32Array.from(found.affine.bias), refit.kernel);
		}
	}
}

/** The strength that is best on held-out rows, then fitted on all rows; no affine map where what was there is best. */
async function bestFit(
	fit: Moments,
	held: Moments,
	start: Affine,
	withBias: boolean,
	products: RowProducts,
): Promise<{ before: number; after: number; strength: number; affine?: Affine }> {
	const judge = new HeldRows(held, start, products);
	const before = await judge.before();
	let [after, strength] = [before, 0];
	if (withBias) {
		const shifted = await judge.error({ weights: start.weights, bias: biasFor(fit, start.weights) });
		if (shifted < after) [after, strength] = [shifted, Number.POSITIVE_INFINITY];
	}
	const ridge = await RidgeTowards.prepare(fit, start.weights, withBias, products);
	const tried = new Map<number, number>();
	const errorAt = async (step: number): Promise<number> => {
		const known = tried.get(step);
		const value = STRENGTHS[step];
		if (known !== undefined || value === undefined) return known ?? Number.POSITIVE_INFINITY;
		const affine = ridge.solve(value);
		const error = affine ? await judge.error(withBias ? affine : { weights: affine.weights, bias: start.bias }) : Number.POSITIVE_INFINITY;
		tried.set(step, error);
		if (error < after) [after, strength] = [error, value];
		return error;
	};
	// Downhill from the middle: the error over the strength has one valley.
	let at = STRENGTHS.length >> 1;
	for (;;) {
		const here = await errorAt(at);
		if ((await errorAt(at + 1)) < here) at += 1;
		else if ((await errorAt(at - 1)) < here) at -= 1;
		else break;
	}
	if (strength === 0) return { before, after, strength };
	const all = addMoments(fit, held);
	if (strength === Number.POSITIVE_INFINITY) {
		return { before, after, strength, affine: { weights: start.weights, bias: biasFor(all, start.weights) } };
	}
	const affine = (await RidgeTowards.prepare(all, start.weights, withBias, products)).solve(strength);
	return affine ? { before, after, strength, affine } : { before, after: before, strength: 0 };
}

/** Mean over rows of the variance of the outputs. */
function varianceOf(moments: Moments): number {
	let square = 0;
	for (const sum of moments.y) square += (sum * sum) / Math.max(1, moments.rows);
	return Math.max((moments.yy - square) / Math.max(1, moments.rows), 1e-30);
}

function selectColumns(data: Float32Array, rows: number, columns: readonly number[] | undefined): Float32Array {
	if (!columns) return data;
	const width = data.length / Math.max(1, rows);
	const out = new Float32Array(rows * columns.length);
	for (let r = 0; r < rows; r++) for (const [i, c] of columns.entries()) out[r * columns.length + i] = data[r * width + c] as number;
	return out;
}
