import { describe, expect, it } from 'vitest';
import { type ByteSource, MemorySink, memorySource } from '../bytes/source.ts';
import { Model } from '../ir/model.ts';
import { computedTensor, float32Tensor, isSparse, memoryTensor } from '../ir/tensor.ts';
import { tensorType } from '../ir/type.ts';
import { describeModel } from './describe.testkit.ts';
import { LimitExceeded, MissingData } from './errors.ts';
import { externalFiles, missingExternalData } from './external.ts';
import { readModel } from './read.ts';
import { smallModel, typedFieldsModel } from './seeds.testkit.ts';
import { planWrite, serialize, writeModel, writePlan } from './write.ts';

/** A model with weights of these sizes in bytes. */
function weights(...sizes: number[]): Model {
	const model = new Model(undefined, 'weights');
	model.setOpset('', 17);
	sizes.forEach((size, index) => {
		model.graph.addInitializer(`w${index}`, memoryTensor('uint8', [size], new Uint8Array(size).fill(index + 1)));
	});
	return model;
}

describe('planning', () => {
	it('knows every length before a tensor is computed', async () => {
		const model = new Model();
		let computed = 0;
		model.graph.addInitializer(
			'huge',
			computedTensor('float32', [2 ** 20, 2 ** 10], async () => {
				computed += 1;
				throw new Error('not asked for');
			}),
		);
		const plan = await planWrite(model, { baseName: 'm' });
		expect(computed).toBe(0);
		expect(plan.files.map((file) => file.name)).toEqual(['m.onnx', 'm.data']);
		expect(plan.files[1]?.byteLength).toBe(2 ** 32);
		await expect(planWrite(model, { externalData: 'never' })).rejects.toThrow(LimitExceeded);
		await expect(writePlan(plan, new MemorySink())).rejects.toThrow(/no sink/);
	});

	it('promises exactly the bytes that are written', async () => {
		for (const externalData of ['auto', 'always'] as const) {
			const sink = new MemorySink();
			const externalSink = new MemorySink();
			const progress: number[] = [];
			const plan = await writeModel(weights(10, 5000, 4096, 100_000), sink, {
				externalData,
				externalSink,
				onProgress: (fraction) => progress.push(fraction),
			});
			expect(plan.files[0]?.byteLength).toBe(sink.size);
			expect(plan.files[1]?.byteLength ?? 0).toBe(externalSink.size);
			expect(progress.at(-1)).toBe(1);
		}
	});

	it('puts external tensors on page boundaries and reads them back', async () => {
		const model = weights(10, 5000, 4096, 100_000);
		const sink = new MemorySink();
		const externalSink = new MemorySink();
		await writeModel(model, sink, { externalData: 'always', externalSink, baseName: 'big' });
		const source = memorySource(sink.bytes());
		expect(missingExternalData(await readModel(source))).toEqual(['big.data']);
		const again = await readModel(source, { external: externalFiles([{ name: 'big.data', source: memorySource(externalSink.bytes()) }]) });
		expect(await describeModel(again)).toBe(await describeModel(model));
		// An untouched model keeps its references; a changed one takes its weights along.
		const kept = await planWrite(again);
		expect(kept.identical).toBe(true);
		expect(kept.keptExternal).toEqual(['big.data']);
		again.graph.touch();
		const gathered = await readModel(memorySource(await serialize(again)));
		expect(missingExternalData(gathered)).toEqual([]);
		expect(await describeModel(gathered)).toBe(await describeModel(model));
	});

	it('refuses to write a changed model whose weights are missing', async () => {
		const sink = new MemorySink();
		await writeModel(weights(5000), sink, { externalData: 'always', externalSink: new MemorySink(), baseName: 'far' });
		const model = await readModel(memorySource(sink.bytes()));
		expect(await serialize(model)).toEqual(sink.bytes());
		model.producerName = 'changed';
		await expect(serialize(model)).rejects.toThrow(MissingData);
		await expect(serialize(model)).rejects.toThrow('"far.data"');
	});
});

