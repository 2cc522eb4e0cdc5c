import { attribute } from '../ir/attribute.ts';
import { type DType, elementCount, packedByteLength } from '../ir/dtype.ts';
import { Graph } from '../ir/graph.ts';
import { Model } from '../ir/model.ts';
import { float32Tensor, int64Tensor, memoryTensor, type TensorRef } from '../ir/tensor.ts';
import { tensorType } from '../ir/type.ts';
import type { FuzzSeed } from './fuzz.testkit.ts';
import { constantOfShapeBomb, endlessLoop, rawModel } from './hostile.testkit.ts';
import { serialize } from './write.ts';

/** Bytes 1, 2, 3 … of a tensor. */
export function countingTensor(dtype: DType, dims: readonly number[]): TensorRef {
	const bytes = new Uint8Array(packedByteLength(dtype, elementCount(dims)));
	return memoryTensor(
		dtype,
		dims,
		bytes.map((_, index) => index + 1),
	);
}

/** A MatMul with bias and an If with captured values: the shapes that most models are made of. */
export function smallModel(): Model {
	const model = new Model(undefined, 'small');
	model.irVersion = 10;
	model.producerName = 'seeds';
	model.producerVersion = '1';
	model.docString = 'A model for tests.';
	model.metadata.set('author', 'nobody');
	model.setOpset('', 21);
	model.setOpset('com.microsoft', 1);
	const { graph } = model;
	const x = graph.addInput('x', tensorType('float32', ['batch', 4]));
	const flag = graph.addInput('flag', tensorType('bool', []));
	const weight = graph.addInitializer('weight', countingTensor('float32', [4, 3]));
	const bias = graph.addInitializer('bias', float32Tensor([0.5, -1, 2]));
	const product = graph.append(graph.createNode({ op: 'MatMul', name: 'dense', inputs: [x, weight], outputs: ['product'] })).output();
	product.type = tensorType('float32', ['batch', 3]);
	const branch = (name: string, op: string): Graph => {
		const body = new Graph(model.ledger, name);
		const node = body.append(body.createNode({ op, name: `${name}_${op}`, inputs: [product, bias], outputs: [`${name}_y`] }));
		node.output().type = tensorType('float32', ['batch', 3]);
		body.setOutputs([node.output()]);
		return body;
	};
	const chosen = graph.append(
		graph.createNode({
			op: 'If',
			inputs: [flag],
			outputs: ['y'],
			attributes: { then_branch: attribute.graph(branch('then', 'Add')), else_branch: attribute.graph(branch('else', 'Sub')) },
		}),
	);
	chosen.output().type = tensorType('float32', ['batch', 3]);
	graph.setOutputs([chosen.output()]);
	return model;
}

/** One initializer of each element type, a Constant of each attribute kind, an operator of a custom domain. */
export function typesModel(): Model {
	const model = new Model(undefined, 'types');
	model.irVersion = 14;
	model.setOpset('', 25);
	model.setOpset('test.custom', 1);
	const { graph } = model;
	const types: DType[] = [
		'float32',
		'uint8',
		'int8',
		'uint16',
		'int16',
		'int32',
		'int64',
		'bool',
		'float16',
		'float64',
		'uint32',
		'uint64',
		'complex64',
	];
	types.push(
		'complex128',
		'bfloat16',
		'float8e4m3fn',
		'float8e4m3fnuz',
		'float8e5m2',
		'float8e5m2fnuz',
		'uint4',
		'int4',
		'float4e2m1',
		'float8e8m0',
	);
	types.push('uint2', 'int2', 'float6e2m3', 'float6e3m2');
	const values = types.map((dtype) => graph.addInitializer(`of_${dtype}`, countingTensor(dtype, [5])));
	const node = graph.append(
		graph.createNode({
			op: 'Everything',
			domain: 'test.custom',
			inputs: values,
			outputs: ['y'],
			attributes: {
				a_float: attribute.float(1.5),
				a_int: attribute.int(-3),
				a_string: attribute.string('text'),
				a_tensor: attribute.tensor(int64Tensor([1, 2, 3])),
				some_floats: attribute.floats([1, 2.5]),
				some_ints: attribute.ints([1, -1, 2 ** 40]),
				some_strings: { kind: 'strings', value: [new Uint8Array([104, 105]), new Uint8Array(0)] },
				a_type: { kind: 'type', value: { kind: 'sequence', element: tensorType('float32', [null, 'n', 3]) } },
			},
		}),
	);
	node.output().type = { kind: 'map', key: 'int64', value: tensorType('float32', null) };
	graph.setOutputs([node.output()]);
	return model;
}

/** Typed data fields, packed and not, strings, a sparse initializer and a quantization annotation. */
export function typedFieldsModel(): Uint8Array {
	return rawModel((graph) => {
		const tensor = (field: number, name: string, dataType: number, fill: () => void): void =>
			graph.message(field, () => {
				graph.int(1, 3);
				graph.int(2, dataType);
				fill();
				graph.string(8, name);
			});
		tensor(5, 'floats', 1, () => graph.bytesField(4, new Uint8Array(new Float32Array([1, 2, 3]).buffer)));
		tensor(5, 'unpacked', 1, () => {
			for (const value of [1, 2, 3]) graph.float(4, value);
		});
		tensor(5, 'ints', 6, () => graph.bytesField(5, Uint8Array.of(1, 0xac, 2, 3)));
		tensor(5, 'halves', 10, () => {
			for (const value of [0x3c00, 0x4000, 0x4200]) graph.int(5, value);
		});
		tensor(5, 'longs', 7, () => {
			for (const value of [1n, -1n, 2n ** 62n]) graph.int(7, value);
		});
		tensor(5, 'texts', 8, () => {
			for (const text of ['a', '', 'bc']) graph.string(6, text);
		});
		graph.message(15, () => {
			tensor(1, 'sparse', 1, () => graph.bytesField(9, new Uint8Array(12)));
			tensor(2, '', 7, () => graph.bytesField(7, Uint8Array.of(0, 2, 5)));
			graph.int(3, 8);
		});
		graph.message(14, () => graph.string(1, 'floats'));
	});
}

/** Small models that between them use every part of the format. */
export async function seedModels(): Promise<FuzzSeed[]> {
	return [
		{ name: 'small', bytes: await serialize(smallModel()) },
		{ name: 'types', bytes: await serialize(typesModel()) },
		{ name: 'typed fields', bytes: typedFieldsModel() },
		{ name: 'loop', bytes: await endlessLoop() },
		{ name: 'bomb', bytes: await constantOfShapeBomb() },
	];
}
