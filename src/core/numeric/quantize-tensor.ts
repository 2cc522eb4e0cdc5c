import { type DType, packedByteLength } from '../ir/dtype.ts';
import type { TensorRef } from '../ir/tensor.ts';
import { decodeBfloat16 } from './bfloat16.ts';
import { float32View, uint16View } from './float-blocks.ts';
import { decodeFloat16, float16Bits, float16Value } from './float16.ts';
import { packNibbles } from './nibbles.ts';
import { type CodeRange, codeRange, fullRange, type QuantDType, roundHalfEven, scaleZero, signedScale } from './quantize.ts';
import { type Granularity, type Grouping, grouping } from './quantize-groups.ts';
import { type Extremes, emptyExtremes, encode, type QuantParams, widen } from './quantize-kernels.ts';
import { searchScale } from './quantize-search.ts';

/** Elements read and encoded at a time: 4 MB of float32. */
const CHUNK_ELEMENTS = 1 << 20;

/** Element types that are read as float32. float64 is not: its range does not fit. */
export const READABLE: ReadonlySet<DType> = new Set<DType>(['float32', 'float16', 'bfloat16']);

/** How a weight is to be stored. */
export interface QuantScheme {
	readonly dtype: QuantDType;
	readonly granularity: Granularity;
	readonly symmetric: boolean;
	/** ONNX Runtime's reduce_range. default false */
	readonly reduceRange?: boolean;
	/** minmax: the range of the values. mse: the range with the least squared error (quantize-search.ts). */
	readonly method: 'minmax' | 'mse';
	/** Symmetric and minmax only: use the whole range of codes, see signedScale. default false */
	readonly fullRange?: boolean;
	/** Codes that lie evenly around zero and positive scales, whatever the method: what integer kernels everywhere take. default false */
	readonly evenCodes?: boolean;
	/** Codes that may be used, where they are fewer than the type has. */
	readonly range?: CodeRange;
	/** Scales are rounded to binary16 where none of them is too small or large for it. default false */
	readonly halfScales?: boolean;
}

export interface QuantizedTensor {
	readonly params: QuantParams;
	/** Codes in the tensor's own shape; computed when read. */
	readonly codes: TensorRef;
	/** Whether every scale is a normal binary16 number, so that storing them as float16 loses nothing. */
	readonly halfScales: boolean;
}

/** Elements [at, at + count) as float32. May share memory with the tensor: never written to. */
export async function readFloats(
	tensor: TensorRef,
	at: number,
	count: number,
	signal?: AbortSignal,
	scratch?: Uint8Array,
): Promise<Float32Array> {
	switch (tensor.dtype) {
		case 'float32':
			return float32View(await tensor.read(at * 4, count * 4, signal, scratch));
		case 'float16':
			return decodeFloat16(uint16View(await tensor.read(at * 2, count * 2, signal)));
		case 'bfloat16':
			return decodeBfloat16(uint16View(await tensor.read(at * 2, count * 2, signal)));
		default:
			throw new TypeError(`${tensor.dtype} is not read as float32`);
	}
}

/**
 * Elements [from, to) as float32, chunk by chunk: `visit` gets each with its place in the tensor. The next chunk is read while this one
 * is worked on, so that a file or Blob is waited for once only. Returning false ends the walk.
 */
async function forEachChunk(
	tensor: TensorRef,
	from: number,
	to: number,
	visit: (values: Float32Array, at: number) => boolean | undefined,
	signal?: AbortSignal,
): Promise<void> {
	// Two turns of memory: one is worked on while the other is filled.
	const scratch = tensor.dtype === 'float32' && to - from >= CHUNK_ELEMENTS ? (lent.pop() ?? chunkPair()) : undefined;
	let turn = 0;
	const read = (at: number): Promise<Float32Array> | undefined => {
		if (at >= to) return undefined;
		const values = readFloats(tensor, at, Math.min(CHUNK_ELEMENTS, to - at), signal, scratch?.[turn]);
		turn = 1 - turn;
		// Awaited below; where the walk ends before, a failure of what was read ahead is nobody's.
		values.catch(() => {});
		return values;
	};
	let next = read(from);
	for (let at = from; next; at += CHUNK_ELEMENTS) {
		signal?.throwIfAborted();
		const values: Float32Array = await next;
		next = read(at + CHUNK_ELEMENTS);
		if (visit(values, at) === false) return;
	}
	// Only a walk that came to its end gives its memory back: otherwise something may still be read into it.
	if (scratch && lent.length === 0) lent.push(scratch);
}

/** Memory of the last walk, for the next one. */
const lent: (readonly [Uint8Array, Uint8Array])[] = [];

function chunkPair(): readonly [Uint8Array, Uint8Array] {
	return [new Uint8Array(CHUNK_ELEMENTS * 4), new Uint8Array(CHUNK_ELEMENTS * 4)];
}

/**
 * Finds scales and zero points of a tensor, streaming, and states its codes, which are computed when they are read.
 * undefined where the tensor holds NaN or infinity, which no code stands for.
 */
