import { describe, expect, it } from 'vitest';
import { memorySource } from '../../core/bytes/source.ts';
import { attribute } from '../../core/ir/attribute.ts';
import { elementCount } from '../../core/ir/dtype.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import { Model } from '../../core/ir/model.ts';
import { memoryTensor, type TensorRef } from '../../core/ir/tensor.ts';
import { tensorType } from '../../core/ir/type.ts';
import { float32View } from '../../core/numeric/float-blocks.ts';
import { seededRandom } from '../../core/numeric/random.ts';
import { sqnrDb } from '../../core/numeric/statistics.ts';
import { readModel } from '../../core/onnx/read.ts';
import { serialize } from '../../core/onnx/write.ts';
import type { CalibrationSet } from '../../core/pass/calibration.ts';
import { runRecipe } from '../../core/pass/pipeline.ts';
import { engineCompute } from '../../engine/compute.ts';
import { createNodeEngine } from '../../engine/node/index.ts';
import { equalize } from './index.ts';

const { int, ints } = attribute;
const random = seededRandom(77);
const noise = (count: number): Float32Array => Float32Array.from({ length: count }, () => random.normal());

/** Weights whose output channels differ by factors of up to a thousand. */
function uneven(dims: readonly number[]): TensorRef {
	const perChannel = elementCount(dims) / (dims[0] as number);
	const values = noise(elementCount(dims));
	for (let i = 0; i < values.length; i++) values[i]! *= 10 ** (((Math.floor(i / perChannel) * 7) % 4) - 2);
	return memoryTensor('float32', dims, values);
}

interface Built {
	readonly model: Model;
	put(op: string, inputs: readonly Value[], attributes?: Readonly<Record<string, ReturnType<typeof int>>>): Value;
	weight(tensor: TensorRef): Value;
}

function build(x: readonly number[], make: (built: Built, input: Value) => Value): Model {
	const model = new Model();
	model.setOpset('', 17);
	const { graph } = model;
	const built: Built = {
		model,
		put: (op, inputs, attributes = {}) =>
			graph.append(graph.createNode({ op, name: graph.ledger.fresh(op.toLowerCase()), inputs, outputs: 1, attributes })).output(),
		weight: (tensor) => graph.addInitializer('w', tensor),
	};
	const y = make(built, graph.addInput('x', tensorType('float32', x)));
	y.type = tensorType('float32', null);
	graph.setOutputs([y]);
	return model;
}

const dims = [1, 4, 8, 8];
const feed = (scale = 1) => ({ x: { dtype: 'float32' as const, dims, data: noise(elementCount(dims)).map((x) => x * scale) } });

async function trial(model: Model, options: object = {}, withSamples = false) {
	const engine = await createNodeEngine();
	const before = await serialize(model);
	const copy = await readModel(memorySource(before));
	const samples = Array.from({ length: 8 }, () => feed());
	const calibration: CalibrationSet = { n: 8, hash: 't', synthetic: true, example: async (i) => ({ name: `${i}`, feeds: samples[i]! }) };
	const [report] = await runRecipe(
		copy,
		{ v: 1, seed: 0, steps: [{ pass: 'equalize', options: { ...options } }] },
		new Map([['equalize', equalize]]),
		{
			...(withSamples && { compute: engineCompute(engine), calibration }),
		},
	);
	const after = await serialize(copy);
	const [a, b] = [await engine.load({ model: before }), await engine.load({ model: after })];
	const inputs = withSamples ? samples[0]! : feed();
	const name = model.graph.outputs[0]!.name;
	const sqnr = sqnrDb((await a.run(inputs))[name]!.data as Float32Array, (await b.run(inputs))[name]!.data as Float32Array);
	await a.release();
	await b.release();
	return { model: copy, report: report!, sqnr };
}

async function channelRanges(node: Node, axis: 0 | 1): Promise<number[]> {
	const tensor = node.input(1)!.initializer as TensorRef;
	const values = float32View(await tensor.bytes());
	const [o = 1, i = 1] = tensor.dims;
	const taps = values.length / o / i;
	const ranges = new Array<number>(axis === 0 ? o : i).fill(0);
	for (let at = 0; at < values.length; at++) {
		const channel = axis === 0 ? Math.floor(at / taps / i) : Math.floor(at / taps) % i;
		ranges[channel] = Math.max(ranges[channel]!, Math.abs(values[at]!));
	}
	return ranges;
}

const nodesOf = (model: Model, op: string): Node[] => [...model.graph.nodes()].filter((node) => node.op === op);

