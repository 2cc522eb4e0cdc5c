import { type Histogram, HistogramReducer } from './histogram.ts';
import { MinMaxReducer, MovingMinMaxReducer, type Range } from './min-max.ts';
import { naturalLog } from './natural-log.ts';

/** How the range of a tensor follows from what it was seen to hold. */
export type RangeMethod =
	| { readonly kind: 'minmax' }
	/** Exponential moving average of each run's extremes; `constant` 0..1 weighs the newest. */
	| { readonly kind: 'moving'; readonly constant: number }
	/** Keeps this percentage of the values, cutting the rest off both ends evenly. 50..100 */
	| { readonly kind: 'percentile'; readonly percentile: number }
	/** Least Kullback-Leibler divergence between the values and their codes (Migacz 2017). */
	| { readonly kind: 'entropy' }
	/** Least squared error of the codes: what clipping costs against what finer steps gain. */
	| { readonly kind: 'mse' };

/** Collects what a method needs of a stream, in constant memory, and gives the range. */
export interface RangeCollector {
	add(data: Float32Array): void;
	/** `levels`: number of codes; `symmetric`: the range will be made symmetric around 0. undefined: nothing finite was seen. */
	range(levels: number, symmetric: boolean): Range | undefined;
	/** The histogram, where the method keeps one. */
	readonly histogram: Histogram | undefined;
}

/** A collector for one tensor. */
export function rangeCollector(method: RangeMethod): RangeCollector {
	if (method.kind === 'minmax' || method.kind === 'moving') {
		const reducer = method.kind === 'minmax' ? new MinMaxReducer() : new MovingMinMaxReducer(method.constant);
		return { add: (data) => reducer.add(data), range: () => reducer.range, histogram: undefined };
	}
	const reducer = new HistogramReducer();
	return {
		add: (data) => reducer.add(data),
		range: (levels, symmetric) => {
			const { histogram } = reducer;
			if (!histogram) return undefined;
			return rangeOf(histogram, method, levels, symmetric);
		},
		get histogram() {
			return reducer.histogram;
		},
	};
}

/** The range that a histogram method picks. Never wider than what was seen, and always with 0 inside. */
export function rangeOf(
	histogram: Histogram,
	method: Exclude<RangeMethod, { kind: 'minmax' | 'moving' }>,
	levels: number,
	symmetric: boolean,
): Range {
	const seen = { min: Math.min(0, histogram.min), max: Math.max(0, histogram.max) };
	const whole = symmetric ? symmetrized(seen) : seen;
	if (whole.max === whole.min) return whole;
	switch (method.kind) {
		case 'percentile':
			return percentileRange(histogram, method.percentile, whole, symmetric);
		case 'entropy':
			return entropyRange(histogram, levels, whole);
		case 'mse':
			return mseRange(histogram, levels, whole, symmetric);
	}
}

function symmetrized({ min, max }: Range): Range {
	const most = Math.max(-min, max);
	return { min: -most, max: most };
}

function percentileRange({ low, width, counts, total }: Histogram, percentile: number, whole: Range, symmetric: boolean): Range {
	const cut = (total * (100 - percentile)) / 100;
	const upper = (limit: number): number => {
		let beyond = 0;
		for (let bin = counts.length - 1; bin >= 0; bin--) {
			beyond += counts[bin] as number;
			if (beyond > limit) return Math.max(0, low + (bin + 1) * width);
		}
		return 0;
	};
	const lower = (limit: number): number => {
		let beyond = 0;
		for (let bin = 0; bin < counts.length; bin++) {
			beyond += counts[bin] as number;
			if (beyond > limit) return Math.min(0, low + bin * width);
		}
		return 0;
	};
	if (symmetric) {
		// Both tails together may lose `cut` values.
		let beyond = 0;
		let far = Math.ceil(whole.max / width);
		for (; far > 0; far--) {
			const right = Math.floor(far - 1 - low / width);
			const left = Math.floor(-far - low / width);
			beyond += (counts[right] ?? 0) + (counts[left] ?? 0);
			if (beyond > cut) break;
		}
		const most = Math.min(whole.max, Math.max(far, 1) * width);
		return { min: -most, max: most };
	}
	return { min: Math.max(whole.min, lower(cut / 2)), max: Math.min(whole.max, upper(cut / 2)) };
}

const MSE_STEPS = 80;
/** Ranges are never cut below this share of what was seen. */
const LEAST_SHARE = 0.2;

function mseRange(histogram: Histogram, levels: number, whole: Range, symmetric: boolean): Range {
	let best = whole;
	let least = clippingError(histogram, whole, levels);
	const consider = (range: Range): void => {
		const error = clippingError(histogram, range, levels);
		if (error < least) {
			least = error;
			best = range;
		}
	};
	const shares = Array.from({ length: MSE_STEPS - 1 }, (_, i) => 1 - ((i + 1) / MSE_STEPS) * (1 - LEAST_SHARE));
	for (const share of shares) consider({ min: whole.min * share, max: whole.max * share });
	if (symmetric || whole.min === 0 || whole.max === 0) return best;
	// Then one end after the other, twice.
	for (let round = 0; round < 2; round++) {
		const { min } = best;
		for (const share of shares) consider({ min, max: whole.max * share });
		const { max } = best;
		for (const share of shares) consider({ min: whole.min * share, max });
	}
	return best;
}

