import type { ByteSource } from '../core/bytes/source.ts';
import type { DType } from '../core/ir/dtype.ts';
import { elementCount } from '../core/ir/dtype.ts';
import type { TensorData } from '../core/ir/tensor-data.ts';
import { DataError } from './errors.ts';

/** An array at rest: its header is known, its elements are read when asked for. */
export interface StoredArray {
	readonly dtype: DType;
	readonly shape: readonly number[];
	/** `count` elements from `start`, in C order. */
	read(start: number, count: number): Promise<TensorData['data']>;
}

/** A parsed .npy header (NEP 1: magic, version, a Python dict literal of descr, fortran_order and shape). */
export interface NpyHeader {
	readonly descr: string;
	readonly fortranOrder: boolean;
	readonly shape: readonly number[];
	/** Where the elements start. */
	readonly dataAt: number;
}

const longestHeader = 1 << 20;
const mostAxes = 32;
/** Elements of an array that is turned from Fortran order, which needs all of it in memory. */
const mostTurned = 1 << 28;

export function looksLikeNpy(bytes: Uint8Array): boolean {
	return bytes[0] === 0x93 && String.fromCharCode(...bytes.subarray(1, 6)) === 'NUMPY';
}

/** Opens one .npy. Throws DataError: malformed, limit, unsupported. */
export async function openNpy(source: ByteSource, name: string): Promise<StoredArray> {
	const header = await readNpyHeader(source, name);
	const kind = elementKind(header.descr, name);
	const count = elementCount(header.shape);
	if (header.dataAt + count * kind.bytes > source.size) {
		throw new DataError(
			'malformed',
			`The array needs ${count * kind.bytes} bytes of data and the file has ${source.size - header.dataAt}: it is cut short.`,
			name,
		);
	}
	const read = async (start: number, length: number): Promise<TensorData['data']> => {
		if (start < 0 || start + length > count) throw new RangeError(`elements ${start}..${start + length} lie outside 0..${count}`);
		return decode(kind, await source.read(header.dataAt + start * kind.bytes, length * kind.bytes), length);
	};
	if (!header.fortranOrder || header.shape.length < 2) return { dtype: kind.dtype, shape: header.shape, read };
	if (count > mostTurned) {
		throw new DataError(
			'limit',
			`The array of ${count} elements is stored in Fortran order, which is read up to ${mostTurned}.`,
			name,
			'Save it with numpy.ascontiguousarray.',
		);
	}
	let turned: Promise<TensorData['data']> | undefined;
	return {
		dtype: kind.dtype,
		shape: header.shape,
		read: async (start, length) => {
			turned ??= read(0, count).then((data) => toRowMajor(data, header.shape));
			return (await turned).slice(start, start + length) as TensorData['data'];
		},
	};
}

export async function readNpyHeader(source: ByteSource, name: string): Promise<NpyHeader> {
	if (source.size < 10) throw new DataError('malformed', 'The file is too short to be a .npy array.', name);
	const head = await source.read(0, Math.min(12, source.size));
	if (!looksLikeNpy(head)) throw new DataError('malformed', 'The file does not start as a .npy array does.', name);
	const major = head[6] as number;
	if (major < 1 || major > 3) throw new DataError('unsupported', `The array has .npy version ${major}; versions 1 to 3 are read.`, name);
	const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
	if (major > 1 && head.length < 12) throw new DataError('malformed', 'The header is cut short.', name);
	const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
	const start = major === 1 ? 10 : 12;
	if (length > longestHeader) throw new DataError('limit', `The header claims ${length} bytes.`, name);
	if (start + length > source.size) throw new DataError('malformed', 'The header is cut short.', name);
	const text = new TextDecoder(major === 3 ? 'utf-8' : 'latin1').decode((await source.read(start, length)).slice());
	return { ...parseHeader(text, name), dataAt: start + length };
}

/** The few Python literals that such a header holds: strings, True and False, tuples of whole numbers. */
function parseHeader(text: string, name: string): Omit<NpyHeader, 'dataAt'> {
	let at = 0;
	const bad = (): never => {
		throw new DataError('malformed', `The header cannot be read near "${text.slice(Math.max(0, at - 10), at + 20).trim()}".`, name);
	};
	const skip = (): void => {
		while (/\s/.test(text[at] ?? '')) at += 1;
	};
	const take = (char: string): boolean => {
		skip();
		if (text[at] !== char) return false;
		at += 1;
		return true;
	};
	const expect = (char: string): void => {
		if (!take(char)) bad();
	};
	const string = (): string => {
		skip();
		const quote = text[at];
		if (quote !== "'" && quote !== '"') return bad();
		const end = text.indexOf(quote, at + 1);
		if (end < 0) return bad();
		const value = text.slice(at + 1, end);
		at = end + 1;
		return value;
	};
	const fields = new Map<string, string | boolean | number[]>();
	expect('{');
	while (!take('}')) {
		const key = string();
		expect(':');
		skip();
		if (text.startsWith('True', at) || text.startsWith('False', at)) {
			fields.set(key, text[at] === 'T');
			at += text[at] === 'T' ? 4 : 5;
		} else if (take('(')) {
			const dims: number[] = [];
			while (!take(')')) {
				skip();
				const digits = /^\d{1,16}/.exec(text.slice(at, at + 16))?.[0];
				if (!digits || dims.length >= mostAxes) return bad();
				dims.push(Number(digits));
				at += digits.length;
				// Python 2 wrote long integers.
				take('L');
				if (!take(',')) {
					expect(')');
					break;
				}
			}
			fields.set(key, dims);
		} else if (text[at] === '[') {
			throw new DataError(
				'unsupported',
				'The array is a table of records; only plain arrays are read.',
				name,
				'Save each column as an array of its own.',
			);
		} else fields.set(key, string());
		if (!take(',')) {
			expect('}');
			break;
		}
	}
	const descr = fields.get('descr');
	const fortranOrder = fields.get('fortran_order');
	const shape = fields.get('shape');
	if (typeof descr !== 'string' || typeof fortranOrder !== 'boolean' || !Array.isArray(shape)) {
		throw new DataError('malformed', 'The header lacks descr, fortran_order or shape.', name);
	}
	if (!Number.isSafeInteger(elementCount(shape)) || elementCount(shape) > 2 ** 40) {
		throw new DataError('limit', `The array claims ${shape.join(' x ')} elements.`, name);
	}
	return { descr, fortranOrder, shape };
}

