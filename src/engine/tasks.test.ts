import { describe, expect, it } from 'vitest';
import { attribute } from '../core/ir/attribute.ts';
import { seededRandom } from '../core/numeric/random.ts';
import type { Example, Examples } from '../core/study/examples.ts';
import { figuresOf, mainMetricOf } from '../core/study/figures.ts';
import { decodeComparison, encodeComparison } from '../core/study/link.ts';
import { parseStudy, studyJson } from '../core/study/schema.ts';
import { testStudy, testVariant } from '../core/study/study.testkit.ts';
import type { Study } from '../core/study/study.ts';
import { variantTable } from '../core/study/table.ts';
import type { Labels, Task } from '../core/study/task.ts';
import { qualityWords, sentenceOf } from '../core/study/words.ts';
import { createReference, evaluate } from './evaluate.ts';
import { build, float32, normal } from './models.testkit.ts';
import { createNodeEngine } from './node/index.ts';

const dataset = { hash: 'd'.repeat(64), synthetic: false };
const variantId = 'b'.repeat(64);

/** x [N, 8] times weights, moved by noise: y [N, width], with what comes after. */
function linear(
	name: string,
	width: number,
	{ noise = 0, after }: { noise?: number; after?: 'Sigmoid' | 'Softmax' } = {},
): Promise<Uint8Array> {
	return build((b) => {
		const moved = normal(8 * width, 21, noise);
		const weights = normal(8 * width, 20).map((x, i) => x + (moved[i] as number));
		const product = b.op(
			'MatMul',
			[b.input('x', 'float32', ['N', 8]), b.constant('w', 'float32', [8, width], weights)],
			after ? 'h' : name,
		);
		const attributes = after === 'Softmax' ? { axis: attribute.int(-1) } : undefined;
		b.output(after ? b.op(after, [product], name, attributes) : product, 'float32', ['N', width]);
	});
}

/** Examples of normal noise whose labels follow from the weights of `linear`, with errors. */
function examples(n: number, width: number, label: (scores: readonly number[], random: () => number) => Labels): Examples {
	const random = seededRandom(5);
	const weights = normal(8 * width, 20);
	const list = Array.from({ length: n }, (_, k): Example => {
		const x = normal(8, 1000 + k);
		const scores = Array.from({ length: width }, (_, j) =>
			x.reduce((sum, value, i) => sum + value * (weights[i * width + j] as number), 0),
		);
		return { name: `#${k}`, feeds: { x: float32(x, [1, 8]) }, ...label(scores, random.normal) };
	});
	return { n, batchAxes: { x: 0 }, example: async (index) => list[index] as Example };
}

async function judge(original: Uint8Array, variant: Uint8Array, given: Examples, task?: Task) {
	const engine = await createNodeEngine();
	const reference = await createReference({ engine, original: () => ({ model: original }), examples: given, dataset, task });
	const evaluation = await evaluate({ engine, variant: { id: variantId, model: () => ({ model: variant }) }, reference, examples: given });
	const study: Study = testStudy({
		variants: [testVariant('original', 4), testVariant(variantId, 2)],
		evaluations: [reference.evaluation, evaluation],
	});
	return { reference, evaluation, study };
}

const names = (list: readonly { readonly metric: string }[]): string[] => list.map(({ metric }) => metric);