export async function quantizeTensor(tensor: TensorRef, scheme: QuantScheme, signal?: AbortSignal): Promise<QuantizedTensor | undefined> {
	const g = grouping(tensor.dims, scheme.granularity);
	const extremes = await extremesOf(tensor, g, signal);
	if (extremes.notFinite) return undefined;
	const full = !scheme.evenCodes && (scheme.fullRange === true || scheme.method === 'mse');
	const whole = full && !scheme.reduceRange ? fullRange(scheme.dtype) : codeRange(scheme.dtype, scheme.symmetric, scheme.reduceRange);
	const range = scheme.range ?? whole;
	const symmetricZero = scheme.symmetric ? roundHalfEven((range.min + range.max) / 2) + 0 : undefined;
	// The middle of an even number of codes: 0 for signed types, 8 and 128 for unsigned ones.
	const zero =
		symmetricZero === undefined ? undefined : scheme.dtype.startsWith('u') && full ? (range.max + 1) / 2 : full ? 0 : symmetricZero;

	const scales = new Float32Array(g.groups);
	const zeroPoints = zero === undefined ? new Int16Array(g.groups) : undefined;
	if (scheme.method === 'mse') {
		await searchAll(
			tensor,
			g,
			(values, count, group) => {
				const found = searchScale(values, count, range, zero);
				// Codes that lie evenly around zero mean the same with either sign.
				scales[group] = full ? found.scale : Math.abs(found.scale);
				if (zeroPoints) zeroPoints[group] = found.zeroPoint;
			},
			signal,
		);
	} else {
		for (let group = 0; group < g.groups; group++) {
			const low = extremes.min[group]!;
			const high = extremes.max[group]!;
			const found = zero !== undefined && full ? signedScale(low, high, range, zero) : scaleZero(low, high, range, scheme.symmetric);
			scales[group] = found.scale;
			if (zeroPoints) zeroPoints[group] = found.zeroPoint;
		}
	}
	const halfScales = scheme.halfScales === true && scales.every(fitsFloat16);
	if (halfScales) for (let i = 0; i < scales.length; i++) scales[i] = float16Value(float16Bits(scales[i]!));
	const params: QuantParams = { grouping: g, range, scales, zeroPoints: zeroPoints ?? zero ?? 0 };
	return { params, codes: codesTensor(tensor, params, scheme.dtype), halfScales };
}

function fitsFloat16(scale: number): boolean {
	const magnitude = Math.abs(scale);
	return magnitude >= 2 ** -14 && magnitude < 65504;
}

async function extremesOf(tensor: TensorRef, g: Grouping, signal?: AbortSignal): Promise<Extremes> {
	const extremes = emptyExtremes(g.groups);
	await forEachChunk(
		tensor,
		0,
		g.count,
		(values, at) => {
			widen(extremes, g, values, at);
			return !extremes.notFinite;
		},
		signal,
	);
	return extremes;
}

/** Gives every group's values, one group at a time, in a scratch array. */
async function searchAll(
	tensor: TensorRef,
	g: Grouping,
	visit: (values: Float32Array, count: number, group: number) => void,
	signal?: AbortSignal,
): Promise<void> {
	const { outer, length, inner, block, granularity } = g;
	if (granularity.kind !== 'block') {
		const all = await readFloats(tensor, 0, g.count, signal);
		const scratch = new Float32Array(outer * inner);
		for (let group = 0; group < length; group++) {
			signal?.throwIfAborted();
			let count = 0;
			for (let o = 0; o < outer; o++) {
				const start = (o * length + group) * inner;
				for (let i = 0; i < inner; i++) scratch[count++] = all[start + i]!;
			}
			visit(scratch, count, group);
		}
		return;
	}
	const blocks = Math.ceil(length / block);
	const scratch = new Float32Array(block);
	const slabRows = Math.max(1, Math.floor(CHUNK_ELEMENTS / (block * inner))) * block;
	for (let o = 0; o < outer; o++) {
		for (let row = 0; row < length; row += slabRows) {
			signal?.throwIfAborted();
			const rows = Math.min(slabRows, length - row);
			const slab = await readFloats(tensor, (o * length + row) * inner, rows * inner, signal);
			for (let first = 0; first < rows; first += block) {
				const count = Math.min(block, rows - first);
				const group = (o * blocks + (row + first) / block) * inner;
				for (let i = 0; i < inner; i++) {
					for (let k = 0; k < count; k++) scratch[k] = slab[(first + k) * inner + i]!;
					visit(scratch, count, group + i);
				}
			}
		}
	}
}

/** Codes [from, to) of a tensor, one to a byte. */
export async function codeBytes(
	tensor: TensorRef,
	params: QuantParams,
	from: number,
	to: number,
	signal?: AbortSignal,
): Promise<Uint8Array> {
	const out = new Uint8Array(to - from);
	await forEachChunk(
		tensor,
		from,
		to,
		(values, at) => {
			encode(params, values, at, out.subarray(at - from, at - from + values.length));
			return undefined;
		},
		signal,
	);
	return out;
}

/** The codes as a tensor that computes any part of itself from the same part of the source. */
function codesTensor(tensor: TensorRef, params: QuantParams, dtype: QuantDType): TensorRef {
	const { count } = params.grouping;
	const perByte = dtype === 'int8' || dtype === 'uint8' ? 1 : 2;
	if (dtype === 'int2' || dtype === 'uint2') throw new RangeError(`${dtype} codes have no storage in this version`);
	const byteLength = packedByteLength(dtype, count);
	const read = async (at: number, length: number, signal?: AbortSignal): Promise<Uint8Array> => {
		const codes = await codeBytes(tensor, params, at * perByte, Math.min(count, (at + length) * perByte), signal);
		return perByte === 1 ? codes : packNibbles(codes);
	};
	return { dtype, dims: tensor.dims, byteLength, read, bytes: (signal) => read(0, byteLength, signal) };
}

/** The same tensor coded with other scales; zero points stay. */
export function requantize(tensor: TensorRef, quantized: QuantizedTensor, scales: Float32Array): QuantizedTensor {
	const params: QuantParams = { ...quantized.params, scales };
	return { params, codes: codesTensor(tensor, params, quantized.codes.dtype as QuantDType), halfScales: false };
}
