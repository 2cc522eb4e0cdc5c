import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../core/bytes/source.ts';
import { attribute } from '../../core/ir/attribute.ts';
import { elementCount } from '../../core/ir/dtype.ts';
import { Graph, type Value } from '../../core/ir/graph.ts';
import { Model } from '../../core/ir/model.ts';
import { float32Tensor, isSparse, memoryTensor, type TensorRef } from '../../core/ir/tensor.ts';
import { tensorType } from '../../core/ir/type.ts';
import { float32View, uint16View } from '../../core/numeric/float-blocks.ts';
import { decodeFloat16, encodeFloat16 } from '../../core/numeric/float16.ts';
import { seededRandom } from '../../core/numeric/random.ts';
import { readModel } from '../../core/onnx/read.ts';
import { serialize } from '../../core/onnx/write.ts';
import type { PassReport } from '../../core/pass/pass.ts';
import { runRecipe } from '../../core/pass/pipeline.ts';
import { pruneMagnitude } from './index.ts';
import { cutTensor, groupedTensor } from './zero.ts';

const registry = new Map([[pruneMagnitude.id, pruneMagnitude]]);

async function prune(model: Model, options: Record<string, unknown> = {}): Promise<PassReport> {
	const recipe = { v: 1 as const, seed: 0, steps: [{ pass: 'prune-magnitude', options: { minElements: 1, ...options } }] };
	const [report] = await runRecipe(model, recipe, registry);
	return report as PassReport;
}

interface Layer {
	readonly op: string;
	readonly weight: TensorRef;
	readonly attributes?: Record<string, ReturnType<typeof attribute.int>>;
}

/** Layers side by side on one input, each with a weight of its own named w0, w1 … */
function layers(list: readonly Layer[]): { readonly model: Model; readonly weights: readonly Value[] } {
	const model = new Model();
	model.setOpset('', 17);
	const x = model.graph.addInput('x', tensorType('float32', null));
	const weights = list.map(({ weight }, index) => model.graph.addInitializer(`w${index}`, weight));
	const outputs = list.map(({ op, attributes = {} }, index) =>
		model.graph
			.append(
				model.graph.createNode({
					op,
					name: `layer${index}`,
					inputs: op === 'Gather' ? [weights[index] as Value, x] : [x, weights[index] as Value],
					outputs: 1,
					attributes,
				}),
			)
			.output(),
	);
	for (const output of outputs) output.type = tensorType('float32', null);
	model.graph.setOutputs(outputs);
	return { model, weights };
}

async function numbers(value: Value | undefined): Promise<number[]> {
	const stored = value?.initializer;
	if (!stored || isSparse(stored)) throw new Error('no dense tensor');
	const bytes = await stored.bytes();
	return [...(stored.dtype === 'float16' ? decodeFloat16(uint16View(bytes)) : float32View(bytes))];
}

const tensor = (values: readonly number[], dims?: readonly number[]): TensorRef => float32Tensor(values, dims);
const reasons = (report: PassReport): string => report.notes.map((note) => `${note.level} ${note.node ?? ''}: ${note.reason}`).join('\n');
const noise = (count: number, seed: number): number[] => {
	const random = seededRandom(seed);
	return Array.from({ length: count }, () => random.next() - 0.5);
};

