import { describe, expect, it } from 'vitest';
import { memorySource } from '../../core/bytes/source.ts';
import { attribute } from '../../core/ir/attribute.ts';
import type { Model } from '../../core/ir/model.ts';
import { readModel } from '../../core/onnx/read.ts';
import { serialize } from '../../core/onnx/write.ts';
import type { PassReport } from '../../core/pass/pass.ts';
import { foundRecipe, PassFailed, runRecipe } from '../../core/pass/pipeline.ts';
import type { Recipe } from '../../core/pass/recipe.ts';
import type { LayerTrial } from '../../core/search/layer-trials.ts';
import { calibrationOf, correlatedFeeds, GraphBuilder, testCompute } from '../learned.testkit.ts';
import { passes } from '../registry.ts';
import { choose } from './choose.ts';

const none = { noise: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

/** Three dense layers; what the second makes counts a hundredth at the output. */
function layered(opset = 17): Model {
	const b = new GraphBuilder(opset);
	const x = b.input([4, 64]);
	const first = b.node('Relu', [b.node('MatMul', [x, b.weight([64, 64], 64)])]);
	const second = b.node('Relu', [b.node('MatMul', [first, b.weight([64, 64], 64 * 1e4)])]);
	return b.finish(b.node('MatMul', [b.node('Add', [first, second]), b.weight([64, 16], 64)]));
}

async function search(
	model: Model,
	options: object,
): Promise<{ report: PassReport; recipe: Recipe; bytes: Uint8Array; before: Uint8Array }> {
	const before = await serialize(model);
	const recipe: Recipe = { v: 1, seed: 1, steps: [{ pass: 'mixed-precision', options: options as never }] };
	const { bytes, reports } = await made(before, recipe);
	return { report: reports[0] as PassReport, recipe: foundRecipe(recipe, reports), bytes, before };
}

async function made(before: Uint8Array, recipe: Recipe): Promise<{ bytes: Uint8Array; reports: PassReport[] }> {
	const model = await readModel(memorySource(before));
	const calibration = calibrationOf(correlatedFeeds(24, [4, 64], 3));
	const reports = await runRecipe(model, recipe, passes, { compute: await testCompute(), calibration });
	return { bytes: await serialize(model), reports };
}

const stored = { treatments: ['int8-weights', 'int4-weights'], examples: 4 };
const formOf = (recipe: Recipe, layer: string): number | undefined =>
	recipe.steps.find(({ options }) => (options.nodesToQuantize as string[] | undefined)?.includes(layer))?.options.bits as
		| number
		| undefined;

describe('mixed precision', () => {
	it('smallest: few bits where they cost little, more where they cost much; the recipe found gives the same bytes without searching', async () => {
		const { report, recipe, bytes, before } = await search(layered(), { ...stored, aim: 'smallest', leastSqnr: 30 });
		expect(report.changed).toBe(3);
		expect(formOf(recipe, 'matmul_1')).toBe(4);
		expect(formOf(recipe, 'matmul')).toBe(8);
		expect(recipe.steps.every(({ pass }) => pass === 'weight-only')).toBe(true);
		expect(report.headline).toContain('Changed 3 of 3 layers');
		expect(Number(/([\d.]+) dB/.exec(report.headline)?.[1])).toBeGreaterThanOrEqual(30);
		const again = await made(before, recipe);
		expect(again.bytes).toEqual(bytes);
	});

	it('accurate: the least error within a size', async () => {
		const { report, recipe } = await search(layered(), { ...stored, aim: 'accurate', leastSqnr: 0, largestSize: 0.0125 });
		expect(report.bytesAfter).toBeLessThanOrEqual(12_500);
		expect(formOf(recipe, 'matmul_1')).toBe(4);
		expect(formOf(recipe, 'matmul')).toBe(8);
	});

	it('keeps what is excluded, and what cannot hold the limit, and says so', async () => {
		const excluded = await search(layered(), { ...stored, aim: 'smallest', leastSqnr: 10, nodesToExclude: ['matmul'] });
		expect(formOf(excluded.recipe, 'matmul')).toBeUndefined();
		const strict = await search(layered(), { treatments: ['int4-weights'], examples: 4, aim: 'smallest', leastSqnr: 80 });
		expect(strict.report.changed).toBe(0);
		expect(strict.recipe.steps).toEqual([]);
		expect(strict.bytes).toEqual(strict.before);
		expect(strict.report.notes.filter(({ node, reason }) => node && reason.startsWith('stays in fp32'))).toHaveLength(3);
	});

	it('fastest: never something that is not surely faster', async () => {
		const { report, recipe } = await search(layered(), { aim: 'fastest', treatments: ['int8-dynamic'], examples: 4 });
		expect(report.changed === 0).toBe(recipe.steps.length === 0);
	});

	it('treats layers inside If', async () => {
		const b = new GraphBuilder();
		const x = b.input([4, 64]);
		const w = b.weight([64, 64], 64);
		const { graph } = b.model;
		const flag = graph.append(
			graph.createNode({ op: 'Greater', inputs: [b.node('ReduceMax', [x], { keepdims: attribute.int(0) }), b.weight([], 1)], outputs: 1 }),
		);
		const { Graph } = await import('../../core/ir/graph.ts');
		const branch = (name: string, op: string) => {
			const inner = new Graph(graph.ledger, name);
			const product = inner.append(inner.createNode({ op: 'MatMul', name, inputs: [x, w], outputs: [`${name}_p`] }));
			inner.setOutputs([inner.append(inner.createNode({ op, inputs: [product.output()], outputs: [`${name}_o`] })).output()]);
			return attribute.graph(inner);
		};
		const choice = b.node('If', [flag.output()], { then_branch: branch('yes', 'Relu'), else_branch: branch('no', 'Neg') });
		const { report } = await search(b.finish(choice), { ...stored, aim: 'smallest', leastSqnr: 20 });
		expect(report.changed).toBeGreaterThan(0);
	});

	it('says that it cannot measure in opset 6, and changes nothing', async () => {
		const { report } = await search(layered(6), { treatments: ['int8-weights'], aim: 'smallest' });
		expect(report).toMatchObject({ changed: 0, eligible: 3, found: [] });
		expect(report.headline).toContain('opset 6');
	});

	it('refuses a form that does not exist', async () => {
		await expect(search(layered(), { treatments: ['int3'] })).rejects.toThrow(PassFailed);
	});

	it('leaves a model without layers alone', async () => {
		const b = new GraphBuilder();
		const { report } = await search(b.finish(b.node('Relu', [b.input([4, 64])])), {});
		expect(report).toMatchObject({ changed: 0, eligible: 0 });
	});
});

describe('choose', () => {
	const trial = (layer: string, treatment: string, timeMs: number, bytes: number, noise?: number): LayerTrial => ({
		layer,
		treatment,
		plainMs: 10,
		timeMs,
		plainBytes: 400,
		bytes,
		...(noise !== undefined && { noise }),
	});
	const trials = [
		trial('a', 'fast', 5, 100, 0.01),
		trial('a', 'small', 10, 50, 0.001),
		trial('b', 'fast', 4, 100, 0.02),
		trial('b', 'slow', 14, 40, 0.001),
		trial('c', 'unmeasured', 1, 100),
	];
	const layers = ['a', 'b', 'c'];
	const formsOf = (choice: ReadonlyMap<string, LayerTrial>) =>
		Object.fromEntries([...choice].map(([layer, { treatment }]) => [layer, treatment]));

	it('fastest within an error', () => {
		expect(formsOf(choose(layers, trials, 'fastest', none).choice)).toEqual({ a: 'fast', b: 'fast' });
		expect(formsOf(choose(layers, trials, 'fastest', { ...none, noise: 0.025 }).choice)).toEqual({ a: 'small', b: 'fast' });
	});

	it('smallest, but not slower in all', () => {
		expect(formsOf(choose(layers, trials, 'smallest', none).choice)).toEqual({ a: 'fast', b: 'slow' });
		const slowOnly = trials.filter(({ treatment }) => treatment === 'slow');
		expect(formsOf(choose(layers, slowOnly, 'smallest', none).choice)).toEqual({});
	});

	it('accurate within a size', () => {
		expect(formsOf(choose(layers, trials, 'accurate', { ...none, bytes: 1000 }).choice)).toEqual({ a: 'small' });
		expect(choose(layers, trials, 'accurate', { ...none, bytes: 100 }).feasible).toBe(false);
	});
});
