import { describe, expect, it } from 'vitest';
import { type Attribute, attribute } from '../../core/ir/attribute.ts';
import { Graph, type Value } from '../../core/ir/graph.ts';
import { Model } from '../../core/ir/model.ts';
import { printGraph } from '../../core/ir/print.ts';
import { memoryTensor, type TensorRef } from '../../core/ir/tensor.ts';
import { tensorType } from '../../core/ir/type.ts';
import { parseOptions } from '../../core/pass/options.ts';
import { floats, longs, noise, operators, trial, truth } from '../run.testkit.ts';
import { int8Dynamic } from './index.ts';
import { schema } from './options.ts';

const { int, ints, float, string } = attribute;

function weight(dims: readonly number[], phase = 0): TensorRef {
	return memoryTensor(
		'float32',
		dims,
		noise(
			dims.reduce((a, b) => a * b, 1),
			phase,
		),
	);
}

interface Layer {
	readonly op: string;
	readonly x: readonly number[];
	readonly weights: readonly (readonly number[])[];
	readonly attributes?: Readonly<Record<string, Attribute>>;
	readonly opset?: number;
	readonly outputs?: number;
}

/** One layer over a float input `x`, its weights w0, w1 … as initializers. */
function layer({ op, x, weights, attributes, opset = 17, outputs = 1 }: Layer): Model {
	const model = new Model();
	model.irVersion = opset < 9 ? 3 : 8;
	model.setOpset('', opset);
	const { graph } = model;
	const input = graph.addInput('x', tensorType('float32', x));
	const stored = weights.map((dims, i) => {
		const value = graph.addInitializer(`w${i}`, weight(dims, i));
		if (model.irVersion < 4) {
			value.type = tensorType('float32', dims);
			graph.listAsInput(value);
		}
		return value;
	});
	const node = graph.createNode({
		op,
		name: 'layer',
		inputs: [input, ...stored],
		outputs: Array.from({ length: outputs }, (_, i) => `y${i}`),
		attributes: attributes ?? {},
	});
	graph.append(node);
	node.output(0).type = tensorType('float32', null);
	graph.setOutputs([node.output(0)]);
	return model;
}

const feed = (dims: readonly number[]) => ({
	x: floats(
		noise(
			dims.reduce((a, b) => a * b, 1),
			9,
		),
		dims,
	),
});

