import { describe, expect, it } from 'vitest';
import { attribute } from '../../core/ir/attribute.ts';
import { constantOf } from '../../core/ir/constants.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import { float32View } from '../../core/numeric/float-blocks.ts';
import { Builder, makesCodes, readsCodes, type StaticTrial, trialStatic } from './static.testkit.ts';

const { int, ints, float, string } = attribute;

function nodeOf(trial: StaticTrial, op: string): Node {
	const found = [...trial.model.graph.nodes()].find((node) => node.op === op);
	if (!found) throw new Error(`there is no ${op}`);
	return found;
}

async function scaleOf(value: Value | null): Promise<number> {
	const tensor = constantOf(value?.producer?.input(1) ?? null, 8);
	return tensor ? (float32View(await tensor.bytes())[0] ?? Number.NaN) : Number.NaN;
}

describe('operators with weights compute on codes, and the runtime fuses them', () => {
	it.each([
		['Conv', 'plain', [1, 6, 9, 9], [8, 6, 3, 3], { pads: ints([1, 1, 1, 1]) }],
		['Conv', 'depthwise', [1, 8, 9, 9], [8, 1, 3, 3], { group: int(8), strides: ints([2, 2]) }],
		['Conv', 'groups, dilated, auto_pad', [1, 8, 9, 9], [8, 4, 3, 3], { group: int(2), auto_pad: string('SAME_UPPER') }],
		['Conv', 'one axis', [1, 6, 20], [8, 6, 5], {}],
		['Conv', 'three axes', [1, 3, 5, 6, 7], [4, 3, 2, 2, 2], {}],
	] as const)('%s, %s', async (op, _, x, w, attributes) => {
		const b = new Builder();
		const first = b.op(op, [b.input('x', x), b.weight(w), b.weight([w[0]], 0.3)], attributes);
		const trial = await trialStatic(b.output(first.output()), {}, { profile: true });
		const node = nodeOf(trial, op);
		expect(readsCodes(node, 0) && readsCodes(node, 1) && readsCodes(node, 2) && makesCodes(node)).toBe(true);
		expect(node.input(1)?.producer?.int('axis', -1)).toBe(0);
		expect(trial.sqnr).toBeGreaterThan(31);
		expect(trial.executed).toContain('QLinearConv');
		expect(trial.report).toMatchObject({ changed: 1, eligible: 1 });
	});

	it.each([
		['plain', [1, 6, 5, 5], [6, 4, 3, 3], {}, 4],
		['groups', [1, 6, 5, 5], [6, 4, 3, 3], { group: int(2), strides: ints([2, 2]) }, 8],
	] as const)('ConvTranspose, %s: scales along its output channels, float output', async (_, x, w, attributes, channels) => {
		const b = new Builder();
		const node = b.op('ConvTranspose', [b.input('x', x), b.weight(w), b.weight([channels], 0.3)], attributes);
		const trial = await trialStatic(b.output(node.output()));
		expect(nodeOf(trial, 'ConvTranspose').input(1)?.producer?.int('axis', -1)).toBe(1);
		expect(readsCodes(nodeOf(trial, 'ConvTranspose'))).toBe(true);
		expect(trial.sqnr).toBeGreaterThan(33);
	});

	it.each([
		['plain', [3, 32], [32, 8], {}, [8], true],
		['B transposed', [3, 32], [8, 32], { transB: int(1) }, [8], true],
		['A transposed, alpha and beta', [32, 3], [32, 8], { transA: int(1), alpha: float(0.5), beta: float(2) }, [1, 8], false],
		['scalar bias', [3, 32], [32, 8], {}, [1], false],
	] as const)('Gemm, %s', async (_, x, w, attributes, c, fused) => {
		const b = new Builder();
		const node = b.op('Gemm', [b.input('x', x), b.weight(w), b.weight(c, 0.3)], attributes);
		const trial = await trialStatic(b.output(node.output()), {}, { profile: true });
		expect(readsCodes(nodeOf(trial, 'Gemm'), 1)).toBe(true);
		expect(trial.sqnr).toBeGreaterThan(34);
		if (fused) expect(trial.executed?.join()).toContain('QGemm');
	});

	it('MatMul with a stored weight, its output in fp32', async () => {
		const b = new Builder();
		const trial = await trialStatic(
			b.output(b.op('MatMul', [b.input('x', [2, 5, 32]), b.weight([32, 8])]).output()),
			{},
			{ profile: true },
		);
		expect(trial.executed?.some((op) => op === 'MatMulIntegerToFloat')).toBe(true);
		expect(trial.sqnr).toBeGreaterThan(34);
	});

	it('MatMul of two computed operands', async () => {
		const b = new Builder();
		const x = b.input('x', [2, 8, 16]);
		const y = b.input('y', [2, 16, 8]);
		const trial = await trialStatic(b.output(b.op('MatMul', [x, y]).output()));
		expect(readsCodes(nodeOf(trial, 'MatMul'), 0) && readsCodes(nodeOf(trial, 'MatMul'), 1)).toBe(true);
		expect(trial.sqnr).toBeGreaterThan(33);
	});

	it('a weight behind Transpose and Reshape is stored as it is used', async () => {
		const b = new Builder();
		const turned = b.op('Transpose', [b.weight([8, 32])], { perm: ints([1, 0]) }).output();
		const trial = await trialStatic(b.output(b.op('MatMul', [b.input('x', [4, 32]), turned]).output()));
		expect([...trial.model.graph.nodes()].map(({ op }) => op)).not.toContain('Transpose');
		expect(trial.sqnr).toBeGreaterThan(34);
	});
});

