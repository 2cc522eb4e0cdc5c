import { normalCdf } from './normal.ts';
import type { ShareFigure } from './shares.ts';
import { pointOf } from './shares.ts';
import { steady } from './steady.ts';

/** Bins of confidence (Guo and others, ICML 2017). */
const bins = 15;

const binOf = (confidence: number): number => Math.min(bins - 1, Math.max(0, Math.floor(confidence * bins)));

/** Confidences and whether the answers were right, for samples given by how often each is drawn. */
export class BinnedConfidence {
	readonly #bin: Uint8Array;
	readonly #off: Float64Array;

	constructor(confidence: ArrayLike<number>, right: ArrayLike<number>) {
		this.#bin = Uint8Array.from(confidence, binOf);
		this.#off = Float64Array.from(confidence, (p, k) => (right[k] as number) - p);
	}

	/** Expected calibration error: mean over bins of |share right - mean confidence|, weighted by examples. */
	of(weights: ArrayLike<number>): number {
		const sums = new Float64Array(bins);
		let total = 0;
		for (let k = 0; k < this.#bin.length; k++) {
			const w = weights[k] as number;
			if (w === 0) continue;
			total += w;
			sums[this.#bin[k] as number]! += w * (this.#off[k] as number);
		}
		return sums.reduce((sum, x) => sum + Math.abs(x), 0) / total;
	}
}

interface Bin {
	/** Mean over all examples of right - confidence, those of other bins 0. */
	readonly off: number;
	/** Its standard error. */
	readonly error: number;
	/** Share of the examples. */
	readonly share: number;
}

/**
 * The expected calibration error, and an interval of what it would be with any number of examples. Noise in a bin can only add to the error, so the value is too
 * large, most where the model is well calibrated (Roelofs and others, AISTATS 2022): the interval is found by inverting a test instead. It
 * holds the errors that would give such a value: bins are taken to be off as they were seen, drawn to the common offset as far as they can be
 * told apart (an empirical Bayes estimate), and all of it stretched or shrunk; of each, mean and spread of the value are those of folded
 * normal distributions. The interval need not hold the value itself.
 */
export function calibrationError(answers: { readonly confidence: Float64Array; readonly right: Uint8Array }, alpha = 0.05): ShareFigure {
	const { confidence, right } = answers;
	const n = confidence.length;
	const offs = new Float64Array(bins);
	const counts = new Float64Array(bins);
	const spread = new Float64Array(bins);
	for (let k = 0; k < n; k++) {
		const bin = binOf(confidence[k] as number);
		const p = confidence[k] as number;
		offs[bin]! += (right[k] as number) - p;
		counts[bin]! += 1;
		spread[bin]! += p * (1 - p);
	}
	const list: Bin[] = [];
	for (let bin = 0; bin < bins; bin++) {
		const count = counts[bin] as number;
		if (count === 0) continue;
		// Between the variance that confidence gives and the one that the answers show, with two examples of each kind added (Agresti and Coull 1998).
		const rate = (spread[bin] as number) / count;
		let hits = 0;
		for (let k = 0; k < n; k++) if (binOf(confidence[k] as number) === bin) hits += right[k] as number;
		const p = (hits + 2) / (count + 4);
		const variance = (count * p * (1 - p) + 2 * rate) / (count + 2);
		list.push({ off: (offs[bin] as number) / n, error: Math.sqrt(count * variance) / n, share: count / n });
	}
	const value = list.reduce((sum, { off }) => sum + Math.abs(off), 0);
	return {
		metric: 'ece',
		value,
		interval: invert(value, shrunk(list), alpha),
		influences: Float64Array.from(confidence, (p, k) => {
			const off = offs[binOf(p)] as number;
			return Math.sign(off) * ((right[k] as number) - p) - value;
		}),
		step: 2 / (n + 1),
		df: n - 1,
	};
}

/** Offsets drawn to the common one. */
function shrunk(list: readonly Bin[]): Bin[] {
	// Offsets by example: off / share, of standard error error / share.
	const weight = list.map(({ error, share }) => (share / error) ** 2);
	const total = weight.reduce((sum, w) => sum + w, 0);
	const mean = list.reduce((sum, { off, share }, b) => sum + ((weight[b] as number) * off) / share, 0) / total;
	const apart = list.reduce((sum, { off, share }, b) => sum + (weight[b] as number) * (off / share - mean) ** 2, 0);
	const squares = weight.reduce((sum, w) => sum + w * w, 0);
	// Variance between bins by moments (DerSimonian and Laird 1986).
	const between = Math.max(0, (apart - (list.length - 1)) / Math.max(1e-12, total - squares / total));
	return list.map((bin, b) => {
		const keep = between / (between + 1 / (weight[b] as number));
		return { ...bin, off: bin.share * (mean + keep * (bin.off / bin.share - mean)) };
	});
}

/** Mean and variance of |x| for x normal. */
function folded(mean: number, deviation: number): readonly [number, number] {
	const z = mean / deviation;
	const expected = deviation * Math.sqrt(2 / Math.PI) * Math.exp(-0.5 * z * z) + mean * (1 - 2 * normalCdf(-z));
	return [expected, Math.max(0, mean * mean + deviation * deviation - expected * expected)];
}

function invert(value: number, pattern: readonly Bin[], alpha: number): readonly [number, number] {
	const z = pointOf(alpha);
	const whole = pattern.reduce((sum, { off }) => sum + Math.abs(off), 0);
	const unit = whole > 1e-12 ? pattern.map(({ off }) => off / whole) : pattern.map(({ share }) => share);
	// How many standard errors the value lies above what an error of `size` would give.
	const above = (size: number): number => {
		let [mean, variance] = [0, 0];
		pattern.forEach(({ error }, b) => {
			const [m, v] = folded((unit[b] as number) * size, error);
			mean += m;
			variance += v;
		});
		return (value - mean) / Math.sqrt(variance);
	};
	const solve = (target: number): number => {
		if (above(0) <= target) return 0;
		let [low, high] = [0, 1];
		for (let step = 0; step < 50; step++) {
			const middle = (low + high) / 2;
			if (above(middle) > target) low = middle;
			else high = middle;
		}
		return steady(low);
	};
	return [solve(z), solve(-z)];
}
