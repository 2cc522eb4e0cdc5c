import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../bytes/source.ts';
import { type Attribute, attribute } from '../ir/attribute.ts';
import type { DType } from '../ir/dtype.ts';
import type { Graph, Value } from '../ir/graph.ts';
import { Model } from '../ir/model.ts';
import { int64Tensor, memoryTensor, type TensorRef } from '../ir/tensor.ts';
import { type Dim, printType, tensorType } from '../ir/type.ts';
import { backendModels, sharedModels } from './corpus.testkit.ts';
import fixture from './fixtures/shape-inference.json' with { type: 'json' };
import { inferTypes } from './infer.ts';
import { countMacs } from './macs.ts';
import { readModel } from './read.ts';
import { smallModel } from './seeds.testkit.ts';

/** An input by type, a stored tensor, or null for a place left out. */
type Place = readonly [DType, readonly Dim[]] | TensorRef | null;

const float = (...shape: Dim[]): Place => ['float32', shape];
const ints = (...values: number[]): TensorRef => int64Tensor(values);
const scalar = (value: number): TensorRef => memoryTensor('int64', [], BigInt64Array.of(BigInt(value)));
const zeros = (...dims: number[]): TensorRef => memoryTensor('float32', dims, new Float32Array(dims.reduce((a, b) => a * b, 1)));

