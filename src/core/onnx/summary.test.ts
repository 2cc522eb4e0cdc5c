import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../bytes/source.ts';
import { attribute } from '../ir/attribute.ts';
import { Model } from '../ir/model.ts';
import { float32Tensor, memoryTensor, type TensorRef } from '../ir/tensor.ts';
import { tensorType } from '../ir/type.ts';
import { sharedModels } from './corpus.testkit.ts';
import { endlessLoop } from './hostile.testkit.ts';
import { readModel } from './read.ts';
import { smallModel } from './seeds.testkit.ts';
import { summarize } from './summary.ts';
import { writeModel } from './write.ts';

const about = (model: Model) => summarize(model, { fileName: 'model.onnx', byteLength: 1000 });
const zeros = (...dims: number[]): TensorRef => memoryTensor('float32', dims, new Float32Array(dims.reduce((a, b) => a * b, 1)));

/** x -> MatMul with a weight that goes through `ops` first -> y. */
function through(ops: readonly string[], weight = zeros(32, 16)): Model {
	const model = new Model(undefined, 'main');
	model.irVersion = 8;
	model.setOpset('', 17);
	const { graph } = model;
	const x = graph.addInput('x', tensorType('float32', ['N', 32]));
	let value = graph.addInitializer('w', weight);
	for (const op of ops) value = graph.append(graph.createNode({ op, inputs: [value], outputs: 1 })).output();
	const y = graph.append(graph.createNode({ op: 'MatMul', name: 'dense', inputs: [x, value], outputs: ['y'] })).output();
	y.type = tensorType('float32', ['N', 16]);
	graph.setOutputs([y]);
	return model;
}

it('tells counts, ports, operators and layers, subgraphs included', async () => {
	const facts = await about(smallModel());
	expect(facts).toMatchObject({
		fileName: 'model.onnx',
		byteLength: 1000,
		irVersion: 10,
		producer: 'seeds 1',
		parameters: 4 * 3 + 3,
		weightBytes: (4 * 3 + 3) * 4,
		macs: 12,
		nodeCount: 4,
		inputs: [
			{ name: 'x', type: 'float32[batch, 4]', dtype: 'float32', shape: ['batch', 4] },
			{ name: 'flag', type: 'bool[]', dtype: 'bool', shape: [] },
		],
		outputs: [{ name: 'y', shape: ['batch', 3] }],
		missingData: [],
		warnings: [],
		metadata: { author: 'nobody' },
	});
	expect(Object.fromEntries(facts.operators.map(({ op, count }) => [op, count]))).toEqual({ MatMul: 1, If: 1, Add: 1, Sub: 1 });
	expect(facts.opsets).toEqual([
		{ domain: '', version: 21 },
		{ domain: 'com.microsoft', version: 1 },
	]);
	expect(facts.layers[0]).toMatchObject({ tensor: 'weight', op: 'MatMul', node: 'dense', dims: [4, 3], byteLength: 48 });
	expect(JSON.parse(JSON.stringify(facts))).toEqual(facts);
});

describe('whose weights they are', () => {
	it.each([[[]], [['Identity']], [['Cast', 'Transpose']]])('through %j', async (ops) => {
		const facts = await about(through(ops as string[]));
		expect(facts.layers[0]).toMatchObject({ tensor: 'w', node: 'dense', op: 'MatMul' });
		expect(facts.operators.find(({ op }) => op === 'MatMul')?.parameterBytes).toBe(32 * 16 * 4);
	});

	it('weights in Constant nodes count as weights', async () => {
		const model = through([]);
		const { graph } = model;
		const constant = graph.prepend(
			graph.createNode({ op: 'Constant', inputs: [], outputs: ['c'], attributes: { value: attribute.tensor(zeros(32, 16)) } }),
		);
		const dense = [...graph.nodes()].at(-1);
		dense?.setInput(1, constant.output());
		const facts = await about(model);
		expect(facts.layers.find(({ tensor }) => tensor === 'c')).toMatchObject({ node: 'dense', op: 'MatMul' });
		expect(facts.operators.find(({ op }) => op === 'Constant')?.parameterBytes).toBe(0);
		// The initializer is stored still, though nothing reads it.
		expect(facts.parameters).toBe(2 * 32 * 16);
		expect(facts.layers.find(({ tensor }) => tensor === 'w')).toMatchObject({ op: '' });
	});
});