describe('tasks', () => {
	it('regression: proposed from values, MAE is what the study shows', async () => {
		const given = examples(120, 1, (scores, noise) => ({ targets: [(scores[0] as number) + 0.3 * noise()] }));
		const { reference, evaluation, study } = await judge(await linear('y', 1), await linear('y', 1, { noise: 0.3 }), given);
		expect(reference.task).toEqual({ kind: 'regression', output: 'y', why: 'Labels are numbers, and output "y" holds one.' });
		expect(names(evaluation.metrics)).toEqual(['mae', 'rmse', 'r2']);
		expect(reference.evaluation.metrics[0]?.value).toBeCloseTo(0.3 * Math.sqrt(2 / Math.PI), 1);
		const [mae] = evaluation.metrics;
		expect(mae?.difference?.interval[0]).toBeGreaterThan(0);
		expect(mainMetricOf(study)).toEqual({ metric: 'mae', n: 120, task: 'regression' });
		expect(qualityWords(figuresOf(study, variantId))).toMatchObject({ tone: 'worse', measurable: true });
		expect(qualityWords(figuresOf(study, variantId)).long).toMatch(/^MAE \+0\.\d+ \[\+0\.\d+, \+0\.\d+\] at n = 120\.$/);
		expect(sentenceOf(study, variantId)).toContain('MAE +0.');
		const table = variantTable(study);
		const row = table.rows[1] ?? [];
		expect(row[table.columns.indexOf('main_metric')]).toBe('mae');
		expect(row[table.columns.indexOf('mae')]).toBe(mae?.value);
		expect(parseStudy(JSON.parse(studyJson(study)))).toEqual(study);
		const link = encodeComparison(study);
		expect(link.version).toBe(2);
		const read = decodeComparison(link).evaluations[1];
		expect(read?.task?.kind).toBe('regression');
		expect(read?.metrics[0]?.value).toBeCloseTo(mae?.value ?? 0, 3);
		expect(read?.metrics[0]?.difference?.interval[0]).toBeCloseTo(mae?.difference?.interval[0] ?? 0, 3);
	});

	it('several labels: areas by label and their mean, probabilities and logits alike', async () => {
		const given = examples(100, 3, (scores, noise) => ({ labels: scores.map((score) => (score + noise() > 1 ? 1 : 0)) }));
		const after = 'Sigmoid';
		const sure = await judge(await linear('y', 3, { after }), await linear('y', 3, { after, noise: 0.5 }), given);
		expect(sure.reference.task).toMatchObject({ kind: 'multi-label', output: 'y', scores: 'probability' });
		expect(names(sure.evaluation.metrics)).toEqual(['auc', 'ap', 'precision', 'recall', 'f1']);
		expect(sure.evaluation.labelFigures).toHaveLength(3);
		const areas = sure.evaluation.labelFigures?.map(({ auc = 0 }) => auc) ?? [];
		expect(sure.evaluation.metrics[0]?.value).toBeCloseTo(areas.reduce((sum, x) => sum + x, 0) / 3, 12);
		expect(mainMetricOf(sure.study)?.metric).toBe('auc');
		expect(sentenceOf(sure.study, variantId)).toMatch(/ROC-AUC/);
		const raw = await judge(await linear('y', 3), await linear('y', 3, { noise: 0.5 }), given);
		expect(raw.reference.task.scores).toBe('logit');
		expect(raw.evaluation.metrics.map(({ value }) => value.toFixed(6))).toEqual(
			sure.evaluation.metrics.map(({ value }) => value.toFixed(6)),
		);
		expect(parseStudy(JSON.parse(studyJson(raw.study)))).toEqual(raw.study);
	});

	it('two answers: one score or two', async () => {
		const given = examples(100, 1, (scores, noise) => ({ label: (scores[0] as number) + noise() > 0 ? 1 : 0 }));
		const one = await judge(await linear('y', 1, { after: 'Sigmoid' }), await linear('y', 1, { after: 'Sigmoid', noise: 0.5 }), given);
		expect(one.reference.task).toMatchObject({ kind: 'binary', scores: 'probability' });
		expect(names(one.evaluation.metrics)).toEqual(['accuracy', 'auc', 'ap', 'precision', 'recall', 'f1', 'ece']);
		const two = await judge(
			await linear('y', 2),
			await linear('y', 2),
			examples(60, 2, (scores) => ({ label: (scores[1] as number) > (scores[0] as number) ? 1 : 0 })),
		);
		expect(two.reference.task).toMatchObject({ kind: 'binary', scores: 'logit' });
		expect(two.evaluation.metrics[0]).toMatchObject({ metric: 'accuracy', value: 1, difference: { value: 0 } });
		const strict = await judge(await linear('y', 1, { after: 'Sigmoid' }), await linear('y', 1, { after: 'Sigmoid' }), given, {
			kind: 'binary',
			threshold: 0.95,
		});
		const recall = (list: typeof one) => list.reference.evaluation.metrics.find(({ metric }) => metric === 'recall')?.value ?? 0;
		expect(recall(strict)).toBeLessThan(recall(one));
		expect(strict.reference.task.chosen).toEqual({ kind: 'binary', threshold: 0.95 });
	});

	it('embeddings without labels, and a task that was chosen', async () => {
		const plain = examples(60, 16, () => ({}));
		const found = await judge(await linear('embedding', 16), await linear('embedding', 16, { noise: 0.2 }), plain);
		expect(found.reference.task.kind).toBe('embedding');
		expect(found.reference.evaluation.metrics).toEqual([]);
		expect(names(found.evaluation.metrics)).toEqual(['neighbours', 'cosine']);
		expect(qualityWords(figuresOf(found.study, variantId)).long).toMatch(/^The same nearest neighbour as the original on \d+\.\d % \[/);
		const generic = await judge(await linear('embedding', 16), await linear('embedding', 16, { noise: 0.2 }), plain, { kind: 'generic' });
		expect(names(generic.evaluation.metrics)).toEqual(['sqnr', 'cosine', 'maxAbs']);
		const [output] = generic.evaluation.outputs;
		expect(generic.evaluation.metrics[0]?.value).toBeCloseTo(output?.sqnrDb ?? 0, 6);
		expect(mainMetricOf(generic.study)).toBeUndefined();
		await expect(judge(await linear('y', 2), await linear('y', 2), plain, { kind: 'regression', output: 'z' })).rejects.toThrow(
			'no output "z"',
		);
	});

	it('sequences: steps against the original, texts by the names of classes', async () => {
		const make = (noise: number): Promise<Uint8Array> =>
			build((b) => {
				const x = b.input('x', 'float32', [1, 8]);
				const moved = normal(8 * 24, 9, noise);
				const weights = normal(8 * 24, 3).map((v, i) => v + (moved[i] as number));
				const h = b.op('MatMul', [x, b.constant('w', 'float32', [8, 24], weights)], 'h');
				const r = b.op('Reshape', [h, b.constant('shape', 'int64', [3], BigInt64Array.of(1n, 6n, 4n))], 'r');
				b.output(b.op('Softmax', [r], 'steps', { axis: attribute.int(-1) }), 'float32', [1, 6, 4]);
			});
		const plain = examples(40, 1, () => ({}));
		const { reference, evaluation } = await judge(await make(0), await make(0.3), plain);
		expect(reference.task).toMatchObject({ kind: 'sequence', output: 'steps' });
		expect(names(evaluation.metrics)).toEqual(['sequences', 'steps']);
		expect(evaluation.metrics[1]?.value).toBeCloseTo(evaluation.outputs[0]?.agreement?.value ?? 0, 12);
		const labelled: Examples = {
			...plain,
			classNames: ['', 'a', 'b', 'c'],
			example: async (index) => ({ ...(await plain.example(index)), text: 'abc' }),
		};
		const read = await judge(await make(0), await make(0.3), labelled, { kind: 'sequence', blank: 0 });
		expect(names(read.evaluation.metrics)).toEqual(['exact', 'cer', 'sequences', 'steps']);
		expect(names(read.reference.evaluation.metrics)).toEqual(['exact', 'cer']);
	});

	it('keeps small outputs beyond the budget: nothing is run again for the task', async () => {
		const given = examples(30, 1, (scores) => ({ targets: [scores[0] as number] }));
		const engine = await createNodeEngine();
		const model = await linear('y', 1);
		let runs = 0;
		const counting = {
			...engine,
			load: async (...args: Parameters<typeof engine.load>) => {
				const session = await engine.load(...args);
				return {
					...session,
					run: (...feeds: Parameters<typeof session.run>) => {
						runs += 1;
						return session.run(...feeds);
					},
					release: () => session.release(),
				};
			},
		};
		const reference = await createReference({
			engine: counting,
			original: () => ({ model }),
			examples: given,
			dataset,
			memoryBudgetBytes: 8,
			batch: 1,
		});
		expect(runs).toBe(30);
		expect(reference.evaluation.metrics[0]).toMatchObject({ metric: 'mae', n: 30 });
	});

	it('ends early where the answer is clear, and not before', async () => {
		const given = examples(400, 4, (scores) => ({ label: scores.indexOf(Math.max(...scores)) }));
		const engine = await createNodeEngine();
		const original = await linear('logits', 4);
		const reference = await createReference({ engine, original: () => ({ model: original }), examples: given, dataset });
		const run = async (model: Uint8Array, margin: number) =>
			evaluate({ engine, variant: { id: variantId, model: () => ({ model }) }, reference, examples: given, stopEarly: { margin } });
		const worse = await run(await linear('logits', 4, { noise: 1 }), 0.01);
		expect(worse.stopped).toMatchObject({ after: 50, of: 400, why: 'top-1 differs measurably from the original.' });
		expect(worse.metrics[0]?.n).toBe(50);
		const same = await run(original, 0.05);
		expect(same.stopped?.after).toBeLessThan(400);
		expect(same.stopped?.why).toBe('top-1 differs from the original by less than 5.0 points.');
		const unclear = await run(await linear('logits', 4, { noise: 0.03 }), 0.0001);
		expect(unclear.stopped).toMatchObject({ after: 400, of: 400, why: 'No look on the way gave a clear answer.' });
	});
});