describe('prune-magnitude', () => {
	it('1: zeroes exactly the share, in each layer', async () => {
		const { model, weights } = layers([
			{ op: 'MatMul', weight: tensor([1, -2, 3, -4], [2, 2]) },
			{ op: 'MatMul', weight: tensor([100, -300, 200, 400], [2, 2]) },
		]);
		const report = await prune(model, { ratio: 0.5 });
		expect(await numbers(weights[0])).toEqual([0, 0, 3, -4]);
		expect(await numbers(weights[1])).toEqual([0, -300, 0, 400]);
		expect(report.headline).toBe('No faster and, uncompressed, no smaller: 50.0 % of 8 weights in 2 of 2 weight tensors are zero.');
		expect(reasons(report)).toContain('info w0: 50.0 % of 4 weights are zero');
		expect(report.bytesAfter).toBe(report.bytesBefore);
	});

	it('2: with a global budget the layer with small weights loses more', async () => {
		const { model, weights } = layers([
			{ op: 'MatMul', weight: tensor([1, -2, 3, -4], [2, 2]) },
			{ op: 'MatMul', weight: tensor([2.5, -300, 200, 400], [2, 2]) },
		]);
		await prune(model, { ratio: 0.5, scope: 'global' });
		expect(await numbers(weights[0])).toEqual([0, 0, 0, -4]);
		expect(await numbers(weights[1])).toEqual([0, -300, 200, 400]);
	});

	it('3: breaks ties by position, across tensors too', async () => {
		const { model, weights } = layers([
			{ op: 'MatMul', weight: tensor([1, -1, 1, 1], [2, 2]) },
			{ op: 'MatMul', weight: tensor([1, 1, -1, 5], [2, 2]) },
		]);
		await prune(model, { ratio: 0.75, scope: 'global' });
		expect(await numbers(weights[0])).toEqual([0, 0, 0, 0]);
		expect(await numbers(weights[1])).toEqual([0, 0, -1, 5]);
	});

	it('4: keeps 2 of 4 along the summed axis of each operator', async () => {
		const { model, weights } = layers([
			{ op: 'MatMul', weight: tensor([1, 8, 2, 7, 3, 6, 4, 5], [4, 2]) },
			{ op: 'Gemm', weight: tensor([1, 8, 2, 7, 3, 6, 4, 5], [2, 4]), attributes: { transB: attribute.int(1) } },
			{ op: 'Conv', weight: tensor([1, 8, 2, 7, 3, 6, 4, 5], [1, 4, 2]) },
		]);
		await prune(model, { pattern: '2:4' });
		expect(await numbers(weights[0])).toEqual([0, 8, 0, 7, 3, 0, 4, 0]);
		expect(await numbers(weights[1])).toEqual([0, 8, 0, 7, 0, 6, 0, 5]);
		expect(await numbers(weights[2])).toEqual([0, 8, 0, 7, 3, 0, 4, 0]);
	});

	it('5: N:M holds in every group, of equals the earlier go, and what does not divide is left alone with its reason', async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.integer({ min: 1, max: 4 }),
				fc.integer({ min: 2, max: 6 }),
				fc.integer({ min: 1, max: 3 }),
				fc.integer({ min: 1, max: 3 }),
				async (keep, extra, outer, stride) => {
					const group = keep + extra;
					const dims = [outer, group * 2, stride];
					const source = tensor(noise(elementCount(dims), group * 31 + stride), dims);
					const before = float32View(await source.bytes()).slice();
					const after = float32View(await groupedTensor(source, { keep, group, axis: 1 }).bytes());
					expect(float32View(await source.bytes())).toEqual(before);
					for (let o = 0; o < outer; o++) {
						for (let s = 0; s < stride; s++) {
							for (let g = 0; g < 2; g++) {
								const at = Array.from({ length: group }, (_, i) => (o * group * 2 + g * group + i) * stride + s);
								const kept = at.filter((i) => after[i] !== 0);
								expect(kept).toHaveLength(keep);
								const least = Math.min(...kept.map((i) => Math.abs(before[i] as number)));
								expect(at.every((i) => after[i] !== 0 || Math.abs(before[i] as number) <= least)).toBe(true);
							}
						}
					}
				},
			),
			{ seed: 5, numRuns: 60 },
		);
		const { model } = layers([{ op: 'Conv', weight: tensor(noise(27, 1), [3, 3, 3]) }]);
		const report = await prune(model, { pattern: '4:8' });
		expect(report.headline).toBe('Changed nothing: its summed axis has 3 elements, no multiple of 8');
		await expect(prune(layers([]).model, { pattern: 'n:m', patternKeep: 4, patternGroup: 4 })).rejects.toThrow('4:4 removes nothing');
	});

	it('6: leaves small tensors, excluded nodes, other operators, first and last layers alone, and says so', async () => {
		const list = ['MatMul', 'MatMul', 'MatMul', 'MatMul'].map((op, i) => ({
			op,
			weight: tensor(noise(i === 1 ? 4 : 16, i), i === 1 ? [2, 2] : [4, 4]),
		}));
		const { model } = layers(list);
		const report = await prune(model, { keepFirstAndLast: true, minElements: 8, nodesToExclude: ['layer2', 'nowhere'] });
		expect(report.changed).toBe(0);
		expect(reasons(report)).toContain('skip layer0: it is the first or the last layer');
		expect(reasons(report)).toContain('skip layer1: it has fewer than 8 weights');
		expect(reasons(report)).toContain('skip layer2: it is on the list of nodes left alone');
		expect(reasons(report)).toContain('warn nowhere: the list of nodes left alone names it');
		const gather = layers([{ op: 'Gather', weight: tensor(noise(8, 1), [4, 2]) }]);
		expect((await prune(gather.model)).changed).toBe(0);
		expect((await prune(gather.model, { opTypes: ['Gather'] })).changed).toBe(1);
	});

	it('7: prunes a shared weight once, and not at all where a layer that shares it is left alone', async () => {
		const build = () => {
			const { model, weights } = layers([{ op: 'MatMul', weight: tensor([1, 2, 3, 4], [2, 2]) }]);
			const [first] = [...model.graph.nodes()];
			model.graph.append(
				model.graph.createNode({ op: 'MatMul', name: 'again', inputs: [first?.output() ?? null, weights[0] as Value], outputs: 1 }),
			);
			return { model, weights };
		};
		const once = build();
		expect(reasons(await prune(once.model))).toContain('2 nodes share them');
		expect(await numbers(once.weights[0])).toEqual([0, 0, 3, 4]);
		const report = await prune(build().model, { nodesToExclude: ['again'] });
		expect(report.changed).toBe(0);
		expect(reasons(report)).toContain('it shares its weights with a layer that is left alone');
	});

	it('8: reaches Constant nodes, branches of If, rearranged weights and float16', async () => {
		const model = new Model();
		model.setOpset('', 17);
		const { graph } = model;
		const x = graph.addInput('x', tensorType('float32', [1, 4]));
		const condition = graph.addInput('c', tensorType('bool', []));
		const branch = (name: string): Graph => {
			const body = new Graph(graph.ledger, name);
			const constant = body.append(
				body.createNode({
					op: 'Constant',
					inputs: [],
					outputs: [`${name}_w`],
					attributes: { value: attribute.tensor(tensor(noise(16, 4), [4, 4])) },
				}),
			);
			const flipped = body.append(body.createNode({ op: 'Transpose', inputs: [constant.output()], outputs: 1 }));
			body.setOutputs([body.append(body.createNode({ op: 'MatMul', inputs: [x, flipped.output()], outputs: 1 })).output()]);
			return body;
		};
		const choice = graph.createNode({
			op: 'If',
			inputs: [condition],
			outputs: 1,
			attributes: { then_branch: attribute.graph(branch('then')), else_branch: attribute.graph(branch('else')) },
		});
		graph.setOutputs([graph.append(choice).output()]);
		expect((await prune(model)).changed).toBe(2);
		const halves = encodeFloat16(Float32Array.of(0.1, -0.4, 0.3, -0.2));
		const half = layers([{ op: 'MatMul', weight: memoryTensor('float16', [2, 2], halves) }]);
		await prune(half.model);
		expect((await numbers(half.weights[0])).map((value) => value !== 0)).toEqual([false, true, true, false]);
	});

	it('9: stores sparse tensors only where they are smaller, and reads them back', async () => {
		const { model } = layers([
			{ op: 'MatMul', weight: tensor(noise(400, 2), [20, 20]) },
			{ op: 'MatMul', weight: tensor(noise(400, 3), [20, 20]) },
		]);
		const report = await prune(model, { ratio: 0.9, storeSparse: true, nodesToExclude: ['layer1'] });
		expect(reasons(report)).toContain('the WebGPU build does not');
		expect(report.bytesAfter).toBe(1600 + 40 * 12);
		const back = await readModel(memorySource(await serialize(model)));
		const stored = [...back.graph.initializers].map((value) => value.initializer).find((entry) => entry && isSparse(entry));
		expect(stored?.dims).toEqual([20, 20]);
		const dense = layers([{ op: 'MatMul', weight: tensor(noise(16, 2), [4, 4]) }]);
		expect(reasons(await prune(dense.model, { storeSparse: true }))).toContain('it would take 96 bytes instead of 64: stored dense');
	});

	it('10: gives the same bytes twice, whole or in parts, and never writes into the original', async () => {
		const values = noise(1000, 9);
		const { model } = layers([{ op: 'MatMul', weight: tensor(values, [40, 25]) }]);
		await prune(model);
		const again = layers([{ op: 'MatMul', weight: tensor(values, [40, 25]) }]);
		await prune(again.model);
		expect(await serialize(model)).toEqual(await serialize(again.model));
		const source = tensor(values, [1000]);
		const cut = cutTensor(source, { bits: 0x3e800000, tieEnd: 0 });
		const whole = await cut.bytes();
		expect(await cut.read(13, 501)).toEqual(whole.subarray(13, 514));
		expect([...float32View(await source.bytes())]).toEqual(values.map(Math.fround));
	});

	it('11: says that zeros gain nothing here, before anything is run', () => {
		const { model } = layers([{ op: 'MatMul', weight: tensor(noise(16, 2), [4, 4]) }]);
		const notes = pruneMagnitude.applies(model, { ...optionsWithDefaults(), minElements: 1 });
		expect(notes.map((note) => note.reason).join('\n')).toContain('latency does not change');
	});
});

function optionsWithDefaults() {
	return pruneMagnitude.options.parse({}) as Parameters<typeof pruneMagnitude.applies>[1];
}
