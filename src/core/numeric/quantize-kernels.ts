import { type CodeRange, roundHalfEven } from './quantize.ts';
import { forEachRun, type Grouping } from './quantize-groups.ts';

/** Smallest and largest value of each group so far, and whether anything was not finite. */
export interface Extremes {
	readonly min: Float32Array;
	readonly max: Float32Array;
	/** Set when a NaN or an infinity was met. */
	notFinite: boolean;
}

/** Ranges that start at 0: zero always gets a code, so it belongs to every range. */
export function emptyExtremes(groups: number): Extremes {
	return { min: new Float32Array(groups), max: new Float32Array(groups), notFinite: false };
}

/** Adds elements [from, from + values.length) of the tensor to the ranges of their groups. */
export function widen(extremes: Extremes, g: Grouping, values: Float32Array, from: number): void {
	const { min, max } = extremes;
	let finite = 0;
	forEachRun(g, from, from + values.length, (at, length, group, each) => {
		const start = at - from;
		const end = start + length;
		if (each) {
			for (let i = start, k = group; i < end; i++, k++) {
				const x = values[i]!;
				// Stays 0 for finite values, becomes NaN otherwise.
				finite += x - x;
				if (x < min[k]!) min[k] = x;
				else if (x > max[k]!) max[k] = x;
			}
			return;
		}
		let low = min[group]!;
		let high = max[group]!;
		for (let i = start; i < end; i++) {
			const x = values[i]!;
			finite += x - x;
			if (x < low) low = x;
			else if (x > high) high = x;
		}
		min[group] = low;
		max[group] = high;
	});
	if (finite !== 0) extremes.notFinite = true;
}

/** Scales of all groups, float32, and zero points; one zero point for all where every group has the same. */
export interface QuantParams {
	readonly grouping: Grouping;
	readonly range: CodeRange;
	readonly scales: Float32Array;
	readonly zeroPoints: Int16Array | number;
}

/**
 * Codes of elements [from, from + values.length), written to `out` (8-bit two's complement, whatever the width):
 * clamp(round_half_even(float32(x / scale)) + zeroPoint), which is ONNX's QuantizeLinear.
 */
export function encode(params: QuantParams, values: Float32Array, from: number, out: Uint8Array): void {
	const { scales, zeroPoints, grouping: g } = params;
	const { min, max } = params.range;
	const common = typeof zeroPoints === 'number' ? zeroPoints : 0;
	const own = typeof zeroPoints === 'number' ? undefined : zeroPoints;
	forEachRun(g, from, from + values.length, (at, length, group, each) => {
		const start = at - from;
		const end = start + length;
		if (each && own) {
			for (let i = start, k = group; i < end; i++, k++) {
				const code = roundHalfEven(Math.fround(values[i]! / scales[k]!)) + own[k]!;
				out[i] = code < min ? min : Math.min(code, max);
			}
		} else if (each) {
			for (let i = start, k = group; i < end; i++, k++) {
				const code = roundHalfEven(Math.fround(values[i]! / scales[k]!)) + common;
				out[i] = code < min ? min : Math.min(code, max);
			}
		} else {
			const scale = scales[group]!;
			const zero = own ? own[group]! : common;
			for (let i = start; i < end; i++) {
				const code = roundHalfEven(Math.fround(values[i]! / scale)) + zero;
				out[i] = code < min ? min : Math.min(code, max);
			}
		}
	});
}

/** The values that codes stand for: float32(scale * (code - zeroPoint)), ONNX's DequantizeLinear. */
export function decode(params: QuantParams, codes: Int8Array | Uint8Array, from: number, out: Float32Array): void {
	const { scales, zeroPoints, grouping: g } = params;
	forEachRun(g, from, from + codes.length, (at, length, group, each) => {
		for (let i = 0; i < length; i++) {
			const k = each ? group + i : group;
			const zero = typeof zeroPoints === 'number' ? zeroPoints : zeroPoints[k]!;
			out[at - from + i] = scales[k]! * (codes[at - from + i]! - zero);
		}
	});
}
