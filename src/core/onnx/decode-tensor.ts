import type { ByteSource } from '../bytes/source.ts';
import { type DType, dtypeBits, dtypeFromCode } from '../ir/dtype.ts';
import type { Cursor, Region } from './cursor.ts';
import { LimitExceeded, Malformed, UnsupportedFile } from './errors.ts';
import { type ExternalLookup, openExternal, parseExternal } from './external.ts';
import { SparseField, TensorField, WireType } from './fields.ts';
import { type Chunk, chunkBytes, fixedWidth, type TypedField, typedEntries, typedFieldOf } from './payload.ts';
import { joinUnknown } from './records.ts';
import { type Storage, StoredSparseTensor, StoredTensor } from './stored-tensor.ts';

/** What decoding needs besides the bytes. */
export interface DecodeContext {
	readonly source: ByteSource;
	readonly external: ExternalLookup | undefined;
	readonly problems: { message: string; where: string }[];
}

const TYPED_FIELDS: ReadonlyMap<number, TypedField> = new Map([
	[TensorField.float_data, 'float_data'],
	[TensorField.int32_data, 'int32_data'],
	[TensorField.int64_data, 'int64_data'],
	[TensorField.double_data, 'double_data'],
	[TensorField.uint64_data, 'uint64_data'],
]);

const UNPACKED_WIRE: Readonly<Record<TypedField, number>> = {
	float_data: WireType.fixed32,
	int32_data: WireType.varint,
	int64_data: WireType.varint,
	double_data: WireType.fixed64,
	uint64_data: WireType.varint,
};

/** Fields of one TensorProto as they come. */
class TensorFields {
	readonly dims: bigint[] = [];
	dataType = 0;
	name = '';
	docString = '';
	raw: Region | undefined;
	readonly strings: Chunk[] = [];
	readonly typed = new Map<TypedField, Chunk[]>();
	readonly external: (readonly [string, string])[] = [];
	isExternal = false;
	readonly unknown: Uint8Array[] = [];
	/** The last chunk of a typed field while single elements are added to it. */
	#open: Map<TypedField, { bytes: Uint8Array; length: number; at: number }> | undefined;

	addPacked(field: TypedField, region: Region): void {
		this.closeOpen(field);
		if (region.length > 0) this.#chunks(field).push(region);
	}

	/** Single elements are gathered into one run in memory, so that a million of them are not a million objects. */
	addSingle(field: TypedField, region: Region): void {
		const element = region.bytes ?? new Uint8Array(0);
		this.#open ??= new Map();
		let open = this.#open.get(field);
		if (!open) {
			open = { bytes: new Uint8Array(64), length: 0, at: region.at };
			this.#open.set(field, open);
		}
		if (open.length + element.byteLength > open.bytes.byteLength) {
			const grown = new Uint8Array(open.bytes.byteLength * 2);
			grown.set(open.bytes);
			open.bytes = grown;
		}
		open.bytes.set(element, open.length);
		open.length += element.byteLength;
	}

	closeOpen(field: TypedField): void {
		const open = this.#open?.get(field);
		if (!open) return;
		this.#open?.delete(field);
		this.#chunks(field).push({ at: open.at, length: open.length, bytes: open.bytes.slice(0, open.length) });
	}

	/** Ends every run of single elements. */
	close(): void {
		for (const field of this.#open?.keys() ?? []) this.closeOpen(field);
	}

	#chunks(field: TypedField): Chunk[] {
		let chunks = this.typed.get(field);
		if (!chunks) {
			chunks = [];
			this.typed.set(field, chunks);
		}
		return chunks;
	}
}

/** Decodes the TensorProto that the cursor stands in. Data is located and measured, not read. */
export function decodeTensor(cursor: Cursor, context: DecodeContext): StoredTensor {
	const start = cursor.mark();
	const fields = new TensorFields();
	while (cursor.more) decodeField(cursor, fields, cursor.tag());
	fields.close();
	return assemble(fields, cursor.regionFrom(start), cursor.where, context);
}

function decodeField(cursor: Cursor, fields: TensorFields, tag: number): void {
	const wire = tag & 7;
	const field = tag >>> 3;
	const typed = TYPED_FIELDS.get(field);
	if (typed) {
		if (wire === WireType.bytes) fields.addPacked(typed, cursor.payload());
		else if (wire === UNPACKED_WIRE[typed]) fields.addSingle(typed, cursor.scalar(wire));
		else fields.unknown.push(cursor.unknown(tag));
		return;
	}
	if (field === TensorField.dims && (wire === WireType.varint || wire === WireType.bytes)) {
		cursor.int64s(wire, fields.dims);
	} else if (field === TensorField.data_type && wire === WireType.varint) {
		fields.dataType = cursor.int32();
	} else if (field === TensorField.data_location && wire === WireType.varint) {
		fields.isExternal = cursor.int32() === 1;
	} else if (wire !== WireType.bytes) {
		fields.unknown.push(cursor.unknown(tag));
	} else if (field === TensorField.name) {
		fields.name = cursor.name();
	} else if (field === TensorField.doc_string) {
		fields.docString = cursor.text();
	} else if (field === TensorField.raw_data) {
		fields.raw = cursor.payload();
	} else if (field === TensorField.string_data) {
		fields.strings.push(cursor.payload());
	} else if (field === TensorField.external_data) {
		fields.external.push(cursor.message('external_data', fields.external.length, decodeEntry));
	} else if (field === TensorField.segment) {
		throw new UnsupportedFile('The tensor is stored in segments, which no runtime reads. Write it as one tensor.', cursor.where);
	} else {
		fields.unknown.push(cursor.unknown(tag));
	}
}

