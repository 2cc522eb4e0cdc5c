import { ChannelReducer } from '../../core/calibrate/moments.ts';
import { observe } from '../../core/calibrate/observe.ts';
import type { Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import { applyScales, quarterPower, type ScaledReader, type ScalePlace, scalePlaces } from '../../core/layerwise/input-scales.ts';
import { decode } from '../../core/numeric/quantize-kernels.ts';
import { codeBytes, quantizeTensor, readFloats } from '../../core/numeric/quantize-tensor.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import type { Options } from './index.ts';

const QUARTERS = [0, 1, 2, 3, 4] as const;

function placesOf(model: Model, options: Options): ScalePlace[] {
	return scalePlaces(model, (node) => !options.nodesToExclude.includes(node.name));
}

function obstacle(place: ScalePlace, options: Options): string | undefined {
	if (place.gains || options.insertMul) return undefined;
	return 'its input is read elsewhere too, or no normalization makes it; inserting scales is switched off';
}

export function describePlaces(model: Model, options: Options): Note[] {
	return placesOf(model, options).flatMap((place) =>
		place.readers.map(({ node }): Note => {
			const reason = obstacle(place, options);
			return reason
				? { level: 'skip', node: node.label, reason }
				: {
						level: 'info',
						node: node.label,
						reason: place.gains ? 'scales go into the normalization before it' : 'a Mul is put before it',
					};
		}),
	);
}

/**
 * s = (mean x^2)^(a / 2) for each channel (Lin et al., AWQ, 2023), with the a of five that leaves the least error of the
 * weights, each column weighted by the power of its input. a = 0 leaves the place as it is.
 */
export async function run(model: Model, options: Options, context: PassContext): Promise<PassResult> {
	const notes: Note[] = [];
	const places = placesOf(model, options);
	const eligible = places.reduce((sum, { readers }) => sum + readers.length, 0);
	const taken = places.filter((place) => {
		const reason = obstacle(place, options);
		if (reason) for (const { node } of place.readers) notes.push({ level: 'skip', node: node.label, reason });
		return !reason;
	});
	const unit = 'operators';
	const { compute, calibration, signal } = context;
	if (taken.length === 0 || !compute || !calibration) return { changed: 0, eligible, bytesTouched: 0, unit, notes };
	const reducers = new Map<Value, ChannelReducer>(taken.map(({ input }) => [input, new ChannelReducer(-1)]));
	await observe(
		model,
		taken.map(({ input }) => input),
		({ value, data, dims }) => reducers.get(value)?.add(data, dims),
		{ compute, calibration, signal, onProgress: (fraction) => context.progress(0.4 * fraction, 'power of channels') },
	);
	let changed = 0;
	let bytesTouched = 0;
	for (const [index, place] of taken.entries()) {
		signal?.throwIfAborted();
		context.progress(0.4 + (0.6 * index) / taken.length, place.readers[0]?.node.label);
		const reducer = reducers.get(place.input);
		const powers = reducer && reducer.perChannel > 0 ? reducer.powers : undefined;
		const skip = (reason: string, level: 'skip' | 'info' = 'skip'): void => {
			for (const { node } of place.readers) notes.push({ level, node: node.label, reason });
		};
		if (!powers?.every(Number.isFinite)) {
			skip(powers ? 'its input is not finite on all samples' : 'no sample input reaches it');
			continue;
		}
		const errors: number[] = [];
		for (const quarters of QUARTERS) errors.push(await errorWith(place, scalesOf(powers, quarters), powers, options, signal));
		const best = errors.indexOf(Math.min(...errors));
		const quarters = QUARTERS[best] ?? 0;
		// A Mul for a gain within the noise is not worth its time.
		if (quarters === 0 || !(errors[best]! < 0.97 * errors[0]!)) {
			skip('left as it is: no scales make its weights better', 'info');
			continue;
		}
		await applyScales(place, scalesOf(powers, quarters), signal);
		changed += place.readers.length;
		bytesTouched += place.readers.reduce((sum, { tensor }) => sum + tensor.byteLength, 0);
	}
	return { changed, eligible, bytesTouched, unit, notes };
}

/** Scales about 1 in the middle; channels without input keep 1. */
function scalesOf(powers: Float64Array, quarters: (typeof QUARTERS)[number]): Float32Array {
	const scales = powers.map((power) => (power > 0 ? quarterPower(Math.sqrt(power), quarters) : 1));
	let low = Number.POSITIVE_INFINITY;
	let high = 0;
	for (const [i, scale] of scales.entries()) {
		if (!(powers[i]! > 0)) continue;
		low = Math.min(low, scale);
		high = Math.max(high, scale);
	}
	const middle = high > 0 ? Math.sqrt(low * high) : 1;
	return Float32Array.from(scales, (scale, i) => (powers[i]! > 0 ? Math.min(1e4, Math.max(1e-4, scale / middle)) : 1));
}

/** Sum over a place's weights of E[x^2] (w - w_quantized)^2. */
async function errorWith(
	place: ScalePlace,
	scales: Float32Array,
	powers: Float64Array,
	options: Options,
	signal?: AbortSignal,
): Promise<number> {
	let sum = 0;
	for (const reader of place.readers) sum += await weightError(reader, scales, powers, options, signal);
	return sum;
}

async function weightError(
	{ tensor, turned }: ScaledReader,
	scales: Float32Array,
	powers: Float64Array,
	options: Options,
	signal?: AbortSignal,
): Promise<number> {
	const [rows = 0, columns = 0] = tensor.dims;
	const values = (await readFloats(tensor, 0, rows * columns, signal)).slice();
	for (let r = 0, at = 0; r < rows; r++) for (let c = 0; c < columns; c++, at++) values[at]! *= scales[turned ? c : r]!;
	const axis = turned ? 1 : 0;
	const scaled = memoryTensor('float32', tensor.dims, values);
	const { bits, blockSize, symmetric } = options;
	const fits = blockSize > 0 && (tensor.dims[axis] ?? 0) >= blockSize;
	const quantized = await quantizeTensor(
		scaled,
		{
			dtype: bits === 4 ? (symmetric ? 'int4' : 'uint4') : symmetric ? 'int8' : 'uint8',
			granularity: fits ? { kind: 'block', axis, size: blockSize } : { kind: 'axis', axis: 1 - axis },
			symmetric,
			method: 'minmax',
			fullRange: bits === 4,
			halfScales: true,
		},
		signal,
	);
	if (!quantized) return Number.POSITIVE_INFINITY;
	const codes = await codeBytes(scaled, quantized.params, 0, values.length, signal);
	const back = new Float32Array(values.length);
	decode(quantized.params, quantized.params.range.min < 0 ? new Int8Array(codes.buffer) : codes, 0, back);
	let error = 0;
	for (let r = 0, at = 0; r < rows; r++) {
		for (let c = 0; c < columns; c++, at++) {
			const k = turned ? c : r;
			error += powers[k]! * ((values[at]! - back[at]!) / scales[k]!) ** 2;
		}
	}
	return error;
}
