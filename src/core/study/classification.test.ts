import { describe, expect, it } from 'vitest';
import { seededRandom } from '../numeric/random.ts';
import { type Answers, classChanges, classificationMetrics, confusions } from './classification.ts';

const answers = (labels: readonly number[], predicted: readonly number[], confidence?: readonly number[]): Answers => ({
	labels: Int32Array.from(labels),
	predicted: Int32Array.from(predicted),
	confidence: Float64Array.from(confidence ?? labels.map(() => Number.NaN)),
});
const value = (list: ReturnType<typeof classificationMetrics>, metric: string) => list.find((entry) => entry.metric === metric)?.value;

describe('classificationMetrics', () => {
	// scikit-learn 1.5, precision_recall_fscore_support(average='macro', zero_division=0).
	it('gives macro precision, recall and F1 as scikit-learn does', () => {
		const list = classificationMetrics(answers([0, 0, 0, 1, 1, 2, 2, 2, 2, 3], [0, 0, 1, 1, 2, 2, 2, 0, 2, 2]), { seed: 1 });
		expect(value(list, 'precision')).toBeCloseTo((2 / 3 + 1 / 2 + 3 / 5 + 0) / 4, 12);
		expect(value(list, 'recall')).toBeCloseTo((2 / 3 + 1 / 2 + 3 / 4 + 0) / 4, 12);
		expect(value(list, 'f1')).toBeCloseTo((2 / 3 + 1 / 2 + 2 / 3 + 0) / 4, 12);
		expect(value(list, 'ece')).toBeUndefined();
	});

	it('gives the calibration error by hand', () => {
		// Two bins: 0.95 twice, one right; 0.55 twice, both right.
		const list = classificationMetrics(answers([0, 0, 1, 1], [0, 1, 1, 1], [0.95, 0.95, 0.55, 0.55]), { seed: 1 });
		expect(value(list, 'ece')).toBeCloseTo((Math.abs(1 - 1.9) + Math.abs(2 - 1.1)) / 4, 12);
	});

	it('leaves out examples without labels, and says nothing without any', () => {
		expect(classificationMetrics(answers([-1, -1], [0, 1]), { seed: 1 })).toEqual([]);
		expect(classificationMetrics(answers([-1, 1, 0], [0, 1, 0]), { seed: 1 })[0]?.n).toBe(2);
	});

	it('finds no difference between a model and itself, and one where answers get worse', () => {
		const random = seededRandom(2);
		const labels = Array.from({ length: 300 }, () => random.below(5));
		const predicted = labels.map((label) => (random.next() < 0.8 ? label : random.below(5)));
		const worse = predicted.map((guess) => (random.next() < 0.7 ? guess : random.below(5)));
		const own = answers(labels, predicted);
		for (const { difference } of classificationMetrics(own, { seed: 1 }, own)) {
			expect(difference).toMatchObject({ value: 0, pValue: 1 });
			// Models that agree on 300 examples may still differ on a few of a thousand.
			expect(difference?.interval[0]).toBeLessThan(0);
			expect(difference?.interval[1]).toBeLessThan(0.02);
		}
		const f1 = classificationMetrics(answers(labels, worse), { seed: 1 }, own).find(({ metric }) => metric === 'f1');
		expect(f1?.difference?.interval[1]).toBeLessThan(0);
		expect(f1?.difference?.pValue).toBeLessThan(0.01);
	});

	it('covers the true recall in 93 to 97 of 100 studies (simulation)', () => {
		const random = seededRandom(5);
		let covered = 0;
		const studies = 300;
		for (let study = 0; study < studies; study++) {
			const labels = Array.from({ length: 120 }, (_, i) => i % 3);
			const predicted = labels.map((label) => (random.next() < 0.7 ? label : (label + 1) % 3));
			const recall = classificationMetrics(answers(labels, predicted), { seed: study }).find(({ metric }) => metric === 'recall');
			if (recall && recall.interval[0] <= 0.7 && recall.interval[1] >= 0.7) covered += 1;
		}
		expect(covered / studies).toBeGreaterThan(0.91);
		expect(covered / studies).toBeLessThan(0.985);
	}, 30_000);
});

describe('confusions and class changes', () => {
	const before = answers([0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 1]);
	const after = answers([0, 0, 1, 1, 2, 2], [1, 1, 1, 0, 2, 2]);

	it('lists what is taken for what, most often first', () => {
		expect(confusions(after, 5)).toEqual([
			{ label: 0, predicted: 1, count: 2 },
			{ label: 1, predicted: 0, count: 1 },
		]);
	});

	it('lists classes that changed most, by examples', () => {
		expect(classChanges(after, before, 5)).toEqual([
			{ label: 0, n: 2, original: 1, variant: 0 },
			{ label: 1, n: 2, original: 1, variant: 0.5 },
			{ label: 2, n: 2, original: 0.5, variant: 1 },
		]);
	});
});
