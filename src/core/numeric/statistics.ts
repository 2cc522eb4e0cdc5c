/** Measures of how far one array is from another. All sums are float64; arrays are compared element by element. */

/** Anything numeric that can be indexed: typed arrays of the runtime, decoded weights. */
export type NumberArray =
	| Float32Array
	| Float64Array
	| Int8Array
	| Uint8Array
	| Int16Array
	| Uint16Array
	| Int32Array
	| Uint32Array
	| readonly number[];

/** Agreement of a test array with a reference array. */
export interface Fidelity {
	/** Elements compared. */
	readonly count: number;
	/** a·b / (|a| |b|): 1 where both are zero, 0 where only one is; NaN where an element is not finite. */
	readonly cosine: number;
	/** 10 log10(sum ref² / sum (ref - test)²), dB; Infinity where they are equal, -Infinity where only the reference is zero. */
	readonly sqnrDb: number;
	/** max |ref - test|; 0 for nothing compared, Infinity where an element is not finite. */
	readonly maxAbs: number;
	/** Pairs in which an element is NaN or infinite and the other is not the same. */
	readonly nonFinite: number;
}

/**
 * Streams pairs of arrays and keeps a few sums, so that any number of samples is compared in constant memory. Elements
 * that are the same infinity or both NaN agree and take no part in the sums; other elements that are not finite are
 * counted in `nonFinite` and make cosine and SQNR NaN, so that a broken result can never look good.
 */
export class FidelityAccumulator {
	#count = 0;
	#dot = 0;
	#referencePower = 0;
	#testPower = 0;
	#noisePower = 0;
	#maxAbs = 0;
	#nonFinite = 0;

	/** Throws RangeError where the lengths differ. */
	add(reference: NumberArray, test: NumberArray): void {
		const length = reference.length;
		if (test.length !== length) throw new RangeError(`arrays to compare have ${length} and ${test.length} elements`);
		let dot = 0;
		let referencePower = 0;
		let testPower = 0;
		let noisePower = 0;
		let maxAbs = this.#maxAbs;
		for (let i = 0; i < length; i++) {
			const a = reference[i] as number;
			const b = test[i] as number;
			const difference = Math.abs(a - b);
			// NaN and infinity fail this comparison.
			if (!(difference < Infinity)) {
				if (!(a === b || (Number.isNaN(a) && Number.isNaN(b)))) this.#nonFinite += 1;
				continue;
			}
			dot += a * b;
			referencePower += a * a;
			testPower += b * b;
			noisePower += difference * difference;
			if (difference > maxAbs) maxAbs = difference;
		}
		this.#count += length;
		this.#dot += dot;
		this.#referencePower += referencePower;
		this.#testPower += testPower;
		this.#noisePower += noisePower;
		this.#maxAbs = maxAbs;
	}

	result(): Fidelity {
		const broken = this.#nonFinite > 0;
		return {
			count: this.#count,
			cosine: broken ? Number.NaN : cosineOf(this.#dot, this.#referencePower, this.#testPower),
			sqnrDb: broken ? Number.NaN : decibels(this.#referencePower, this.#noisePower),
			maxAbs: broken ? Number.POSITIVE_INFINITY : this.#maxAbs,
			nonFinite: this.#nonFinite,
		};
	}
}

function cosineOf(dot: number, powerA: number, powerB: number): number {
	if (powerA === 0 || powerB === 0) return powerA === powerB ? 1 : 0;
	return Math.max(-1, Math.min(1, dot / Math.sqrt(powerA) / Math.sqrt(powerB)));
}

function decibels(signal: number, noise: number): number {
	if (noise === 0) return Number.POSITIVE_INFINITY;
	return 10 * Math.log10(signal / noise);
}

/** All measures of one pair of arrays. */
export function fidelity(reference: NumberArray, test: NumberArray): Fidelity {
	const accumulator = new FidelityAccumulator();
	accumulator.add(reference, test);
	return accumulator.result();
}

/** Cosine similarity; see Fidelity.cosine. */
export function cosine(a: NumberArray, b: NumberArray): number {
	return fidelity(a, b).cosine;
}

/** Signal to quantization noise ratio in dB; see Fidelity.sqnrDb. */
export function sqnrDb(reference: NumberArray, test: NumberArray): number {
	return fidelity(reference, test).sqnrDb;
}

export function maxAbsDifference(reference: NumberArray, test: NumberArray): number {
	return fidelity(reference, test).maxAbs;
}

/** Elements that are not zero; -0 is zero, NaN is not. */
export function countNonZero(values: NumberArray): number {
	let count = 0;
	for (let i = 0; i < values.length; i++) if (values[i] !== 0) count += 1;
	return count;
}

/** The largest magnitude that an array reaches. */
export interface Magnitude {
	/** max |x|, infinity included, NaN left out; 0 for an empty array. */
	readonly absMax: number;
	readonly hasNaN: boolean;
}

/** Magnitude over any number of blocks. */
export class MagnitudeAccumulator implements Magnitude {
	absMax = 0;
	hasNaN = false;

	add(values: NumberArray): void {
		let absMax = this.absMax;
		for (let i = 0; i < values.length; i++) {
			const magnitude = Math.abs(values[i] as number);
			if (magnitude > absMax) absMax = magnitude;
			else if (Number.isNaN(magnitude)) this.hasNaN = true;
		}
		this.absMax = absMax;
	}
}
