import { describe, expect, it } from 'vitest';
import { attribute } from '../core/ir/attribute.ts';
import { fidelity } from '../core/numeric/statistics.ts';
import { argmax } from './classifier.ts';
import { createReference, evaluate, type Reference } from './evaluate.ts';
import { examplesOf, noiseExamples } from './examples.testkit.ts';
import { build, linearClassifier, normal } from './models.testkit.ts';
import { createNodeEngine } from './node/index.ts';
import type { Engine, ModelBytes } from './port.ts';

const dataset = { hash: 'd'.repeat(64), synthetic: false };

async function compare(
	original: Uint8Array,
	variant: Uint8Array,
	examples = noiseExamples(40),
	more: { memoryBudgetBytes?: number; batch?: number } = {},
) {
	const engine = await createNodeEngine();
	const reference = await createReference({ engine, original: () => ({ model: original }), examples, dataset, ...more });
	const evaluation = await evaluate({ engine, variant: { id: 'v', model: () => ({ model: variant }) }, reference, examples });
	return { reference, evaluation };
}

/** Counts runs and batch sizes, and passes everything on. */
function watched(engine: Engine): { engine: Engine; batches: number[]; live: () => number } {
	const batches: number[] = [];
	let live = 0;
	return {
		batches,
		live: () => live,
		engine: {
			...engine,
			target: engine.target,
			runtime: engine.runtime,
			threadsUsed: engine.threadsUsed,
			load: async (model: ModelBytes, options) => {
				const session = await engine.load(model, options);
				live += 1;
				return {
					inputs: session.inputs,
					outputs: session.outputs,
					loadMs: session.loadMs,
					notes: session.notes,
					run: (feeds, fetches) => {
						batches.push(feeds.x?.dims[0] ?? 0);
						return session.run(feeds, fetches);
					},
					endProfile: () => session.endProfile(),
					release: async () => {
						live -= 1;
						await session.release();
					},
				};
			},
		},
	};
}

