import { describe, expect, it } from 'vitest';
import { mcnemarExact, proportion, quantileInterval } from '../intervals.ts';
import { binaryMetrics } from './binary-metrics.ts';
import { embeddingMetrics, nearest } from './embedding-metrics.ts';
import { isMeasurable, metricText } from './metric-facts.ts';
import { labelFigures, multiLabelMetrics } from './multi-label-metrics.ts';
import { normalCdf, normalQuantile, tQuantile } from './normal.ts';
import { RankedPool } from './ranking.ts';
import { regressionMetrics } from './regression-metrics.ts';
import { scenarios, tallyOf } from './scenarios.testkit.ts';
import scipy from './scipy.fixture.json' with { type: 'json' };
import { decodeSteps, editDistance, sequenceMetrics } from './sequence-metrics.ts';
import { looksOf } from './sequential.ts';
import { intervalCells, nullCells, sequentialCells } from './simulation.testkit.ts';
import { findBlank } from './task-proposal.ts';

const found = <T extends { readonly metric: string }>(list: readonly T[], metric: string): T | undefined =>
	list.find((entry) => entry.metric === metric);

// scripts/make-statistics-fixtures.py; the fixture names the version.
describe(`as ${scipy.made}`, () => {
	it('gives the normal and the t distribution', () => {
		for (const { x, cdf } of scipy.normal) expect(Math.abs(normalCdf(x) / cdf - 1)).toBeLessThan(1e-12);
		for (const { p, x } of scipy.normalQuantile) expect(normalQuantile(p)).toBeCloseTo(x, 9);
		for (const { p, df, x } of scipy.tQuantile) expect(Math.abs(tQuantile(p, df) - x)).toBeLessThan(2e-3);
	});

	it('gives Wilson intervals at two levels', () => {
		for (const { k, n, alpha, interval } of scipy.wilson) {
			const own = proportion(k, n, alpha).interval;
			expect(own[0]).toBeCloseTo(interval[0] as number, 12);
			expect(own[1]).toBeCloseTo(interval[1] as number, 12);
		}
	});

	it("gives McNemar's exact p-values", () => {
		for (const { lost, gained, p } of scipy.mcnemar) expect(mcnemarExact(lost, gained)).toBeCloseTo(p, 10);
	});

	it('gives areas under ROC curves, ties included, whatever the weights', () => {
		for (const { labels, scores, auc } of scipy.areas) {
			const pool = new RankedPool(scores, labels);
			expect(pool.areas(new Int32Array(labels.length).fill(1)).auc).toBeCloseTo(auc, 12);
			expect(pool.areas(new Int32Array(labels.length).fill(3)).auc).toBeCloseTo(auc, 12);
		}
	});

	it('gives intervals of the median by order statistics', () => {
		for (const { values, interval } of scipy.medians) expect(quantileInterval(values, 0.5)).toEqual(interval);
	});

	it('gives intervals of errors that hold those of BCa resampling and look beyond them on the guarded side', () => {
		for (const { metric, targets, values, value, interval } of scipy.bootstrap) {
			const own = found(
				regressionMetrics({ width: 1, targets: Float64Array.from(targets), values: Float64Array.from(values) }, { seed: 3 }),
				metric,
			);
			const [low, high] = interval as [number, number];
			const [ownLow, ownHigh] = own?.interval ?? [0, 0];
			expect(own?.value).toBeCloseTo(value, 12);
			expect(Math.abs(ownLow - low)).toBeLessThan(0.15 * (high - low));
			expect(ownHigh).toBeGreaterThan(high - 0.05 * (high - low));
			expect(ownHigh).toBeLessThan(high + 1.2 * (high - low));
		}
	});

	it('gives the p-value of swapping pairs', () => {
		const { targets, before, after, p } = scipy.swaps;
		const answers = (values: readonly number[]) => ({ width: 1, targets: Float64Array.from(targets), values: Float64Array.from(values) });
		const own = found(regressionMetrics(answers(after), { seed: 1 }, answers(before)), 'mae');
		expect(Math.abs((own?.difference?.pValue ?? 0) - p)).toBeLessThan(0.05);
	});
});

