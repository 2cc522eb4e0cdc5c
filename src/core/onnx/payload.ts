import { type ByteSource, memorySource } from '../bytes/source.ts';
import { type DType, dtypeBits, elementCount } from '../ir/dtype.ts';
import { Malformed } from './errors.ts';
import { WireType } from './fields.ts';

/** One field, or one element of an unpacked field, that holds tensor data. */
export interface Chunk {
	readonly at: number;
	readonly length: number;
	/** The bytes where they are held in memory. */
	readonly bytes: Uint8Array | undefined;
}

/** Fields of TensorProto with typed elements, and what one element is on the wire. */
export type TypedField = 'float_data' | 'int32_data' | 'int64_data' | 'double_data' | 'uint64_data';

const FIXED_WIDTH: Partial<Record<TypedField, number>> = { float_data: 4, double_data: 8 };

/** Which typed field holds elements of a type (onnx.proto3, comments of TensorProto). undefined for string. */
export function typedFieldOf(dtype: DType): TypedField | undefined {
	switch (dtype) {
		case 'float32':
		case 'complex64':
			return 'float_data';
		case 'float64':
		case 'complex128':
			return 'double_data';
		case 'int64':
			return 'int64_data';
		case 'uint32':
		case 'uint64':
			return 'uint64_data';
		case 'string':
			return undefined;
		default:
			return 'int32_data';
	}
}

/** Entries that the typed field must have for a tensor of this type and shape. */
export function typedEntries(dtype: DType, dims: readonly number[]): number {
	const count = elementCount(dims);
	switch (dtype) {
		case 'complex64':
		case 'complex128':
			return count * 2;
		case 'uint4':
		case 'int4':
		case 'float4e2m1':
			return Math.ceil(count / 2);
		case 'uint2':
		case 'int2':
			return Math.ceil(count / 4);
		default:
			return count;
	}
}

/** Bytes of one entry of a fixed-width typed field; undefined where entries are varints. */
export function fixedWidth(field: TypedField): number | undefined {
	return FIXED_WIDTH[field];
}

const WINDOW = 1024 * 1024;

/** Bytes of all chunks in order, in windows: what a varint decoder walks over. */
async function* windows(source: ByteSource, chunks: readonly Chunk[], signal?: AbortSignal): AsyncIterable<Uint8Array> {
	for (const chunk of chunks) {
		const part = chunk.bytes ? memorySource(chunk.bytes) : source;
		const start = chunk.bytes ? 0 : chunk.at;
		for (let at = 0; at < chunk.length; at += WINDOW) {
			signal?.throwIfAborted();
			yield await part.read(start + at, Math.min(WINDOW, chunk.length - at));
		}
	}
}

/**
 * Decodes varint entries into the packed little-endian form of raw_data: an entry gives its low bytes (int8, float16 and
 * their kin are stored as bit patterns in int32_data; 4-bit and 2-bit types one packed byte per entry; 6-bit types one element
 * per entry). Throws Malformed where entries are too few, too many or cut short.
 */
export async function decodeVarints(
	source: ByteSource,
	chunks: readonly Chunk[],
	dtype: DType,
	dims: readonly number[],
	byteLength: number,
	where: string,
	signal?: AbortSignal,
): Promise<Uint8Array> {
	const entries = typedEntries(dtype, dims);
	const sixBits = dtypeBits(dtype) === 6;
	const width = sixBits ? 1 : Math.max(1, dtypeBits(dtype) / 8);
	const out = new Uint8Array(sixBits ? entries : byteLength);
	const view = new DataView(out.buffer);
	let entry = 0;
	let low = 0;
	let high = 0;
	let count = 0;
	const fault = (what: string): Malformed => new Malformed(`Tensor data ${what}; the file is damaged.`, where);
	for await (const bytes of windows(source, chunks, signal)) {
		for (let i = 0; i < bytes.byteLength; i++) {
			const byte = bytes[i] ?? 0;
			const bits = byte & 0x7f;
			if (count < 4) low |= bits << (7 * count);
			else if (count === 4) {
				low |= bits << 28;
				high = bits >>> 4;
			} else if (count < 10) high |= bits << (7 * count - 32);
			else throw fault('has a number longer than 10 bytes');
			count += 1;
			if (byte >= 0x80) continue;
			if (entry >= entries) throw fault(`has more than the ${entries} entries of its shape`);
			const at = entry * width;
			if (width === 1) out[at] = low;
			else if (width === 2) view.setUint16(at, low & 0xffff, true);
			else {
				view.setUint32(at, low >>> 0, true);
				if (width === 8) view.setUint32(at + 4, high >>> 0, true);
			}
			entry += 1;
			low = 0;
			high = 0;
			count = 0;
		}
	}
	if (count !== 0) throw fault('ends inside a number');
	if (entry !== entries) throw fault(`has ${entry} entries where its shape asks for ${entries}`);
	return sixBits ? packSixBits(out, byteLength) : out;
}

/** Four 6-bit elements in three bytes, low bits first (onnx.proto3, raw_data). */
function packSixBits(elements: Uint8Array, byteLength: number): Uint8Array {
	const out = new Uint8Array(byteLength);
	elements.forEach((element, index) => {
		const bit = index * 6;
		const byte = bit >>> 3;
		const spread = (element & 0x3f) << (bit & 7);
		out[byte] = (out[byte] ?? 0) | (spread & 0xff);
		if (spread > 0xff) out[byte + 1] = (out[byte + 1] ?? 0) | (spread >>> 8);
	});
	return out;
}

/** Concatenates chunks of a fixed-width field that was not written as one. */
export async function joinChunks(
	source: ByteSource,
	chunks: readonly Chunk[],
	byteLength: number,
	signal?: AbortSignal,
): Promise<Uint8Array> {
	const out = new Uint8Array(byteLength);
	let at = 0;
	for await (const bytes of windows(source, chunks, signal)) {
		out.set(bytes, at);
		at += bytes.byteLength;
	}
	return out;
}

/** Payload of one unpacked element: its bytes without tag. Varints keep their wire form. */
export function chunkBytes(chunks: readonly Chunk[]): number {
	let total = 0;
	for (const chunk of chunks) total += chunk.length;
	return total;
}

/** Whether a tag of a typed field may stand: packed, or one element at a time. */
export function typedWire(field: TypedField, wire: number): boolean {
	if (wire === WireType.bytes) return true;
	if (field === 'float_data') return wire === WireType.fixed32;
	return wire === (field === 'double_data' ? WireType.fixed64 : WireType.varint);
}
