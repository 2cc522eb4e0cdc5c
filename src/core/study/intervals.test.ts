import { describe, expect, it } from 'vitest';
import { type SeededRandom, seededRandom } from '../numeric/random.ts';
import { bootstrapMean, bootstrapMedian, mcnemarExact, median, pairedDifference, pairedRatio, proportion, quantile } from './intervals.ts';

describe('proportion', () => {
	// scipy 1.17.1: scipy.stats.binomtest(k, n).proportion_ci(method='wilson')
	it.each([
		[0, 10, 0, 0.27753279986288926],
		[10, 10, 0.7224672001371109, 1],
		[7, 10, 0.39677814746114526, 0.892208732593699],
		[373, 400, 0.9035733345645932, 0.9531985308362404],
		[1, 3, 0.06149194472039626, 0.7923403991979523],
	])('gives the Wilson interval of %i of %i', (k, n, low, high) => {
		const { value, interval } = proportion(k, n);
		expect(value).toBe(k / n);
		expect(interval[0]).toBeCloseTo(low, 12);
		expect(interval[1]).toBeCloseTo(high, 12);
	});

	it('knows nothing of nothing', () => {
		expect(proportion(0, 0)).toEqual({ value: Number.NaN, interval: [0, 1], n: 0 });
	});

	it('covers the truth in 93 to 97 of 100 studies (simulation)', () => {
		const random = seededRandom(7);
		let covered = 0;
		const studies = 4000;
		for (let study = 0; study < studies; study++) {
			const truth = 0.5 + 0.45 * random.next();
			let right = 0;
			for (let i = 0; i < 200; i++) if (random.next() < truth) right += 1;
			const [low, high] = proportion(right, 200).interval;
			if (low <= truth && truth <= high) covered += 1;
		}
		expect(covered / studies).toBeGreaterThan(0.93);
		expect(covered / studies).toBeLessThan(0.97);
	});
});

describe('quantile', () => {
	// numpy.quantile of the same list
	it.each([
		[0.5, 3.1],
		[0.95, 9.22],
		[0.1, 1.72],
	])('interpolates %f as NumPy does', (q, expected) => {
		expect(quantile([3.1, 2.7, 9.4, 1, 5.5, 2.2, 8.8], q)).toBeCloseTo(expected, 12);
	});

	it('is not a number for no values', () => {
		expect(median([])).toBeNaN();
	});
});

describe('mcnemarExact', () => {
	// scipy.stats.binomtest(min(lost, gained), lost + gained, 0.5).pvalue
	it.each([
		[0, 0, 1],
		[1, 5, 0.21875],
		[12, 3, 0.03515625],
		[40, 55, 0.1505180638902294],
		[1000, 1100, 0.03072070786424249],
	])('tests %i lost against %i gained', (lost, gained, p) => {
		expect(mcnemarExact(lost, gained)).toBeCloseTo(p, 11);
		expect(mcnemarExact(gained, lost)).toBeCloseTo(p, 11);
	});

	it('cries wolf in at most 5 % of null studies, and its interval covers (simulation)', () => {
		const random = seededRandom(11);
		let alarms = 0;
		let covered = 0;
		const studies = 3000;
		for (let study = 0; study < studies; study++) {
			let lost = 0;
			let gained = 0;
			for (let i = 0; i < 400; i++) {
				const draw = random.next();
				if (draw < 0.02) lost += 1;
				else if (draw < 0.04) gained += 1;
			}
			const { pValue, interval } = pairedDifference(lost, gained, 400);
			if (pValue < 0.05) alarms += 1;
			if (interval[0] <= 0 && 0 <= interval[1]) covered += 1;
		}
		expect(alarms / studies).toBeLessThanOrEqual(0.05);
		expect(covered / studies).toBeGreaterThanOrEqual(0.94);
	});
});

describe('bootstrap', () => {
	it('gives the same interval for the same seed, and one around the value', () => {
		const values = [1, 2, 3, 4, 100];
		const first = bootstrapMedian(values, { seed: 3 });
		expect(bootstrapMedian(values, { seed: 3 })).toEqual(first);
		expect(first.value).toBe(3);
		expect(first.interval[0]).toBeLessThanOrEqual(3);
		expect(first.interval[1]).toBeGreaterThanOrEqual(3);
	});

	it('covers the mean of normal values in 93 to 97 of 100 studies (simulation)', () => {
		const random = seededRandom(5);
		let covered = 0;
		const studies = 600;
		for (let study = 0; study < studies; study++) {
			const values = Array.from({ length: 60 }, () => 2 + random.normal());
			const [low, high] = bootstrapMean(values, { seed: study, resamples: 600 }).interval;
			if (low <= 2 && 2 <= high) covered += 1;
		}
		expect(covered / studies).toBeGreaterThan(0.915);
		expect(covered / studies).toBeLessThan(0.975);
	});
});

describe('pairedRatio', () => {
	it('gives the Hodges-Lehmann ratio and the Wilcoxon interval', () => {
		// NumPy: exp of the median, the 9th smallest and the 9th largest of the 55 Walsh averages of log(variant / original);
		// R's wilcox.test(conf.int = TRUE) takes the same ones.
		const variant = [1.1, 1.22, 1.05, 1.31, 1.12, 0.98, 1.44, 1.19, 1.08, 1.15];
		const original = [1, 1.05, 1.01, 1.1, 1.07, 1.02, 1.2, 1, 1.04, 1.06];
		const { value, interval } = pairedRatio(variant, original);
		expect(value).toBeCloseTo(1.1028142984868488, 12);
		expect(interval[0]).toBeCloseTo(1.0396039603960396, 12);
		expect(interval[1]).toBeCloseTo(1.1758684733704983, 12);
	});

	it('says nothing from fewer than 6 rounds, and refuses rounds that do not pair', () => {
		expect(pairedRatio([1, 1, 1, 1, 1], [1, 1, 1, 1, 1]).interval).toEqual([0, Number.POSITIVE_INFINITY]);
		expect(() => pairedRatio([1], [1, 2])).toThrow('rounds do not pair');
	});

	/** A machine that is shared: it drifts, and single runs are held up. */
	function noisyRun(random: SeededRandom, round: number, ms: number): number {
		const drift = 1 + 0.2 * Math.sin(round / 7);
		const held = random.next() < 0.08 ? 1 + 6 * random.next() : 1;
		return ms * drift * held * (1 + 0.03 * random.normal());
	}

	function study(seed: number, rounds: number, slower: number): readonly [number, number] {
		const random = seededRandom(seed);
		const original: number[] = [];
		const variant: number[] = [];
		for (let round = 0; round < rounds; round++) {
			original.push(noisyRun(random, round, 1));
			variant.push(noisyRun(random, round, slower));
		}
		return pairedRatio(variant, original).interval;
	}

	it.each([10, 20, 40])('holds 1 in at least 95 of 100 null studies of %i rounds (simulation)', (rounds) => {
		let held = 0;
		const studies = 2000;
		for (let seed = 0; seed < studies; seed++) {
			const [low, high] = study(seed, rounds, 1);
			if (low <= 1 && 1 <= high) held += 1;
		}
		expect(held / studies).toBeGreaterThanOrEqual(0.94);
		expect(held / studies).toBeLessThanOrEqual(0.975);
	});

	it('finds a slowdown of 5 % in at least 90 of 100 studies of 40 rounds (simulation)', () => {
		let found = 0;
		for (let seed = 0; seed < 500; seed++) if (study(seed, 40, 1.05)[0] > 1) found += 1;
		expect(found / 500).toBeGreaterThanOrEqual(0.9);
	});
});