/** StringStringEntryProto: key 1, value 2. */
export function decodeEntry(cursor: Cursor): readonly [string, string] {
	let key = '';
	let value = '';
	while (cursor.more) {
		const tag = cursor.tag();
		if (tag === 10) key = cursor.name();
		else if (tag === 18) value = cursor.text();
		else cursor.unknown(tag);
	}
	return [key, value];
}

function assemble(fields: TensorFields, message: Region, path: string, context: DecodeContext): StoredTensor {
	const where = fields.name ? `${path} "${fields.name.slice(0, 120)}"` : path;
	const dtype = dtypeFromCode(fields.dataType);
	if (!dtype) {
		if (fields.dataType === 0) throw new Malformed('The tensor does not say its element type.', where);
		throw new UnsupportedFile(`The tensor has element type ${fields.dataType}, which this version does not know.`, where);
	}
	const { dims, byteLength } = shapeOf(fields.dims, dtype, where);
	const external = fields.isExternal ? parseExternal(fields.external, byteLength, where) : undefined;
	const storage = locate(fields, dtype, dims, byteLength, where, context, external);
	return new StoredTensor({
		dtype,
		dims,
		byteLength,
		name: fields.name,
		storage,
		modelSource: context.source,
		message,
		external,
		docString: fields.docString,
		unknown: joinUnknown(fields.unknown),
		where,
	});
}

/** Dimensions as numbers, with the product checked in integers that cannot overflow. */
function shapeOf(stored: readonly bigint[], dtype: DType, where: string): { dims: number[]; byteLength: number } {
	let count = 1n;
	for (const dim of stored) {
		if (dim < 0n) throw new Malformed(`The tensor has the dimension ${dim}.`, where);
		if (dim > BigInt(Number.MAX_SAFE_INTEGER)) throw new LimitExceeded(`The tensor has the dimension ${dim}.`, where);
		count *= dim;
	}
	const byteLength = (count * BigInt(dtypeBits(dtype)) + 7n) / 8n;
	if (byteLength > BigInt(Number.MAX_SAFE_INTEGER) || count > BigInt(Number.MAX_SAFE_INTEGER)) {
		throw new LimitExceeded(`The tensor claims ${count} elements.`, where);
	}
	return { dims: stored.map(Number), byteLength: Number(byteLength) };
}

/** Finds the data and compares its size with what dtype and dims ask for: declared bytes are never believed. */
function locate(
	fields: TensorFields,
	dtype: DType,
	dims: readonly number[],
	byteLength: number,
	where: string,
	context: DecodeContext,
	external: ReturnType<typeof parseExternal> | undefined,
): Storage {
	const { source } = context;
	if (external) {
		if (dtype === 'string') throw new UnsupportedFile('A tensor of strings cannot be stored as external data.', where);
		return openExternal(external, context.external, where);
	}
	if (dtype === 'string') {
		const expected = dims.reduce((product, dim) => product * dim, 1);
		if (fields.strings.length !== expected) {
			throw new Malformed(`The tensor has ${fields.strings.length} strings where its shape asks for ${expected}.`, where);
		}
		return { kind: 'strings', source, chunks: fields.strings };
	}
	const { raw } = fields;
	if (raw) {
		if (raw.length !== byteLength) throw wrongSize(raw.length, dtype, dims, byteLength, where);
		return { kind: 'run', source, at: raw.at, bytes: raw.bytes };
	}
	const field = typedFieldOf(dtype);
	const chunks = (field && fields.typed.get(field)) ?? [];
	const present = chunkBytes(chunks);
	const entries = typedEntries(dtype, dims);
	const width = field && fixedWidth(field);
	if (!field || width === undefined) {
		if (present < entries || present > entries * 10) throw wrongSize(present, dtype, dims, byteLength, where);
		return { kind: 'typed', source, field: field ?? 'int32_data', chunks };
	}
	if (present !== byteLength) throw wrongSize(present, dtype, dims, byteLength, where);
	const only = chunks[0];
	if (chunks.length <= 1) return { kind: 'run', source, at: only?.at ?? 0, bytes: only ? only.bytes : new Uint8Array(0) };
	return { kind: 'typed', source, field, chunks };
}

function wrongSize(present: number, dtype: DType, dims: readonly number[], byteLength: number, where: string): Malformed {
	return new Malformed(
		`The tensor is ${dtype} [${dims.join(', ')}], which takes ${byteLength} bytes, but ${present} bytes of data are there. The file is damaged or was written wrongly; export it again.`,
		where,
	);
}

/** Decodes the SparseTensorProto that the cursor stands in. */
export function decodeSparse(cursor: Cursor, context: DecodeContext): StoredSparseTensor {
	const start = cursor.mark();
	const dims: bigint[] = [];
	const unknown: Uint8Array[] = [];
	let values: StoredTensor | undefined;
	let indices: StoredTensor | undefined;
	while (cursor.more) {
		const tag = cursor.tag();
		const field = tag >>> 3;
		const wire = tag & 7;
		if (field === SparseField.values && wire === WireType.bytes) {
			values = cursor.message('values', -1, (inner) => decodeTensor(inner, context));
		} else if (field === SparseField.indices && wire === WireType.bytes) {
			indices = cursor.message('indices', -1, (inner) => decodeTensor(inner, context));
		} else if (field === SparseField.dims && (wire === WireType.varint || wire === WireType.bytes)) {
			cursor.int64s(wire, dims);
		} else unknown.push(cursor.unknown(tag));
	}
	const where = cursor.where;
	if (!values || !indices) throw new Malformed('A sparse tensor has no values or no indices.', where);
	const shape = shapeOf(dims, values.dtype, where).dims;
	return new StoredSparseTensor(values, indices, shape, values.name, cursor.regionFrom(start), joinUnknown(unknown));
}