describe('evaluate', () => {
	it('finds a model equal to itself', async () => {
		const bytes = await linearClassifier();
		const { reference, evaluation } = await compare(bytes, bytes);
		expect(reference.evaluation.outputs).toEqual(evaluation.outputs);
		expect(evaluation.outputs).toEqual([
			{
				output: 'logits',
				n: 40,
				cosine: 1,
				worstCosine: 1,
				sqnrDb: null,
				maxAbs: 0,
				agreement: expect.objectContaining({ value: 1, n: 40 }),
			},
		]);
		expect(evaluation.disagreements).toEqual([]);
		expect(evaluation).not.toHaveProperty('failure');
	});

	it('gives what comparing by hand gives, batched or not, kept or computed again', async () => {
		const [original, variant] = [await linearClassifier(), await linearClassifier({ noise: 0.3 })];
		const engine = await createNodeEngine();
		const examples = noiseExamples(40);
		const rows: { a: Float32Array; b: Float32Array }[] = [];
		const [first, second] = [await engine.load({ model: original }), await engine.load({ model: variant })];
		for (let i = 0; i < examples.n; i++) {
			const { feeds } = await examples.example(i);
			rows.push({
				a: (await first.run(feeds)).logits?.data as Float32Array,
				b: (await second.run(feeds)).logits?.data as Float32Array,
			});
		}
		await first.release();
		await second.release();
		const cosines = rows.map(({ a, b }) => fidelity(a, b).cosine);
		const all = fidelity(
			rows.flatMap(({ a }) => [...a]),
			rows.flatMap(({ b }) => [...b]),
		);
		const same = rows.filter(({ a, b }) => argmax(a) === argmax(b)).length;
		for (const more of [{}, { batch: 1 }, { memoryBudgetBytes: 100 }]) {
			const { evaluation } = await compare(original, variant, examples, more);
			const [output] = evaluation.outputs;
			expect(output?.cosine).toBeCloseTo(cosines.reduce((sum, x) => sum + x, 0) / 40, 9);
			expect(output?.worstCosine).toBeCloseTo(Math.min(...cosines), 9);
			expect(output?.sqnrDb).toBeCloseTo(all.sqnrDb, 6);
			expect(output?.maxAbs).toBeCloseTo(all.maxAbs, 6);
			expect(output?.agreement?.value).toBe(same / 40);
			expect(same).toBeLessThan(40);
			// Examples whose class changed come first, then the lowest cosine.
			const { disagreements } = evaluation;
			expect(disagreements.slice(0, 40 - same).every(({ original: a, variant: b }) => a !== b)).toBe(true);
			expect(disagreements.slice(40 - same).every(({ original: a, variant: b }) => a === b)).toBe(true);
		}
	});

	it('joins examples where that changes nothing, and leaves models alone whose result depends on the batch', async () => {
		const examples = noiseExamples(20);
		const plain = watched(await createNodeEngine());
		await createReference({ engine: plain.engine, original: async () => ({ model: await linearClassifier() }), examples, dataset });
		expect(plain.batches).toEqual([1, 1, 2, 16, 2]);
		const dynamic = watched(await createNodeEngine());
		await createReference({
			engine: dynamic.engine,
			original: async () => ({ model: await linearClassifier({ dynamic: true }) }),
			examples,
			dataset,
		});
		expect(dynamic.batches.filter((size) => size === 2)).toHaveLength(1);
		expect(dynamic.batches.filter((size) => size === 1)).toHaveLength(20);
		const fixed = watched(await createNodeEngine());
		await createReference({
			engine: fixed.engine,
			original: async () => ({ model: await linearClassifier({ batch: 1 }) }),
			examples,
			dataset,
		});
		expect(fixed.batches.filter((size) => size === 1)).toHaveLength(20);
	});

	it('gives accuracy with labels, paired with the original', async () => {
		const engine = await createNodeEngine();
		const original = await linearClassifier();
		const plain = noiseExamples(100);
		const session = await engine.load({ model: original });
		const labels: number[] = [];
		for (let i = 0; i < 100; i++) {
			const { logits } = await session.run((await plain.example(i)).feeds);
			// The original is right in 9 of 10.
			labels.push((argmax(logits?.data as Float32Array) + (i % 10 === 0 ? 1 : 0)) % 4);
		}
		await session.release();
		const { reference, evaluation } = await compare(original, await linearClassifier({ noise: 0.5 }), noiseExamples(100, labels));
		expect(reference.task).toMatchObject({ kind: 'classification', output: 'logits' });
		expect(reference.evaluation.metrics[0]).toMatchObject({ metric: 'top1', value: 0.9, n: 100 });
		expect(reference.evaluation.metrics.map(({ metric }) => metric)).toEqual(['top1', 'precision', 'recall', 'f1', 'ece']);
		expect(evaluation.metrics.every(({ difference }) => difference)).toBe(true);
		expect(evaluation.classChanges?.length).toBeGreaterThan(0);
		expect(reference.evaluation.metrics[0]).not.toHaveProperty('difference');
		const [top1] = evaluation.metrics;
		expect(top1?.difference?.value).toBeCloseTo((top1?.value ?? 0) - 0.9, 12);
		expect(top1?.interval[0]).toBeLessThan(top1?.value ?? 0);
		expect(evaluation.disagreements[0]).toHaveProperty('label');
	});

	it('compares whole numbers and text by what is equal', async () => {
		const make = (shift: number): Promise<Uint8Array> =>
			build((b) => {
				const x = b.input('x', 'float32', ['N', 8]);
				const moved = b.op('Add', [x, b.constant('shift', 'float32', [8], Float32Array.of(shift, 0, 0, 0, 0, 0, 0, 0))], 'moved');
				b.output(b.op('ArgMax', [moved], 'label', { axis: attribute.int(1), keepdims: attribute.int(0) }), 'int64', ['N']);
			});
		const { evaluation } = await compare(await make(0), await make(0.8), noiseExamples(50));
		const [label] = evaluation.outputs;
		expect(label?.agreement?.n).toBe(50);
		expect(label?.agreement?.value).toBeLessThan(1);
		expect(label?.agreement?.value).toBeGreaterThan(0.5);
		const text = await build((b) => b.output(b.op('Identity', [b.input('x', 'string', ['N'])], 'y'), 'string', ['N']));
		const words = examplesOf([['a'], ['b'], ['c']].map((data) => ({ x: { dtype: 'string', dims: [1], data } })));
		expect((await compare(text, text, words)).evaluation.outputs).toEqual([
			{ output: 'y', n: 3, cosine: 1, worstCosine: 1, sqnrDb: null, maxAbs: 0, agreement: expect.objectContaining({ value: 1, n: 3 }) },
		]);
	});

	it('tells a variant that gives no numbers, one of another shape, and one that does not load', async () => {
		const original = await linearClassifier();
		const broken = await build((b) => {
			const x = b.input('x', 'float32', ['N', 8]);
			const y = b.op('MatMul', [x, b.constant('w', 'float32', [8, 4], normal(32, 3))], 'scores');
			b.output(b.op('Log', [y], 'logits'), 'float32', ['N', 4]);
		});
		const { evaluation } = await compare(original, broken);
		expect(evaluation.failure).toMatchObject({ code: 'not-finite' });
		expect(evaluation.outputs[0]).toMatchObject({ worstCosine: 0, sqnrDb: null });
		expect(JSON.parse(JSON.stringify(evaluation))).toEqual(evaluation);
		const wide = await build((b) => {
			const x = b.input('x', 'float32', ['N', 8]);
			b.output(b.op('Concat', [x, x], 'logits', { axis: attribute.int(1) }), 'float32', ['N', 16]);
		});
		expect((await compare(original, wide)).evaluation.failure?.message).toBe(
			'Its output "logits" has shape [1, 16] where the original\'s has [1, 4].',
		);
		expect((await compare(original, original.slice(0, 50))).evaluation.failure?.code).toBe('load');
		const renamed = await linearClassifier({ softmax: true });
		expect((await compare(original, renamed)).evaluation.failure?.message).toBe(
			'None of its outputs is an output of the original: there is nothing to compare.',
		);
	});

	it('stops when asked to, and leaves no session open', async () => {
		const { engine, live } = watched(await createNodeEngine());
		const controller = new AbortController();
		const model = await linearClassifier();
		const examples = noiseExamples(30);
		const reference = await createReference({ engine, original: () => ({ model }), examples, dataset });
		expect(live()).toBe(0);
		const work = evaluate({
			engine,
			variant: { id: 'v', model: () => ({ model }) },
			reference,
			examples,
			batch: 1,
			signal: controller.signal,
			onProgress: (fraction) => fraction > 0.3 && controller.abort(),
		});
		await expect(work).rejects.toMatchObject({ name: 'AbortError' });
		expect(live()).toBe(0);
	});

	it('takes at most as many examples as asked for, spread over the set', async () => {
		const engine = await createNodeEngine();
		const model = await linearClassifier();
		const examples = noiseExamples(100);
		const reference: Reference = await createReference({ engine, original: () => ({ model }), examples, dataset, limit: 4 });
		expect(reference.indices.map((index) => Math.floor(index / 25))).toEqual([0, 1, 2, 3]);
		expect(reference.evaluation.outputs[0]?.n).toBe(4);
	});

	it('knows a classifier by softmax, names, inputs and labels; features are none', async () => {
		const engine = await createNodeEngine();
		const kinds = async (name: string, width: number, softmax = false): Promise<readonly string[]> => {
			const model = await build((b) => {
				const x = b.input('x', 'float32', ['N', 8]);
				let y = b.op('MatMul', [x, b.constant('w', 'float32', [8, width], normal(8 * width))], softmax ? 'h' : name);
				if (softmax) y = b.op('Softmax', [y], name, { axis: attribute.int(-1) });
				b.output(y, 'float32', ['N', width]);
			});
			const reference = await createReference({ engine, original: () => ({ model }), examples: noiseExamples(8), dataset });
			return [...reference.classifying.values()];
		};
		expect(await kinds('output', 10, true)).toEqual(['example']);
		expect(await kinds('logits', 512)).toEqual(['example']);
		expect(await kinds('embedding', 10)).toEqual([]);
		expect(await kinds('output', 384)).toEqual([]);
		expect(await kinds('output', 1)).toEqual([]);
	});

	it('compares rows of probabilities and resamples examples for their interval', async () => {
		const make = (noise: number): Promise<Uint8Array> =>
			build((b) => {
				const x = b.input('x', 'float32', [1, 8]);
				const moved = normal(24, 9, noise);
				const w = b.constant(
					'w',
					'float32',
					[8, 24],
					normal(192, 3).map((v, i) => v + (moved[i % 24] as number)),
				);
				const y = b.op('Reshape', [b.op('MatMul', [x, w], 'h'), b.constant('shape', 'int64', [3], BigInt64Array.of(1n, 6n, 4n))], 'r');
				b.output(b.op('Softmax', [y], 'steps', { axis: attribute.int(-1) }), 'float32', [1, 6, 4]);
			});
		const { reference, evaluation } = await compare(await make(0), await make(0.5), noiseExamples(30));
		expect(reference.classifying.get('steps')).toBe('rows');
		const agreement = evaluation.outputs[0]?.agreement;
		expect(agreement?.n).toBe(180);
		expect(agreement?.interval[0]).toBeLessThan(agreement?.value ?? 0);
		expect(agreement?.interval[1]).toBeGreaterThan(agreement?.value ?? 1);
	});
});
