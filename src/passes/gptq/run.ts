import type { Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { gridLayout, type Layer, layerOf, storeCodes } from '../../core/layerwise/layer.ts';
import { type LayerReport, layerByLayer, type Rounder } from '../../core/layerwise/layer-by-layer.ts';
import { dampingFor, learnRounding } from '../../core/numeric/learned-rounding.ts';
import type { QuantDType } from '../../core/numeric/quantize.ts';
import { type QuantizedTensor, quantizeTensor } from '../../core/numeric/quantize-tensor.ts';
import { UniformGrid } from '../../core/numeric/uniform-grid.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import type { Plan, WeightForm } from '../../core/pass/weight-plan.ts';
import { expandedScheme, nbitsScheme, type Quantizer, type StoreOptions } from '../../core/pass/weight-store.ts';
import { storeWeights } from '../../core/pass/weight-storing.ts';
import type { Options } from './options.ts';

/** Columns beyond which the statistics of one layer would take more than about 1.6 GB. */
const MOST_COLUMNS = 8192;
/** Of all weights: what keeps 8 bits because it is small. */
const SMALL_SHARE = 0.08;

/** What is stored how; scales start with the least squared error. */
export function formOf(options: Options): WeightForm {
	// A classifier of a thousand classes is a third of a small network: learned rounding takes 4 bits there.
	return { ...options, method: 'mse', edgeShare: 0.1, smallShare: SMALL_SHARE };
}

export async function run(model: Model, options: Options, context: PassContext): Promise<PassResult> {
	return storeWeights(model, formOf(options), context, (plans, settled, notes) => learn(model, plans, options, settled, context, notes));
}

async function learn(
	model: Model,
	plans: readonly Plan[],
	options: Options,
	settled: StoreOptions,
	context: PassContext,
	notes: Note[],
): Promise<Quantizer> {
	const began = performance.now();
	const layers: Layer[] = [];
	for (const plan of plans) {
		const layer = layerOf(model, plan);
		if (typeof layer === 'string') notes.push({ level: 'info', node: plan.value.name, reason: `rounded to nearest: ${layer}` });
		else if (layer.columns > MOST_COLUMNS) {
			notes.push({
				level: 'skip',
				node: plan.value.name,
				reason: `rounded to nearest: sums of ${layer.columns} products are too long for learned rounding`,
			});
		} else layers.push(layer);
	}
	const learned = new Map<Value, QuantizedTensor>();
	const round: Rounder = async (layer, weights, inputs, multiply) => {
		const { plan } = layer;
		const { tensor, scheme } =
			plan.form === 'nbits' ? { tensor: plan.tensor, scheme: nbitsScheme(plan, settled) } : expandedScheme(plan, settled);
		const start = await quantizeTensor(tensor, scheme, context.signal);
		const { rows, columns, groups } = layer;
		const { granularity } = scheme;
		const blocks = granularity.kind === 'block' ? Math.ceil(columns / granularity.size) : 1;
		const layout = start && gridLayout(layer, granularity, blocks);
		if (!start || !layout) {
			if (start)
				notes.push({ level: 'info', node: plan.value.name, reason: 'rounded to nearest: its scales do not follow its output channels' });
			return undefined;
		}
		const scales = start.params.scales.slice();
		const codes = new Uint8Array(weights.length);
		const values = new Float32Array(weights.length);
		let [power, nearest, found] = [0, 0, 0];
		for (let g = 0; g < groups; g++) {
			const grid = new UniformGrid(
				{ ...layout, offset: layout.offset + g * rows * layout.rowStride },
				columns,
				scales,
				start.params.zeroPoints,
				start.params.range,
				start.halfScales,
			);
			const from = g * rows * columns;
			const part = await learnRounding(weights.subarray(from, from + rows * columns), rows, columns, inputs.grams[g]!, grid, {
				damping: dampingFor(options.damping, inputs.rows, columns),
				actOrder: options.actOrder,
				start: options.start,
				// 8 bits leave nothing to refit.
				sweeps: plan.bits === 8 ? Math.min(1, options.sweeps) : options.sweeps,
				...(columns > 48 && { multiply }),
				signal: context.signal,
			});
			codes.set(part.codes, from);
			for (let r = 0, at = 0; r < rows; r++) for (let c = 0; c < columns; c++, at++) values[from + at] = grid.value(r, c, part.codes[at]!);
			power += part.power;
			nearest += part.nearestError;
			found += part.error;
		}
		const dtype = start.codes.dtype as QuantDType;
		learned.set(plan.value, {
			params: { ...start.params, scales },
			codes: storeCodes(layer, codes, dtype, start.codes.dims),
			halfScales: start.halfScales,
		});
		return { values, nearest: power > 0 ? nearest / power : 0, found: power > 0 ? found / power : 0 };
	};
	const reports = await layerByLayer(model, layers, context, options, round, notes);
	notes.push(...summary(reports, (performance.now() - began) / 1000));
	return async (tensor, scheme, plan, signal) => {
		const found = learned.get(plan.value);
		const fits = found && found.codes.dtype === scheme.dtype && found.codes.dims.join() === tensor.dims.join();
		return fits ? found : quantizeTensor(tensor, scheme, signal);
	};
}

function summary(reports: readonly LayerReport[], seconds: number): Note[] {
	if (reports.length === 0) return [];
	const decibels = (share: number): string => (-10 * Math.log10(Math.max(share, 1e-30))).toFixed(1);
	const notes: Note[] = reports.map(({ layer, rows, nearest, found }) => ({
		level: 'info',
		node: layer.plan.value.name,
		reason: `output of the layer: ${decibels(nearest)} dB to nearest, ${decibels(found)} dB learned, on ${rows} rows`,
	}));
	const short = reports.filter(({ layer, rows }) => rows < layer.columns);
	if (short.length > 0) {
		notes.push({
			level: 'warn',
			reason: `${short.length} layers had fewer rows of inputs than the length of their sums (${short
				.slice(0, 3)
				.map(({ layer, rows }) => `${layer.plan.value.name}: ${rows} of ${layer.columns}`)
				.join(', ')}): their rounding leans on the damping. More sample inputs make it better`,
		});
	}
	notes.push({ level: 'info', reason: `rounding of ${reports.length} layers was learned in ${seconds.toFixed(0)} s` });
	return notes;
}
