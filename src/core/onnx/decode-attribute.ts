import type { ValueType } from '../ir/type.ts';
import type { Cursor } from './cursor.ts';
import { decodeGraph } from './decode-graph.ts';
import { type DecodeContext, decodeSparse, decodeTensor } from './decode-tensor.ts';
import { decodeType } from './decode-type.ts';
import { UnsupportedFile } from './errors.ts';
import { AttributeField, AttributeType, WireType } from './fields.ts';
import { type AttributeRecord, emptyGraph, type GraphRecord, joinUnknown } from './records.ts';
import type { StoredSparseTensor, StoredTensor } from './stored-tensor.ts';

/** Fields of one AttributeProto as they come; which of them counts depends on its type, which may come last. */
class AttributeFields {
	name = '';
	docString = '';
	type = 0;
	reference = '';
	float: number | undefined;
	int: bigint | undefined;
	string: Uint8Array | undefined;
	tensor: StoredTensor | undefined;
	graph: GraphRecord | undefined;
	sparseTensor: StoredSparseTensor | undefined;
	valueType: ValueType | undefined;
	readonly floats: number[] = [];
	readonly ints: bigint[] = [];
	readonly strings: Uint8Array[] = [];
	readonly tensors: StoredTensor[] = [];
	readonly graphs: GraphRecord[] = [];
	readonly sparseTensors: StoredSparseTensor[] = [];
	readonly valueTypes: ValueType[] = [];
	readonly unknown: Uint8Array[] = [];
}

/** Decodes the AttributeProto that the cursor stands in. */
export function decodeAttribute(cursor: Cursor, context: DecodeContext): AttributeRecord {
	const start = cursor.mark();
	const fields = new AttributeFields();
	while (cursor.more) decodeField(cursor, context, fields, cursor.tag());
	const unknown = joinUnknown(fields.unknown);
	const common = { name: fields.name, docString: fields.docString };
	const type = fields.type || impliedType(fields);
	if (fields.reference) return { ...common, value: { kind: 'ref', type, value: fields.reference }, unknown };
	const value = namedValue(fields, type);
	if (value) return { ...common, value, unknown };
	const raw = cursor.regionFrom(start).bytes;
	if (!raw)
		throw new UnsupportedFile(
			`Attribute "${fields.name}" has type ${type}, which this version does not know, and holds tensors.`,
			cursor.where,
		);
	return { ...common, value: { kind: 'opaque', value: raw.slice() }, unknown: undefined };
}

function decodeField(cursor: Cursor, context: DecodeContext, fields: AttributeFields, tag: number): void {
	const wire = tag & 7;
	const field = tag >>> 3;
	if (field === AttributeField.ints && (wire === WireType.varint || wire === WireType.bytes)) {
		cursor.int64s(wire, fields.ints);
	} else if (field === AttributeField.floats && (wire === WireType.fixed32 || wire === WireType.bytes)) {
		cursor.float32s(wire, fields.floats);
	} else if (wire === WireType.varint && field === AttributeField.i) {
		fields.int = cursor.int64();
	} else if (wire === WireType.varint && field === AttributeField.type) {
		fields.type = cursor.int32();
	} else if (wire === WireType.fixed32 && field === AttributeField.f) {
		fields.float = cursor.float32();
	} else if (wire === WireType.bytes) {
		decodeBytesField(cursor, context, fields, tag, field);
	} else {
		fields.unknown.push(cursor.unknown(tag));
	}
}