describe('writing', () => {
	it('gives the same bytes for the same graph', async () => {
		expect(await serialize(smallModel())).toEqual(await serialize(smallModel()));
	});

	it('notices every kind of change', async () => {
		const bytes = await serialize(smallModel());
		const changes: ((model: Model) => void)[] = [
			(model) => {
				model.producerName = 'other';
			},
			(model) => model.metadata.set('author', 'somebody'),
			(model) => model.setOpset('', 22),
			(model) => {
				const [value] = model.graph.inputs;
				if (value) value.type = tensorType('float32', [1, 4]);
			},
			(model) => {
				const [node] = [...model.graph.nodes()];
				if (node) node.name = 'renamed';
			},
			(model) => {
				const [value] = [...model.graph.initializers];
				if (value) value.initializer = float32Tensor(new Array<number>(12).fill(1), [4, 3]);
			},
		];
		for (const change of changes) {
			const model = await readModel(memorySource(bytes));
			expect(model.touched).toBe(false);
			change(model);
			expect(model.touched).toBe(true);
			expect(await serialize(model)).not.toEqual(bytes);
		}
	});

	it('writes a renamed tensor under its new name', async () => {
		const model = await readModel(memorySource(typedFieldsModel()));
		for (const value of model.graph.initializers) value.name = `new_${value.name}`;
		const again = await readModel(memorySource(await serialize(model)));
		expect([...again.graph.initializers].every((value) => value.name.startsWith('new_'))).toBe(true);
		expect(await describeModel(again)).toBe(await describeModel(model));
	});

	it('declares a replaced initializer with the type it now has', async () => {
		const model = await readModel(memorySource(await serialize(smallModel())));
		const [weight] = [...model.graph.initializers];
		if (!weight) throw new Error('no weight');
		weight.type = tensorType('float32', [4, 3]);
		model.graph.listAsInput(weight);
		weight.initializer = memoryTensor('float16', [4, 3], new Uint16Array(12));
		const again = await readModel(memorySource(await serialize(model)));
		const input = again.graph.inputs.find((value) => value.name === weight.name);
		expect(input?.type).toEqual(tensorType('float16', [4, 3]));
		expect(input?.initializer && !isSparse(input.initializer) && input.initializer.dtype).toBe('float16');
	});

	it('copies large tensors in chunks and computes the others one at a time', async () => {
		const original = await serialize(weights(40_000_000, 30_000_000));
		let largest = 0;
		const source: ByteSource = {
			size: original.byteLength,
			read: async (at, length) => {
				largest = Math.max(largest, length);
				return original.subarray(at, at + length);
			},
		};
		const model = await readModel(source);
		let open = 0;
		let most = 0;
		for (const name of ['a', 'b']) {
			model.graph.addInitializer(
				name,
				computedTensor('uint8', [1000], async () => {
					open += 1;
					most = Math.max(most, open);
					await new Promise((resolve) => setTimeout(resolve, 0));
					open -= 1;
					return new Uint8Array(1000);
				}),
			);
		}
		const sink = new MemorySink();
		await writeModel(model, sink);
		expect(largest).toBeLessThanOrEqual(8 * 2 ** 20);
		expect(most).toBe(1);
		expect(await describeModel(await readModel(memorySource(sink.bytes())))).toBe(await describeModel(model));
	});

	it('refuses a tensor that breaks its promise, and stops when asked', async () => {
		const model = new Model();
		model.graph.addInitializer('liar', {
			dtype: 'uint8',
			dims: [4],
			byteLength: 4,
			bytes: async () => new Uint8Array(3),
			read: async () => new Uint8Array(0),
		});
		await expect(serialize(model)).rejects.toThrow(/promised 4 bytes/);
		const controller = new AbortController();
		const sink = {
			write: async () => {
				controller.abort();
			},
		};
		await expect(writeModel(weights(10, 5000), sink, { signal: controller.signal })).rejects.toThrow(/abort/i);
	});
});
