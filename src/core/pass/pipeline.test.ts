import { describe, expect, it } from 'vitest';
import { Model } from '../ir/model.ts';
import { float32Tensor } from '../ir/tensor.ts';
import { tensorType } from '../ir/type.ts';
import { flag, options } from './options.ts';
import { type AnyPass, definePass, type PassResult } from './pass.ts';
import { foundRecipe, PassFailed, runRecipe, UnknownPass } from './pipeline.ts';
import type { Recipe } from './recipe.ts';

/** y = Relu(x * w) */
function smallModel(): Model {
	const model = new Model(undefined, 'small');
	model.setOpset('', 17);
	const { graph } = model;
	const x = graph.addInput('x', tensorType('float32', ['N', 4]));
	const w = graph.addInitializer('w', float32Tensor([1, 2, 3, 4]));
	const product = graph.append(graph.createNode({ op: 'Mul', name: 'scale', inputs: [x, w], outputs: ['p'] }));
	const relu = graph.append(graph.createNode({ op: 'Relu', name: 'relu', inputs: [product.output()], outputs: ['y'] }));
	relu.output().type = tensorType('float32', ['N', 4]);
	graph.setOutputs([relu.output()]);
	return model;
}

const nothing: PassResult = { changed: 0, eligible: 0, bytesTouched: 0, unit: 'weights', notes: [] };

function passThat(id: string, run: (model: Model, context: Parameters<AnyPass['run']>[2]) => Promise<PassResult>): AnyPass {
	return definePass({
		id,
		version: 3,
		title: id,
		summary: '',
		family: 'quantized',
		options: options({ loud: flag({ title: '', help: '', default: false }) }),
		needs: [],
		applies: () => [],
		run: (model, _options, context) => run(model, context),
	});
}

const registryOf = (...list: AnyPass[]): ReadonlyMap<string, AnyPass> => new Map(list.map((pass) => [pass.id, pass]));
const recipeOf = (...passes: string[]): Recipe => ({ v: 1, seed: 5, steps: passes.map((pass) => ({ pass, options: {} })) });

