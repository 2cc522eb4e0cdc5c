import type { Interval } from '../study.ts';
import { tQuantile } from './normal.ts';
import { priorExamples, worthInterval, worthOf } from './shares.ts';
import { steady } from './steady.ts';

/** An area under a curve on a set, with the influence of each example on it (with its weight raised by 1 / n it is larger by influence / n). */
export interface Area {
	readonly value: number;
	readonly influences: Float64Array;
	/** What one example can change. */
	readonly step: number;
	readonly interval: Interval;
	/** The value less its bias. */
	readonly centre: number;
	/** Degrees of freedom of its variance (Satterthwaite). */
	readonly df: number;
	readonly variance: number;
	/** What influences leave out of the variance where examples are few: a factor. */
	readonly inflation: number;
}

/** Indices by falling score; NaN ranks lowest. */
function fallingOrder(scores: ArrayLike<number>): { order: Uint32Array; same: (i: number, j: number) => boolean } {
	const key = (i: number): number => (Number.isNaN(scores[i]) ? Number.NEGATIVE_INFINITY : (scores[i] as number));
	const order = Uint32Array.from({ length: scores.length }, (_, i) => i).sort((i, j) => {
		const [a, b] = [key(i), key(j)];
		return a === b ? i - j : a < b ? 1 : -1;
	});
	return { order, same: (i, j) => key(i) === key(j) };
}

/** Places where scores change, in the order of falling scores: [from, to) of each group of equal ones. */
function* groupsOf(order: Uint32Array, same: (i: number, j: number) => boolean): Generator<readonly [number, number]> {
	for (let from = 0; from < order.length; ) {
		let to = from + 1;
		while (to < order.length && same(order[from] as number, order[to] as number)) to += 1;
		yield [from, to];
		from = to;
	}
}

/** Variance over examples of one kind of their share of the other kind on the right side, where scores are exponential; the mean of the two kinds. */
const spreadOf = (area: number): number => (area / (2 - area) - area * area + (1 - area) / (1 + area) - (1 - area) ** 2) / 2;

/**
 * Area under the ROC curve. Its variance has a part of the positives and one of the negatives (DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988). The
 * interval holds the areas that the data do not reject, with the variance that they would have (a score interval, the fifth method of Newcombe, Statistics in
 * Medicine 25, 2006, which holds near 1 and for few examples): Hanley and McNeil's, each part of it times how far the sample's is off it. The
 * fewer examples of a kind there are, the less that counts. undefined without positives or negatives.
 */
export function rocArea(scores: ArrayLike<number>, labels: ArrayLike<number>, alpha = 0.05): Area | undefined {
	const n = scores.length;
	const { order, same } = fallingOrder(scores);
	let positives = 0;
	for (let i = 0; i < n; i++) positives += labels[i] === 1 ? 1 : 0;
	const negatives = n - positives;
	if (positives === 0 || negatives === 0) return undefined;
	const place = new Float64Array(n);
	let [above, aboveNegative] = [0, 0];
	let value = 0;
	for (const [from, to] of groupsOf(order, same)) {
		let [tied, tiedNegative] = [0, 0];
		for (let k = from; k < to; k++) if (labels[order[k] as number] === 1) tied += 1;
		tiedNegative = to - from - tied;
		for (let k = from; k < to; k++) {
			const i = order[k] as number;
			place[i] = labels[i] === 1 ? (negatives - aboveNegative - tiedNegative / 2) / negatives : (above + tied / 2) / positives;
		}
		value += (tied * (negatives - aboveNegative - tiedNegative / 2)) / negatives / positives;
		above += tied;
		aboveNegative += tiedNegative;
	}
	const [spread, spreadNegative] = [0, 0].map((_, kind) => {
		let sum = 0;
		for (let i = 0; i < n; i++) if ((labels[i] === 1) === (kind === 0)) sum += ((place[i] as number) - value) ** 2;
		return sum;
	}) as [number, number];
	const off = (sum: number, count: number, usual: number): number =>
		usual > 1e-9 ? (sum / usual + priorExamples) / (count - 1 + priorExamples) : 1;
	const ratio = off(spread, positives, spreadOf(value));
	const ratioNegative = off(spreadNegative, negatives, spreadOf(value));
	const weight = ratio / positives + ratioNegative / negatives;
	// Degrees of freedom of the two parts (Satterthwaite), and of what is known beforehand.
	const df = weight ** 2 / ((ratio / positives) ** 2 / (positives + 3) + (ratioNegative / negatives) ** 2 / (negatives + 3));
	const z = steady(tQuantile(1 - alpha / 2, df));
	const varianceAt = (area: number): number => weight * spreadOf(area);
	const kept = (area: number): boolean => (area - value) ** 2 <= z * z * varianceAt(area);
	const bound = (end: number): number => {
		// The areas that are kept lie around the value: between it and the end one place parts them from the others.
		let [inside, outside] = [value, end];
		for (let step = 0; step < 60; step++) {
			const middle = (inside + outside) / 2;
			if (kept(middle)) inside = middle;
			else outside = middle;
		}
		return inside;
	};
	const usual = spreadOf(smoothed(value, positives, negatives));
	return {
		value,
		influences: place.map((x, i) => ((x - value) * n) / (labels[i] === 1 ? positives : negatives)),
		step: (1.4 * Math.sqrt(usual)) / Math.min(positives, negatives),
		interval: [value <= 0 ? 0 : bound(0), value >= 1 ? 1 : bound(1)],
		df,
		centre: value,
		variance: weight * usual,
		inflation: 1 + 3 / Math.min(positives, negatives),
	};
}

