import { seededRandom } from '../numeric/random.ts';
import type { Rows } from './features.ts';

/** How well a choice stands for all: distance from each example to the nearest chosen one, in units of the mean distance to the mean. */
export interface Coverage {
	readonly mean: number;
	readonly most: number;
}

/** Rows centred and scaled so that the mean squared length is 1: distances then mean the same for every model. */
export function standardized({ n, width, data }: Rows): Rows {
	const mean = new Float64Array(width);
	for (let i = 0; i < n; i++) for (let j = 0; j < width; j++) mean[j] = (mean[j] as number) + (data[i * width + j] as number) / n;
	const centred = new Float32Array(data.length);
	let squares = 0;
	for (let i = 0; i < n; i++) {
		for (let j = 0; j < width; j++) {
			const x = (data[i * width + j] as number) - (mean[j] as number);
			centred[i * width + j] = x;
			squares += x * x;
		}
	}
	const scale = squares > 0 ? Math.sqrt(n / squares) : 0;
	for (let i = 0; i < centred.length; i++) centred[i] = (centred[i] as number) * scale;
	return { n, width, data: centred };
}

/**
 * k-center by farthest-first traversal (Gonzalez 1985): each next example is the one farthest from those chosen, beginning with the one
 * nearest to the mean. Within twice the smallest radius that is possible. O(n k d).
 */
export function kCenter(rows: Rows, k: number): number[] {
	const all = standardized(rows);
	const count = Math.min(k, all.n);
	const chosen: number[] = [];
	const nearest = new Float64Array(all.n).fill(Number.POSITIVE_INFINITY);
	let next = closestToOrigin(all);
	while (chosen.length < count) {
		chosen.push(next);
		let farthest = -1;
		for (let i = 0; i < all.n; i++) {
			const d = distance(all, i, next);
			if (d < (nearest[i] as number)) nearest[i] = d;
			if (farthest < 0 || (nearest[i] as number) > (nearest[farthest] as number)) farthest = i;
		}
		// All that is left has a copy among the chosen: any will do, the first that is not chosen.
		next = (nearest[farthest] as number) > 0 ? farthest : firstOutside(all.n, chosen);
	}
	return chosen.sort((a, b) => a - b);
}

/** Herding (Welling 2009): each next example brings the mean of the chosen ones nearest to the mean of all. O(n k d). */
export function herding(rows: Rows, k: number): number[] {
	const all = standardized(rows);
	const count = Math.min(k, all.n);
	const chosen = new Set<number>();
	const sum = new Float64Array(all.width);
	while (chosen.size < count) {
		let best = -1;
		let least = Number.POSITIVE_INFINITY;
		for (let i = 0; i < all.n; i++) {
			if (chosen.has(i)) continue;
			let error = 0;
			for (let j = 0; j < all.width; j++) {
				const mean = ((sum[j] as number) + (all.data[i * all.width + j] as number)) / (chosen.size + 1);
				error += mean * mean;
			}
			if (error < least) {
				least = error;
				best = i;
			}
		}
		chosen.add(best);
		for (let j = 0; j < all.width; j++) sum[j] = (sum[j] as number) + (all.data[best * all.width + j] as number);
	}
	return [...chosen].sort((a, b) => a - b);
}

/** How far examples are from those chosen. */
export function coverage(rows: Rows, chosen: readonly number[]): Coverage {
	const all = standardized(rows);
	let sum = 0;
	let most = 0;
	for (let i = 0; i < all.n; i++) {
		let least = Number.POSITIVE_INFINITY;
		for (const other of chosen) least = Math.min(least, distance(all, i, other));
		sum += Math.sqrt(least);
		most = Math.max(most, Math.sqrt(least));
	}
	return { mean: all.n === 0 ? 0 : sum / all.n, most };
}

/** How far examples are from as many drawn at random: the mean of several draws, so that one lucky draw is no measure. O(draws n k d). */
export function randomCoverage(rows: Rows, k: number, draws = 10): Coverage {
	let mean = 0;
	let most = 0;
	for (let seed = 1; seed <= draws; seed++) {
		const found = coverage(rows, randomIndices(rows.n, k, seed));
		mean += found.mean / draws;
		most += found.most / draws;
	}
	return { mean, most };
}

/** `k` of `n` at random, ascending; the same seed gives the same ones. */
export function randomIndices(n: number, k: number, seed: number): number[] {
	const random = seededRandom(seed);
	return Array.from({ length: n }, (_, index) => ({ index, at: random.next() }))
		.sort((a, b) => a.at - b.at)
		.slice(0, k)
		.map(({ index }) => index)
		.sort((a, b) => a - b);
}

/** Squared. */
export function distance({ width, data }: Rows, a: number, b: number): number {
	let sum = 0;
	for (let j = 0; j < width; j++) {
		const d = (data[a * width + j] as number) - (data[b * width + j] as number);
		sum += d * d;
	}
	return sum;
}

function closestToOrigin({ n, width, data }: Rows): number {
	let best = 0;
	let least = Number.POSITIVE_INFINITY;
	for (let i = 0; i < n; i++) {
		let sum = 0;
		for (let j = 0; j < width; j++) sum += (data[i * width + j] as number) ** 2;
		if (sum < least) {
			least = sum;
			best = i;
		}
	}
	return best;
}

function firstOutside(n: number, chosen: readonly number[]): number {
	const taken = new Set(chosen);
	for (let i = 0; i < n; i++) if (!taken.has(i)) return i;
	return 0;
}
