import type { Model } from '../../core/ir/model.ts';
import { type Layer, layerOf, readMatrix } from '../../core/layerwise/layer.ts';
import { layerByLayer, type Rounder } from '../../core/layerwise/layer-by-layer.ts';
import { float16Bits, float16Value } from '../../core/numeric/float16.ts';
import { dampingFor, learnRounding } from '../../core/numeric/learned-rounding.ts';
import { fitPalette, PaletteGrid } from '../../core/numeric/palette.ts';
import { raiseIr, raiseOpset } from '../../core/onnx/opset.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import { type Plan, planWeights, type WeightForm } from '../../core/pass/weight-plan.ts';
import { store } from '../../core/pass/weight-store.ts';
import type { Options } from './options.ts';
import { type Palettized, palettizedBytes, storePalettized } from './store.ts';

/** Columns beyond which the statistics of one layer would take more than about 1.6 GB. */
const MOST_COLUMNS = 8192;
/** Of all weights: what keeps 8 bits because it is small. */
const SMALL_SHARE = 0.22;

/** How weights without a palette are stored, and which are taken at all. */
export function otherwise(options: Options): WeightForm {
	const { keepEdges, nodesToExclude, minElements } = options;
	return {
		bits: 4,
		blockSize: 0,
		symmetric: true,
		method: 'mse',
		embeddings: '8',
		format: 'cast',
		halfScales: true,
		keepEdges,
		edgeShare: 0.1,
		smallShare: SMALL_SHARE,
		nodesToExclude,
		minElements,
	};
}

export async function run(model: Model, options: Options, context: PassContext): Promise<PassResult> {
	const form = otherwise(options);
	const planned = await planWeights(model, form);
	const notes = planned.notes;
	const unit = 'weights';
	if (planned.plans.length === 0) return { changed: 0, eligible: planned.eligible, bytesTouched: 0, unit, notes };
	raiseIr(model, 4);
	const narrow = options.entries <= 16;
	if (narrow && !raiseForNibbles(model, notes)) return { changed: 0, eligible: planned.eligible, bytesTouched: 0, unit, notes };
	const layers: Layer[] = [];
	const rest: Plan[] = [];
	for (const plan of planned.plans) {
		const layer = plan.bits === 8 || plan.form !== 'expand' ? undefined : layerOf(model, plan);
		if (layer && typeof layer !== 'string') layers.push(layer);
		else {
			if (layer) notes.push({ level: 'info', node: plan.value.name, reason: `8-bit integers instead of a palette: ${layer}` });
			rest.push({ ...plan, bits: 8 });
		}
	}
	const made = new Map<Layer, Palettized>();
	const round: Rounder = async (layer, weights, inputs, multiply) => {
		const { rows, columns, groups } = layer;
		const start = palettesOf(layer, weights, inputs.grams, options);
		const values = new Float32Array(weights.length);
		let [power, nearest, found] = [0, 0, 0];
		for (let g = 0; g < groups; g++) {
			const from = g * rows * columns;
			const grid = new PaletteGrid(start.palettes, start.entries, start.scales, start.rowsPerPalette, g * rows, columns);
			const part = await learnRounding(weights.subarray(from, from + rows * columns), rows, columns, inputs.grams[g]!, grid, {
				damping: dampingFor(options.damping, inputs.rows, columns),
				actOrder: true,
				start: options.learn ? 'feedback' : 'nearest',
				sweeps: options.learn ? options.sweeps : 0,
				...(columns > 48 && { multiply }),
				signal: context.signal,
			});
			start.indices.set(part.codes, from);
			for (let r = 0, at = 0; r < rows; r++) for (let c = 0; c < columns; c++, at++) values[from + at] = grid.value(r, c, part.codes[at]!);
			power += part.power;
			nearest += part.nearestError;
			found += part.error;
		}
		made.set(layer, start);
		return { values, nearest: power > 0 ? nearest / power : 0, found: power > 0 ? found / power : 0 };
	};
	const fit = { samples: options.samples, rowsPerColumn: 6, damping: options.damping, correctBias: true, correctDrift: true };
	const learnable = layers.filter(({ columns }) => columns <= MOST_COLUMNS);
	const reports = options.learn ? await layerByLayer(model, learnable, context, fit, round, notes) : [];
	const decibels = (share: number): string => (-10 * Math.log10(Math.max(share, 1e-30))).toFixed(1);
	for (const { layer, rows, nearest, found } of reports) {
		notes.push({
			level: 'info',
			node: layer.plan.value.name,
			reason: `output of the layer: ${decibels(nearest)} dB with the nearest entries, ${decibels(found)} dB learned, on ${rows} rows`,
		});
	}
	let changed = 0;
	let bytesTouched = 0;
	for (const layer of layers) {
		context.signal?.throwIfAborted();
		const palettized = made.get(layer) ?? (await nearestEntries(layer, options, context.signal));
		if (!palettized || palettizedBytes(palettized) >= layer.plan.tensor.byteLength) {
			notes.push({
				level: 'skip',
				node: layer.plan.value.name,
				reason: palettized ? 'indices and palettes would be larger than the weight' : 'it holds NaN or infinity',
			});
			continue;
		}
		storePalettized(layer, palettized);
		changed += 1;
		bytesTouched += layer.plan.tensor.byteLength;
	}
	for (const plan of rest) {
		context.signal?.throwIfAborted();
		if (!(await store(model, plan, { ...form, bits4: true }, notes, context.signal))) continue;
		changed += 1;
		bytesTouched += plan.tensor.byteLength;
	}
	return { changed, eligible: planned.eligible, bytesTouched, unit, notes };
}