describe('metrics by hand', () => {
	it('average precision, precision, recall, F1 of two answers', () => {
		const answers = {
			labels: Int8Array.of(1, 0, 1, 1, 0, -1),
			scores: Float64Array.of(0.9, 0.8, 0.7, 0.4, 0.2, 0.99),
			cut: 0.5,
			probabilities: true,
		};
		const list = binaryMetrics(answers, { seed: 1 });
		expect(found(list, 'accuracy')).toMatchObject({ value: 3 / 5, n: 5 });
		expect(found(list, 'ap')?.value).toBeCloseTo((1 + 2 / 3 + 3 / 4) / 3, 12);
		expect(found(list, 'auc')?.value).toBeCloseTo(4 / 6, 12);
		expect(found(list, 'precision')?.value).toBeCloseTo(2 / 3, 12);
		expect(found(list, 'recall')?.value).toBeCloseTo(2 / 3, 12);
		expect(found(list, 'f1')?.value).toBeCloseTo(2 / 3, 12);
	});

	it('a model that gives no number is wrong, and one class alone has no area', () => {
		const list = binaryMetrics(
			{ labels: Int8Array.of(1, 1), scores: Float64Array.of(Number.NaN, 3), cut: 0, probabilities: false },
			{ seed: 1 },
		);
		expect(found(list, 'accuracy')?.value).toBe(0.5);
		expect(found(list, 'auc')).toBeUndefined();
	});

	it('several labels: macro averages, labels that apply to none left out', () => {
		const own = {
			width: 3,
			labels: Int8Array.of(1, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0),
			scores: Float64Array.of(0.9, 0.2, 0.1, 0.4, 0.3, 0.6, 0.2, 0.8, 0.1, 0.3, 0.6, 0.2),
			cut: 0.5,
		};
		const list = multiLabelMetrics(own, { seed: 1 });
		// First label: positives 0.9, 0.2; negatives 0.4, 0.3: 2 of 4. Second: 0.3, 0.8 against 0.2, 0.6: 3 of 4.
		expect(found(list, 'auc')?.value).toBeCloseTo((0.5 + 0.75) / 2, 12);
		expect(found(list, 'f1')?.value).toBeCloseTo((2 / 3 + 1 / 2) / 2, 12);
		expect(labelFigures(own)).toMatchObject([
			{ positives: 2, auc: 0.5 },
			{ positives: 2, auc: 0.75 },
			{ positives: 0, f1: 0 },
		]);
	});

	it('numbers: MAE, RMSE and R2 of two outputs', () => {
		const list = regressionMetrics(
			{ width: 2, targets: Float64Array.of(1, 10, 3, 20, Number.NaN, Number.NaN), values: Float64Array.of(2, 10, 3, 24, 0, 0) },
			{ seed: 1 },
		);
		expect(found(list, 'mae')).toMatchObject({ value: 5 / 4, n: 2 });
		expect(found(list, 'rmse')?.value).toBeCloseTo(Math.sqrt(17 / 4), 12);
		expect(found(list, 'r2')?.value).toBeCloseTo((1 - 1 / 2 + 1 - 16 / 50) / 2, 12);
	});

	it('embeddings: the same vectors have the same neighbours, whatever their length', () => {
		const vectors = Float64Array.of(1, 0, 0.9, 0.1, 0, 1, 0.1, 0.9);
		expect([...nearest(vectors, 2, [0, 1, 2, 3])]).toEqual([1, 0, 3, 2]);
		const list = embeddingMetrics({ width: 2, vectors: vectors.map((x) => 3 * x) }, { width: 2, vectors }, { seed: 1 });
		expect(found(list, 'neighbours')).toMatchObject({ value: 1, n: 4 });
		expect(found(list, 'cosine')?.value).toBeCloseTo(1, 12);
	});

	it('sequences: CTC decoding, edit distance, exact match, error rate, same steps', () => {
		expect(decodeSteps(Int32Array.of(0, 3, 3, 0, 3, 5, 0), 0)).toEqual([3, 3, 5]);
		expect(decodeSteps(Int32Array.of(3, 3), null)).toEqual([3, 3]);
		expect(editDistance([...'kitten'], [...'sitting'])).toBe(3);
		expect(editDistance([], [1, 2])).toBe(2);
		expect(findBlank([Int32Array.of(0, 4, 0, 0, 5)], 6)).toBe(0);
		expect(findBlank([Int32Array.of(2, 4, 2, 2, 5)], 6)).toBeNull();
		const steps = [Int32Array.of(1, 2), Int32Array.of(1, 2), undefined];
		const other = [Int32Array.of(1, 2), Int32Array.of(1, 3), undefined];
		const list = sequenceMetrics(
			{ steps, said: [['a', 'b'], ['a', 'b'], undefined], right: [['a', 'b'], ['a', 'c', 'd'], undefined] },
			{ seed: 1 },
			{ steps: other, said: [['a', 'b'], ['a', 'c'], undefined], right: [] },
		);
		expect(list.map(({ metric, value, n }) => [metric, value, n])).toEqual([
			['exact', 0.5, 2],
			['cer', 2 / 5, 2],
			['sequences', 0.5, 2],
			['steps', 0.75, 2],
		]);
	});

	it('writes figures as people read them', () => {
		expect(metricText('top1', 0.81234)).toBe('81.2 %');
		expect(metricText('mae', 0.0312345)).toBe('0.0312');
		expect(metricText('sqnr', 31.42)).toBe('31.4 dB');
		expect(isMeasurable({ value: 1, interval: [0.1, 2], pValue: 0.06 })).toBe(false);
	});
});