describe('Relu and Clip go into the saturation of the codes', () => {
	it.each([
		['Relu', {}],
		['Clip', { min: 0, max: 6 }],
	] as const)('%s', async (op, bounds) => {
		const b = new Builder();
		const first = b.conv(b.input('x', [1, 4, 6, 6]), 4, 8);
		const scalars = Object.values(bounds).map((bound) => b.model.graph.addInitializer('bound', scalar(bound)));
		const y = b.conv(b.op(op, [first, ...scalars]).output(), 8, 4);
		const trial = await trialStatic(b.output(y), {}, { profile: true });
		expect([...trial.model.graph.nodes()].map((node) => node.op)).not.toContain(op);
		expect(trial.executed).not.toContain(op);
		expect(trial.executed?.filter((entry) => entry === 'QLinearConv')).toHaveLength(2);
		expect(trial.sqnr).toBeGreaterThan(28);
		const symmetric = await trialStatic(b.model, { symmetricActivations: true, activationType: 'int8' });
		expect([...symmetric.model.graph.nodes()].map((node) => node.op)).toContain(op);
		expect(symmetric.sqnr).toBeGreaterThan(25);
	});

	it('a Relu whose input something else reads stays', async () => {
		const b = new Builder();
		const first = b.conv(b.input('x', [1, 4, 6, 6]), 4, 8);
		const relu = b.op('Relu', [first]).output();
		const sum = b.op('Add', [first, b.conv(relu, 8, 8)]).output();
		const trial = await trialStatic(b.output(sum));
		expect([...trial.model.graph.nodes()].map((node) => node.op)).toContain('Relu');
		expect(trial.sqnr).toBeGreaterThan(28);
	});
});

