import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { memorySource } from '../../core/bytes/source.ts';
import { elementCount } from '../../core/ir/dtype.ts';
import type { Model } from '../../core/ir/model.ts';
import { isSparse, type TensorRef } from '../../core/ir/tensor.ts';
import type { Feeds, TensorData } from '../../core/ir/tensor-data.ts';
import { seededRandom } from '../../core/numeric/random.ts';
import { readModel } from '../../core/onnx/read.ts';
import { arrayFor } from './fold/dense.ts';

/** One test of the ONNX backend corpus: a model, with recorded inputs and outputs where it has some. */
export interface BackendCase {
	readonly name: string;
	readonly path: string;
	readonly inputs: readonly (TensorData | undefined)[];
	readonly outputs: readonly (TensorData | undefined)[];
}

export function openModelFile(path: string): Promise<Model> {
	return readModel(memorySource(new Uint8Array(readFileSync(path))));
}

/** Reads the first data set beside a model; entries that are no tensors (sequences, optionals) are undefined. */
export async function backendCase(path: string): Promise<BackendCase> {
	const folder = join(dirname(path), 'test_data_set_0');
	const read = async (kind: string): Promise<(TensorData | undefined)[]> => {
		if (!existsSync(folder)) return [];
		const names = readdirSync(folder).filter((name) => name.startsWith(`${kind}_`) && name.endsWith('.pb'));
		const numbered = names.map((name) => ({ name, index: Number(/_(\d+)\.pb$/.exec(name)?.[1]) }));
		numbered.sort((a, b) => a.index - b.index);
		return Promise.all(numbered.map(({ name }) => readTensor(join(folder, name)).catch(() => undefined)));
	};
	const name = dirname(path).split('/').at(-1) ?? path;
	return { name, path, inputs: await read('input'), outputs: await read('output') };
}

/** A file with one TensorProto, read as the only initializer of a model. */
async function readTensor(path: string): Promise<TensorData | undefined> {
	const tensor = new Uint8Array(readFileSync(path));
	const graph = field(0x2a, tensor);
	const model = await readModel(memorySource(concatenated([Uint8Array.of(0x08, 0x08), field(0x3a, graph)])));
	const [value] = [...model.graph.initializers];
	const stored = value?.initializer;
	return stored && !isSparse(stored) ? tensorData(stored) : undefined;
}

async function tensorData(tensor: TensorRef): Promise<TensorData | undefined> {
	if (tensor.dtype === 'string') {
		const texts = (await tensor.strings?.()) ?? [];
		return { dtype: 'string', dims: tensor.dims, data: texts.map((text) => new TextDecoder().decode(text)) };
	}
	const data = arrayFor(tensor.dtype, elementCount(tensor.dims));
	if (!data) return undefined;
	new Uint8Array(data.buffer).set(await tensor.bytes());
	return { dtype: tensor.dtype, dims: tensor.dims, data };
}

function field(tag: number, payload: Uint8Array): Uint8Array {
	const head = [tag];
	let length = payload.length;
	while (length > 127) {
		head.push((length & 127) | 128);
		length = Math.floor(length / 128);
	}
	head.push(length);
	return concatenated([Uint8Array.from(head), payload]);
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
	const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		out.set(part, at);
		at += part.length;
	}
	return out;
}

/** Names and values of the inputs that must be fed: recorded ones, else repeatable noise. undefined where one cannot be made. */
export function feedsOf(model: Model, test: BackendCase): Feeds | undefined {
	const wanted = model.graph.inputs.filter((input) => !input.initializer);
	const feeds: Record<string, TensorData> = {};
	for (const [index, input] of model.graph.inputs.entries()) {
		const recorded = test.inputs[index];
		if (recorded) feeds[input.name] = recorded;
	}
	for (const [index, input] of wanted.entries()) {
		if (feeds[input.name]) continue;
		const { type } = input;
		if (test.inputs.length > 0 || type?.kind !== 'tensor' || !type.shape) return undefined;
		const dims = type.shape.map((dim) => (typeof dim === 'number' ? dim : 1));
		const data = arrayFor(type.dtype, elementCount(dims));
		if (!(data instanceof Float32Array)) return undefined;
		const random = seededRandom(index + 1);
		for (let at = 0; at < data.length; at++) data[at] = random.normal();
		feeds[input.name] = { dtype: type.dtype, dims, data };
	}
	return feeds;
}
