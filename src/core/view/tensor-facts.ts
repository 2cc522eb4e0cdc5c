import { elementCount } from '../ir/dtype.ts';
import { isSparse, type SparseTensorRef, type TensorRef } from '../ir/tensor.ts';
import { decodeBfloat16 } from '../numeric/bfloat16.ts';
import { decodeFloat16 } from '../numeric/float16.ts';

/** What the numbers of a stored tensor look like. */
export interface TensorFacts {
	readonly dtype: string;
	readonly dims: readonly number[];
	readonly n: number;
	/** Of the finite elements; NaN where there are none. */
	readonly least: number;
	readonly most: number;
	readonly mean: number;
	readonly deviation: number;
	readonly zeros: number;
	readonly nonFinite: number;
	/** Elements in equal steps from least to most. */
	readonly histogram: readonly number[];
}

const chunkElements = 1 << 18;
const bins = 64;

/**
 * Statistics of a stored tensor, read in pieces, twice. Sparse tensors: of the stored values, with the others as zeros counted. undefined
 * for text and for element types without numbers.
 */
export async function tensorFacts(tensor: TensorRef | SparseTensorRef, signal?: AbortSignal): Promise<TensorFacts | undefined> {
	const stored = isSparse(tensor) ? tensor.values : tensor;
	const n = elementCount(tensor.dims);
	const held = elementCount(stored.dims);
	if (!numeric.has(stored.dtype)) return undefined;
	let least = Number.POSITIVE_INFINITY;
	let most = Number.NEGATIVE_INFINITY;
	let sum = 0;
	let squares = 0;
	let zeros = n - held;
	let nonFinite = 0;
	const each = async (visit: (values: ArrayLike<number>) => void): Promise<void> => {
		for (let at = 0; at < held; at += chunkElements) {
			signal?.throwIfAborted();
			visit(await elements(stored, at, Math.min(chunkElements, held - at), signal));
		}
	};
	await each((values) => {
		for (let i = 0; i < values.length; i++) {
			const x = values[i] as number;
			if (!Number.isFinite(x)) {
				nonFinite += 1;
				continue;
			}
			if (x === 0) zeros += 1;
			if (x < least) least = x;
			if (x > most) most = x;
			sum += x;
			squares += x * x;
		}
	});
	const finite = n - nonFinite;
	if (n > held) {
		least = Math.min(least, 0);
		most = Math.max(most, 0);
	}
	const mean = finite === 0 ? Number.NaN : sum / finite;
	const counts = new Array<number>(bins).fill(0);
	const step = (most - least) / bins;
	const put = (x: number, times: number): void => {
		const bin = step > 0 ? Math.min(bins - 1, Math.floor((x - least) / step)) : 0;
		counts[bin] = (counts[bin] ?? 0) + times;
	};
	if (n > held) put(0, n - held);
	await each((values) => {
		for (let i = 0; i < values.length; i++) if (Number.isFinite(values[i])) put(values[i] as number, 1);
	});
	return {
		dtype: tensor.dtype,
		dims: tensor.dims,
		n,
		least: finite === 0 ? Number.NaN : least,
		most: finite === 0 ? Number.NaN : most,
		mean,
		deviation: finite === 0 ? Number.NaN : Math.sqrt(Math.max(0, squares / finite - mean * mean)),
		zeros,
		nonFinite,
		histogram: counts,
	};
}

const numeric: ReadonlySet<string> = new Set([
	'float32',
	'float64',
	'float16',
	'bfloat16',
	'int8',
	'uint8',
	'int16',
	'uint16',
	'int32',
	'uint32',
	'int64',
	'uint64',
	'bool',
	'int4',
	'uint4',
]);

async function elements(tensor: TensorRef, at: number, count: number, signal: AbortSignal | undefined): Promise<ArrayLike<number>> {
	const { dtype } = tensor;
	if (dtype === 'int4' || dtype === 'uint4') {
		// Chunks begin at an even element: two to a byte, the low half first.
		const bytes = await tensor.read(at / 2, Math.ceil(count / 2), signal);
		return Float64Array.from({ length: count }, (_, i) => {
			const code = ((bytes[i >> 1] as number) >> (i % 2 === 0 ? 0 : 4)) & 15;
			return dtype === 'int4' && code > 7 ? code - 16 : code;
		});
	}
	const size = dtype === 'float64' || dtype.endsWith('64') ? 8 : dtype.endsWith('32') ? 4 : dtype.endsWith('16') ? 2 : 1;
	const bytes = (await tensor.read(at * size, count * size, signal)).slice();
	const { buffer } = bytes;
	switch (dtype) {
		case 'float32':
			return new Float32Array(buffer);
		case 'float64':
			return new Float64Array(buffer);
		case 'float16':
			return decodeFloat16(new Uint16Array(buffer));
		case 'bfloat16':
			return decodeBfloat16(new Uint16Array(buffer));
		case 'int16':
			return new Int16Array(buffer);
		case 'uint16':
			return new Uint16Array(buffer);
		case 'int32':
			return new Int32Array(buffer);
		case 'uint32':
			return new Uint32Array(buffer);
		case 'int64':
			return Float64Array.from(new BigInt64Array(buffer), Number);
		case 'uint64':
			return Float64Array.from(new BigUint64Array(buffer), Number);
		case 'int8':
			return new Int8Array(buffer);
		default:
			return bytes;
	}
}
