import { describe, expect, it } from 'vitest';
import { dampedCholesky, inverseFromCholesky } from '../numeric/linear-algebra.ts';
import { seededRandom } from '../numeric/random.ts';
import { plainProducts } from '../refit/products.testkit.ts';
import { removalOrder, type SurgeonLayer } from './surgeon.ts';

const DAMPING = 0.05;

function layerOf(units: number, taps: number, outputs: number, seed: number): SurgeonLayer {
	const random = seededRandom(seed);
	const n = units * taps;
	const rows = 4 * n;
	const mixing = Float64Array.from({ length: n * n }, () => random.normal());
	const covariance = new Float64Array(n * n);
	for (let r = 0; r < rows; r++) {
		const free = Float64Array.from({ length: n }, (_, i) => random.normal() / (1 + i));
		const x = Float64Array.from({ length: n }, (_, i) => free.reduce((sum, v, j) => sum + v * mixing[i * n + j]!, 0.1 * random.normal()));
		for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) covariance[i * n + j]! += (x[i]! * x[j]!) / rows;
	}
	return {
		weights: Float32Array.from({ length: outputs * n }, () => random.normal()),
		outputs,
		features: n,
		covariance,
		heldCovariance: Float32Array.from(covariance),
		means: Float64Array.from({ length: n }, () => random.normal()),
		rows,
		unitFeatures: Array.from({ length: units }, (_, u) => Array.from({ length: taps }, (_, t) => u * taps + t)),
	};
}

/** The least loss with the features gone, by the definition: C inverted anew for what stays. */
function direct(layer: SurgeonLayer, gone: readonly number[]): { loss: number; weights: Float64Array } {
	const { features: n, outputs, weights, covariance } = layer;
	const damped = covariance.slice();
	let trace = 0;
	for (let i = 0; i < n; i++) trace += covariance[i * n + i]!;
	for (let i = 0; i < n; i++) damped[i * n + i]! += (DAMPING * trace) / n;
	const kept = Array.from({ length: n }, (_, i) => i).filter((i) => !gone.includes(i));
	const k = kept.length;
	const inner = Float64Array.from({ length: k * k }, (_, at) => damped[kept[Math.floor(at / k)]! * n + kept[at % k]!]!);
	const inverse = inverseFromCholesky(dampedCholesky(inner, k, 0).factor, k);
	const out = new Float64Array(outputs * n);
	let loss = 0;
	for (let o = 0; o < outputs; o++) {
		const cross = kept.map((a) => gone.reduce((sum, g) => sum + damped[a * n + g]! * weights[o * n + g]!, 0));
		for (let i = 0; i < k; i++) {
			let change = 0;
			for (let j = 0; j < k; j++) change += inverse[i * k + j]! * cross[j]!;
			out[o * n + kept[i]!] = weights[o * n + kept[i]!]! + change;
		}
		const difference = Float64Array.from({ length: n }, (_, i) => out[o * n + i]! - weights[o * n + i]!);
		for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) loss += difference[i]! * damped[i * n + j]! * difference[j]!;
	}
	return { loss, weights: out };
}

describe('optimal brain surgeon', () => {
	it.each([
		[12, 1, 5],
		[8, 4, 6],
	])('takes the cheapest of %i units of %i features by the definition, and makes up for it', async (units, taps, outputs) => {
		const layer = layerOf(units, taps, outputs, 3);
		const most = units - 2;
		const measureAt = [1, 3, most];
		const found = await removalOrder([layer], units, {
			most,
			measureAt,
			keepWeightsAt: measureAt,
			damping: DAMPING,
			products: plainProducts,
		});
		const gone: number[] = [];
		let before = 0;
		for (const [at, unit] of found.order.entries()) {
			const losses = Array.from({ length: units }, (_, other) =>
				found.order.slice(0, at).includes(other) ? Number.POSITIVE_INFINITY : direct(layer, [...gone, ...layer.unitFeatures[other]!]).loss,
			);
			const least = Math.min(...losses);
			expect((losses[unit]! - before) / (least - before)).toBeLessThan(1.001);
			gone.push(...layer.unitFeatures[unit]!);
			before = losses[unit]!;
			const point = found.curve.find(({ removed }) => removed === at + 1);
			if (!point) continue;
			const wanted = direct(layer, gone).weights;
			const given = point.layers?.[0]?.weights as Float32Array;
			for (const [i, w] of given.entries()) expect(Math.abs(w - wanted[i]!)).toBeLessThan(2e-3);
			for (const [o, change] of (point.layers?.[0]?.biasChange ?? []).entries()) {
				const shift = layer.means.reduce(
					(sum, mean, i) => sum + mean * (layer.weights[o * layer.features + i]! - wanted[o * layer.features + i]!),
					0,
				);
				expect(change).toBeCloseTo(shift, 2);
			}
		}
	});

	it('adds the costs of several readers up', async () => {
		const [a, b] = [layerOf(6, 1, 3, 1), layerOf(6, 2, 3, 2)];
		const options = { most: 4, measureAt: [4], keepWeightsAt: [], damping: DAMPING, products: plainProducts };
		const both = await removalOrder([a, b], 6, options);
		const given = await removalOrder([a], 6, { ...options, order: both.order });
		const other = await removalOrder([b], 6, { ...options, order: both.order });
		expect(both.curve[0]?.error).toBeCloseTo((given.curve[0]?.error ?? 0) + (other.curve[0]?.error ?? 0), 6);
	});
});
