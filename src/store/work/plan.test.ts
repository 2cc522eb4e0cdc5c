import { describe, expect, it } from 'vitest';
import { testEvaluation, testRun, testVariant } from '../../core/study/study.testkit.ts';
import type { Study } from '../../core/study/study.ts';
import { plan, taskId } from './plan.ts';

const a = 'a'.repeat(64);
const b = 'b'.repeat(64);
const targets = [
	{ backend: 'wasm', threads: 1 },
	{ backend: 'webgpu', threads: 1 },
] as const;
const dataset = { hash: 'd'.repeat(64), name: 'd', kind: 'synthetic', n: 1, labelled: false, preprocessing: '', skipped: [] } as const;

function study(part: Partial<Study>): Study {
	return { variants: [testVariant('original', 100)], runs: [], evaluations: [], dataset, ...part } as Study;
}
const ids = (part: Partial<Study>, more: Partial<Parameters<typeof plan>[1]> = {}) =>
	plan(study(part), { targets, batchBytes: 1e9, ...more }).map(taskId);

describe('plan', () => {
	it('asks for nothing while there is only the original', () => {
		expect(ids({})).toEqual([]);
		expect(ids({}, { original: true })).toEqual(['evaluate:original', 'benchmark:wasm×1:original', 'benchmark:webgpu:original']);
	});

	it('evaluates the original at once on labelled examples of a person, and times nothing yet', () => {
		const labelled = { ...dataset, kind: 'arrays', labelled: true } as const;
		expect(ids({ dataset: labelled })).toEqual(['evaluate:original']);
		expect(ids({ dataset: { ...labelled, kind: 'sample' } })).toEqual([]);
		expect(ids({ dataset: { ...labelled, labelled: false } })).toEqual([]);
	});

	it('writes all first, then evaluates, then measures each target once', () => {
		const variants = [testVariant('original', 100), testVariant(a, 50, { file: a }), testVariant(b, 50)];
		expect(ids({ variants })).toEqual([
			`compress:${b}`,
			'evaluate:original',
			`evaluate:${a}`,
			'benchmark:wasm×1:original',
			'benchmark:webgpu:original',
		]);
	});

	it('does not repeat what is there, nor what failed', () => {
		const variants = [
			testVariant('original', 100),
			testVariant(a, 50, { file: a }),
			testVariant(b, 50, { failure: { code: 'pass', message: '' } }),
		];
		const evaluations = [testEvaluation('original', null, { dataset: dataset.hash }), testEvaluation(a, 1, { dataset: dataset.hash })];
		const runs = [
			testRun('original', 1),
			testRun(a, 1),
			testRun('original', 1, { target: targets[1] }),
			testRun(a, 1, { target: targets[1], failure: { code: 'run', message: '' } }),
		];
		expect(ids({ variants, evaluations, runs })).toEqual([]);
		expect(ids({ variants, evaluations: [], runs })).toEqual(['evaluate:original', `evaluate:${a}`]);
	});

	it('keeps batches within the memory budget and troublemakers alone and last', () => {
		const variants = [testVariant('original', 100), testVariant(a, 60, { file: a }), testVariant(b, 60, { file: b })];
		const batches = (more: object) =>
			plan(study({ variants }), { targets: [targets[0]], batchBytes: 1e9, ...more }).flatMap((task) =>
				task.kind === 'benchmark' ? [task.variants] : [],
			);
		expect(batches({})).toEqual([['original', a, b]]);
		expect(batches({ batchBytes: 130 })).toEqual([['original'], [a, b]]);
		expect(batches({ alone: new Set([a]) })).toEqual([['original', b], [a]]);
	});
});
