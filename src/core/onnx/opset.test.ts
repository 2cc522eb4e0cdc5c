import * as ort from 'onnxruntime-web/wasm';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../bytes/source.ts';
import { type Attribute, attribute } from '../ir/attribute.ts';
import type { Value } from '../ir/graph.ts';
import { Model } from '../ir/model.ts';
import { float32Tensor, int64Tensor } from '../ir/tensor.ts';
import { tensorType } from '../ir/type.ts';
import { irVersionFor, raiseOpset } from './opset.ts';
import { readModel } from './read.ts';
import { serialize } from './write.ts';

ort.env.wasm.numThreads = 1;

interface Case {
	readonly op: string;
	readonly opset: number;
	readonly dims: readonly number[];
	readonly attributes?: Readonly<Record<string, Attribute>>;
	/** Stored inputs behind the first. */
	readonly stored?: (model: Model) => Value[];
	readonly outputs?: number;
	/** Leave the input's shape out, so that nothing can be told from it. */
	readonly unknownShape?: boolean;
}

function build({ op, opset, dims, attributes, stored, outputs = 1, unknownShape }: Case): Model {
	const model = new Model();
	model.irVersion = irVersionFor(opset);
	model.setOpset('', opset);
	const { graph } = model;
	const x = graph.addInput('x', tensorType('float32', unknownShape ? dims.map(() => null) : dims));
	const node = graph.createNode({
		op,
		inputs: [x, ...(stored?.(model) ?? [])],
		outputs: Array.from({ length: outputs }, (_, i) => `y${i}`),
		attributes: attributes ?? {},
	});
	graph.append(node);
	node.output(0).type = tensorType('float32', null);
	graph.setOutputs([node.output(0)]);
	return model;
}

function stored(model: Model, name: string, tensor: Parameters<Model['graph']['addInitializer']>[1]): Value {
	const value = model.graph.addInitializer(name, tensor);
	if (model.irVersion < 4) {
		value.type = tensorType(tensor.dtype, tensor.dims);
		model.graph.listAsInput(value);
	}
	return value;
}

async function run(model: Model, dims: readonly number[]): Promise<{ dims: readonly number[]; data: number[] }> {
	const count = dims.reduce((a, b) => a * b, 1);
	const x = new ort.Tensor(
		'float32',
		Float32Array.from({ length: count }, (_, i) => Math.sin(i * 7.1) * 3),
		dims,
	);
	const session = await ort.InferenceSession.create(await serialize(model), { logSeverityLevel: 4 });
	const y = (await session.run({ x })).y0!;
	await session.release();
	return { dims: y.dims, data: Array.from(y.data as Float32Array) };
}

const { int, ints, float, floats, string } = attribute;

