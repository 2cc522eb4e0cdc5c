import { describe, expect, it } from 'vitest';
import { dampedCholesky, solveCholesky } from '../numeric/linear-algebra.ts';
import { seededRandom } from '../numeric/random.ts';
import { bestFit } from './fit.ts';
import { emptyMoments, type Moments } from './moments.ts';
import { plainProducts } from './products.testkit.ts';
import { RidgeTowards } from './ridge.ts';

/** Rows of an affine map with noise. */
function moments(map: Float64Array, n: number, outputs: number, rows: number, seed: number, noise: number): Moments {
	const random = seededRandom(seed);
	const out = emptyMoments(n, outputs);
	for (let r = 0; r < rows; r++) {
		const common = random.normal();
		const x = Float64Array.from({ length: n }, () => 1 + common + 0.5 * random.normal());
		const y = Float64Array.from({ length: outputs }, (_, o) =>
			x.reduce((sum, v, i) => sum + v * map[o * n + i]!, 2 + noise * random.normal()),
		);
		for (let i = 0; i < n; i++) {
			out.x[i]! += x[i]!;
			for (let j = 0; j < n; j++) out.xx[i * n + j]! += x[i]! * x[j]!;
			for (let o = 0; o < outputs; o++) out.yx[o * n + i]! += y[o]! * x[i]!;
		}
		for (let o = 0; o < outputs; o++) {
			out.y[o]! += y[o]!;
			out.yy += y[o]! ** 2;
		}
	}
	out.rows = rows;
	return out;
}

describe('ridge regression towards what was there', () => {
	const [n, outputs] = [130, 4];
	const random = seededRandom(1);
	const map = Float64Array.from({ length: n * outputs }, () => random.normal());
	const prior = map.map((w) => w + 0.3 * random.normal());

	it.each([0.001, 0.25, 16])('solves its equations at strength %f', async (strength) => {
		const fit = moments(map, n, outputs, 600, 2, 0.1);
		const found = await (await RidgeTowards.prepare(fit, prior, true, plainProducts)).solve(strength);
		// The same equations in double precision.
		const centred = fit.xx.map((v, at) => v - (fit.x[Math.floor(at / n)]! * fit.x[at % n]!) / fit.rows);
		const change = Float64Array.from({ length: n * outputs }, (_, at) => {
			const [i, o] = [Math.floor(at / outputs), at % outputs];
			let sum = fit.yx[o * n + i]! - (fit.x[i]! * fit.y[o]!) / fit.rows;
			for (let j = 0; j < n; j++) sum -= centred[i * n + j]! * prior[o * n + j]!;
			return sum;
		});
		solveCholesky(dampedCholesky(centred, n, strength * 0.5 + 1e-7).factor, n, change, outputs);
		for (let o = 0; o < outputs; o++) {
			for (let i = 0; i < n; i++) expect(found?.weights[o * n + i]).toBeCloseTo(prior[o * n + i]! + change[i * outputs + o]!, 3);
		}
	});

	it('takes a strength that is better on rows that it was not fitted on, or nothing', async () => {
		const start = { weights: prior, bias: new Float64Array(outputs) };
		const found = await bestFit(moments(map, n, outputs, 600, 3, 0.1), moments(map, n, outputs, 200, 4, 0.1), start, true, plainProducts);
		expect(found.after).toBeLessThan(0.05 * found.before);
		expect(found.affine).toBeDefined();
		const held = moments(map, n, outputs, 200, 4, 0);
		const right = { weights: map, bias: new Float64Array(outputs).fill(2) };
		const kept = await bestFit(moments(map, n, outputs, 140, 5, 30), held, right, true, plainProducts);
		expect(kept.strength).toBe(0);
		expect(kept.affine).toBeUndefined();
	});
});
