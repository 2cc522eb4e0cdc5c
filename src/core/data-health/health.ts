import { distance, standardized } from './choose.ts';
import type { Rows } from './features.ts';

/** Two examples that show the same. */
export interface Duplicate {
	readonly index: number;
	/** The earlier one that it is a copy of. */
	readonly of: number;
	/** 1: equal. */
	readonly likeness: number;
}

export interface Mislabelled {
	readonly index: number;
	readonly label: number;
	/** What the model is sure of instead. */
	readonly predicted: number;
	/** Probability of that, and of the label. */
	readonly confidence: number;
	readonly labelConfidence: number;
}

export interface Outlier {
	readonly index: number;
	/** How far it is from what is usual in the set, in deviations. */
	readonly score: number;
}

const side = 12;

/**
 * A small picture of an input [1, C, H, W] or [1, H, W, C], each channel centred, all scaled to length 1 together: two pictures that differ
 * in compression or size alone have nearly the same. undefined for other inputs and for pictures without any structure.
 */
export function signature(data: ArrayLike<number>, dims: readonly number[]): Float32Array | undefined {
	if (dims.length !== 4) return undefined;
	const [, second, third, fourth] = dims as [number, number, number, number];
	const nchw = second <= 4;
	const [channels, height, width] = nchw ? [second, third, fourth] : [fourth, second, third];
	if (channels > 4 || height < side || width < side) return undefined;
	const cells = side * side;
	const small = new Float64Array(channels * cells);
	const weight = new Float64Array(cells);
	for (let y = 0; y < height; y++) {
		const row = Math.floor((y * side) / height) * side;
		for (let x = 0; x < width; x++) {
			const cell = row + Math.floor((x * side) / width);
			weight[cell] = (weight[cell] as number) + 1;
			for (let c = 0; c < channels; c++) {
				const at = nchw ? (c * height + y) * width + x : (y * width + x) * channels + c;
				small[c * cells + cell] = (small[c * cells + cell] as number) + (data[at] as number);
			}
		}
	}
	let squares = 0;
	for (let c = 0; c < channels; c++) {
		const part = small.subarray(c * cells, (c + 1) * cells);
		let mean = 0;
		for (let i = 0; i < cells; i++) {
			part[i] = (part[i] as number) / (weight[i] as number);
			mean += (part[i] as number) / cells;
		}
		for (let i = 0; i < cells; i++) {
			part[i] = (part[i] as number) - mean;
			squares += (part[i] as number) ** 2;
		}
	}
	if (!(squares > 1e-12)) return undefined;
	return Float32Array.from(small, (x) => x / Math.sqrt(squares));
}

/** Correlation of small pictures from which on two are the same picture. */
const samePicture = 0.985;
/** The same, where the model sees them differently. */
const surelySame = 0.995;
/** The same, where no third picture is nearly as close to either: small pictures lose more when they are resized. */
const likelySame = 0.92;
/** Distance to the copy over that to the next picture, at most: what has no copy has neighbours at similar distances. */
const mostOfNext = 0.35;
const likeFeatures = 0.8;
/** Cosine of features from which on two examples without pictures are the same. */
const sameFeatures = 0.9999;

/**
 * Examples that are copies: of equal content, or with nearly the same small picture and nearly the same features (closer to each other than to
 * any third, where the pictures are less alike: the ratio test of Lowe, IJCV 2004, section 7.1); without pictures, with features that differ by
 * rounding only. O(n² d).
 */
