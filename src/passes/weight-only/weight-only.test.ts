import { describe, expect, it } from 'vitest';
import { type Attribute, attribute } from '../../core/ir/attribute.ts';
import type { Value } from '../../core/ir/graph.ts';
import { Model } from '../../core/ir/model.ts';
import { printGraph } from '../../core/ir/print.ts';
import { memoryTensor, type TensorRef } from '../../core/ir/tensor.ts';
import { tensorType } from '../../core/ir/type.ts';
import { parseOptions } from '../../core/pass/options.ts';
import { SESSION_HINT_KEY } from '../../core/pass/session-hint.ts';
import { floats, longs, noise, operators, runBytes, signalToNoise, trial } from '../run.testkit.ts';
import { weightOnly } from './index.ts';
import { schema } from './options.ts';

const { int, ints } = attribute;

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

function layer(
	op: string,
	x: readonly number[],
	weights: readonly (readonly number[])[],
	attributes: Readonly<Record<string, Attribute>> = {},
	opset = 17,
): Model {
	const model = new Model();
	model.setOpset('', opset);
	const { graph } = model;
	const input = graph.addInput('x', tensorType('float32', x));
	const stored = weights.map((dims, i) => graph.addInitializer(`w${i}`, weight(dims, i)));
	const node = graph.append(graph.createNode({ op, name: 'layer', inputs: [input, ...stored], outputs: ['y'], attributes }));
	node.output().type = tensorType('float32', null);
	graph.setOutputs([node.output()]);
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
const dense = () => layer('MatMul', [4, 128], [[128, 48]]);

describe('weight-only', () => {
	it('1. 8 bits per channel: codes, Cast and Mul, which the runtime folds', async () => {
		const { model, sqnr, report } = await trial(dense(), weightOnly, { halfScales: false }, feed([4, 128]));
		expect(printGraph(model.graph)).toBe(
			[
				'graph graph(x: float32[4, 128]) -> (y: float32[...])',
				'  w0_s = float32[1, 48]',
				'  w0_q = int8[128, 48]',
				'  w0_c = Cast(w0_q) {to = 1}',
				'  w0_m = Mul(w0_c, w0_s)',
				'  y = MatMul(x, w0_m)',
			].join('\n'),
		);
		expect(sqnr.y).toBeGreaterThan(42);
		expect(report).toMatchObject({ changed: 1, eligible: 1, coverage: 1 });
	});

	it.each([
		[8, 'cast', true, 44],
		[8, 'dequantize', true, 44],
		[8, 'dequantize', false, 44],
		[8, 'matmulnbits', true, 44],
		[8, 'matmulnbits', false, 44],
		[4, 'cast', true, 20],
		[4, 'cast', false, 20],
		[4, 'dequantize', true, 20],
		[4, 'dequantize', false, 20],
		[4, 'matmulnbits', true, 20],
		[4, 'matmulnbits', false, 20],
	] as const)('2. MatMul with %i bits in blocks of 32, as %s, symmetric %s', async (bits, format, symmetric, floor) => {
		const plain = await trial(dense(), weightOnly, { bits, format, symmetric, blockSize: 32 }, feed([4, 128]));
		expect(plain.sqnr.y).toBeGreaterThan(floor);
		expect(plain.bytes.length).toBeLessThan(plain.before.length * (bits === 8 ? 0.36 : 0.24));
		const searched = await trial(dense(), weightOnly, { bits, format, symmetric, blockSize: 32, method: 'mse' }, feed([4, 128]));
		expect(searched.sqnr.y).toBeGreaterThan(floor);
		expect('com.microsoft.MatMulNBits' in operators(plain.model)).toBe(format === 'matmulnbits');
		if (format === 'dequantize') {
			expect(JSON.parse(plain.model.metadata.get(SESSION_HINT_KEY) ?? '')).toEqual({ 'session.disable_quant_qdq': '1' });
			const x = feed([4, 128]);
			const [before, after] = [await runBytes(plain.before, x), await runBytes(plain.bytes, x, { disable_quant_qdq: '1' })];
			expect(signalToNoise(before.y!, after.y!)).toBeGreaterThan(floor);
		} else expect(plain.model.metadata.has(SESSION_HINT_KEY)).toBe(false);
	});

	it('3. the three forms expand to the same weights', async () => {
		const x = feed([4, 128]);
		const runs = [];
		for (const format of ['cast', 'dequantize', 'matmulnbits']) {
			const { bytes } = await trial(dense(), weightOnly, { bits: 4, blockSize: 32, symmetric: false, method: 'mse', format }, x);
			runs.push((await runBytes(bytes, x)).y!);
		}
		expect(signalToNoise(runs[0]!, runs[1]!)).toBeGreaterThan(100);
		expect(signalToNoise(runs[0]!, runs[2]!)).toBeGreaterThan(100);
	});

	it.each([
		['Conv', [1, 32, 7, 7], [[24, 32, 3, 3], [24]], { pads: ints([1, 1, 1, 1]) }],
		['Conv', [1, 48, 9], [[16, 48, 3]], {}],
		['Conv', [1, 64, 6, 6], [[64, 1, 3, 3]], { group: int(64) }],
		['ConvTranspose', [1, 16, 5, 5], [[16, 12, 3, 3]], {}],
		['Gemm', [3, 64], [[20, 64], [20]], { transB: int(1) }],
		['Gemm', [3, 64], [[64, 20]], {}],
		[
			'LSTM',
			[3, 1, 16],
			[
				[1, 64, 16],
				[1, 64, 16],
			],
			{ hidden_size: int(16) },
		],
		[
			'GRU',
			[3, 1, 16],
			[
				[1, 48, 16],
				[1, 48, 16],
			],
			{ hidden_size: int(16) },
		],
	] as const)('4. %s %j', async (op, x, weights, attributes) => {
		for (const format of ['cast', 'dequantize']) {
			for (const blockSize of [0, 32]) {
				const { sqnr, report } = await trial(
					layer(op, x, weights, attributes),
					weightOnly,
					{ format, blockSize, halfScales: false },
					feed(x),
				);
				expect(report.changed, `${format} ${blockSize}`).toBeGreaterThan(0);
				expect(sqnr.y, `${format} ${blockSize}`).toBeGreaterThan(30);
			}
		}
	});

	it('5. 4 bits keep 8 where 4 hurt: first and last layer, groups, recurrent layers; and say so', async () => {
		const model = layer('Conv', [1, 16, 8, 8], [[32, 16, 3, 3]]);
		const { report, sqnr } = await trial(model, weightOnly, { bits: 4, blockSize: 32 }, feed([1, 16, 8, 8]));
		expect(report.notes).toContainEqual({
			level: 'info',
			node: 'w0',
			reason: 'kept at 8 bits: the first or last layer, or one of the smallest',
		});
		expect(sqnr.y).toBeGreaterThan(40);
		const all = await trial(
			layer('Conv', [1, 16, 8, 8], [[32, 16, 3, 3]]),
			weightOnly,
			{ bits: 4, blockSize: 16, keepEdges: false },
			feed([1, 16, 8, 8]),
		);
		expect(all.model.opset).toBe(21);
		expect(all.model.irVersion).toBeGreaterThanOrEqual(10);
		expect(all.sqnr.y).toBeGreaterThan(18);
	});

	function lookup(dims: readonly number[]): Model {
		const model = new Model();
		model.setOpset('', 17);
		const { graph } = model;
		const ids = graph.addInput('ids', tensorType('int64', [2, 3]));
		const table = graph.addInitializer('table', weight(dims));
		const node = graph.append(graph.createNode({ op: 'Gather', name: 'embed', inputs: [table, ids], outputs: ['rows'] }));
		node.output().type = tensorType('float32', [2, 3, ...dims.slice(1)]);
		graph.setOutputs([node.output()]);
		return model;
	}

	it.each([
		['per row', {}, 42, 'Cast'],
		['in blocks', { blockSize: 32 }, 44, 'Reshape'],
		['4 bits', { embeddings: '4', blockSize: 32 }, 20, 'com.microsoft.GatherBlockQuantized'],
		['4 bits with zero points', { embeddings: '4', blockSize: 32, symmetric: false }, 20, 'com.microsoft.GatherBlockQuantized'],
	] as const)('6. Gather table %s', async (_, options, floor, op) => {
		const { sqnr, model } = await trial(lookup([40, 96]), weightOnly, options, { ids: longs([0, 39, -1, 4, 5, 5], [2, 3]) });
		expect(operators(model)).toHaveProperty([op]);
		expect(sqnr.rows).toBeGreaterThan(floor);
	});

	it('7. a table that is a matrix elsewhere is stored once', async () => {
		const model = lookup([40, 96]);
		const { graph } = model;
		const x = graph.addInput('x', tensorType('float32', [4, 96]));
		const table = [...graph.initializers][0]!;
		const turned = graph.append(graph.createNode({ op: 'Transpose', inputs: [table], outputs: 1 }));
		const logits = graph.append(graph.createNode({ op: 'MatMul', inputs: [x, turned.output()], outputs: ['logits'] }));
		logits.output().type = tensorType('float32', [4, 40]);
		graph.setOutputs([...graph.outputs, logits.output()]);
		for (const options of [{}, { blockSize: 32, format: 'matmulnbits', bits: 4 }]) {
			const result = await trial(model, weightOnly, options, { ids: longs([0, 1, 2, 3, 4, 5], [2, 3]), ...feed([4, 96]) });
			expect(result.bytes.length).toBeLessThan(result.before.length * 0.65);
			expect(result.sqnr.rows).toBeGreaterThan(40);
			expect(result.sqnr.logits).toBeGreaterThan(40);
		}
	});

	it('8. a Constant node is replaced where it stands; a shared weight is stored once', async () => {
		const model = new Model();
		model.setOpset('', 17);
		const { graph } = model;
		const x = graph.addInput('x', tensorType('float32', [4, 64]));
		const stored = graph.append(
			graph.createNode({
				op: 'Constant',
				name: 'w',
				inputs: [],
				outputs: ['w'],
				attributes: { value: attribute.tensor(weight([64, 64])) },
			}),
		);
		let value: Value = x;
		for (const name of ['a', 'b'])
			value = graph.append(graph.createNode({ op: 'MatMul', name, inputs: [value, stored.output()], outputs: [`${name}_out`] })).output();
		value.type = tensorType('float32', [4, 64]);
		graph.setOutputs([value]);
		const result = await trial(model, weightOnly, {}, feed([4, 64]));
		expect(operators(result.model)).toEqual({ MatMul: 2, Cast: 2, Mul: 1 });
		expect(result.sqnr.b_out).toBeGreaterThan(38);
	});

	it('9. an opset that cannot be raised: 8 bits by Cast and Mul instead, and the operator named', async () => {
		const model = new Model();
		model.setOpset('', 12);
		const { graph } = model;
		const x = graph.addInput('x', tensorType('float32', [1, 1, 8, 4]));
		const roi = graph.addInitializer('roi', memoryTensor('float32', [0], new Float32Array(0)));
		const scales = graph.addInitializer('scales', memoryTensor('float32', [4], Float32Array.of(1, 1, 1, 1)));
		const attributes = { coordinate_transformation_mode: attribute.string('tf_half_pixel_for_nn') };
		const resized = graph
			.append(graph.createNode({ op: 'Resize', name: 'layer', inputs: [x, roi, scales], outputs: 1, attributes }))
			.output();
		const w = graph.addInitializer('w', weight([4, 256]));
		const product = graph.append(graph.createNode({ op: 'MatMul', name: 'product', inputs: [resized, w], outputs: ['z'] }));
		product.output().type = tensorType('float32', [1, 1, 8, 256]);
		graph.setOutputs([product.output()]);
		const { report, model: result } = await trial(model, weightOnly, { bits: 4, format: 'dequantize' }, feed([1, 1, 8, 4]));
		expect(result.opset).toBe(12);
		expect(report.notes.filter(({ level }) => level === 'warn').map(({ node }) => node)).toContain('layer');
		expect(operators(result)).toMatchObject({ Cast: 2, Mul: 1 });
	});

	it('11. 16 bits: float16 with a Cast, any reader; named nodes and operators only where asked', async () => {
		const { model, sqnr, report } = await trial(dense(), weightOnly, { bits: 16 }, feed([4, 128]));
		expect(operators(model)).toEqual({ Cast: 1, MatMul: 1 });
		expect(Math.min(...Object.values(sqnr))).toBeGreaterThan(65);
		expect(report.bytesAfter).toBe(report.bytesBefore / 2);
		const recurrent = layer(
			'LSTM',
			[3, 1, 32],
			[
				[1, 64, 32],
				[1, 64, 16],
			],
			{ hidden_size: int(16) },
		);
		const result = await trial(recurrent, weightOnly, { bits: 16 }, feed([3, 1, 32]));
		expect(result.report).toMatchObject({ changed: 2, eligible: 2 });
		for (const bits of [16, 8]) {
			const other = await trial(dense(), weightOnly, { bits, nodesToQuantize: ['other'] }, feed([4, 128]));
			expect(other.report).toMatchObject({ changed: 0, eligible: 0 });
			expect((await trial(dense(), weightOnly, { bits, nodesToQuantize: ['layer'] }, feed([4, 128]))).report.changed).toBe(1);
			expect((await trial(dense(), weightOnly, { bits, opTypesToQuantize: ['Conv'] }, feed([4, 128]))).report.changed).toBe(0);
		}
	});

	it('10. skips with reasons: other readers, element types, not finite, excluded, not smaller', async () => {
		const reasons = async (model: Model, options: object, x: readonly number[]): Promise<string[]> =>
			(await trial(model, weightOnly, options, feed(x))).report.notes.filter(({ level }) => level === 'skip').map(({ reason }) => reason);
		expect(await reasons(layer('Add', [4, 128], [[4, 128]]), { minElements: 1 }, [4, 128])).toEqual([
			'only Add reads it, whose weights are left alone',
		]);
		expect(await reasons(dense(), { nodesToExclude: ['layer'] }, [4, 128])).toEqual(['layer is excluded by name']);
		const bad = dense();
		const values = noise(128 * 48);
		values[77] = Number.POSITIVE_INFINITY;
		[...bad.graph.initializers][0]!.initializer = memoryTensor('float32', [128, 48], values);
		expect(await reasons(bad, {}, [4, 128])).toEqual(['it holds NaN or infinity']);
		expect(await reasons(layer('MatMul', [2, 1], [[1, 600]]), { halfScales: false }, [2, 1])).toEqual([
			'codes and scales would be larger than the weight',
		]);
	});

	it('11. tells beforehand what it will touch, without changing anything', () => {
		const model = dense();
		const revision = model.ledger.revision;
		expect(weightOnly.applies(model, parseOptions(schema, {}))).toEqual([
			{ level: 'info', node: 'w0', reason: 'float32 [128, 48], read by layer' },
		]);
		expect(model.ledger.revision).toBe(revision);
	});
});
