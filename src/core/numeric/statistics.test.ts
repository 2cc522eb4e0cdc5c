import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cosine, countNonZero, FidelityAccumulator, fidelity, MagnitudeAccumulator, maxAbsDifference, sqnrDb } from './statistics.ts';

describe('statistics', () => {
	it('measures a known pair', () => {
		expect(cosine([1, 0], [1, 1])).toBeCloseTo(Math.SQRT1_2, 15);
		expect(sqnrDb([3, 4], [3, 4.5])).toBeCloseTo(20, 12);
		expect(maxAbsDifference([3, 4], [3, 4.5])).toBe(0.5);
		expect(countNonZero([0, -0, 1, Number.NaN])).toBe(2);
	});

	it('says what equal, zero and empty arrays are', () => {
		expect(fidelity([0, 0], [0, 0])).toMatchObject({ cosine: 1, sqnrDb: Infinity, maxAbs: 0 });
		expect(fidelity([0], [1])).toMatchObject({ cosine: 0, sqnrDb: -Infinity });
		expect(fidelity([], [])).toMatchObject({ count: 0, cosine: 1, maxAbs: 0 });
		expect(fidelity([Infinity, Number.NaN, 1], [Infinity, Number.NaN, 1])).toMatchObject({ nonFinite: 0, sqnrDb: Infinity });
	});

	it('never lets a broken result look good', () => {
		expect(fidelity([1, 2], [1, Number.NaN])).toEqual({ count: 2, cosine: Number.NaN, sqnrDb: Number.NaN, maxAbs: Infinity, nonFinite: 1 });
	});

	it('gives the same figures in one block and in many (property)', () => {
		const value = fc.double({ min: -1e3, max: 1e3, noNaN: true });
		fc.assert(
			fc.property(fc.array(fc.tuple(value, value), { minLength: 1 }), fc.nat(), (pairs, cutAt) => {
				const a = pairs.map(([x]) => x);
				const b = pairs.map(([, y]) => y);
				const cut = cutAt % (a.length + 1);
				const streamed = new FidelityAccumulator();
				streamed.add(a.slice(0, cut), b.slice(0, cut));
				streamed.add(a.slice(cut), b.slice(cut));
				const whole = fidelity(a, b);
				expect(streamed.result().maxAbs).toBe(whole.maxAbs);
				expect(streamed.result().cosine).toBeCloseTo(whole.cosine, 9);
			}),
			{ seed: 3 },
		);
	});

	it('finds the largest magnitude and NaN', () => {
		const magnitude = new MagnitudeAccumulator();
		magnitude.add([1, -5]);
		magnitude.add([Number.NaN, 2]);
		expect(magnitude).toMatchObject({ absMax: 5, hasNaN: true });
	});
});