describe('coverage and false alarms (bench/statistics.ts, reduced)', () => {
	const cell = (kind: string, setting: string) => {
		const entry = intervalCells.find((each) => each.kind === kind && each.setting.startsWith(setting));
		if (!entry) throw new Error(`no cell ${kind} ${setting}`);
		return entry;
	};
	// 200 studies tell a share to 1.5 points; the bench takes thousands.
	it.each([
		['share (Wilson)', 'n 400, p 0.9'],
		['difference of shares (paired)', 'n 400, lost 0.05'],
		['binary auc', 'n 50'],
		['macro f1', 'n 60'],
		['regression mae', 'n 50'],
		['character error rate', 'n 60'],
		['regression rmse', 'n 100, error 0.2, heavy'],
		['regression r2', 'n 100, error 0.2, heavy'],
		['binary ap', 'n 400, positives 0.1'],
		['calibration error', 'n 200'],
		['SQNR', 'n 60'],
		['same nearest neighbour', 'n 60'],
		['median largest difference', 'n 60'],
	])(
		'%s, %s: 95 %% within the error of the simulation',
		(kind, setting) => {
			const { study } = cell(kind, setting);
			let covered = 0;
			for (let seed = 1; seed <= 200; seed++) {
				const { interval, truth } = study(seed);
				if (interval[0] <= truth && truth <= interval[1]) covered += 1;
			}
			expect(covered / 200).toBeGreaterThan(0.9);
			expect(covered / 200).toBeLessThan(0.995);
		},
		60_000,
	);

	it('intervals of every metric and paired difference of small and uneven sets hold the truth', () => {
		const settings = ['n 50, near perfect', 'n 20, heavy', 'n 60, 3 classes', 'n 50, near perfect, errors', 'n 50, noise 0.005'];
		for (const scenario of scenarios.filter(({ setting }) => settings.some((start) => setting.startsWith(start)))) {
			for (const { metric, covered, count } of tallyOf(scenario, 120, isMeasurable, 40_000)) {
				expect(covered / count, `${scenario.kind}, ${scenario.setting}: ${metric}`).toBeGreaterThan(0.88);
			}
		}
	}, 60_000);

	it('null studies are called different in at most 5 %', () => {
		for (const { kind, setting, alarm } of nullCells.filter(
			({ kind: each, setting }) => each !== 'multi-label auc' && /^n (50|400)\b/.test(setting),
		)) {
			const studies = kind.startsWith('accuracy') ? 2000 : 60;
			let alarms = 0;
			for (let seed = 1; seed <= studies; seed++) if (alarm(seed)) alarms += 1;
			// Above 5 % by what so few studies leave open.
			expect(alarms / studies, `${kind} ${setting}`).toBeLessThanOrEqual(0.05 + 2.6 * Math.sqrt(0.0475 / studies));
		}
	}, 60_000);

	it('with looks on the way too, and intervals hold where the run ends', () => {
		expect(looksOf(400).reduce((sum, { alpha }) => sum + alpha, 0)).toBeCloseTo(0.05, 12);
		expect(looksOf(20)).toEqual([{ after: 20, alpha: expect.closeTo(0.05, 12) }]);
		for (const { setting, study } of sequentialCells.filter(({ kind }) => kind === 'accuracy')) {
			let [alarms, held] = [0, 0];
			for (let seed = 1; seed <= 500; seed++) {
				const result = study(seed);
				if (result.alarm) alarms += 1;
				if (result.held) held += 1;
			}
			expect(alarms / 500, setting).toBeLessThanOrEqual(0.06);
			expect(held / 500, setting).toBeGreaterThanOrEqual(0.94);
		}
	});
});