describe('int8-dynamic', () => {
	it('1. MatMul: rows quantized by themselves, weights per column', async () => {
		const { model, report, sqnr, bytes, before } = await trial(
			layer({ op: 'MatMul', x: [4, 64], weights: [[64, 32]] }),
			int8Dynamic,
			{},
			feed([4, 64]),
		);
		expect(operators(model)).toEqual({ Abs: 1, ReduceMax: 1, Max: 1, Div: 1, QuantizeLinear: 1, MatMulInteger: 1, Cast: 1, Mul: 2 });
		expect(sqnr.y0).toBeGreaterThan(38);
		expect(report).toMatchObject({ changed: 1, eligible: 1, coverage: 1 });
		expect(bytes.length).toBeLessThan(before.length / 2);
	});

	it('2. MatMul per tensor is written in the form that ONNX Runtime fuses', async () => {
		const { model, sqnr } = await trial(
			layer({ op: 'MatMul', x: [4, 64], weights: [[64, 32]] }),
			int8Dynamic,
			{ activations: 'tensor' },
			feed([4, 64]),
		);
		expect(printGraph(model.graph)).toBe(
			[
				'graph graph(x: float32[4, 64]) -> (y0: float32[...])',
				'  w0_q = int8[64, 32]',
				'  w0_q_s = float32[32]',
				'  DynamicQuantizeLinear_output, DynamicQuantizeLinear_output_1, DynamicQuantizeLinear_output_2 = DynamicQuantizeLinear(x)',
				'  MatMulInteger_output = MatMulInteger(DynamicQuantizeLinear_output, w0_q, DynamicQuantizeLinear_output_2)',
				'  Cast_output = Cast(MatMulInteger_output) {to = 1}',
				'  Mul_output = Mul(DynamicQuantizeLinear_output_1, w0_q_s)',
				'  y0 = Mul(Cast_output, Mul_output)',
			].join('\n'),
		);
		expect(sqnr.y0).toBeGreaterThan(36);
	});

	it('3. rows do not disturb each other: a huge row costs the others nothing', async () => {
		const dims = [2, 64];
		const values = noise(128, 9);
		for (let i = 64; i < 128; i++) values[i]! *= 1000;
		const x = { x: floats(values, dims) };
		const model = () => layer({ op: 'MatMul', x: dims, weights: [[64, 32]] });
		const first = async (activations: string) => {
			const { before, bytes } = await trial(model(), int8Dynamic, { activations }, x);
			const { runBytes, signalToNoise } = await import('../run.testkit.ts');
			return signalToNoise((await runBytes(before, x)).y0!.slice(0, 32), (await runBytes(bytes, x)).y0!.slice(0, 32));
		};
		expect(await first('row')).toBeGreaterThan(38);
		expect(await first('tensor')).toBeLessThan(10);
	});

	it.each([
		['B transposed, bias, alpha and beta', { transB: int(1), alpha: float(0.5), beta: float(2) }, [3, 64], [[24, 64], [24]]],
		['A transposed, no bias', { transA: int(1) }, [64, 3], [[64, 24]]],
	] as const)('4. Gemm: %s', async (_, attributes, x, weights) => {
		const { model, sqnr } = await trial(layer({ op: 'Gemm', x, weights, attributes }), int8Dynamic, {}, feed(x));
		expect(operators(model).MatMulInteger).toBe(1);
		expect(operators(model).Gemm).toBeUndefined();
		expect(sqnr.y0).toBeGreaterThan(38);
	});

	it('5. Conv: uint8 weights around 128, scales per channel, bias shaped once', async () => {
		const model = layer({
			op: 'Conv',
			x: [1, 8, 9, 9],
			weights: [[16, 8, 3, 3], [16]],
			attributes: { pads: ints([1, 1, 1, 1]), strides: ints([2, 2]) },
		});
		const result = await trial(model, int8Dynamic, {}, feed([1, 8, 9, 9]));
		expect(operators(result.model)).toEqual({ DynamicQuantizeLinear: 1, ConvInteger: 1, Cast: 1, Mul: 2, Add: 1 });
		expect(result.sqnr.y0).toBeGreaterThan(36);
		expect([...result.model.graph.initializers].map(({ name }) => name)).not.toContain('w1');
		expect(result.report.notes.some(({ level, reason }) => level === 'warn' && reason.includes('ConvInteger'))).toBe(true);
	});

	it('6. Conv over one axis with auto_pad', async () => {
		const result = await trial(
			layer({ op: 'Conv', x: [1, 16, 20], weights: [[16, 16, 3]], attributes: { auto_pad: string('SAME_UPPER') } }),
			int8Dynamic,
			{},
			feed([1, 16, 20]),
		);
		expect(result.sqnr.y0).toBeGreaterThan(36);
	});

	it('7. Conv with groups keeps fp32 and says why, unless asked for', async () => {
		const model = () => layer({ op: 'Conv', x: [1, 64, 8, 8], weights: [[64, 1, 3, 3]], attributes: { group: int(64) } });
		const left = await trial(model(), int8Dynamic, {}, feed([1, 64, 8, 8]));
		expect(left.report.changed).toBe(0);
		expect(left.bytes).toEqual(left.before);
		expect(left.report.headline).toContain('Changed nothing: a convolution with groups');
		const taken = await trial(model(), int8Dynamic, { groupedConv: true }, feed([1, 64, 8, 8]));
		expect(taken.sqnr.y0).toBeGreaterThan(34);
	});

	it('8. Gather: int8 rows with a scale each; two lookups share one table', async () => {
		const model = new Model();
		model.setOpset('', 17);
		const { graph } = model;
		const ids = graph.addInput('ids', tensorType('int64', [2, 3]));
		const table = graph.addInitializer('table', weight([50, 32]));
		const outputs: Value[] = [];
		for (const name of ['a', 'b']) {
			const node = graph.append(graph.createNode({ op: 'Gather', name, inputs: [table, ids], outputs: [`${name}_out`] }));
			node.output().type = tensorType('float32', [2, 3, 32]);
			outputs.push(node.output());
		}
		graph.setOutputs(outputs);
		const result = await trial(model, int8Dynamic, {}, { ids: longs([0, 7, 49, -1, 3, 3], [2, 3]) });
		expect(result.model.graph.initializers.size).toBe(2);
		expect(result.sqnr.a_out).toBeGreaterThan(40);
		expect(result.sqnr.b_out).toBeGreaterThan(40);
	});

	it('9. LSTM becomes DynamicQuantizeLSTM', async () => {
		const model = layer({
			op: 'LSTM',
			x: [5, 2, 16],
			weights: [
				[1, 64, 16],
				[1, 64, 16],
				[1, 128],
			],
			attributes: { hidden_size: int(16) },
		});
		for (const value of model.graph.initializers) value.initializer = scaled(value.initializer as TensorRef, 0.2);
		const result = await trial(model, int8Dynamic, {}, feed([5, 2, 16]));
		expect(operators(result.model)).toEqual({ 'com.microsoft.DynamicQuantizeLSTM': 1 });
		expect(result.sqnr.y0).toBeGreaterThan(25);
	});

	it('10. weights that only move on their way are followed: Constant, Transpose, Reshape, Slice, Concat', async () => {
		const model = new Model();
		model.setOpset('', 17);
		const { graph } = model;
		const x = graph.addInput('x', tensorType('float32', [3, 32]));
		const put = (op: string, inputs: Value[], attributes: Record<string, Attribute>): Value =>
			graph.append(graph.createNode({ op, inputs, outputs: 1, attributes })).output();
		const raw = put('Constant', [], { value: attribute.tensor(weight([24, 4, 8])) });
		const shape = graph.addInitializer('shape', memoryTensor('int64', [2], BigInt64Array.of(24n, -1n)));
		const flat = put('Reshape', [raw, shape], {});
		const number = (name: string, value: bigint): Value => graph.addInitializer(name, memoryTensor('int64', [1], BigInt64Array.of(value)));
		const low = put('Slice', [flat, number('s0', 0n), number('e0', 12n), number('a0', 0n)], {});
		const high = put('Slice', [flat, number('s1', 12n), number('e1', 9999n), number('a1', 0n)], {});
		const swapped = put('Concat', [high, low], { axis: int(0) });
		const turned = put('Transpose', [swapped], { perm: ints([1, 0]) });
		const y = graph.append(graph.createNode({ op: 'MatMul', inputs: [x, turned], outputs: ['y'] })).output();
		y.type = tensorType('float32', [3, 24]);
		graph.setOutputs([y]);
		const result = await trial(model, int8Dynamic, {}, feed([3, 32]));
		expect(result.sqnr.y).toBeGreaterThan(38);
		expect(operators(result.model).Transpose).toBeUndefined();
		expect(operators(result.model).Constant).toBeUndefined();
	});

	it('11. one activation read by three products is quantized once', async () => {
		const model = new Model();
		model.setOpset('', 17);
		const { graph } = model;
		const x = graph.addInput('x', tensorType('float32', [2, 32]));
		const outputs = ['q', 'k', 'v'].map((name, i) => {
			const node = graph.append(
				graph.createNode({ op: 'MatMul', inputs: [x, graph.addInitializer(name, weight([32, 32], i))], outputs: [`${name}_out`] }),
			);
			node.output().type = tensorType('float32', [2, 32]);
			return node.output();
		});
		graph.setOutputs(outputs);
		const result = await trial(model, int8Dynamic, {}, feed([2, 32]));
		expect(operators(result.model)).toMatchObject({ QuantizeLinear: 1, MatMulInteger: 3 });
		for (const value of Object.values(result.sqnr)) expect(value).toBeGreaterThan(38);
	});

	it('12. inside If branches, with weights and inputs of the outer graph', async () => {
		const model = new Model();
		model.setOpset('', 17);
		const { graph } = model;
		const x = graph.addInput('x', tensorType('float32', [2, 32]));
		const flag = graph.addInput('flag', tensorType('bool', []));
		const shared = graph.addInitializer('shared', weight([32, 32]));
		const branch = (name: string, phase: number): Graph => {
			const sub = new Graph(graph.ledger, name);
			const own = sub.append(
				sub.createNode({ op: 'Constant', inputs: [], outputs: 1, attributes: { value: attribute.tensor(weight([32, 32], phase)) } }),
			);
			const first = sub.append(sub.createNode({ op: 'MatMul', inputs: [x, shared], outputs: 1 }));
			const second = sub.append(sub.createNode({ op: 'MatMul', inputs: [first.output(), own.output()], outputs: [`${name}_out`] }));
			second.output().type = tensorType('float32', [2, 32]);
			sub.setOutputs([second.output()]);
			return sub;
		};
		const node = graph.append(
			graph.createNode({
				op: 'If',
				inputs: [flag],
				outputs: ['y'],
				attributes: { then_branch: attribute.graph(branch('a', 1)), else_branch: attribute.graph(branch('b', 2)) },
			}),
		);
		node.output().type = tensorType('float32', [2, 32]);
		graph.setOutputs([node.output()]);
		for (const value of [true, false]) {
			const result = await trial(model, int8Dynamic, {}, { ...feed([2, 32]), flag: truth(value) });
			expect(operators(result.model)).toMatchObject({ MatMulInteger: 4 });
			expect(operators(result.model).MatMul).toBeUndefined();
			expect(result.sqnr.y).toBeGreaterThan(34);
		}
	});

	it('13. old models are raised to opset 11, IR version 3 included', async () => {
		const result = await trial(layer({ op: 'MatMul', x: [4, 64], weights: [[64, 32]], opset: 8 }), int8Dynamic, {}, feed([4, 64]));
		expect(result.model.opset).toBe(11);
		expect(result.model.graph.inputs.map(({ name }) => name)).toEqual(['x']);
		expect(result.sqnr.y0).toBeGreaterThan(38);
	});

	it('14. a weight that something else reads as fp32 stays: storing it twice would grow the file', async () => {
		const model = layer({ op: 'MatMul', x: [4, 64], weights: [[64, 32]] });
		const { graph } = model;
		const w0 = [...graph.initializers][0]!;
		const other = graph.append(graph.createNode({ op: 'Relu', name: 'other', inputs: [w0], outputs: ['z'] }));
		other.output().type = tensorType('float32', [64, 32]);
		graph.setOutputs([...graph.outputs, other.output()]);
		const result = await trial(model, int8Dynamic, {}, feed([4, 64]));
		expect(result.report.changed).toBe(0);
		expect(result.report.notes).toContainEqual({
			level: 'skip',
			node: 'layer',
			reason: 'its weight is also read by other, which keeps it in fp32',
		});
	});

	it('15. skips what is excluded, too small, computed, or not finite, each with its reason', async () => {
		const reasons = async (model: Model, options: object, dims: readonly number[]): Promise<string[]> =>
			(await trial(model, int8Dynamic, options, feed(dims))).report.notes.map(({ reason }) => reason);
		const plain = () => layer({ op: 'MatMul', x: [4, 64], weights: [[64, 32]] });
		expect(await reasons(plain(), { nodesToExclude: ['layer'] }, [4, 64])).toEqual(['excluded by name']);
		expect(await reasons(layer({ op: 'MatMul', x: [4, 8], weights: [[8, 4]] }), {}, [4, 8])).toEqual(['fewer than 512 elements']);
		const bad = plain();
		const values = noise(64 * 32);
		values[5] = Number.NaN;
		[...bad.graph.initializers][0]!.initializer = memoryTensor('float32', [64, 32], values);
		expect(await reasons(bad, {}, [4, 64])).toEqual(['its weight holds NaN or infinity']);
	});

	it('16. uint8 weights with zero points, per tensor, and reduced range', async () => {
		const plain = () => layer({ op: 'MatMul', x: [4, 64], weights: [[64, 32]] });
		expect((await trial(plain(), int8Dynamic, { symmetricWeights: false }, feed([4, 64]))).sqnr.y0).toBeGreaterThan(36);
		expect((await trial(plain(), int8Dynamic, { perChannel: false }, feed([4, 64]))).sqnr.y0).toBeGreaterThan(36);
		const reduced = await trial(plain(), int8Dynamic, { reduceRange: true }, feed([4, 64]));
		expect(reduced.sqnr.y0).toBeGreaterThan(32);
		const codes = [...reduced.model.graph.initializers].find(({ name }) => name === 'w0_q')!.initializer as TensorRef;
		const signed = new Int8Array((await codes.bytes()).slice().buffer);
		expect(Math.max(...signed)).toBeLessThanOrEqual(64);
	});

	it('17. tells beforehand what it will touch, without changing anything', () => {
		const model = layer({ op: 'MatMul', x: [4, 64], weights: [[64, 32]] });
		const revision = model.ledger.revision;
		expect(int8Dynamic.applies(model, parseOptions(schema, {}))).toEqual([
			{ level: 'info', node: 'layer', reason: 'MatMul with stored weights' },
		]);
		expect(model.ledger.revision).toBe(revision);
	});
});

function scaled(tensor: TensorRef, factor: number): TensorRef {
	const count = tensor.byteLength / 4;
	return memoryTensor(
		'float32',
		tensor.dims,
		noise(count, count).map((x) => x * factor),
	);
}