describe('operators without weights between codes', () => {
	const between = async (op: string, make: (b: Builder, x: Value) => Value, options: object = {}, to = 8): Promise<StaticTrial> => {
		const b = new Builder();
		const x = b.conv(b.input('x', [1, 4, 6, 6]), 4, 8);
		const trial = await trialStatic(b.output(b.conv(make(b, x), to, 8)), options, { profile: true, examples: 40 });
		const node = nodeOf(trial, op);
		expect(makesCodes(node)).toBe(true);
		return trial;
	};

	it.each([
		['MaxPool', (b: Builder, x: Value) => b.op('MaxPool', [x], { kernel_shape: ints([2, 2]) }).output(), 8],
		['GlobalMaxPool', (b: Builder, x: Value) => b.op('GlobalMaxPool', [x]).output(), 8],
		['Reshape', (b: Builder, x: Value) => b.op('Reshape', [x, b.longs([1, 16, 6, 3])]).output(), 16],
		['Transpose', (b: Builder, x: Value) => b.op('Transpose', [x], { perm: ints([0, 1, 3, 2]) }).output(), 8],
		['Slice', (b: Builder, x: Value) => b.op('Slice', [x, b.longs([0]), b.longs([4]), b.longs([2])]).output(), 8],
		['Gather', (b: Builder, x: Value) => b.op('Gather', [x, b.longs([3, 1, 0])], { axis: int(1) }).output(), 3],
		['Expand', (b: Builder, x: Value) => b.op('Expand', [x, b.longs([2, 8, 6, 6])]).output(), 8],
		['Tile', (b: Builder, x: Value) => b.op('Tile', [x, b.longs([1, 2, 1, 1])]).output(), 16],
		['Identity', (b: Builder, x: Value) => b.op('Identity', [x]).output(), 8],
		['DepthToSpace', (b: Builder, x: Value) => b.op('DepthToSpace', [x], { blocksize: int(2) }).output(), 2],
		['SpaceToDepth', (b: Builder, x: Value) => b.op('SpaceToDepth', [x], { blocksize: int(2) }).output(), 32],
		['Resize', (b: Builder, x: Value) => b.op('Resize', [x, null, b.weightOf([1, 1, 2, 2])]).output(), 8],
		['Pad', (b: Builder, x: Value) => b.op('Pad', [x, b.longs([0, 0, 1, 1, 0, 0, 1, 1])]).output(), 8],
		[
			'Split',
			(b: Builder, x: Value) => {
				const node = b.op('Split', [x, b.longs([4, 4])], { axis: int(1) }, 2);
				return b.op('Concat', [...node.outputs].reverse() as Value[], { axis: int(1) }).output();
			},
			8,
		],
		['Squeeze', (b: Builder, x: Value) => b.op('Unsqueeze', [b.op('Squeeze', [x, b.longs([0])]).output(), b.longs([0])]).output(), 8],
		['Flatten', (b: Builder, x: Value) => b.op('Reshape', [b.op('Flatten', [x]).output(), b.longs([1, 8, 6, 6])]).output(), 8],
		[
			'GatherElements',
			(b: Builder, x: Value) => {
				const indices = b.model.graph.addInitializer('i', memoryIndices());
				return b.op('GatherElements', [x, indices], { axis: int(1) }).output();
			},
			8,
		],
	] as const)('%s moves codes: one scale on both sides', async (op, make, to) => {
		const trial = await between(op, make, {}, to);
		const node = nodeOf(trial, op);
		expect(readsCodes(node)).toBe(true);
		const after = [...node.output().uses][0]?.node.output();
		const dequantize = [...(after?.uses ?? [])][0]?.node;
		expect(await scaleOf(dequantize?.output() ?? null)).toBe(await scaleOf(node.input(0)));
		expect(trial.sqnr).toBeGreaterThan(27);
	});

	it.each([
		['AveragePool', (b: Builder, x: Value) => b.op('AveragePool', [x], { kernel_shape: ints([2, 2]) }).output(), 'QLinearAveragePool'],
		['GlobalAveragePool', (b: Builder, x: Value) => b.op('GlobalAveragePool', [x]).output(), 'QLinearGlobalAveragePool'],
		['LeakyRelu', (b: Builder, x: Value) => b.op('LeakyRelu', [x], { alpha: float(0.1) }).output(), 'QLinearLeakyRelu'],
		['Sigmoid', (b: Builder, x: Value) => b.op('Sigmoid', [x]).output(), 'QLinearSigmoid'],
		['Softmax', (b: Builder, x: Value) => b.op('Softmax', [x], { axis: int(1) }).output(), undefined],
		['HardSigmoid', (b: Builder, x: Value) => b.op('HardSigmoid', [x]).output(), undefined],
		['Add', (b: Builder, x: Value) => b.op('Add', [x, b.conv(x, 8, 8)]).output(), 'QLinearAdd'],
		['Mul', (b: Builder, x: Value) => b.op('Mul', [x, b.conv(x, 8, 8)]).output(), 'QLinearMul'],
		['Mul', (b: Builder, x: Value) => b.op('Mul', [x, b.weight([1, 8, 1, 1], 1)]).output(), 'QLinearMul'],
		[
			'Where',
			(b: Builder, x: Value) => b.op('Where', [b.op('Greater', [x, b.conv(x, 8, 8)]).output(), x, b.conv(x, 8, 8)]).output(),
			undefined,
		],
	] as const)('%s has a range of its own', async (op, make, kernel) => {
		const trial = await between(op, make, { opTypesToQuantize: ['Conv', op] });
		expect(readsCodes(nodeOf(trial, op), op === 'Where' ? 1 : 0)).toBe(true);
		if (kernel) expect(trial.executed).toContain(kernel);
		expect(trial.sqnr).toBeGreaterThan(22);
	});

	it('Concat of codes with scales of their own', async () => {
		const trial = await between(
			'Concat',
			(b, x) => b.op('Concat', [x, b.op('Mul', [b.conv(x, 8, 8), b.weightOf([3])]).output(), b.conv(x, 8, 4)], { axis: int(1) }).output(),
			{ opTypesToQuantize: ['Conv', 'Mul', 'Concat'] },
			20,
		);
		expect(trial.executed).toContain('QLinearConcat');
		expect(trial.sqnr).toBeGreaterThan(26);
	});

	it('what leads to no codes, or comes from none, stays as it is', async () => {
		const b = new Builder();
		const x = b.input('x', [1, 4, 6, 6]);
		const before = b.op('Sigmoid', [b.op('Transpose', [x], { perm: ints([0, 1, 3, 2]) }).output()]).output();
		const y = b.op('AveragePool', [b.conv(before, 4, 8)], { kernel_shape: ints([2, 2]) }).output();
		const trial = await trialStatic(b.output(y), { opTypesToQuantize: ['Conv', 'Sigmoid', 'AveragePool'] });
		expect(readsCodes(nodeOf(trial, 'Transpose'))).toBe(false);
		expect(readsCodes(nodeOf(trial, 'Sigmoid'))).toBe(false);
		expect(makesCodes(nodeOf(trial, 'AveragePool'))).toBe(false);
		expect(trial.sqnr).toBeGreaterThan(30);
	});
});

function scalar(value: number) {
	return memoryTensor('float32', [], Float32Array.of(value));
}

function memoryIndices() {
	return memoryTensor(
		'int64',
		[1, 8, 6, 6],
		BigInt64Array.from({ length: 288 }, (_, i) => BigInt((i * 5) % 8)),
	);
}