/** Sum of squared errors of the values in a histogram when they are coded with `levels` codes over the range. */
export function clippingError({ low, width, counts }: Histogram, { min, max }: Range, levels: number): number {
	const step = (max - min) / (levels - 1);
	if (!(step > 0)) return Number.POSITIVE_INFINITY;
	const within = (width * width) / 12;
	const zero = Math.round(-min / step);
	let error = 0;
	for (let bin = 0; bin < counts.length; bin++) {
		const count = counts[bin] as number;
		if (count === 0) continue;
		const edge = low + bin * width;
		// The bin that starts at 0 holds the exact zeros of rectified values, which have a code of their own.
		const x = edge === 0 ? 0 : edge + width / 2;
		const code = Math.min(levels - 1, Math.max(0, Math.round(x / step) + zero));
		const difference = x - (code - zero) * step;
		error += count * (difference * difference + (edge === 0 ? 0 : within));
	}
	return error;
}

function entropyRange(histogram: Histogram, levels: number, whole: Range): Range {
	const { low, width } = histogram;
	const bins = histogram.counts.length;
	const { counts, total } = withoutSpikes(histogram);
	if (bins <= levels) return whole;
	const zero = Math.min(bins, Math.max(0, Math.round(-low / width)));
	let best = whole;
	let least = Number.POSITIVE_INFINITY;
	const step = Math.max(1, Math.floor(bins / 256));
	for (let kept = bins; kept >= levels; kept -= step) {
		// Both ends move towards 0 in proportion.
		const share = kept / bins;
		const from = Math.max(0, Math.floor(zero - zero * share));
		const to = Math.min(bins, Math.ceil(zero + (bins - zero) * share));
		if (to - from < levels) break;
		const divergence = divergenceOf(counts, total, from, to, levels);
		if (divergence < least) {
			least = divergence;
			best = { min: Math.max(whole.min, Math.min(0, low + from * width)), max: Math.min(whole.max, Math.max(0, low + to * width)) };
		}
	}
	return whole.min === -whole.max ? symmetrized(best) : best;
}

/**
 * Rectified values pile up on 0 and clipped ones on the last value; both have a code of their own, so that these piles say nothing
 * about how wide the codes in between may be. They are cut to their neighbour's height.
 */
function withoutSpikes({ low, width, counts: all }: Histogram): { readonly counts: Float64Array; readonly total: number } {
	const counts = all.slice();
	const zero = Math.round(-low / width);
	for (const [bin, neighbours] of [
		[zero, [zero - 1, zero + 1]],
		[0, [1]],
		[counts.length - 1, [counts.length - 2]],
	] as const) {
		if (bin < 0 || bin >= counts.length) continue;
		const beside = Math.max(...neighbours.map((at) => counts[at] ?? 0));
		counts[bin] = Math.min(counts[bin] as number, beside);
	}
	return { counts, total: counts.reduce((sum, count) => sum + count, 0) };
}

/** Values that may be clipped: histograms of few distinct values would otherwise be cut to pieces. */
const MOST_CLIPPED = 0.001;

/** KL(p || q): p the counts in [from, to) with what lies outside added to the ends, q the same counts seen through `levels` codes. */
function divergenceOf(counts: Float64Array, total: number, from: number, to: number, levels: number): number {
	let before = 0;
	let after = 0;
	for (let bin = 0; bin < from; bin++) before += counts[bin] as number;
	for (let bin = to; bin < counts.length; bin++) after += counts[bin] as number;
	const length = to - from;
	const inside = total - before - after;
	if (inside <= 0 || before + after > MOST_CLIPPED * total) return Number.POSITIVE_INFINITY;
	let divergence = 0;
	for (let level = 0; level < levels; level++) {
		const start = from + Math.floor((level * length) / levels);
		const end = from + Math.floor(((level + 1) * length) / levels);
		let sum = 0;
		let filled = 0;
		for (let bin = start; bin < end; bin++) {
			const count = counts[bin] as number;
			sum += count;
			if (count > 0 || (bin === from && before > 0) || (bin === to - 1 && after > 0)) filled += 1;
		}
		if (filled === 0) continue;
		// A code that stands for outliers alone still has a little probability.
		const q = Math.max(sum, 0.5) / filled / inside;
		for (let bin = start; bin < end; bin++) {
			const count = (counts[bin] as number) + (bin === from ? before : 0) + (bin === to - 1 ? after : 0);
			if (count > 0) divergence += (count / total) * naturalLog(count / total / q);
		}
	}
	return divergence;
}