const smoothed = (area: number, positives: number, negatives: number): number => {
	const few = Math.min(positives, negatives);
	return (area * few + 0.5) / (few + 1);
};

/**
 * Average precision (sum over thresholds of the gain in recall times the precision, no interpolation). The interval is Wilson's for as many examples as its
 * variance says that it is worth, about as many as there are positives (Boyd, Eng and Page, ECML PKDD 2013), around the value less most of its bias: each
 * positive counts itself among those found, which makes precision at the top too good. undefined without positives.
 */
export function averagePrecision(scores: ArrayLike<number>, labels: ArrayLike<number>, alpha = 0.05): Area | undefined {
	const n = scores.length;
	const { order, same } = fallingOrder(scores);
	let positives = 0;
	for (let i = 0; i < n; i++) positives += labels[i] === 1 ? 1 : 0;
	if (positives === 0) return undefined;
	let [found, wrong, sum, others] = [0, 0, 0, 0];
	const groups = [...groupsOf(order, same)];
	const ends = groups.map(([from, to]) => {
		let tied = 0;
		for (let k = from; k < to; k++) if (labels[order[k] as number] === 1) tied += 1;
		found += tied;
		wrong += to - from - tied;
		const precision = found / (found + wrong);
		sum += tied * precision;
		const rest = positives > 1 ? ((found - 1) * positives) / (positives - 1) : found;
		if (tied > 0) others += tied * (rest + wrong > 0 ? rest / (rest + wrong) : precision);
		return { tied, found, wrong, precision };
	});
	const value = sum / positives;
	const influences = new Float64Array(n);
	// What an example changes at all thresholds from its own score on down.
	let [more, less] = [0, 0];
	for (let g = groups.length - 1; g >= 0; g--) {
		const [from, to] = groups[g] as readonly [number, number];
		const end = ends[g] as (typeof ends)[number];
		const all = (end.found + end.wrong) ** 2;
		more += (end.tied * end.wrong) / all;
		less += (end.tied * end.found) / all;
		for (let k = from; k < to; k++) {
			const i = order[k] as number;
			influences[i] = (n / positives) * (labels[i] === 1 ? end.precision - value + more : -less);
		}
	}
	let squares = 0;
	for (let i = 0; i < n; i++) squares += ((influences[i] as number) / n) ** 2;
	// Of few positives the influences say too little: the sum over thresholds is far from linear (bench/statistics.ts).
	const inflation = 1 + Math.min(6, 24 * (1 - value)) / positives;
	const variance = squares * inflation;
	const bare = Math.min(1, Math.max(0, value >= 1 ? 1 : others / positives));
	const centre = 0.2 * value + 0.8 * bare;
	const rare = positives * Math.min(centre, 1 - centre);
	const worth = worthOf(centre, variance, positives * (1 + 2 * centre ** 4), rare);
	return {
		value,
		influences,
		step: 0.5 / (positives + 1),
		interval: worthInterval(centre, worth, alpha, positives + 1),
		df: Math.max(2, positives - 1),
		centre,
		variance,
		inflation,
	};
}
