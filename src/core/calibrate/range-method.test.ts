import { describe, expect, it } from 'vitest';
import { seededRandom } from '../numeric/random.ts';
import { naturalLog } from './natural-log.ts';
import { clippingError, type RangeMethod, rangeCollector } from './range-method.ts';

const random = seededRandom(8);
const normal = Float32Array.from({ length: 40_000 }, () => random.normal());
const withOutliers = Float32Array.from(normal, (x, i) => (i % 10_000 === 7 ? Math.sign(x) * 60 : x));

function rangeFor(method: RangeMethod, data: Float32Array, levels = 256, symmetric = false) {
	const collector = rangeCollector(method);
	for (let at = 0; at < data.length; at += 1000) collector.add(data.subarray(at, at + 1000));
	return collector.range(levels, symmetric) ?? { min: 0, max: 0 };
}

/** Mean squared error of really coding the values over a range. */
function coded(data: Float32Array, { min, max }: { min: number; max: number }, levels: number): number {
	const step = (max - min) / (levels - 1);
	const zero = Math.round(-min / step);
	return data.reduce((sum, x) => sum + (x - (Math.min(levels - 1, Math.max(0, Math.round(x / step) + zero)) - zero) * step) ** 2, 0);
}

describe('range methods', () => {
	it('natural log agrees with Math.log', () => {
		for (const x of [1e-300, 1e-9, 0.3, 0.999999, 1, 1.0000001, 1.42, 7, 1e9, 1e300]) {
			expect(Math.abs(naturalLog(x) - Math.log(x))).toBeLessThanOrEqual(1e-14 * Math.max(1e-3, Math.abs(Math.log(x))));
		}
		expect(naturalLog(0)).toBeNaN();
	});

	it('min-max is what was seen', () => {
		expect(rangeFor({ kind: 'minmax' }, withOutliers).max).toBe(60);
	});

	it('percentile cuts the outliers off, evenly', () => {
		const { min, max } = rangeFor({ kind: 'percentile', percentile: 99.9 }, withOutliers);
		const sorted = Float32Array.from(withOutliers).sort();
		expect(max).toBeCloseTo(sorted[Math.floor(40_000 * 0.9995)] as number, 1);
		expect(min).toBeCloseTo(sorted[Math.floor(40_000 * 0.0005)] as number, 1);
		const all = rangeFor({ kind: 'percentile', percentile: 100 }, withOutliers);
		expect(all).toEqual({ min: Math.min(...sorted), max: Math.max(...sorted) });
		const both = rangeFor({ kind: 'percentile', percentile: 99.9 }, withOutliers, 256, true);
		expect(both.max).toBe(-both.min);
		expect(both.max).toBeGreaterThan(3);
		expect(both.max).toBeLessThan(4);
	});

	it.each([256, 16])('mse: no other clipping has a smaller error, %i codes', (levels) => {
		for (const data of [normal, withOutliers, withOutliers.map((x) => Math.max(0, x)), withOutliers.map((x) => x + 3)]) {
			const best = rangeFor({ kind: 'mse' }, data, levels);
			const error = coded(data, best, levels);
			const whole = rangeFor({ kind: 'minmax' }, data);
			for (const low of [1, 0.7, 0.4, 0.2]) {
				for (const high of [1, 0.9, 0.8, 0.6, 0.4, 0.2]) {
					const other = { min: Math.min(0, whole.min) * low, max: Math.max(0, whole.max) * high };
					expect(error).toBeLessThanOrEqual(coded(data, other, levels) * 1.06);
				}
			}
		}
	});

	it('the error read off the histogram is the error of the values', () => {
		const collector = rangeCollector({ kind: 'mse' });
		collector.add(normal);
		const { histogram } = collector;
		if (!histogram) throw new Error('no histogram');
		for (const range of [
			{ min: -4, max: 4 },
			{ min: -2, max: 3 },
		]) {
			const ratio = clippingError(histogram, range, 256) / coded(normal, range, 256);
			expect(ratio).toBeGreaterThan(0.95);
			expect(ratio).toBeLessThan(1.05);
		}
	});

	it('entropy keeps the bulk of a normal distribution and cuts far outliers', () => {
		const plain = rangeFor({ kind: 'entropy' }, normal);
		expect(plain.max).toBeGreaterThan(2);
		const cut = rangeFor({ kind: 'entropy' }, withOutliers);
		expect(cut.max).toBeLessThan(40);
		expect(cut.max).toBeGreaterThan(2);
		const symmetric = rangeFor({ kind: 'entropy' }, withOutliers, 256, true);
		expect(symmetric.max).toBe(-symmetric.min);
	});

	it('zeros and single values', () => {
		for (const kind of ['minmax', 'entropy', 'mse'] as const) {
			expect(rangeFor({ kind }, new Float32Array(2000))).toEqual({ min: 0, max: 0 });
			const same = rangeFor({ kind }, new Float32Array(2000).fill(2));
			expect(same.max).toBe(2);
		}
		expect(rangeCollector({ kind: 'mse' }).range(256, false)).toBeUndefined();
	});
});