/** Cast of uint4 came with opset 21. */
function raiseForNibbles(model: Model, notes: Note[]): boolean {
	if (model.opset >= 21) {
		raiseIr(model, 10);
		return true;
	}
	const before = model.opset;
	const { raised, refused } = raiseOpset(model, 21);
	if (raised) notes.push({ level: 'info', reason: `opset raised from ${before} to 21, which 4-bit indices need` });
	for (const { node, reason } of refused) {
		notes.push({
			level: 'skip',
			...(node && { node }),
			reason: `4-bit indices need opset 21 and the model's ${before} could not be raised: ${reason}. 256 entries need no more than it has`,
		});
	}
	return raised;
}

/** Scales of rows by their power, and palettes of what is left; columns count as much as their inputs are strong. */
function palettesOf(layer: Layer, weights: Float32Array, grams: readonly Float64Array[] | undefined, options: Options): Palettized {
	const { rows, columns, groups } = layer;
	const all = rows * groups;
	const scales = new Float32Array(all);
	for (let r = 0; r < all; r++) {
		let power = 0;
		for (let c = 0; c < columns; c++) power += weights[r * columns + c]! ** 2;
		const scale = float16Value(float16Bits(Math.sqrt(power / columns)));
		scales[r] = scale >= 2 ** -14 && scale < 60_000 ? scale : 1;
	}
	const rowsPerPalette = Math.min(all, Math.max(1, Math.ceil(options.groupElements / columns)));
	const count = Math.ceil(all / rowsPerPalette);
	const palettes = new Float32Array(count * options.entries);
	for (let p = 0; p < count; p++) {
		const [from, to] = [p * rowsPerPalette, Math.min(all, (p + 1) * rowsPerPalette)];
		const values = new Float32Array((to - from) * columns);
		const importance = new Float64Array(values.length);
		for (let r = from, at = 0; r < to; r++) {
			const gram = grams?.[Math.floor(r / rows)];
			const square = scales[r]! ** 2;
			for (let c = 0; c < columns; c++, at++) {
				values[at] = weights[r * columns + c]! / scales[r]!;
				importance[at] = square * (gram ? gram[c * columns + c]! : 1);
			}
		}
		palettes.set(fitPalette(values, importance, options.entries), p * options.entries);
	}
	return { indices: new Uint8Array(weights.length), palettes, entries: options.entries, scales, rowsPerPalette };
}

/** Palettes without sample inputs. undefined where the weight is not finite. */
async function nearestEntries(layer: Layer, options: Options, signal: AbortSignal | undefined): Promise<Palettized | undefined> {
	const weights = await readMatrix(layer, signal);
	if (!weights.every(Number.isFinite)) return undefined;
	const { columns } = layer;
	const made = palettesOf(layer, weights, undefined, options);
	const grid = new PaletteGrid(made.palettes, made.entries, made.scales, made.rowsPerPalette, 0, columns);
	for (let at = 0; at < weights.length; at++) made.indices[at] = grid.nearest(Math.floor(at / columns), 0, weights[at]!);
	return made;
}
