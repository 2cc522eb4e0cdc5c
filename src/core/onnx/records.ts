import type { AttributeValue } from '../ir/attribute.ts';
import type { ValueType } from '../ir/type.ts';
import type { StoredSparseTensor, StoredTensor } from './stored-tensor.ts';

/** What a file says, message by message, before names become links. Lists are mutable: protobuf lets a message come in parts. */
export interface ModelRecord {
	irVersion: bigint | undefined;
	producerName: string;
	producerVersion: string;
	domain: string;
	modelVersion: bigint;
	docString: string;
	graph: GraphRecord | undefined;
	readonly opsets: OpsetRecord[];
	readonly metadata: (readonly [string, string])[];
	readonly functions: FunctionRecord[];
	readonly unknown: Uint8Array[];
}

export interface OpsetRecord {
	readonly domain: string;
	readonly version: bigint;
}

export interface GraphRecord {
	name: string;
	docString: string;
	readonly nodes: NodeRecord[];
	readonly initializers: StoredTensor[];
	readonly sparseInitializers: StoredSparseTensor[];
	readonly inputs: ValueInfoRecord[];
	readonly outputs: ValueInfoRecord[];
	readonly valueInfos: ValueInfoRecord[];
	readonly unknown: Uint8Array[];
}

export interface NodeRecord {
	name: string;
	op: string;
	domain: string;
	overload: string;
	docString: string;
	readonly inputs: string[];
	readonly outputs: string[];
	readonly attributes: AttributeRecord[];
	readonly unknown: Uint8Array[];
}

/** An attribute whose graphs are still records. */
export interface AttributeRecord {
	readonly name: string;
	readonly docString: string;
	readonly value:
		| Exclude<AttributeValue, { kind: 'graph' | 'graphs' }>
		| { readonly kind: 'graph'; readonly value: GraphRecord }
		| { readonly kind: 'graphs'; readonly value: readonly GraphRecord[] };
	readonly unknown: Uint8Array | undefined;
}

export interface ValueInfoRecord {
	readonly name: string;
	readonly type: ValueType | undefined;
	readonly docString: string;
	readonly unknown: Uint8Array | undefined;
	/** Content of the ValueInfoProto, for entries that belong to no value and are kept as read. */
	readonly raw: Uint8Array;
}

export interface FunctionRecord {
	name: string;
	domain: string;
	overload: string;
	docString: string;
	readonly inputs: string[];
	readonly outputs: string[];
	readonly attributes: string[];
	readonly defaults: AttributeRecord[];
	readonly nodes: NodeRecord[];
	readonly opsets: OpsetRecord[];
	readonly valueInfos: ValueInfoRecord[];
	readonly unknown: Uint8Array[];
}

/** Pieces of unknown fields as one run, or undefined where there are none. */
export function joinUnknown(parts: readonly Uint8Array[]): Uint8Array | undefined {
	if (parts.length === 0) return undefined;
	if (parts.length === 1) return parts[0];
	const all = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
	let at = 0;
	for (const part of parts) {
		all.set(part, at);
		at += part.byteLength;
	}
	return all;
}

export function emptyGraph(): GraphRecord {
	return {
		name: '',
		docString: '',
		nodes: [],
		initializers: [],
		sparseInitializers: [],
		inputs: [],
		outputs: [],
		valueInfos: [],
		unknown: [],
	};
}