describe('warnings', () => {
	const one = async (change: (model: Model) => void): Promise<readonly string[]> => {
		const model = through([]);
		change(model);
		return (await about(model)).warnings;
	};

	it('old and new operator sets', async () => {
		expect(await one((model) => model.setOpset('', 6))).toEqual([expect.stringContaining('older than 7')]);
		expect(await one((model) => model.setOpset('', 99))).toEqual([expect.stringContaining('newer than')]);
	});

	it('operators that the runtime does not have, unless the model brings them', async () => {
		const warnings = await one((model) => {
			model.setOpset('test.custom', 1);
			const { graph } = model;
			graph.append(graph.createNode({ op: 'Strange', domain: 'test.custom', inputs: [], outputs: ['s'] }));
		});
		expect(warnings).toEqual([expect.stringContaining('test.custom.Strange')]);
	});

	it('float64 weights, weights that callers may replace, quantized places', async () => {
		const model = through([], memoryTensor('float64', [32, 16], new Float64Array(512)) as TensorRef);
		expect((await about(model)).warnings).toEqual([expect.stringContaining('float64')]);
		expect(await one(({ graph }) => graph.listAsInput([...graph.initializers][0]!))).toEqual([
			expect.stringContaining('1 weights are inputs too'),
		]);
		const quantized = through(['DequantizeLinear']);
		expect((await about(quantized)).warnings).toEqual([expect.stringContaining('quantized already')]);
	});

	it('a Loop, and what the reader found', async () => {
		const facts = await summarize(await readModel(memorySource(await endlessLoop())), { fileName: 'loop.onnx', byteLength: 500 });
		expect(facts.warnings.some((warning) => /Loop/.test(warning))).toBe(true);
		expect(await one((model) => model.readProblems.push({ message: 'Something is twice', where: 'here' }))).toEqual([
			'The file breaks a rule of ONNX: Something is twice (here).',
		]);
	});
});

it('names external files that are not here, and needs none of them', async () => {
	const sink = { bytes: [] as Uint8Array[], write: async (part: Uint8Array) => void sink.bytes.push(part.slice()) };
	const weights = { write: async () => {} };
	await writeModel(through([], zeros(64, 64)), sink, { externalData: 'always', baseName: 'm', externalSink: weights });
	const facts = await about(await readModel(memorySource(new Uint8Array(Buffer.concat(sink.bytes)))));
	expect(facts.missingData).toEqual(['m.data']);
	expect(facts.parameters).toBe(64 * 64);
});

it('keeps lists short and foreign texts bounded', async () => {
	const model = through([]);
	for (let i = 0; i < 300; i++) {
		model.graph.addInitializer(`w${i}`, zeros(4, 4));
		model.metadata.set(`key ${i}`.padEnd(500, '.'), 'v'.repeat(5000));
	}
	model.producerName = 'p'.repeat(5000);
	const facts = await about(model);
	expect(facts.layers).toHaveLength(200);
	expect(Object.keys(facts.metadata)).toHaveLength(50);
	expect(Math.max(...Object.entries(facts.metadata).map(([key, value]) => key.length + value.length))).toBeLessThanOrEqual(2200);
	expect(facts.producer.length).toBeLessThanOrEqual(200);
});

it('reads no weight', async () => {
	let reads = 0;
	const count = async (): Promise<Uint8Array> => {
		reads += 1;
		return new Uint8Array(32 * 16 * 4);
	};
	await about(through([], { ...float32Tensor([]), dims: [32, 16], byteLength: 32 * 16 * 4, bytes: count, read: count }));
	expect(reads).toBe(0);
});

const shared = sharedModels();
if (shared.length === 0) console.log('The shared models are not here: their facts are not looked at.');

it.skipIf(shared.length === 0).each([
	['mnist-8.onnx', 5998, 'float32[1, 1, 28, 28]'],
	['minilm-l6-v2.onnx', 22_566_050, 'int64['],
	['efficientnet-lite0.onnx', 4_631_290, 'float32['],
	['silero-vad.onnx', 545_597, 'float32['],
])('%s', async (name, parameters, input) => {
	const bytes = await readFile(join(process.cwd(), '..', 'shared', 'models', name));
	const facts = await summarize(await readModel(memorySource(bytes)), { fileName: name, byteLength: bytes.byteLength });
	// As the onnx package counts initializers and Constant tensors of all graphs.
	expect(facts.parameters).toBe(parameters);
	expect(facts.inputs[0]?.type.startsWith(input)).toBe(true);
	expect(facts.weightBytes).toBeLessThanOrEqual(bytes.byteLength);
	expect(facts.weightBytes / bytes.byteLength).toBeGreaterThan(0.85);
});