function decodeBytesField(cursor: Cursor, context: DecodeContext, fields: AttributeFields, tag: number, field: number): void {
	switch (field) {
		case AttributeField.name:
			fields.name = cursor.name();
			return;
		case AttributeField.ref_attr_name:
			fields.reference = cursor.name();
			return;
		case AttributeField.doc_string:
			fields.docString = cursor.text();
			return;
		case AttributeField.s:
			fields.string = cursor.bytes().slice();
			return;
		case AttributeField.strings:
			fields.strings.push(cursor.bytes().slice());
			return;
		case AttributeField.t:
			fields.tensor = cursor.message('t', -1, (inner) => decodeTensor(inner, context));
			return;
		case AttributeField.tensors:
			fields.tensors.push(cursor.message('tensors', fields.tensors.length, (inner) => decodeTensor(inner, context)));
			return;
		case AttributeField.g: {
			const graph = fields.graph ?? emptyGraph();
			fields.graph = graph;
			cursor.message('g', -1, (inner) => decodeGraph(inner, context, graph));
			return;
		}
		case AttributeField.graphs: {
			const graph = emptyGraph();
			fields.graphs.push(graph);
			cursor.message('graphs', fields.graphs.length - 1, (inner) => decodeGraph(inner, context, graph));
			return;
		}
		case AttributeField.sparse_tensor:
			fields.sparseTensor = cursor.message('sparse_tensor', -1, (inner) => decodeSparse(inner, context));
			return;
		case AttributeField.sparse_tensors:
			fields.sparseTensors.push(cursor.message('sparse_tensors', fields.sparseTensors.length, (inner) => decodeSparse(inner, context)));
			return;
		case AttributeField.tp:
			fields.valueType = cursor.message('tp', -1, decodeType);
			return;
		case AttributeField.type_protos:
			fields.valueTypes.push(cursor.message('type_protos', fields.valueTypes.length, decodeType));
			return;
		default:
			fields.unknown.push(cursor.unknown(tag));
	}
}

/** Early exporters left the type out; the field that is there tells it (IR.md, Attributes). */
function impliedType(fields: AttributeFields): number {
	if (fields.float !== undefined) return AttributeType.float;
	if (fields.int !== undefined) return AttributeType.int;
	if (fields.string) return AttributeType.string;
	if (fields.tensor) return AttributeType.tensor;
	if (fields.graph) return AttributeType.graph;
	if (fields.sparseTensor) return AttributeType.sparseTensor;
	if (fields.valueType) return AttributeType.type;
	if (fields.floats.length > 0) return AttributeType.floats;
	if (fields.ints.length > 0) return AttributeType.ints;
	if (fields.strings.length > 0) return AttributeType.strings;
	if (fields.tensors.length > 0) return AttributeType.tensors;
	if (fields.graphs.length > 0) return AttributeType.graphs;
	if (fields.sparseTensors.length > 0) return AttributeType.sparseTensors;
	return fields.valueTypes.length > 0 ? AttributeType.types : AttributeType.undefined;
}

/** The value that the type names; scalars that proto3 writers leave out are zero. undefined: cannot be told. */
function namedValue(fields: AttributeFields, type: number): AttributeRecord['value'] | undefined {
	switch (type) {
		case AttributeType.float:
			return { kind: 'float', value: fields.float ?? 0 };
		case AttributeType.int:
			return { kind: 'int', value: fields.int ?? 0n };
		case AttributeType.string:
			return { kind: 'string', value: fields.string ?? new Uint8Array(0) };
		case AttributeType.tensor:
			return fields.tensor && { kind: 'tensor', value: fields.tensor };
		case AttributeType.graph:
			return fields.graph && { kind: 'graph', value: fields.graph };
		case AttributeType.sparseTensor:
			return fields.sparseTensor && { kind: 'sparseTensor', value: fields.sparseTensor };
		case AttributeType.type:
			return fields.valueType && { kind: 'type', value: fields.valueType };
		case AttributeType.floats:
			return { kind: 'floats', value: fields.floats };
		case AttributeType.ints:
			return { kind: 'ints', value: fields.ints };
		case AttributeType.strings:
			return { kind: 'strings', value: fields.strings };
		case AttributeType.tensors:
			return { kind: 'tensors', value: fields.tensors };
		case AttributeType.graphs:
			return { kind: 'graphs', value: fields.graphs };
		case AttributeType.sparseTensors:
			return { kind: 'sparseTensors', value: fields.sparseTensors };
		case AttributeType.types:
			return { kind: 'types', value: fields.valueTypes };
		default:
			return undefined;
	}
}
