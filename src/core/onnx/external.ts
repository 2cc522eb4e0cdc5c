import type { ByteSource } from '../bytes/source.ts';
import type { Model } from '../ir/model.ts';
import { allGraphs } from '../ir/model.ts';
import { isSparse, type SparseTensorRef, type TensorRef } from '../ir/tensor.ts';
import { Malformed, MissingData } from './errors.ts';
import { type ExternalReference, type Storage, StoredTensor } from './stored-tensor.ts';

/** Finds the bytes of an external data file by the name that the model gives it; undefined where it is not there. */
export type ExternalLookup = (location: string) => ByteSource | undefined;

/** A file given together with a model: the name it was given under, folders included where the giver knows them. */
export interface NamedSource {
	readonly name: string;
	readonly source: ByteSource;
}

/**
 * Looks files up by the very name in the model, or else by its last part where just one given file has that. Names are
 * compared, never resolved: a location such as ../../etc/passwd can only ever match a given file of that name.
 */
export function externalFiles(files: readonly NamedSource[]): ExternalLookup {
	const byName = new Map<string, ByteSource>();
	const byBase = new Map<string, ByteSource | null>();
	for (const { name, source } of files) {
		byName.set(name, source);
		const base = baseName(name);
		byBase.set(base, byBase.has(base) ? null : source);
	}
	return (location) => byName.get(location) ?? byBase.get(baseName(location)) ?? undefined;
}

function baseName(name: string): string {
	return name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
}

/** Keys of external_data that ONNX defines; others are refused, as the reference implementation does. */
const KEYS: ReadonlySet<string> = new Set(['location', 'offset', 'length', 'checksum', 'basepath']);

/**
 * Reads external_data entries. Keys are those of onnx.proto3, integers are plain non-negative decimals. `expected` is what
 * dtype and dims ask for. The checksum is not compared: it covers the whole file, which is never read as a whole.
 */
export function parseExternal(entries: readonly (readonly [string, string])[], expected: number, where: string): ExternalReference {
	const seen = new Map<string, string>();
	for (const [key, value] of entries) {
		if (!KEYS.has(key)) throw new Malformed(`external_data has the key "${key.slice(0, 80)}", which ONNX does not define.`, where);
		if (seen.has(key)) throw new Malformed(`external_data gives ${key} twice.`, where);
		seen.set(key, value);
	}
	const location = seen.get('location');
	if (!location) throw new Malformed('external_data does not name a file.', where);
	const offset = integer(seen.get('offset'), 'offset', where) ?? 0;
	const length = integer(seen.get('length'), 'length', where) ?? expected;
	if (length !== expected) {
		throw new Malformed(`The tensor takes ${expected} bytes, but its external_data says ${length}.`, where);
	}
	return { location, offset, length };
}

function integer(text: string | undefined, key: string, where: string): number | undefined {
	if (text === undefined) return undefined;
	const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
	if (!Number.isSafeInteger(value)) {
		throw new Malformed(`external_data has the ${key} "${text.slice(0, 40)}", which is not a non-negative integer.`, where);
	}
	return value;
}

/** Where an external tensor's bytes are; refuses a range that the file does not have. */
export function openExternal(reference: ExternalReference, lookup: ExternalLookup | undefined, where: string): Storage {
	const source = lookup?.(reference.location);
	if (!source) return { kind: 'missing', location: reference.location };
	if (reference.offset + reference.length > source.size) {
		throw new MissingData(
			`The file "${reference.location}" has ${source.size} bytes, but the model expects weights at ${reference.offset}..${reference.offset + reference.length}. It is cut short or belongs to another model; fetch it again.`,
			[reference.location],
			where,
		);
	}
	return { kind: 'run', source, at: reference.offset, bytes: undefined };
}

/** Every tensor of the model: initializers and tensors in attributes, in all graphs. */
export function* allTensors(model: Model): IterableIterator<TensorRef> {
	for (const graph of allGraphs(model)) {
		for (const value of graph.initializers) if (value.initializer) yield* parts(value.initializer);
		for (const node of graph.nodes()) {
			for (const attr of node.attributes.values()) {
				if (attr.kind === 'tensor' || attr.kind === 'sparseTensor') yield* parts(attr.value);
				else if (attr.kind === 'tensors' || attr.kind === 'sparseTensors') for (const tensor of attr.value) yield* parts(tensor);
			}
		}
	}
}

function* parts(tensor: TensorRef | SparseTensorRef): IterableIterator<TensorRef> {
	if (isSparse(tensor)) {
		yield tensor.values;
		yield tensor.indices;
	} else yield tensor;
}

/** Names of external data files that were not given, each once, in file order. Read again with them to use their weights. */
export function missingExternalData(model: Model): string[] {
	const names = new Set<string>();
	for (const tensor of allTensors(model)) {
		if (tensor instanceof StoredTensor && tensor.storage.kind === 'missing') names.add(tensor.storage.location);
	}
	return [...names];
}

/** Names of all external data files that the model as read refers to. */
export function externalLocations(model: Model): string[] {
	const names = new Set<string>();
	for (const tensor of allTensors(model)) if (tensor instanceof StoredTensor && tensor.external) names.add(tensor.external.location);
	return [...names];
}