export function duplicates(
	contentHashes: readonly string[],
	signatures: readonly (Float32Array | undefined)[],
	features: Rows | undefined,
): Duplicate[] {
	const found: Duplicate[] = [];
	const first = new Map<string, number>();
	const unit = features && unitRows(features);
	/** By index: the most and the next likeness of its small picture to those of others, and whose the first is. */
	const nearest = contentHashes.map(() => ({ index: -1, most: -1, next: -1 }));
	const near = (index: number, other: number, likeness: number): void => {
		const known = nearest[index] as { index: number; most: number; next: number };
		if (likeness > known.most) Object.assign(known, { index: other, most: likeness, next: known.most });
		else if (likeness > known.next) known.next = likeness;
	};
	const best: (Duplicate | undefined)[] = [];
	for (let i = 0; i < contentHashes.length; i++) {
		const known = first.get(contentHashes[i] as string);
		if (known !== undefined) {
			best[i] = { index: i, of: known, likeness: 1 };
			continue;
		}
		first.set(contentHashes[i] as string, i);
		for (const j of first.values()) {
			if (j === i) continue;
			const [a, b] = [signatures[i], signatures[j]];
			let likeness: number;
			if (a && b) {
				likeness = dot(a, 0, b, 0, a.length);
				near(i, j, likeness);
				near(j, i, likeness);
				if (likeness < samePicture) continue;
				if (likeness < surelySame && unit && cosineOf(unit, i, j) < likeFeatures) continue;
			} else {
				if (a || b || !unit) continue;
				likeness = cosineOf(unit, i, j);
				if (likeness < sameFeatures) continue;
			}
			if (likeness > (best[i]?.likeness ?? 0)) best[i] = { index: i, of: j, likeness };
		}
	}
	for (let i = 0; i < contentHashes.length; i++) {
		const { index: of, most, next } = nearest[i] as { index: number; most: number; next: number };
		const copy = best[i] ?? (of >= 0 && of < i && isPair(i, of, most, next) ? { index: i, of, likeness: most } : undefined);
		if (copy) found.push(copy);
	}
	return found;

	function isPair(i: number, of: number, most: number, next: number): boolean {
		const other = nearest[of] as { index: number; next: number };
		const gap = 1 - Math.max(next, other.next);
		// Among few pictures the next one says nothing.
		if (first.size < fewest || other.index !== i || most < likelySame || 1 - most > mostOfNext * gap) return false;
		return !unit || cosineOf(unit, i, of) >= likeFeatures;
	}
}

/** From this probability on the model is sure. Its own mistakes are seldom so. */
const leastSure = 0.3;
/** The label is none of the first so many. */
const beyond = 5;
/** The label has less than this share of what the model says instead; of few classes each gets more by chance. */
const shareOfLabel = 0.03;
const shareOfFew = 0.1;
/** With fewer classes than this there are few. */
const manyClasses = 50;

/**
 * Examples whose label the model contradicts with confidence, surest first: the label is not among its first five (with fewer than
 * fifty classes: not its first), has a small share of the probability of what it says instead, and that is at least as sure as the class is on the examples that
 * carry its label (confident learning: Northcutt, Jiang, Chuang 2021), where there are such.
 */
export function mislabelled(outputs: Rows, labels: readonly (number | undefined)[]): Mislabelled[] {
	const { n, width } = outputs;
	const probabilities = Array.from({ length: n }, (_, i) => softmaxRow(outputs, i));
	const sums = new Map<number, { sum: number; n: number }>();
	for (const [i, label] of labels.entries()) {
		if (label === undefined || label >= width) continue;
		const entry = sums.get(label) ?? { sum: 0, n: 0 };
		entry.sum += probabilities[i]?.[label] ?? 0;
		entry.n += 1;
		sums.set(label, entry);
	}
	const [depth, share] = width < manyClasses ? [1, shareOfFew] : [beyond, shareOfLabel];
	const found: Mislabelled[] = [];
	for (const [index, label] of labels.entries()) {
		const row = probabilities[index];
		if (label === undefined || label >= width || !row) continue;
		let predicted = 0;
		let before = 0;
		for (let c = 0; c < width; c++) {
			if ((row[c] as number) > (row[predicted] as number)) predicted = c;
			if ((row[c] as number) > (row[label] as number)) before += 1;
		}
		const confidence = row[predicted] as number;
		const labelConfidence = row[label] as number;
		const usual = sums.get(predicted);
		const least = Math.min(leastSure, usual && usual.n >= 3 ? usual.sum / usual.n : leastSure);
		if (predicted === label || before < depth || confidence < least || labelConfidence > share * confidence) continue;
		found.push({ index, label, predicted, confidence, labelConfidence });
	}
	return found.sort((a, b) => b.confidence - b.labelConfidence - (a.confidence - a.labelConfidence) || a.index - b.index);
}

/** With fewer examples nothing is usual. */
const fewest = 20;
/** Deviations above what is usual, in units of the scaled median absolute deviation. */
const farOut = 3.5;

/**
 * Examples that are unlike the others, strangest first: the k-th neighbour in feature space is unusually far, by place (Ramaswamy and others
 * 2000) or by direction (Sun and others, ICML 2022), or the features are unusually short or long, as models make them of strange inputs,
 * or with `outputs` of a classifier its free energy is high (Liu and others, NeurIPS 2020).
 * k is the root of n, so that a few strange examples that are alike do not hide each other. O(n² d).
 */