describe('runRecipe', () => {
	it('says first that a pass changed nothing, and why', async () => {
		const pass = passThat('idle', async () => ({
			...nothing,
			eligible: 2,
			notes: [{ level: 'skip', node: 'scale', reason: 'its weight is too small' }],
		}));
		const [report] = await runRecipe(smallModel(), recipeOf('idle'), registryOf(pass));
		expect(report?.headline).toBe('Changed nothing: its weight is too small');
		expect(report).toMatchObject({ version: 3, options: { loud: false }, changed: 0, bytesBefore: 16, bytesAfter: 16 });
	});

	it('lists stored tensors as inputs where the IR version asks for it', async () => {
		const pass = passThat('adding', async ({ graph }) => {
			[...graph.nodes()].find((node) => node.op === 'Relu')?.setInput(0, graph.addInitializer('more', float32Tensor([1, 2])));
			return nothing;
		});
		for (const [irVersion, names] of [
			[3, ['x', 'w', 'more']],
			[8, ['x']],
		] as const) {
			const model = smallModel();
			model.irVersion = irVersion;
			await runRecipe(model, recipeOf('adding'), registryOf(pass));
			expect(model.graph.inputs.map(({ name }) => name)).toEqual(names);
			if (irVersion === 3) expect(model.graph.inputs.at(-1)?.type).toEqual(tensorType('float32', [2]));
		}
	});

	it('lets a pass run others, and tells what it found', async () => {
		const ran: string[] = [];
		const inner = passThat('inner', async (model) => {
			ran.push(model.graph.name);
			return nothing;
		});
		const searching = passThat('searching', async (model, context) => {
			const found = [{ pass: 'inner', options: { loud: true } }];
			const reports = await context.apply?.(model, found);
			expect(reports?.map(({ pass }) => pass)).toEqual(['inner']);
			return { ...nothing, found };
		});
		const recipe = recipeOf('inner', 'searching');
		const reports = await runRecipe(smallModel(), recipe, registryOf(inner, searching));
		expect(ran).toEqual(['small', 'small']);
		expect(foundRecipe(recipe, reports).steps).toEqual([
			{ pass: 'inner', options: {} },
			{ pass: 'inner', options: { loud: true } },
		]);
	});

	it('says first that a pass left most of the model alone', async () => {
		const pass = passThat('shy', async () => ({ ...nothing, changed: 1, eligible: 4, bytesTouched: 2 }));
		const [report] = await runRecipe(smallModel(), recipeOf('shy'), registryOf(pass));
		expect(report?.headline).toBe('Left 88 % of the stored bytes alone: changed 1 of 4 weights.');
	});

	it('names the pass that broke the graph', async () => {
		const good = passThat('good', async () => nothing);
		const bad = passThat('bad', async (model) => {
			const stray = model.graph.createNode({ op: 'Relu', inputs: [], outputs: 1 });
			[...model.graph.nodes()][1]?.setInput(0, stray.output());
			return { ...nothing, changed: 1, eligible: 1 };
		});
		const failure = await runRecipe(smallModel(), recipeOf('good', 'bad'), registryOf(good, bad)).catch((error: unknown) => error);
		expect(failure).toBeInstanceOf(PassFailed);
		expect((failure as PassFailed).pass).toBe('bad');
		expect((failure as PassFailed).message).toContain('broken graph');
	});

	it('does not blame a pass for a fault that the file came with', async () => {
		const model = smallModel();
		model.graph.append(model.graph.createNode({ op: 'NoSuchOperator', name: 'odd', inputs: [], outputs: 1 }));
		await expect(runRecipe(model, recipeOf('idle'), registryOf(passThat('idle', async () => nothing)))).resolves.toHaveLength(1);
	});

	it('names a pass that threw', async () => {
		const pass = passThat('broken', async () => {
			throw new Error('divided by zero');
		});
		await expect(runRecipe(smallModel(), recipeOf('broken'), registryOf(pass))).rejects.toThrow('Pass broken failed: divided by zero');
	});

	it('knows every pass and option before it runs the first', async () => {
		let ran = false;
		const pass = passThat('first', async () => {
			ran = true;
			return nothing;
		});
		await expect(runRecipe(smallModel(), recipeOf('first', 'missing'), registryOf(pass))).rejects.toThrow(UnknownPass);
		const wrong: Recipe = {
			v: 1,
			seed: 0,
			steps: [
				{ pass: 'first', options: {} },
				{ pass: 'first', options: { loudly: true } },
			],
		};
		await expect(runRecipe(smallModel(), wrong, registryOf(pass))).rejects.toThrow(/no such option/);
		expect(ran).toBe(false);
	});

	it('stops at an abort and reports progress over all steps', async () => {
		const controller = new AbortController();
		const seen: number[] = [];
		const pass = passThat('slow', async (_model, context) => {
			context.progress(0.5);
			controller.abort();
			return nothing;
		});
		const work = runRecipe(smallModel(), recipeOf('slow', 'slow'), registryOf(pass), {
			signal: controller.signal,
			onProgress: (fraction) => seen.push(fraction),
		});
		await expect(work).rejects.toThrow();
		expect(seen).toEqual([0, 0.25]);
	});

	it('gives each step its own random numbers, the same for the same recipe', async () => {
		const drawn: number[] = [];
		const pass = passThat('dice', async (_model, { random }) => {
			drawn.push(random.next());
			return nothing;
		});
		await runRecipe(smallModel(), recipeOf('dice', 'dice'), registryOf(pass));
		await runRecipe(smallModel(), recipeOf('dice', 'dice'), registryOf(pass));
		expect(drawn[0]).not.toBe(drawn[1]);
		expect(drawn.slice(2)).toEqual(drawn.slice(0, 2));
	});

	it('leaves out steps that are off', async () => {
		const recipe: Recipe = { v: 1, seed: 0, steps: [{ pass: 'nobody', options: {}, off: true }] };
		await expect(runRecipe(smallModel(), recipe, new Map())).resolves.toEqual([]);
	});
});