interface NodeCase {
	readonly domain?: string;
	readonly opset?: number;
	readonly outputs?: number;
	readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** Types of the outputs of one node, as text. */
async function outputs(op: string, places: readonly Place[], { domain, opset = 21, outputs: count = 1, attributes }: NodeCase = {}) {
	const model = new Model(undefined, 'g');
	model.irVersion = 10;
	model.setOpset('', opset);
	if (domain) model.setOpset(domain, 1);
	const { graph } = model;
	const inputs = places.map((place, index): Value | null => {
		if (!place) return null;
		return 'dtype' in place ? graph.addInitializer(`i${index}`, place) : graph.addInput(`i${index}`, tensorType(place[0], place[1]));
	});
	const init = { op, inputs, outputs: Array.from({ length: count }, (_, index) => `o${index}`) };
	const node = graph.append(graph.createNode({ ...init, ...(domain && { domain }), ...(attributes && { attributes }) }));
	graph.setOutputs(node.outputs.filter((value) => value !== null));
	const types = await inferTypes(model);
	return node.outputs.map((value) => printType(types.typeOf(value))).join(' ');
}

type Case = [expected: string, op: string, places: readonly Place[], rest?: NodeCase];
const int = attribute.int;
const list = (...values: number[]): Attribute => attribute.ints(values);

async function each([expected, op, places, rest]: Case): Promise<void> {
	expect(`${op} ${await outputs(op, places, rest)}`).toBe(`${op} ${expected}`);
}

describe('element by element', () => {
	it.each<Case>([
		['float32[N, 3]', 'Relu', [float('N', 3)]],
		['float32[2, 3, 4]', 'Add', [float(2, 1, 4), float(3, 1)]],
		['float32[N, 4]', 'Mul', [float('N', 4), zeros(4)]],
		['bool[N, 4]', 'Greater', [float('N', 4), zeros(1)]],
		['float32[B, S, 8]', 'Where', [['bool', ['B', 1, 1]], float(1, 'S', 8), zeros(1)]],
		['float16[N]', 'Cast', [float('N')], { attributes: { to: int(10) } }],
		['float32[N, 4] float32[N, 1] float32[N, 1]', 'LayerNormalization', [float('N', 4), zeros(4), zeros(4)], { outputs: 3 }],
		['float32[N, 8, 4]', 'BatchNormalization', [float('N', 8, 4), zeros(8), zeros(8), zeros(8), zeros(8)]],
		['uint8[N, 4] float32[] uint8[]', 'DynamicQuantizeLinear', [float('N', 4)], { outputs: 3 }],
		['float32[N, 4]', 'DequantizeLinear', [['int8', ['N', 4]], zeros()]],
	])('%s = %s', (...entry) => each(entry));
});

describe('layers', () => {
	const conv = { strides: list(2, 2), pads: list(1, 1, 1, 1) };
	it.each<Case>([
		['float32[N, 16, 112, 112]', 'Conv', [float('N', 3, 224, 224), zeros(16, 3, 3, 3)], { attributes: conv }],
		['float32[1, 8, 5]', 'Conv', [float(1, 4, 9), zeros(8, 4, 3)], { attributes: { dilations: list(2) } }],
		[
			'float32[1, 8, 8]',
			'Conv',
			[float(1, 8, 15), zeros(8, 1, 3)],
			{ attributes: { group: int(8), strides: list(2), auto_pad: attribute.string('SAME_UPPER') } },
		],
		['float32[N, 16, (floor((h + 1)/2)), (floor((w + 1)/2))]', 'Conv', [float('N', 3, 'h', 'w'), zeros(16, 3, 3, 3)], { attributes: conv }],
		['float32[1, 6, 8, 8]', 'ConvTranspose', [float(1, 4, 4, 4), zeros(4, 6, 2, 2)], { attributes: { strides: list(2, 2) } }],
		['float32[1, 4, 2, 2]', 'MaxPool', [float(1, 4, 5, 5)], { attributes: { kernel_shape: list(2, 2), strides: list(2, 2) } }],
		[
			'float32[1, 4, 3, 3]',
			'MaxPool',
			[float(1, 4, 5, 5)],
			{ attributes: { kernel_shape: list(2, 2), strides: list(2, 2), ceil_mode: int(1) } },
		],
		['float32[N, 4, 1, 1]', 'GlobalAveragePool', [float('N', 4, 'h', 'w')]],
		['float32[B, S, 8]', 'MatMul', [float('B', 'S', 4), zeros(4, 8)]],
		['float32[2, 3, 5, 7]', 'MatMul', [float(2, 1, 5, 4), float(3, 4, 7)]],
		['float32[7]', 'MatMul', [float(4), float(4, 7)]],
		['float32[]', 'MatMul', [float(4), float(4)]],
		['int32[N, 8]', 'MatMulInteger', [['uint8', ['N', 4]], memoryTensor('int8', [4, 8], new Int8Array(32))]],
		['float32[N, 8]', 'Gemm', [float('N', 4), zeros(8, 4), zeros(8)], { attributes: { transB: int(1) } }],
		[
			'float32[T, 2, N, 5] float32[2, N, 5] float32[2, N, 5]',
			'LSTM',
			[float('T', 'N', 3), zeros(2, 20, 3), zeros(2, 20, 5)],
			{ outputs: 3, attributes: { hidden_size: int(5), direction: attribute.string('bidirectional') } },
		],
		[
			'float32[N, 24]',
			'MatMulNBits',
			[float('N', 32), memoryTensor('uint8', [24, 1, 16], new Uint8Array(384)), zeros(24)],
			{ domain: 'com.microsoft', attributes: { K: int(32), N: int(24), bits: int(4), block_size: int(32) } },
		],
	])('%s = %s', (...entry) => each(entry));
});

describe('reductions', () => {
	it.each<Case>([
		['float32[N, 1, 1]', 'ReduceMean', [float('N', 4, 5), ints(1, -1)]],
		['float32[N, 5]', 'ReduceMean', [float('N', 4, 5)], { opset: 13, attributes: { axes: list(1), keepdims: int(0) } }],
		['float32[]', 'ReduceSum', [float('N', 4)], { attributes: { keepdims: int(0) } }],
		['int64[N, 1]', 'ArgMax', [float('N', 10)], { attributes: { axis: int(-1) } }],
		['float32[N, 3] int64[N, 3]', 'TopK', [float('N', 10), ints(3)], { outputs: 2 }],
	])('%s = %s', (...entry) => each(entry));
});

describe('shapes moved about', () => {
	it.each<Case>([
		['float32[N, 3, 2]', 'Transpose', [float('N', 2, 3)], { attributes: { perm: list(0, 2, 1) } }],
		['float32[3, 8]', 'Reshape', [float(2, 3, 4), ints(3, -1)]],
		['float32[2, 12]', 'Reshape', [float(2, 3, 4), ints(0, -1)]],
		['float32[N, 12]', 'Reshape', [float('N', 3, 4), ints(0, 12)]],
		['float32[N, 12]', 'Flatten', [float('N', 3, 4)]],
		['float32[1, N, 1, 4]', 'Unsqueeze', [float('N', 4), ints(0, 2)]],
		['float32[N, 4]', 'Squeeze', [float(1, 'N', 1, 4), ints(0, 2)]],
		['float32[N, 7]', 'Concat', [float('N', 3), float('N', 4)], { attributes: { axis: int(1) } }],
		['float32[N, 2] float32[N, 2] float32[N, 1]', 'Split', [float('N', 5), ints(2, 2, 1)], { outputs: 3, attributes: { axis: int(1) } }],
		['float32[N, 2]', 'Slice', [float('N', 9), ints(1), ints(-4), ints(1), ints(2)]],
		['float32[N, 3]', 'Slice', [float('N', 3), ints(-1), ints(-100), ints(1), ints(-1)]],
		['float32[B, S, 384]', 'Gather', [zeros(100, 384), ['int64', ['B', 'S']]]],
		['float32[N]', 'Gather', [float('N', 4), scalar(0)], { attributes: { axis: int(1) } }],
		['float32[N, 3, 8, 10]', 'Pad', [float('N', 3, 6, 8), ints(0, 0, 1, 1, 0, 0, 1, 1)]],
		['float32[2, 3, 4]', 'Expand', [float(3, 1), ints(2, 1, 4)]],
		['float32[4, 9]', 'Tile', [float(2, 3), ints(2, 3)]],
		['float32[2, 3]', 'ConstantOfShape', [ints(2, 3)]],
		['int64[4]', 'Range', [scalar(1), scalar(9), scalar(2)]],
		['float32[N, 1, 8, 8]', 'DepthToSpace', [float('N', 4, 4, 4)], { attributes: { blocksize: int(2) } }],
		['int64[3]', 'Shape', [float('N', 3, 4)]],
		['int64[2]', 'Shape', [float('N', 3, 4)], { attributes: { start: int(-2) } }],
	])('%s = %s', (...entry) => each(entry));
});

/** Nodes one after the other; the last output. */
async function chain(
	build: (graph: Graph, add: (op: string, inputs: (Value | null)[], attributes?: Record<string, Attribute>) => Value) => Value,
) {
	const model = new Model(undefined, 'g');
	model.irVersion = 10;
	model.setOpset('', 21);
	const { graph } = model;
	const add = (op: string, inputs: (Value | null)[], attributes: Record<string, Attribute> = {}): Value =>
		graph.append(graph.createNode({ op, inputs, outputs: 1, attributes })).output();
	const last = build(graph, add);
	graph.setOutputs([last]);
	return printType((await inferTypes(model)).typeOf(last));
}

describe('shapes that are computed', () => {
	it('symbols pass through Shape, Gather, Unsqueeze, Concat and Reshape', async () => {
		const type = await chain((graph, add) => {
			const x = graph.addInput('x', tensorType('float32', ['batch', 'sequence', 384]));
			const shape = add('Shape', [x]);
			const pick = (at: number): Value =>
				add('Unsqueeze', [add('Gather', [shape, graph.addInitializer('at', scalar(at))]), graph.addInitializer('axes', ints(0))]);
			const tail = graph.addInitializer('tail', ints(12, 32));
			return add('Reshape', [x, add('Concat', [pick(0), pick(1), tail], { axis: int(0) })]);
		});
		expect(type).toBe('float32[batch, sequence, 12, 32]');
	});

	it('a Where that chooses between the shape and ones, under an Expand', async () => {
		const type = await chain((graph, add) => {
			const mask = graph.addInput('mask', tensorType('float32', ['batch', 1, 1, 'sequence']));
			const other = graph.addInput('x', tensorType('float32', ['batch', 'sequence']));
			const shape = add('Shape', [other]);
			const at = (index: number): Value =>
				add('Slice', [
					shape,
					graph.addInitializer('s', ints(index)),
					graph.addInitializer('e', ints(index + 1)),
					graph.addInitializer('a', ints(0)),
				]);
			const wanted = add('Concat', [at(0), graph.addInitializer('one', ints(1)), at(1), at(1)], { axis: int(0) });
			const ones = add('ConstantOfShape', [graph.addInitializer('four', ints(4))], { value: attribute.tensor(ints(1)) });
			const minus = add('Mul', [ones, graph.addInitializer('minus', ints(-1))]);
			const chosen = add('Where', [add('Equal', [wanted, minus]), ones, wanted]);
			return add('Expand', [mask, chosen]);
		});
		expect(type).toBe('float32[batch, 1, sequence, sequence]');
	});

	it('keeps a declared shape where it says more, and the numbers of both', async () => {
		const type = await chain((inner, add) => {
			const y = add('NonZero', [inner.addInput('x', tensorType('float32', [2, 3]))]);
			y.type = tensorType('int64', ['axes', 'hits']);
			return y;
		});
		expect(type).toBe('int64[2, hits]');
	});
});

describe('subgraphs', () => {
	it('what both branches of an If agree on', async () => {
		const model = smallModel();
		for (const output of model.graph.outputs) output.type = undefined;
		const types = await inferTypes(model);
		expect(printType(types.typeOf(model.graph.outputs[0]))).toBe('float32[batch, 3]');
	});
});

it('says nothing and throws nothing where a graph makes no sense', async () => {
	expect(await outputs('Reshape', [float(2, 3), ints(-1, -1)])).toMatch(/^float32/);
	expect(await outputs('Concat', [float(2), float(2, 3)], { attributes: { axis: int(7) } })).toMatch(/^float32/);
	expect(await outputs('Transpose', [float(2, 3)], { attributes: { perm: list(5, 9) } })).toMatch(/^float32/);
	expect(await outputs('Gather', [null, null])).toBe('?');
	expect(await outputs('Nothing', [float(1)], { domain: 'test.custom' })).toBe('?');
});

it('works through 50,000 nodes in a row', async () => {
	const type = await chain((graph, add) => {
		let value = graph.addInput('x', tensorType('float32', ['N', 4]));
		for (let i = 0; i < 50_000; i++) value = add('Relu', [value]);
		return value;
	});
	expect(type).toBe('float32[N, 4]');
});

const shared = sharedModels();
if (shared.length === 0) console.log('The shared models are not here: inference is not compared with onnx on them.');

describe.skipIf(shared.length === 0)('the shared models', () => {
	it.each(Object.entries(fixture.models))('%s: shapes as onnx.shape_inference has them, or more', async (file, rows) => {
		const path = join(process.cwd(), '..', 'shared', 'models', file);
		if (!existsSync(path)) return console.log(`${file} is not here.`);
		const model = await readModel(memorySource(await readFile(path)));
		const types = await inferTypes(model);
		const values = new Map<string, Value>();
		for (const node of model.graph.nodes()) for (const output of node.outputs) if (output) values.set(output.name, output);
		const wrong: string[] = [];
		for (const { name, op, dtype, shape } of rows) {
			const type = types.typeOf(values.get(name));
			const own = type?.kind === 'tensor' ? type.shape : undefined;
			const fits =
				type?.kind === 'tensor' &&
				type.dtype === dtype &&
				own?.length === shape.length &&
				shape.every((dim: Dim, axis) => dim === null || dim === own[axis] || (typeof dim === 'string' && typeof own[axis] === 'number'));
			if (!fits) wrong.push(`${op} ${name}: ${printType(type)}, onnx says ${dtype}[${shape.map((dim) => dim ?? '?').join(', ')}]`);
		}
		expect(wrong).toEqual([]);
	});

	it('multiply-accumulates of all of them are known', async () => {
		const counts: Record<string, number | undefined> = {};
		for (const { path } of shared) {
			const model = await readModel(memorySource(await readFile(path)));
			counts[path.split('/').at(-1) ?? ''] = countMacs(model, await inferTypes(model));
		}
		console.log(counts);
		expect(Object.entries(counts).filter(([, macs]) => macs === undefined)).toEqual([]);
		expect(counts['mnist-8.onnx']).toBe(28 * 28 * 8 * 25 + 14 * 14 * 16 * 8 * 25 + 256 * 10);
	});
});

const files = [...shared, ...backendModels()];
describe.skipIf(files.length === 0)('models that others made', () => {
	it('never contradicts what a graph output is declared as', async () => {
		const contradictions: string[] = [];
		let known = 0;
		let total = 0;
		for (const { path } of files) {
			const model = await readModel(memorySource(await readFile(path)));
			const declared = model.graph.outputs.map((value) => value.type);
			// Without the declarations, so that only the rules speak.
			for (const output of model.graph.outputs) if (!output.initializer && !output.isGraphInput) output.type = undefined;
			const types = await inferTypes(model);
			model.graph.outputs.forEach((output, index) => {
				const stated = declared[index];
				const found = types.typeOf(output);
				if (stated?.kind !== 'tensor') return;
				total += 1;
				if (!found) return;
				known += 1;
				const clash =
					found.kind !== 'tensor' ||
					found.dtype !== stated.dtype ||
					(found.shape &&
						stated.shape &&
						(found.shape.length !== stated.shape.length ||
							found.shape.some(
								(dim, axis) => typeof dim === 'number' && typeof stated.shape?.[axis] === 'number' && dim !== stated.shape[axis],
							)));
				if (clash) contradictions.push(`${path.split('/').slice(-2).join('/')}: ${printType(found)}, declared ${printType(stated)}`);
			});
		}
		console.log(`inference has a type for ${known} of ${total} graph outputs of ${files.length} models`);
		expect(contradictions).toEqual([]);
	});
});
