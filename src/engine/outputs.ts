import { decodeFloat16 } from '../core/numeric/float16.ts';
import { FidelityAccumulator, type NumberArray } from '../core/numeric/statistics.ts';
import type { TensorData } from './port.ts';

export type Outputs = Readonly<Record<string, TensorData>>;

/** Elements as numbers; undefined for strings and packed 4-bit data. 64-bit integers are rounded to doubles. */
export function numbersOf({ dtype, data }: TensorData): NumberArray | undefined {
	if (dtype === 'float16') return decodeFloat16(data as Uint16Array);
	if (dtype === 'string' || dtype === 'int4' || dtype === 'uint4') return undefined;
	if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from(data, Number);
	return data as NumberArray;
}

export function isFloatData(data: TensorData): boolean {
	return data.dtype === 'float32' || data.dtype === 'float64' || data.dtype === 'float16';
}

export interface Agreement {
	/** Lowest over the outputs; 0 where one is not finite or has another shape. */
	readonly cosine: number;
	/** Largest difference; 0 is given with `ok` false where it cannot be told. */
	readonly maxAbs: number;
	readonly ok: boolean;
}

/** Below this the outputs of two backends count as different: rounding of float16 arithmetic stays above, wrong kernels fall below. */
const agreementCosine = 0.999;

/** How far two sets of outputs of the same model on the same inputs are from each other. */
export function agreement(reference: Outputs, test: Outputs): Agreement {
	let worst = 1;
	let maxAbs = 0;
	let ok = true;
	for (const [name, expected] of Object.entries(reference)) {
		const actual = test[name];
		if (!actual || actual.data.length !== expected.data.length || String(actual.dims) !== String(expected.dims)) {
			return { cosine: 0, maxAbs: 0, ok: false };
		}
		const a = numbersOf(expected);
		const b = numbersOf(actual);
		if (!a || !b) {
			const same = equalShare(expected, actual);
			worst = Math.min(worst, same);
			ok &&= same === 1;
			continue;
		}
		const accumulator = new FidelityAccumulator();
		accumulator.add(a, b);
		const { cosine, maxAbs: difference, nonFinite, count } = accumulator.result();
		if (nonFinite > 0) return { cosine: 0, maxAbs: 0, ok: false };
		// A class index that is off by one has a fine cosine: whole numbers must be the same.
		if (isFloatData(expected)) ok &&= cosine >= agreementCosine;
		else ok &&= count === 0 || equalShare(expected, actual) >= agreementCosine;
		worst = Math.min(worst, cosine);
		maxAbs = Math.max(maxAbs, difference);
	}
	return { cosine: worst, maxAbs, ok };
}

/** Share of elements that are exactly equal; 1 for no elements. */
export function equalShare(a: TensorData, b: TensorData): number {
	const length = a.data.length;
	if (length === 0) return 1;
	let equal = 0;
	for (let i = 0; i < length; i++) if (a.data[i] === b.data[i]) equal += 1;
	return equal / length;
}

/** Bytes that the data of outputs holds; strings are guessed at their length in UTF-16. */
export function outputBytes(outputs: Outputs): number {
	let bytes = 0;
	for (const { data } of Object.values(outputs)) {
		if (ArrayBuffer.isView(data)) bytes += data.byteLength;
		else for (const text of data) bytes += 2 * text.length + 16;
	}
	return bytes;
}
