import { type DType, dtypeFromCode } from '../ir/dtype.ts';
import type { Dim, ValueType } from '../ir/type.ts';
import type { Cursor } from './cursor.ts';
import { DimensionField, TypeField, ValueInfoField, WireType } from './fields.ts';
import { joinUnknown, type ValueInfoRecord } from './records.ts';

/**
 * Bytes of TypeProtos that say more than ValueType holds (denotations, unknown fields). A type object that no pass replaced
 * is written from them, so nothing of it is lost.
 */
const originals = new WeakMap<ValueType, Uint8Array>();

/** The TypeProto that a type was read from, where it says more than the type; undefined elsewhere. */
export function originalType(type: ValueType): Uint8Array | undefined {
	return originals.get(type);
}

/** Decodes the TypeProto that the cursor stands in. */
export function decodeType(cursor: Cursor): ValueType {
	const start = cursor.mark();
	let type: ValueType | undefined;
	/** Whether the bytes say something that `type` cannot. */
	let more = false;
	while (cursor.more) {
		const tag = cursor.tag();
		const kind = (tag & 7) === WireType.bytes ? tag >>> 3 : 0;
		if (type && kind !== TypeField.denotation) more = true;
		switch (kind) {
			case TypeField.tensor_type:
			case TypeField.sparse_tensor_type: {
				const name = kind === TypeField.tensor_type ? 'tensor_type' : 'sparse_tensor_type';
				const tensor = cursor.message(name, -1, decodeTensorType);
				more ||= tensor.more;
				type = tensor.dtype && { kind: kind === TypeField.tensor_type ? 'tensor' : 'sparse', dtype: tensor.dtype, shape: tensor.shape };
				break;
			}
			case TypeField.sequence_type:
			case TypeField.optional_type: {
				const name = kind === TypeField.sequence_type ? 'sequence_type' : 'optional_type';
				const element = cursor.message(name, -1, decodeElement);
				more ||= element.more;
				type = { kind: kind === TypeField.sequence_type ? 'sequence' : 'optional', element: element.type };
				break;
			}
			case TypeField.map_type: {
				const map = cursor.message('map_type', -1, decodeMap);
				more ||= map.more;
				type = map.key && { kind: 'map', key: map.key, value: map.value };
				break;
			}
			default:
				more = true;
				cursor.unknown(tag);
		}
	}
	const raw = cursor.regionFrom(start).bytes ?? new Uint8Array(0);
	if (!type) return { kind: 'opaque', raw: raw.slice() };
	if (more) originals.set(type, raw.slice());
	return type;
}

interface TensorTypeParts {
	readonly dtype: DType | undefined;
	readonly shape: Dim[] | null;
	readonly more: boolean;
}

/** TypeProto.Tensor and TypeProto.SparseTensor: elem_type 1, shape 2. */
function decodeTensorType(cursor: Cursor): TensorTypeParts {
	let dtype: DType | undefined;
	let shape: Dim[] | null = null;
	let more = false;
	while (cursor.more) {
		const tag = cursor.tag();
		if (tag === 8) dtype = dtypeFromCode(cursor.int32());
		else if (tag === 18) {
			const dims: Dim[] = shape ?? [];
			shape = dims;
			more = cursor.message('shape', -1, (inner) => decodeShape(inner, dims)) || more;
		} else {
			more = true;
			cursor.unknown(tag);
		}
	}
	return { dtype, shape, more };
}

/** TensorShapeProto: dim 1. Gives whether it says more than the dims. */
function decodeShape(cursor: Cursor, dims: Dim[]): boolean {
	let more = false;
	while (cursor.more) {
		const tag = cursor.tag();
		if (tag === 10) {
			const { dim, more: extra } = cursor.message('dim', dims.length, decodeDimension);
			dims.push(dim);
			more ||= extra;
		} else {
			more = true;
			cursor.unknown(tag);
		}
	}
	return more;
}

/** Sizes below zero and beyond 2^53 and empty symbols mean nothing that a pass could use: they are unknown dimensions. */
function decodeDimension(cursor: Cursor): { dim: Dim; more: boolean } {
	let dim: Dim = null;
	let more = false;
	while (cursor.more) {
		const tag = cursor.tag();
		if (tag === DimensionField.dim_value * 8) {
			more ||= dim !== null;
			const value = cursor.int64();
			const usable = value >= 0n && value <= 9007199254740991n;
			dim = usable ? Number(value) : null;
			more ||= !usable;
		} else if (tag === DimensionField.dim_param * 8 + WireType.bytes) {
			more ||= dim !== null;
			const symbol = cursor.name();
			dim = symbol || null;
			more ||= symbol === '';
		} else {
			more = true;
			cursor.unknown(tag);
		}
	}
	return { dim, more };
}

/** TypeProto.Sequence and TypeProto.Optional: elem_type 1. */
function decodeElement(cursor: Cursor): { type: ValueType | undefined; more: boolean } {
	let type: ValueType | undefined;
	let more = false;
	while (cursor.more) {
		const tag = cursor.tag();
		if (tag === 10) {
			more ||= type !== undefined;
			type = cursor.message('elem_type', -1, decodeType);
			more ||= originals.has(type);
		} else {
			more = true;
			cursor.unknown(tag);
		}
	}
	return { type, more };
}

/** TypeProto.Map: key_type 1, value_type 2. */
function decodeMap(cursor: Cursor): { key: DType | undefined; value: ValueType | undefined; more: boolean } {
	let key: DType | undefined;
	let value: ValueType | undefined;
	let more = false;
	while (cursor.more) {
		const tag = cursor.tag();
		if (tag === 8) key = dtypeFromCode(cursor.int32());
		else if (tag === 18) {
			more ||= value !== undefined;
			value = cursor.message('value_type', -1, decodeType);
			more ||= originals.has(value);
		} else {
			more = true;
			cursor.unknown(tag);
		}
	}
	return { key, value, more };
}

/** Decodes the ValueInfoProto that the cursor stands in. */
export function decodeValueInfo(cursor: Cursor): ValueInfoRecord {
	const start = cursor.mark();
	let name = '';
	let docString = '';
	let type: ValueType | undefined;
	const unknown: Uint8Array[] = [];
	while (cursor.more) {
		const tag = cursor.tag();
		const field = (tag & 7) === WireType.bytes ? tag >>> 3 : 0;
		if (field === ValueInfoField.name) name = cursor.name();
		else if (field === ValueInfoField.type) type = cursor.message('type', -1, decodeType);
		else if (field === ValueInfoField.doc_string) docString = cursor.text();
		else unknown.push(cursor.unknown(tag));
	}
	const raw = cursor.regionFrom(start).bytes ?? new Uint8Array(0);
	return { name, type, docString, unknown: joinUnknown(unknown), raw };
}
