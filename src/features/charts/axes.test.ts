import { describe, expect, it } from 'vitest';
import { testEvaluation, testStudy, testVariant } from '../../core/study/study.testkit.ts';
import type { MetricName, TaskMetric } from '../../core/study/study.ts';
import type { TaskKind } from '../../core/study/task.ts';
import { qualityAxes } from './axes.ts';

const measured = (metric: MetricName, value: number): TaskMetric => ({ metric, value, interval: [value * 0.9, value * 1.1], n: 400 });

function axesOf(kind: TaskKind, metrics: readonly TaskMetric[], ofOriginal: readonly TaskMetric[] = metrics) {
	const task = { kind, output: 'y', why: 'test' };
	return qualityAxes(
		testStudy({
			variants: [testVariant('original', 4), testVariant('v', 2)],
			evaluations: [testEvaluation('original', null, { task, metrics: ofOriginal }), testEvaluation('v', 30, { task, metrics })],
		}),
	);
}

describe('qualityAxes', () => {
	it('says of how many examples figures are where judging stopped early', () => {
		const stopped = { after: 57, of: 450, alpha: 0.01, why: '' };
		const metrics = [measured('top1', 0.8)];
		const [top1] = qualityAxes(
			testStudy({
				variants: [testVariant('original', 4), testVariant('v', 2)],
				evaluations: [
					testEvaluation('original', null, { metrics }),
					testEvaluation('v', 30, { metrics: metrics.map((metric) => ({ ...metric, n: 57 })), stopped }),
				],
			}),
		);
		expect(top1?.label).toBe('top-1, % (95 to 99 % intervals, n = 57 to 400)');
	});

	it('names the main metric of each task, and which way is better', () => {
		const [mae, r2] = axesOf('regression', [measured('mae', 0.3), measured('rmse', 0.4), measured('r2', 0.8)]).filter(
			({ key }) => key === 'mae' || key === 'r2',
		);
		expect(mae).toMatchObject({ key: 'mae', label: 'MAE (95 % interval, n = 400)', better: 'low' });
		expect(mae?.format(0.3)).toBe('0.300');
		expect(r2?.better).toBe('high');
		const [auc] = axesOf('multi-label', [measured('auc', 0.8), measured('f1', 0.6)]);
		expect(auc).toMatchObject({ label: 'macro ROC-AUC, % (95 % interval, n = 400)', shortLabel: 'macro ROC-AUC' });
		expect(axesOf('binary', [measured('accuracy', 0.8), measured('auc', 0.9)])[0]?.shortLabel).toBe('accuracy');
		expect(axesOf('classification', [measured('top1', 0.8)])[0]?.label).toBe('top-1, % (95 % interval, n = 400)');
	});

	it('the original stands where it agrees with itself, and outputs alone have SQNR', () => {
		const [neighbours] = axesOf('embedding', [measured('neighbours', 0.9)], []);
		expect(neighbours?.key).toBe('neighbours');
		expect(neighbours?.figure('original')).toEqual({ value: 1, exact: true });
		expect(axesOf('generic', [measured('sqnr', 30), measured('maxAbs', 1)], [])[0]?.key).toBe('sqnr');
	});
});