describe('equalize', () => {
	it('Conv, Relu, Conv: ranges of both sides become equal, the function stays', async () => {
		const { model, report, sqnr } = await trial(
			build(dims, ({ put, weight }, x) => {
				const first = put('Conv', [x, weight(uneven([8, 4, 3, 3])), weight(memoryTensor('float32', [8], noise(8)))]);
				return put('Conv', [put('Relu', [first]), weight(uneven([4, 8, 1, 1]))]);
			}),
		);
		const [first, second] = nodesOf(model, 'Conv');
		const [out, into] = [await channelRanges(first!, 0), await channelRanges(second!, 1)];
		for (const [i, range] of out.entries()) expect(range / into[i]!).toBeCloseTo(1, 2);
		expect(sqnr).toBeGreaterThan(100);
		expect(report).toMatchObject({ changed: 1, eligible: 2 });
	});

	it('through depthwise layers, pools and into a Gemm behind a global pool', async () => {
		const { report, sqnr } = await trial(
			build(dims, ({ put, weight }, x) => {
				const first = put('Relu', [put('Conv', [x, weight(uneven([8, 4, 1, 1]))])]);
				const deep = put('Relu', [
					put('Conv', [first, weight(uneven([8, 1, 3, 3]))], { group: int(8), pads: ints([1, 1, 1, 1]) as never }),
				]);
				const pooled = put('MaxPool', [deep], { kernel_shape: ints([2, 2]) as never });
				const flat = put('Flatten', [put('GlobalAveragePool', [pooled])]);
				return put('Gemm', [flat, weight(uneven([5, 8]))], { transB: int(1) });
			}),
		);
		expect(report.changed).toBe(2);
		expect(sqnr).toBeGreaterThan(95);
	});

	it('leaves alone what another node reads, what another layout reads, and what an Add follows, with reasons', async () => {
		const { report, sqnr } = await trial(
			build(dims, ({ put, weight }, x) => {
				const a = put('Conv', [x, weight(uneven([4, 4, 1, 1]))]);
				const b = put('Conv', [put('Relu', [a]), weight(uneven([4, 4, 1, 1]))]);
				return put('Conv', [put('Add', [a, b]), weight(uneven([4, 4, 1, 1]))]);
			}),
		);
		expect(report.changed).toBe(0);
		expect(report.notes.map(({ reason }) => reason)).toEqual([
			'several nodes read its output',
			'Add follows, which does not let a scale through',
			'its output is an output of the model',
		]);
		expect(sqnr).toBe(Number.POSITIVE_INFINITY);
	});

	it('through Clip only for channels that sample inputs show below the bound', async () => {
		const clipped = () =>
			build(dims, ({ put, weight }, x) => {
				const first = put('Conv', [x, weight(uneven([8, 4, 1, 1]))]);
				const bounds = [0, 6].map((bound) => weight(memoryTensor('float32', [], Float32Array.of(bound))));
				return put('Conv', [put('Clip', [first, ...bounds]), weight(uneven([4, 8, 1, 1]))]);
			});
		const blind = await trial(clipped());
		expect(blind.report.changed).toBe(0);
		expect(blind.report.notes.some(({ reason }) => reason.includes('only sample inputs tell'))).toBe(true);
		const seen = await trial(clipped(), {}, true);
		expect(seen.report.changed).toBe(1);
		expect(seen.sqnr).toBeGreaterThan(90);
	});

	it('absorbs offsets that Relu never cuts, on the sample inputs', async () => {
		const { model, report, sqnr } = await trial(
			build(dims, ({ put, weight }, x) => {
				const bias = Float32Array.of(100, 0, 0, 100);
				const first = put('Conv', [
					x,
					weight(memoryTensor('float32', [4, 4, 1, 1], noise(16))),
					weight(memoryTensor('float32', [4], bias)),
				]);
				return put('Conv', [
					put('Relu', [first]),
					weight(memoryTensor('float32', [2, 4, 1, 1], noise(8))),
					weight(memoryTensor('float32', [2], noise(2))),
				]);
			}),
			{},
			true,
		);
		expect(report.notes).toContainEqual({ level: 'info', reason: 'offsets of 2 channels moved to the next layer' });
		const bias = float32View(await (nodesOf(model, 'Conv')[0]!.input(2)!.initializer as TensorRef).bytes());
		expect(bias[0]).toBeLessThan(60);
		expect(sqnr).toBeGreaterThan(90);
	});

	it('MatMul chains and weights in Constant nodes', async () => {
		const model = build([3, 16], ({ model: own, put, weight }, x) => {
			const constant = own.graph.append(
				own.graph.createNode({ op: 'Constant', inputs: [], outputs: 1, attributes: { value: attribute.tensor(uneven([16, 8])) } }),
			);
			return put('MatMul', [put('Relu', [put('MatMul', [x, constant.output()])]), weight(uneven([8, 4]))]);
		});
		const engine = await createNodeEngine();
		const before = await serialize(model);
		const [report] = await runRecipe(
			model,
			{ v: 1, seed: 0, steps: [{ pass: 'equalize', options: {} }] },
			new Map([['equalize', equalize]]),
		);
		expect(report?.changed).toBe(1);
		const inputs = { x: { dtype: 'float32' as const, dims: [3, 16], data: noise(48) } };
		const [a, b] = [await engine.load({ model: before }), await engine.load({ model: await serialize(model) })];
		const [p, q] = [Object.values(await a.run(inputs))[0]!, Object.values(await b.run(inputs))[0]!];
		expect(sqnrDb(p.data as Float32Array, q.data as Float32Array)).toBeGreaterThan(100);
		await a.release();
		await b.release();
	});
});
