import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MemorySink } from '../core/bytes/source.ts';
import { attribute } from '../core/ir/attribute.ts';
import type { DType } from '../core/ir/dtype.ts';
import { Model } from '../core/ir/model.ts';
import { memoryTensor } from '../core/ir/tensor.ts';
import { tensorType } from '../core/ir/type.ts';
import { writeModel } from '../core/onnx/write.ts';
import { SESSION_HINT_KEY } from '../core/pass/session-hint.ts';
import { build, float32, linearClassifier, normal } from './models.testkit.ts';
import { createNodeEngine } from './node/index.ts';
import { EngineError, type TensorData } from './port.ts';
import { profileByOperator } from './runtime-log.ts';

async function failure(work: Promise<unknown>): Promise<EngineError> {
	try {
		await work;
	} catch (error) {
		if (error instanceof EngineError) return error;
		throw error;
	}
	throw new Error('it did not fail');
}

describe('the engine in Node', () => {
	it('says what it is', async () => {
		const engine = await createNodeEngine();
		expect(engine.target).toEqual({ backend: 'wasm', threads: 1 });
		expect(engine.threadsUsed).toBe(1);
		expect(engine.runtime).toMatch(/^onnxruntime-web \d+\.\d+\.\d+$/);
		expect(await createNodeEngine()).toBe(engine);
	});

	it('loads, tells its ports, runs, releases', async () => {
		const engine = await createNodeEngine();
		const session = await engine.load({ model: await linearClassifier() });
		expect(session.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['N', 8] }]);
		expect(session.outputs).toEqual([{ name: 'logits', dtype: 'float32', shape: ['N', 4] }]);
		const { logits } = await session.run({ x: float32(normal(16), [2, 8]) });
		expect(logits?.dims).toEqual([2, 4]);
		expect(logits?.data).toHaveLength(8);
		await session.release();
		await session.release();
		expect((await failure(session.run({ x: float32(normal(8), [1, 8]) }))).message).toBe('The session was released.');
	});

	const carried: readonly TensorData[] = [
		{ dtype: 'float32', dims: [2], data: Float32Array.of(1.5, -2) },
		{ dtype: 'float64', dims: [2], data: Float64Array.of(1.5, -2) },
		{ dtype: 'float16', dims: [2], data: Uint16Array.of(0x3e00, 0xc000) },
		{ dtype: 'int64', dims: [2], data: BigInt64Array.of(-(2n ** 62n), 7n) },
		{ dtype: 'uint64', dims: [1], data: BigUint64Array.of(2n ** 63n) },
		{ dtype: 'int32', dims: [2], data: Int32Array.of(-5, 5) },
		{ dtype: 'uint32', dims: [1], data: Uint32Array.of(4_000_000_000) },
		{ dtype: 'int16', dims: [1], data: Int16Array.of(-3) },
		{ dtype: 'uint16', dims: [1], data: Uint16Array.of(60_000) },
		{ dtype: 'int8', dims: [2], data: Int8Array.of(-128, 127) },
		{ dtype: 'uint8', dims: [2], data: Uint8Array.of(0, 255) },
		{ dtype: 'bool', dims: [2], data: Uint8Array.of(1, 0) },
		{ dtype: 'string', dims: [2], data: ['größer', ''] },
		{ dtype: 'int64', dims: [], data: BigInt64Array.of(3n) },
		{ dtype: 'float32', dims: [0, 4], data: new Float32Array(0) },
	];
	it.each(carried)('carries $dtype $dims in and out unchanged', async (tensor) => {
		const engine = await createNodeEngine();
		const session = await engine.load({
			model: await build((b) => b.output(b.op('Identity', [b.input('x', tensor.dtype, tensor.dims)], 'y'), tensor.dtype, tensor.dims)),
		});
		try {
			expect((await session.run({ x: tensor })).y).toEqual(tensor);
		} finally {
			await session.release();
		}
	});

	it('refuses inputs that do not fit, in words', async () => {
		const engine = await createNodeEngine();
		const session = await engine.load({ model: await linearClassifier() });
		try {
			expect((await failure(session.run({}))).message).toBe('The inputs give nothing for "x".');
			const rank = await failure(session.run({ x: float32(normal(8), [8]) }));
			expect(rank).toMatchObject({ code: 'run', message: 'Input "x" has 1 axes, the model expects 2.' });
			const size = await failure(session.run({ x: float32(normal(9), [1, 9]) }));
			expect(size).toMatchObject({ code: 'run', message: 'Input "x" has 9 where the model expects 8 (axis 1).' });
			const type = await failure(session.run({ x: { dtype: 'int32', dims: [1, 8], data: new Int32Array(8) } }));
			expect(type).toMatchObject({ code: 'run', message: 'An input holds int32, the model expects float.' });
			const short = await failure(session.run({ x: float32(normal(7), [1, 8]) }));
			expect(short.message).toBe('"x" has 7 elements where its shape [1, 8] takes 8.');
			const never = await failure(session.run({ x: { dtype: 'bfloat16' as DType, dims: [1, 8], data: new Uint16Array(8) } }));
			expect(never).toMatchObject({ code: 'unsupported' });
		} finally {
			await session.release();
		}
	});

	it('says which operator it does not know or has no kernel for', async () => {
		const engine = await createNodeEngine();
		const unknown = await failure(
			engine.load({
				model: await build((b) => b.output(b.op('Frobnicate', [b.input('x', 'float32', [1])], 'y'), 'float32', [1])),
			}),
		);
		expect(unknown).toMatchObject({ code: 'unsupported' });
		expect(unknown.message).toContain('Frobnicate');
		// The runtime's Conv has kernels for float32 and float16 only.
		const types = await failure(
			engine.load({
				model: await build((b) => {
					const weight = b.constant('w', 'float64', [1, 1, 1, 1], Float64Array.of(1));
					b.output(b.op('Conv', [b.input('x', 'float64', [1, 1, 4, 4]), weight], 'y'), 'float64', [1, 1, 4, 4]);
				}),
			}),
		);
		expect(types).toMatchObject({
			code: 'unsupported',
			message: 'The runtime has no kernel for Conv (version 11) with the types that node "y" uses.',
		});
		expect(types.detail).not.toBe('');
	});

	it('calls a damaged file damaged', async () => {
		const engine = await createNodeEngine();
		const bytes = await linearClassifier();
		expect(await failure(engine.load({ model: bytes.slice(0, 60) }))).toMatchObject({
			code: 'load',
			message: 'The runtime cannot read the file as an ONNX model.',
		});
		expect(await failure(engine.load({ model: new Uint8Array(0) }))).toMatchObject({ code: 'load' });
	});

	it('applies the session entries that a model asks for, and no others', async () => {
		const engine = await createNodeEngine();
		const bytes = await build((b) => {
			b.model.metadata.set(
				SESSION_HINT_KEY,
				JSON.stringify({ 'session.disable_quant_qdq': '1', 'session.use_device_allocator_for_initializers': '1' }),
			);
			b.output(b.op('Identity', [b.input('x', 'float32', [1])], 'y'), 'float32', [1]);
		});
		const session = await engine.load({ model: bytes });
		await session.release();
		expect(session.notes).toEqual([
			'The model asks for session.disable_quant_qdq = 1; applied.',
			'The model asks for session entries that are not applied: session.use_device_allocator_for_initializers.',
		]);
	});

	it('tells placement and times by operator, each run apart, control flow without its bodies', async () => {
		const engine = await createNodeEngine();
		const bytes = await build((b) => {
			const x = b.input('x', 'float32', ['N']);
			const condition = b.op(
				'Greater',
				[b.op('ReduceSum', [x], 'sum', { keepdims: attribute.int(0) }), b.constant('zero', 'float32', [], Float32Array.of(0))],
				'positive',
			);
			b.output(b.op('Where', [condition, x, b.op('Neg', [x], 'negative')], 'y'), 'float32', ['N']);
		});
		const session = await engine.load({ model: bytes }, { profile: true, placement: true });
		for (let i = 0; i < 3; i++) await session.run({ x: float32([1, 2, -4]) });
		const entries = await session.endProfile();
		expect(await session.endProfile()).toEqual([]);
		await session.release();
		expect(session.placement).toEqual([{ provider: 'cpu', nodes: 4, ops: [] }]);
		expect(
			entries
				.filter(({ run }) => run === 2)
				.map(({ op }) => op)
				.sort(),
		).toEqual(['Greater', 'Neg', 'ReduceSum', 'Where']);
		expect(
			profileByOperator(entries)
				.map(({ op, count, provider }) => `${op} ${count} ${provider}`)
				.sort(),
		).toEqual(['Greater 1 cpu', 'Neg 1 cpu', 'ReduceSum 1 cpu', 'Where 1 cpu']);
	});

	it('gives nothing for a profile that was not asked for', async () => {
		const engine = await createNodeEngine();
		const session = await engine.load({ model: await linearClassifier() });
		expect(await session.endProfile()).toEqual([]);
		expect(session.placement).toBeUndefined();
		await session.release();
	});

	it('takes external data by the name in the model, and names what is missing', async () => {
		const engine = await createNodeEngine();
		const weights = normal(4096);
		const model = new Model();
		model.setOpset('', 17);
		const x = model.graph.addInput('x', tensorType('float32', [1, 64]));
		const w = model.graph.addInitializer('w', memoryTensor('float32', [64, 64], weights));
		const y = model.graph.append(model.graph.createNode({ op: 'MatMul', inputs: [x, w], outputs: ['y'] })).output();
		y.type = tensorType('float32', [1, 64]);
		model.graph.setOutputs([y]);
		const [sink, externalSink] = [new MemorySink(), new MemorySink()];
		const plan = await writeModel(model, sink, { externalData: 'always', externalSink });
		const path = plan.files[1]?.name ?? '';
		const first = Float32Array.from({ length: 64 }, (_, i) => (i === 0 ? 1 : 0));
		const session = await engine.load({ model: sink.bytes(), externalData: [{ path, data: externalSink.bytes() }] });
		const outputs = await session.run({ x: float32(first, [1, 64]) });
		await session.release();
		expect(outputs.y?.data).toEqual(weights.subarray(0, 64));
		expect(await failure(engine.load({ model: sink.bytes() }))).toMatchObject({
			code: 'load',
			message: expect.stringContaining("The model's external data"),
			advice: 'Drop the model together with its data files.',
		});
	});

	it('does not count the time of bodies twice', async () => {
		const path = '../shared/models/silero-vad.onnx';
		if (!existsSync(path)) {
			console.log('Skipped: ../shared/models is not here.');
			return;
		}
		const engine = await createNodeEngine();
		const session = await engine.load({ model: new Uint8Array(readFileSync(path)) }, { profile: true });
		const feeds = {
			input: float32(normal(512), [1, 512]),
			state: float32(new Float32Array(256), [2, 1, 128]),
			sr: { dtype: 'int64', dims: [], data: BigInt64Array.of(16_000n) },
		} as const;
		for (let i = 0; i < 3; i++) await session.run(feeds);
		const entries = await session.endProfile();
		await session.release();
		expect(entries.some(({ op }) => op === 'LSTM' || op === 'FusedConv')).toBe(true);
		// Nearly everything happens inside If: what is left for it is only what entering a body costs.
		const of = (match: (op: string) => boolean): number =>
			entries.filter(({ op, run }) => run === 2 && match(op)).reduce((sum, { durationUs }) => sum + durationUs, 0);
		expect(of((op) => op === 'If')).toBeLessThan(of(() => true));
		expect(entries.every(({ durationUs }) => durationUs >= 0)).toBe(true);
	});
});
