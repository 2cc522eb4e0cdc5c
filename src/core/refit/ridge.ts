import { dampedCholesky, solveCholesky } from '../numeric/linear-algebra.ts';
import type { Moments } from './moments.ts';

/** Weights [outputs, features] and bias of an affine map. */
export interface Affine {
	readonly weights: Float64Array;
	readonly bias: Float64Array;
}

/** Squared error of an affine map, summed over rows and outputs. */
export function squaredError(moments: Moments, { weights, bias }: Affine): number {
	const { features, outputs, xx, yx, x, y, rows } = moments;
	let error = moments.yy;
	const row = new Float64Array(features);
	for (let o = 0; o < outputs; o++) {
		const base = o * features;
		row.fill(0);
		for (let i = 0; i < features; i++) {
			const w = weights[base + i] as number;
			if (w === 0) continue;
			const at = i * features;
			for (let j = 0; j < features; j++) row[j] = (row[j] as number) + w * (xx[at + j] as number);
		}
		const b = bias[o] as number;
		let sum = 0;
		for (let i = 0; i < features; i++) {
			const w = weights[base + i] as number;
			sum += w * ((row[i] as number) - 2 * (yx[base + i] as number) + 2 * b * (x[i] as number));
		}
		error += sum + b * b * rows - 2 * b * (y[o] as number);
	}
	return Math.max(0, error);
}

/** Covariance of the features, not divided by the rows. */
export function centred(moments: Moments): Float64Array {
	const { features, xx, x, rows } = moments;
	const out = xx.slice();
	for (let i = 0; i < features; i++) {
		const mean = (x[i] as number) / Math.max(1, rows);
		for (let j = 0; j < features; j++) out[i * features + j] = (out[i * features + j] as number) - mean * (x[j] as number);
	}
	return out;
}

/**
 * Affine ridge regression drawn towards given weights: least |Y - X W^T - b|^2 + strength * sum_i d_i |W_i - W0_i|^2, where d_i is the
 * variance of feature i (Hoerl and Kennard 1970, with a prior mean). The bias is not drawn. undefined: the system cannot be solved.
 */
export function ridgeTowards(moments: Moments, prior: Float64Array, strength: number, withBias: boolean): Affine | undefined {
	const { features: n, outputs, rows } = moments;
	const a = withBias ? centred(moments) : moments.xx.slice();
	const means = withBias ? moments.x.map((sum) => sum / Math.max(1, rows)) : new Float64Array(n);
	// What the prior weights leave unexplained, [features, outputs].
	const right = new Float64Array(n * outputs);
	const row = new Float64Array(n);
	for (let o = 0; o < outputs; o++) {
		const yMean = withBias ? (moments.y[o] as number) : 0;
		const base = o * n;
		for (let i = 0; i < n; i++) row[i] = (moments.yx[base + i] as number) - (means[i] as number) * yMean;
		for (let i = 0; i < n; i++) {
			const w = prior[base + i] as number;
			if (w === 0) continue;
			const at = i * n;
			for (let j = 0; j < n; j++) row[j] = (row[j] as number) - w * (a[at + j] as number);
		}
		for (let i = 0; i < n; i++) right[i * outputs + o] = row[i] as number;
	}
	for (let i = 0; i < n; i++) a[i * n + i] = (a[i * n + i] as number) * (1 + strength);
	let factor: Float64Array;
	try {
		factor = dampedCholesky(a, n, strength * 0.1 + 1e-7).factor;
	} catch {
		return undefined;
	}
	solveCholesky(factor, n, right, outputs);
	const weights = prior.slice();
	for (let o = 0; o < outputs; o++)
		for (let i = 0; i < n; i++) weights[o * n + i] = (weights[o * n + i] as number) + (right[i * outputs + o] as number);
	return { weights, bias: withBias ? biasFor(moments, weights) : new Float64Array(outputs) };
}

/** The bias that leaves no mean error. */
export function biasFor(moments: Moments, weights: Float64Array): Float64Array {
	const { features: n, outputs, rows } = moments;
	const bias = new Float64Array(outputs);
	for (let o = 0; o < outputs; o++) {
		let sum = moments.y[o] as number;
		for (let i = 0; i < n; i++) sum -= (weights[o * n + i] as number) * (moments.x[i] as number);
		bias[o] = sum / Math.max(1, rows);
	}
	return bias;
}
