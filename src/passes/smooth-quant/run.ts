import { ChannelReducer } from '../../core/calibrate/moments.ts';
import { observe } from '../../core/calibrate/observe.ts';
import type { Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { applyScales, largestWeights, quarterPower, type ScalePlace, scalePlaces } from '../../core/layerwise/input-scales.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import type { Options } from './index.ts';

/** Scales beyond this would only mean that a channel is never used. */
const LARGEST = 1e4;

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

/** s = max|x|^a / max|w|^(1 - a) for each channel (Xiao et al., SmoothQuant, 2022), about 1 in the middle. */
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
		{ compute, calibration, signal, onProgress: (fraction) => context.progress(0.8 * fraction, 'ranges of channels') },
	);
	let changed = 0;
	let bytesTouched = 0;
	for (const place of taken) {
		signal?.throwIfAborted();
		const reducer = reducers.get(place.input);
		const skip = (reason: string): void => {
			for (const { node } of place.readers) notes.push({ level: 'skip', node: node.label, reason });
		};
		if (!reducer || reducer.perChannel === 0) {
			skip('no sample input reaches it');
			continue;
		}
		const largest = reducer.maxima.map((high, i) => Math.max(Math.abs(high), Math.abs(reducer.minima[i]!)));
		const scales = smoothing(largest, await largestWeights(place, signal), options.strength);
		if (!scales) {
			skip('its input is zero or not finite on all samples');
			continue;
		}
		await applyScales(place, scales, signal);
		changed += place.readers.length;
		bytesTouched += place.readers.reduce((sum, { tensor }) => sum + tensor.byteLength, 0);
	}
	return { changed, eligible, bytesTouched, unit, notes };
}

function smoothing(inputs: Float32Array, weights: Float32Array, strength: 0.25 | 0.5 | 0.75): Float32Array | undefined {
	const quarters = (strength * 4) as 1 | 2 | 3;
	if (!inputs.every(Number.isFinite) || inputs.length !== weights.length) return undefined;
	const scales = new Float64Array(inputs.length).fill(1);
	let low = Number.POSITIVE_INFINITY;
	let high = 0;
	for (let i = 0; i < scales.length; i++) {
		// Channels without input or without weight need no scale.
		if (inputs[i] === 0 || weights[i] === 0) continue;
		const scale = quarterPower(inputs[i]!, quarters) / quarterPower(weights[i]!, (4 - quarters) as 1 | 2 | 3);
		scales[i] = scale;
		low = Math.min(low, scale);
		high = Math.max(high, scale);
	}
	if (high === 0) return undefined;
	const middle = Math.sqrt(low * high);
	return Float32Array.from(scales, (scale, i) =>
		inputs[i] === 0 || weights[i] === 0 ? 1 : Math.min(LARGEST, Math.max(1 / LARGEST, scale / middle)),
	);
}
