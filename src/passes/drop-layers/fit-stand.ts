import type { Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { Compute } from '../../core/pass/calibration.ts';
import { bestFit, varianceOf } from '../../core/refit/fit.ts';
import { MomentsReducer, RowProducts } from '../../core/refit/moments.ts';
import { openRows, pickPositions, rowsWanted } from '../../core/refit/rows.ts';
import type { Samples } from '../../core/refit/samples.ts';
import type { Block } from './blocks.ts';
import { featureAxis, type Stand } from './replace.ts';

/** Features beyond which the covariance of what goes in would take too much memory and time. */
const MOST_FEATURES = 1700;
/** Examples whose values in front of and behind a block are compared, at most, and the bytes that they may take. */
const MOST_EXAMPLES = 64;
const LIVE_BYTES = 80_000_000;

export interface FittedStand {
	readonly stand: Stand;
	/** Squared error over variance of what stands behind the block on held-out rows: with the block simply gone, and with the map. */
	readonly before: number;
	readonly after: number;
}

/**
 * The affine map of what the model as it stands gives in front of a block to what the original gave behind it: ridge regression drawn
 * towards the identity, its strength chosen on held-out rows. undefined: none fits, or the identity does as well.
 */
export async function fitStand(
	block: Block,
	at: { readonly model: Model; readonly entry: Value },
	original: { readonly model: Model; readonly exit: Value },
	samples: Samples,
	context: { readonly compute: Compute; readonly signal?: AbortSignal | undefined },
): Promise<FittedStand | undefined> {
	const axis = featureAxis(block);
	const size = axis === undefined ? 0 : Number(block.shape[axis]);
	if (axis === undefined || size > MOST_FEATURES) return undefined;
	const { compute, signal } = context;
	const first = { compute, calibration: samples.calibration, indices: [samples.all[0]?.index ?? 0], signal };
	const trial = await openRows(original.model, [original.exit], first);
	let bytes = 1;
	await trial.advance(original.exit, (data) => {
		bytes = data.byteLength;
	});
	const chosen = samples.all.slice(0, Math.max(8, Math.min(MOST_EXAMPLES, Math.floor(LIVE_BYTES / (2 * bytes)))));
	const options = { ...first, indices: chosen.map((entry) => entry.index) };
	const products = await RowProducts.create(compute);
	try {
		const fit = new MomentsReducer(size, size, products);
		const held = new MomentsReducer(size, size, products);
		const each = Math.ceil(rowsWanted(size) / chosen.length);
		const rowsOf = (data: Float32Array, dims: readonly number[], example: number): Float32Array =>
			rowsAlong(data, dims, axis, pickPositions(data.length / Math.max(1, size), each, example));
		// In the original both ends come by in one run.
		const same = at.model === original.model;
		const behind = await openRows(original.model, same ? [at.entry, original.exit] : [original.exit], options);
		const before = same ? behind : await openRows(at.model, [at.entry], options);
		const given = new Map<number, { rows: Float32Array; total: number }>();
		await before.advance(at.entry, (data, dims, example) => {
			given.set(example, { rows: rowsOf(data, dims, example), total: data.length });
		});
		await behind.advance(original.exit, async (data, dims, example) => {
			const x = given.get(example);
			given.delete(example);
			if (x?.total === data.length)
				await (chosen[example]?.held ? held : fit).add(x.rows, rowsOf(data, dims, example), x.rows.length / size);
		});
		const [learned, judged] = [await fit.flush(), await held.flush()];
		if (learned.rows < 8 || judged.rows < 2) return undefined;
		const weights = new Float64Array(size * size);
		for (let i = 0; i < size; i++) weights[i * size + i] = 1;
		const found = await bestFit(learned, judged, { weights, bias: new Float64Array(size) }, true, products);
		if (!found.affine) return undefined;
		const variance = varianceOf(judged);
		return {
			stand: { weights: Float32Array.from(found.affine.weights), bias: Float32Array.from(found.affine.bias) },
			before: found.before / variance,
			after: found.after / variance,
		};
	} finally {
		await products.release();
	}
}

/** Rows along an axis at some positions of all the others, counted as if that axis were last. */
function rowsAlong(data: Float32Array, dims: readonly number[], axis: number, positions: readonly number[]): Float32Array {
	const size = dims[axis] ?? 1;
	const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
	const rows = new Float32Array(positions.length * size);
	for (const [r, position] of positions.entries()) {
		const base = Math.floor(position / inner) * size * inner + (position % inner);
		for (let c = 0; c < size; c++) rows[r * size + c] = data[base + c * inner] as number;
	}
	return rows;
}