export function outliers(features: Rows, outputs?: Rows): Outlier[] {
	const { n } = features;
	if (n < fewest) return [];
	const lengths = Array.from({ length: n }, (_, i) => Math.log(Math.max(lengthOf(features, i), 1e-12)));
	const middle = medianOf(lengths);
	const signs = [
		neighbourDistances(standardized(features)),
		neighbourDistances(unitRows(features)),
		lengths.map((length) => Math.abs(length - middle)),
		...(outputs && outputs.width > 1 ? [energies(outputs)] : []),
	].map(deviations);
	return Array.from({ length: n }, (_, index) => ({ index, score: Math.max(...signs.map((sign) => sign[index] as number)) }))
		.filter(({ score }) => score > farOut)
		.sort((a, b) => b.score - a.score || a.index - b.index);
}

/** Minus the logarithm of the sum of exponentials of a row: high where no class stands out. Of probabilities: how unsure they are. */
function energies({ n, width, data }: Rows): number[] {
	return Array.from({ length: n }, (_, i) => {
		const row = data.subarray(i * width, (i + 1) * width);
		const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
		const sum = row.reduce((a, b) => a + b, 0);
		if (Math.abs(sum - 1) < 2e-3) return -Math.log(Math.max(most, 1e-12) / Math.max(1 - most, 1e-12));
		return -(most + Math.log(row.reduce((a, b) => a + Math.exp(b - most), 0)));
	});
}

/** Logarithm of the distance to the k-th neighbour. */
function neighbourDistances(rows: Rows): number[] {
	const { n } = rows;
	const k = Math.ceil(Math.sqrt(n));
	return Array.from({ length: n }, (_, i) => {
		const near: number[] = [];
		for (let j = 0; j < n; j++) if (j !== i) near.push(distance(rows, i, j));
		near.sort((a, b) => a - b);
		return Math.log(Math.max(Math.sqrt(near[k - 1] as number), 1e-12));
	});
}

/** How many deviations each value lies above the middle one. */
function deviations(values: readonly number[]): number[] {
	const middle = medianOf(values);
	const deviation = 1.4826 * medianOf(values.map((x) => Math.abs(x - middle)));
	return values.map((x) => (deviation > 0 ? (x - middle) / deviation : 0));
}

function lengthOf({ width, data }: Rows, i: number): number {
	let squares = 0;
	for (let j = 0; j < width; j++) squares += (data[i * width + j] as number) ** 2;
	return Math.sqrt(squares);
}

function medianOf(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	const at = (sorted.length - 1) / 2;
	return ((sorted[Math.floor(at)] ?? 0) + (sorted[Math.ceil(at)] ?? 0)) / 2;
}

function unitRows({ n, width, data }: Rows): Rows {
	const unit = new Float32Array(data.length);
	for (let i = 0; i < n; i++) {
		let squares = 0;
		for (let j = 0; j < width; j++) squares += (data[i * width + j] as number) ** 2;
		const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
		for (let j = 0; j < width; j++) unit[i * width + j] = (data[i * width + j] as number) * scale;
	}
	return { n, width, data: unit };
}

function cosineOf({ width, data }: Rows, i: number, j: number): number {
	return dot(data, i * width, data, j * width, width);
}

function dot(a: Float32Array, from: number, b: Float32Array, to: number, length: number): number {
	let sum = 0;
	for (let k = 0; k < length; k++) sum += (a[from + k] as number) * (b[to + k] as number);
	return sum;
}

/** Probabilities of one row: as they are where they are some, else by softmax. */
function softmaxRow({ width, data }: Rows, i: number): Float64Array {
	const row = data.subarray(i * width, (i + 1) * width);
	let sum = 0;
	let proper = true;
	let most = Number.NEGATIVE_INFINITY;
	for (const x of row) {
		sum += x;
		if (!(x >= -1e-6)) proper = false;
		if (x > most) most = x;
	}
	if (proper && Math.abs(sum - 1) < 2e-3) return Float64Array.from(row);
	let total = 0;
	for (const x of row) total += Math.exp(x - most);
	return Float64Array.from(row, (x) => Math.exp(x - most) / total);
}