interface ElementKind {
	readonly dtype: DType;
	readonly bytes: number;
	readonly swap: boolean;
	/** Text: UCS-4 or bytes. */
	readonly text?: 'U' | 'S';
}

const plain: Readonly<Record<string, readonly [DType, number]>> = {
	b1: ['bool', 1],
	u1: ['uint8', 1],
	i1: ['int8', 1],
	u2: ['uint16', 2],
	i2: ['int16', 2],
	f2: ['float16', 2],
	u4: ['uint32', 4],
	i4: ['int32', 4],
	f4: ['float32', 4],
	u8: ['uint64', 8],
	i8: ['int64', 8],
	f8: ['float64', 8],
};

function elementKind(descr: string, name: string): ElementKind {
	const order = descr[0] ?? '';
	const known = plain[descr.slice(1)];
	if (known && '<>|='.includes(order)) return { dtype: known[0], bytes: known[1], swap: order === '>' && known[1] > 1 };
	const text = /^[<>|=]([US])(\d{1,7})$/.exec(descr);
	if (text) {
		const letters = Number(text[2]);
		return { dtype: 'string', bytes: text[1] === 'U' ? letters * 4 : letters, swap: order === '>', text: text[1] as 'U' | 'S' };
	}
	if (descr === '|O') {
		throw new DataError(
			'unsupported',
			'The array holds Python objects; reading them would run code.',
			name,
			'Save it with a number type, e.g. numpy.asarray(x, dtype="float32").',
		);
	}
	throw new DataError('unsupported', `The array has element type ${descr.slice(0, 40)}, which is not read.`, name);
}

function decode(kind: ElementKind, stored: Uint8Array, count: number): TensorData['data'] {
	// Copied: what a source gives may be unaligned and must not be written to.
	const bytes = stored.slice();
	const { buffer } = bytes;
	if (kind.swap && !kind.text) for (let at = 0; at < bytes.length; at += kind.bytes) bytes.subarray(at, at + kind.bytes).reverse();
	if (kind.text) {
		const view = new DataView(buffer);
		return Array.from({ length: count }, (_, i) => {
			let text = '';
			for (let at = i * kind.bytes; at < (i + 1) * kind.bytes; at += kind.text === 'U' ? 4 : 1) {
				const point = kind.text === 'U' ? view.getUint32(at, !kind.swap) : (bytes[at] as number);
				if (point !== 0 && point <= 0x10ffff) text += String.fromCodePoint(point);
			}
			return text;
		});
	}
	switch (kind.dtype) {
		case 'int8':
			return new Int8Array(buffer);
		case 'uint16':
		case 'float16':
			return new Uint16Array(buffer);
		case 'int16':
			return new Int16Array(buffer);
		case 'int32':
			return new Int32Array(buffer);
		case 'uint32':
			return new Uint32Array(buffer);
		case 'float32':
			return new Float32Array(buffer);
		case 'float64':
			return new Float64Array(buffer);
		case 'int64':
			return new BigInt64Array(buffer);
		case 'uint64':
			return new BigUint64Array(buffer);
		default:
			return bytes;
	}
}

/** Column-major elements in row-major order. */
function toRowMajor(data: TensorData['data'], shape: readonly number[]): TensorData['data'] {
	const turned = data.slice() as unknown[] & { [index: number]: unknown };
	const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, dim) => product * dim, 1));
	const index = new Array<number>(shape.length).fill(0);
	for (let to = 0; to < data.length; to++) {
		let from = 0;
		for (let axis = 0; axis < index.length; axis++) from += (index[axis] as number) * (strides[axis] as number);
		turned[to] = data[from];
		for (let axis = index.length - 1; axis >= 0; axis--) {
			index[axis] = (index[axis] as number) + 1;
			if ((index[axis] as number) < (shape[axis] as number)) break;
			index[axis] = 0;
		}
	}
	return turned as unknown as TensorData['data'];
}
