import { Gunzip } from 'fflate';
import { type ByteSource, memorySource } from '../core/bytes/source.ts';
import type { DType } from '../core/ir/dtype.ts';
import { elementCount } from '../core/ir/dtype.ts';
import type { TensorData } from '../core/ir/tensor-data.ts';
import { DataError } from './errors.ts';
import type { StoredArray } from './npy.ts';
import { crc32 } from './zip.ts';

const elements: Readonly<Record<number, readonly [DType, number]>> = {
	8: ['uint8', 1],
	9: ['int8', 1],
	11: ['int16', 2],
	12: ['int32', 4],
	13: ['float32', 4],
	14: ['float64', 8],
};

export function looksLikeIdx(bytes: Uint8Array): boolean {
	return bytes[0] === 0 && bytes[1] === 0 && elements[bytes[2] ?? 0] !== undefined && (bytes[3] ?? 0) >= 1 && (bytes[3] ?? 0) <= 4;
}

export function looksLikeGzip(bytes: Uint8Array): boolean {
	return bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

/**
 * Opens an IDX file, the format of MNIST (two zero bytes, element type, axes, big-endian sizes, big-endian elements).
 * Throws DataError.
 */
export async function openIdx(source: ByteSource, name: string): Promise<StoredArray> {
	const head = await source.read(0, Math.min(20, source.size));
	if (!looksLikeIdx(head)) throw new DataError('malformed', 'The file does not start as an IDX file does.', name);
	const [dtype, bytes] = elements[head[2] as number] as readonly [DType, number];
	const axes = head[3] as number;
	if (head.length < 4 + 4 * axes) throw new DataError('malformed', 'The header is cut short.', name);
	const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
	const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
	const start = 4 + 4 * axes;
	const count = elementCount(shape);
	if (shape.includes(0)) throw new DataError('empty', `The file says that it holds ${shape.join(' x ')} elements.`, name);
	if (!Number.isSafeInteger(count) || start + count * bytes > source.size) {
		throw new DataError('malformed', `The file claims ${shape.join(' x ')} elements and is too short for them.`, name);
	}
	return {
		dtype,
		shape,
		read: async (at, length) => {
			const stored = await source.read(start + at * bytes, length * bytes);
			return decode(dtype, bytes, stored.slice());
		},
	};
}

function decode(dtype: DType, bytes: number, data: Uint8Array<ArrayBuffer>): TensorData['data'] {
	if (bytes > 1) for (let at = 0; at < data.length; at += bytes) data.subarray(at, at + bytes).reverse();
	switch (dtype) {
		case 'int8':
			return new Int8Array(data.buffer);
		case 'int16':
			return new Int16Array(data.buffer);
		case 'int32':
			return new Int32Array(data.buffer);
		case 'float32':
			return new Float32Array(data.buffer);
		case 'float64':
			return new Float64Array(data.buffer);
		default:
			return data;
	}
}

/** Inflated over packed bytes of a file that unpacks to more than 64 MB: real data stays far below, a bomb of zeros reaches 1,000. */
const mostRatio = 200;

/** Unpacks a gzip file, up to `limitBytes`. Throws DataError: malformed, limit. */
export async function gunzip(source: ByteSource, name: string, limitBytes = 1e9): Promise<ByteSource> {
	const chunks: Uint8Array[] = [];
	let size = 0;
	const bomb = (): boolean => size > 64e6 && size > mostRatio * source.size;
	const unpacker = new Gunzip((chunk) => {
		size += chunk.length;
		if (size <= limitBytes && !bomb()) chunks.push(chunk);
	});
	let members = 1;
	unpacker.onmember = () => {
		members += 1;
	};
	const piece = 1 << 16;
	try {
		for (let at = 0; at < source.size; at += piece) {
			const length = Math.min(piece, source.size - at);
			unpacker.push((await source.read(at, length)).slice(), at + length === source.size);
			if (size > limitBytes || bomb()) break;
		}
	} catch {
		throw new DataError('malformed', 'The gzip file is damaged and cannot be unpacked.', name);
	}
	if (size > limitBytes) throw new DataError('limit', `The file unpacks to more than ${(limitBytes / 1e9).toFixed(1)} GB.`, name);
	if (bomb()) throw new DataError('limit', `The file unpacks to more than ${mostRatio} times its size: it looks like a bomb.`, name);
	const bytes = new Uint8Array(size);
	let at = 0;
	for (const chunk of chunks) {
		bytes.set(chunk, at);
		at += chunk.length;
	}
	// The end of a file of one piece states its checksum and its size (RFC 1952, 2.3.1): damage inside often unpacks to something.
	if (members === 1) {
		const tail = await source.read(Math.max(0, source.size - 8), Math.min(8, source.size));
		const stated = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
		if (tail.length < 8 || stated.getUint32(4, true) !== size || stated.getUint32(0, true) !== crc32(bytes)) {
			throw new DataError('malformed', 'The gzip file is damaged: its checksum is wrong.', name, 'Copy or download it again.');
		}
	}
	return memorySource(bytes);
}
