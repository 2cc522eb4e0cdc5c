import { describe, expect, it } from 'vitest';
import { testEvaluation, testStudy, testVariant } from '../../core/study/study.testkit.ts';
import { qualityColumn, rowsOf } from './rows.ts';

const evaluated = (id: string, mae: number) =>
	testEvaluation(id, 30, {
		task: { kind: 'regression', output: 'y', why: 'test' },
		metrics: [{ metric: 'mae', value: mae, interval: [mae * 0.9, mae * 1.1], n: 100 }],
	});

describe('rowsOf', () => {
	it('holds the main metric of the task; where less is better, the front is of less', () => {
		const study = testStudy({
			variants: [testVariant('original', 10), testVariant('good', 5), testVariant('bad', 6)],
			evaluations: [evaluated('original', 0.2), evaluated('good', 0.25), evaluated('bad', 0.9)],
		});
		expect(qualityColumn(study)).toEqual({ title: 'MAE', better: 'low', metric: 'mae' });
		expect(rowsOf(study, []).map(({ id, qualityText, front }) => [id, qualityText, front])).toEqual([
			['original', '0.200', true],
			['good', '0.250', true],
			['bad', '0.900', false],
		]);
	});
});