const CASES: readonly Case[] = [
	{ op: 'Softmax', opset: 12, dims: [2, 3, 4], attributes: { axis: int(1) } },
	{ op: 'Softmax', opset: 9, dims: [2, 3, 4], attributes: { axis: int(2) } },
	{ op: 'Softmax', opset: 11, dims: [2, 3, 4], unknownShape: true },
	{ op: 'LogSoftmax', opset: 11, dims: [2, 3, 4], attributes: { axis: int(-1) } },
	{ op: 'Hardmax', opset: 11, dims: [2, 3, 4] },
	{ op: 'Pad', opset: 9, dims: [2, 3], attributes: { pads: ints([0, 1, 1, 0]), value: float(2.5) } },
	{ op: 'Pad', opset: 7, dims: [2, 3], attributes: { pads: ints([0, 1, 0, 1]), mode: string('reflect') } },
	{ op: 'Clip', opset: 10, dims: [2, 3], attributes: { min: float(-1), max: float(1.5) } },
	{ op: 'Clip', opset: 7, dims: [2, 3], attributes: { max: float(0.5) } },
	{ op: 'Slice', opset: 9, dims: [4, 5], attributes: { starts: ints([1]), ends: ints([-1]), axes: ints([1]) } },
	{ op: 'Slice', opset: 7, dims: [4, 5], attributes: { starts: ints([1, 0]), ends: ints([3, 9223372036854775807n]) } },
	{ op: 'Upsample', opset: 8, dims: [1, 1, 3, 3], attributes: { scales: floats([1, 1, 2, 2]), mode: string('nearest') } },
	{
		op: 'Upsample',
		opset: 9,
		dims: [1, 1, 3, 3],
		attributes: { mode: string('linear') },
		stored: (m) => [stored(m, 's', float32Tensor([1, 1, 2, 3]))],
	},
	{
		op: 'Resize',
		opset: 10,
		dims: [1, 1, 4, 4],
		attributes: { mode: string('nearest') },
		stored: (m) => [stored(m, 's', float32Tensor([1, 1, 0.5, 1.5]))],
	},
	{ op: 'Squeeze', opset: 11, dims: [2, 1, 3], attributes: { axes: ints([1]) } },
	{ op: 'Squeeze', opset: 9, dims: [2, 1, 3] },
	{ op: 'Unsqueeze', opset: 9, dims: [2, 3], attributes: { axes: ints([0, 3]) } },
	{ op: 'ReduceSum', opset: 11, dims: [2, 3, 4], attributes: { axes: ints([1]), keepdims: int(0) } },
	{ op: 'ReduceSum', opset: 11, dims: [2, 3, 4] },
	{ op: 'ReduceMean', opset: 13, dims: [2, 3, 4], attributes: { axes: ints([-1]) } },
	{ op: 'ReduceMax', opset: 12, dims: [2, 3, 4], attributes: { axes: ints([0, 2]), keepdims: int(0) } },
	{ op: 'ReduceL2', opset: 11, dims: [2, 3] },
	{ op: 'Split', opset: 11, dims: [5, 2], attributes: { axis: int(0), split: ints([2, 3]) }, outputs: 2 },
	{ op: 'Split', opset: 9, dims: [4, 2], outputs: 2 },
	{ op: 'TopK', opset: 9, dims: [2, 5], attributes: { k: int(3) }, outputs: 2 },
	{ op: 'Dropout', opset: 7, dims: [2, 3], attributes: { ratio: float(0.4) } },
	{ op: 'Dropout', opset: 10, dims: [2, 3], attributes: { ratio: float(0.4) } },
	{
		op: 'Scatter',
		opset: 9,
		dims: [3, 3],
		stored: (m) => [stored(m, 'i', int64Tensor([0, 2], [1, 2])), stored(m, 'u', float32Tensor([8, 9], [1, 2]))],
	},
	{
		op: 'BatchNormalization',
		opset: 8,
		dims: [1, 2, 2, 2],
		stored: (m) => ['g', 'b', 'm', 'v'].map((name, i) => stored(m, name, float32Tensor([i + 1, i + 2]))),
	},
	{ op: 'LeakyRelu', opset: 9, dims: [2, 3], attributes: { alpha: float(0.2) } },
	{ op: 'AveragePool', opset: 7, dims: [1, 1, 4, 4], attributes: { kernel_shape: ints([2, 2]), pads: ints([1, 0, 0, 1]) } },
	{ op: 'MaxPool', opset: 8, dims: [1, 1, 4, 4], attributes: { kernel_shape: ints([3, 3]), strides: ints([2, 2]) } },
	{ op: 'Flatten', opset: 8, dims: [2, 3, 4], attributes: { axis: int(2) } },
];

describe('raiseOpset', () => {
	it.each(CASES.map((entry) => [`${entry.op} of opset ${entry.opset}`, entry] as const))('keeps what %s computes', async (_, entry) => {
		const before = await run(build(entry), entry.dims);
		for (const target of [11, 13, 18, 21].filter((opset) => opset > entry.opset)) {
			const model = await readModel(memorySource(await serialize(build(entry))));
			expect(raiseOpset(model, target)).toEqual({ raised: true, refused: [] });
			expect(model.opset).toBe(target);
			expect(model.irVersion).toBeGreaterThanOrEqual(irVersionFor(target));
			const after = await run(model, entry.dims);
			expect(after.dims, `dims at ${target}`).toEqual(before.dims);
			for (const [i, x] of before.data.entries()) expect(after.data[i], `element ${i} at ${target}`).toBeCloseTo(x, 5);
		}
	});

	it('changes nothing where one operator cannot follow, and names it', () => {
		const model = build({ op: 'GroupNormalization', opset: 18, dims: [1, 4, 2] });
		const { raised, refused } = raiseOpset(model, 21);
		expect(raised).toBe(false);
		expect(refused).toEqual([{ node: 'GroupNormalization → y0', reason: expect.stringContaining('per channel') }]);
		expect(model.opset).toBe(18);
	});

	it('refuses models older than opset 7 and targets that it does not know', () => {
		expect(raiseOpset(build({ op: 'Relu', opset: 6, dims: [1] }), 13).refused[0]?.reason).toContain('opset 6');
		expect(raiseOpset(build({ op: 'Relu', opset: 13, dims: [1] }), 24).raised).toBe(false);
	});

	it('takes initializers off the input list when it leaves IR version 3', () => {
		const model = build({
			op: 'Scatter',
			opset: 8,
			dims: [3, 3],
			stored: (m) => [stored(m, 'i', int64Tensor([0], [1, 1])), stored(m, 'u', float32Tensor([8], [1, 1]))],
		});
		expect(model.graph.inputs.map(({ name }) => name)).toEqual(['x', 'i', 'u']);
		raiseOpset(model, 11);
		expect(model.graph.inputs.map(({ name }) => name)).toEqual(['x']);
	});
});
