import { ChannelReducer } from '../../core/calibrate/moments.ts';
import { observe } from '../../core/calibrate/observe.ts';
import type { Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { PassContext, PassResult } from '../../core/pass/pass.ts';
import type { Options } from './options.ts';
import { findPairs, type Pair } from './pairs.ts';

const unit = 'pairs of layers';
/** Scales stay within these: a channel of almost nothing must not be blown up to noise. */
const MOST = 1e4;
/** Largest change of a scale in a sweep that still counts as movement. */
const SETTLED = 1e-3;
/** Channels may come this near to the bound of a Clip before they count as clipped. */
const NEAR = 0.999;

export async function run(model: Model, options: Options, context: PassContext): Promise<PassResult> {
	const { pairs, notes, layers } = await findPairs(model, options);
	if (pairs.length === 0) return { changed: 0, eligible: layers.length, bytesTouched: 0, unit, notes };
	const clipped = pairs.filter((pair) => pair.bound < Number.POSITIVE_INFINITY);
	const offset = options.absorbHighBiases ? pairs.filter(absorbable) : [];
	const seen = await channelsOf(model, [...new Set([...clipped, ...offset])], context);

	const usable: {
		readonly pair: Pair /** Least scale of each channel, or 1 exactly where it reaches the bound. */;
		readonly limits: Limits | undefined;
	}[] = [];
	for (const pair of pairs) {
		if (pair.bound === Number.POSITIVE_INFINITY) usable.push({ pair, limits: undefined });
		else {
			const channels = seen.get(pair.first.node.output());
			if (channels) usable.push({ pair, limits: limitsOf(channels, pair.bound) });
			else {
				const reason = `a Clip at ${pair.bound} follows; only sample inputs tell which channels stay below it`;
				notes.push({ level: 'skip', node: pair.first.node.label, reason });
			}
		}
	}
	const total = new Map(usable.map(({ pair }) => [pair, new Float64Array(pair.first.outputs).fill(1)]));
	for (let sweep = 0; sweep < options.iterations; sweep++) {
		context.signal?.throwIfAborted();
		context.progress(0.5 + (0.5 * sweep) / options.iterations);
		let moved = 0;
		for (const { pair, limits } of usable) moved = Math.max(moved, balance(pair, total.get(pair) as Float64Array, limits));
		if (moved < SETTLED) break;
	}
	let absorbed = 0;
	for (const pair of offset) {
		const channels = seen.get(pair.first.node.output());
		if (channels) absorbed += absorb(pair, channels, total.get(pair), options.deviations);
	}
	if (absorbed > 0) notes.push({ level: 'info', reason: `offsets of ${absorbed} channels moved to the next layer` });
	let bytesTouched = 0;
	for (const layer of layers) bytesTouched += layer.store();
	return { changed: usable.length, eligible: layers.length, bytesTouched, unit, notes };
}

/** One number for each channel: its scale may not go below this; `fixed` ones keep 1. */
interface Limits {
	readonly least: Float64Array;
	readonly fixed: Uint8Array;
}

/** A channel below the bound on all sample inputs stays below it as long as it is not scaled up beyond it. */
function limitsOf(channels: ChannelReducer, bound: number): Limits {
	const { maxima } = channels;
	return {
		least: Float64Array.from(maxima, (max) => Math.max(0, max) / (bound * NEAR)),
		fixed: Uint8Array.from(maxima, (max) => (max < bound * NEAR ? 0 : 1)),
	};
}

/**
 * s = sqrt(r1 / r2) for each channel: afterwards its weights reach as far on either side (Nagel et al. 2019, section 4.1).
 * Gives the largest movement.
 */
function balance({ first, second }: Pair, total: Float64Array, limits: Limits | undefined): number {
	const before = first.outputRanges();
	const after = second.inputRanges();
	const scales = new Float64Array(before.length);
	let moved = 0;
	for (let i = 0; i < scales.length; i++) {
		const [r1, r2, old] = [before[i] as number, after[i] as number, total[i] as number];
		let scale = r1 > 0 && r2 > 0 ? Math.sqrt(r1 / r2) : 1;
		if (limits?.fixed[i]) scale = 1;
		else {
			const least = Math.max(1 / MOST, limits?.least[i] ?? 0);
			scale = Math.min(MOST, Math.max(least, old * scale)) / old;
		}
		if (!Number.isFinite(scale)) scale = 1;
		scales[i] = scale;
		total[i] = old * scale;
		moved = Math.max(moved, Math.abs(scale - 1));
	}
	first.divideOutputs(scales);
	second.multiplyInputs(scales);
	return moved;
}

/** An offset passes through a Relu alone, and into a layer that reads no padding and has a bias to take it. */
function absorbable({ first, second, rectified, direct }: Pair): boolean {
	if (!rectified || !direct || !first.hasBias || !second.hasBias) return false;
	const { node } = second;
	if (node.op !== 'Conv') return node.op === 'Gemm' ? node.float('beta', 1) === 1 && node.float('alpha', 1) === 1 : true;
	const auto = node.string('auto_pad', 'NOTSET');
	return (auto === 'NOTSET' || auto === 'VALID') && (node.ints('pads') ?? []).every((pad) => pad === 0);
}

/**
 * High-bias absorption (Nagel et al. 2019, section 4.1.3): relu(x) - c = relu(x - c) where x stays above c; mean and deviation are
 * measured, and c never exceeds the smallest value that was seen.
 */
function absorb({ first, second }: Pair, channels: ChannelReducer, scales: Float64Array | undefined, deviations: number): number {
	const { means, deviations: spread, minima } = channels;
	const offsets = Float64Array.from(means, (mean, i) => {
		const safe = Math.min(mean - deviations * (spread[i] ?? 0), minima[i] ?? 0);
		return Math.max(0, safe) / (scales?.[i] ?? 1);
	});
	const moved = offsets.filter((offset) => offset > 0).length;
	if (moved === 0) return 0;
	second.shiftBias(second.response(offsets));
	first.shiftBias(offsets.map((offset) => -offset));
	return moved;
}

async function channelsOf(model: Model, pairs: readonly Pair[], context: PassContext): Promise<Map<Value, ChannelReducer>> {
	const { compute, calibration } = context;
	const channels = new Map<Value, ChannelReducer>();
	if (!compute || !calibration || calibration.n === 0 || pairs.length === 0) return channels;
	await observe(
		model,
		pairs.map(({ first }) => first.node.output()),
		({ value, data, dims }) => {
			const reducer = channels.get(value) ?? new ChannelReducer(value.producer?.op === 'Conv' ? 1 : -1);
			channels.set(value, reducer);
			reducer.add(data, dims);
		},
		{ compute, calibration, signal: context.signal, onProgress: (fraction) => context.progress(0.5 * fraction) },
	);
	return channels;
}
