/**
 * IEEE 754 binary16 as ONNX stores it (uint16 bit patterns). Node 20 and older browsers have no Float16Array, and an
 * explicit integer conversion gives the same bytes on every machine.
 */

/** Largest finite binary16. */
export const FLOAT16_MAX = 65504;
/** Smallest positive (subnormal) binary16, 2^-24. */
export const FLOAT16_TINY = 2 ** -24;
/** |x| from here on rounds to infinity (65520, half way between 65504 and 2^16), as float32 bits. */
const OVERFLOW_BITS = 0x477ff000;
/** 2^-14, the smallest normal binary16, as float32 bits. */
const NORMAL_BITS = 0x38800000;
/** 2^-25: up to here (a tie with 0, which is even) a value rounds to zero. */
const ZERO_BITS = 0x33000000;
const INFINITY_BITS = 0x7f800000;

/** What a bulk conversion could not carry over. */
export interface Float16Losses {
	/** Finite elements beyond the range; clamped or turned into infinity. */
	readonly overflowed: number;
	/** Non-zero elements that became zero. */
	readonly flushed: number;
	readonly nan: number;
	/** Elements that were infinite before; they stay infinite. */
	readonly infinite: number;
	/** Largest |x| of the finite elements. */
	readonly absMax: number;
}

export interface Float16Options {
	/** true: finite values beyond ±65504 become ±65504. false (IEEE): from 65520 on they become infinity. */
	readonly clamp?: boolean;
	/** Non-zero values that would become zero become ±2^-24 instead: for guards such as an epsilon in a denominator. */
	readonly keepNonZero?: boolean;
}

/** One float32 bit pattern to binary16 bits, round to nearest, ties to even (IEEE 754-2019, 4.3.1). NaN stays NaN. */
export function float16BitsOfFloat32Bits(bits: number): number {
	const sign = (bits >>> 16) & 0x8000;
	const magnitude = bits & 0x7fffffff;
	if (magnitude >= OVERFLOW_BITS) {
		if (magnitude <= INFINITY_BITS) return sign | 0x7c00;
		// The quiet bit is set so that a payload in the low bits cannot vanish into infinity.
		return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
	}
	if (magnitude >= NORMAL_BITS) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
	if (magnitude <= ZERO_BITS) return sign;
	const shift = 126 - (magnitude >>> 23);
	const significand = (magnitude & 0x7fffff) | 0x800000;
	const truncated = significand >>> shift;
	const rest = significand & ((1 << shift) - 1);
	const half = 1 << (shift - 1);
	return sign | (rest > half || (rest === half && truncated & 1) ? truncated + 1 : truncated);
}

const scratchFloat = new Float32Array(1);
const scratchBits = new Uint32Array(scratchFloat.buffer);

/** A number (rounded to float32 first) as binary16 bits. */
export function float16Bits(value: number): number {
	scratchFloat[0] = value;
	return float16BitsOfFloat32Bits(scratchBits[0] as number);
}

let decoded: Float32Array | undefined;

/** All 65,536 values, indexed by bits; built once (256 KB). */
function decodingTable(): Float32Array {
	if (decoded) return decoded;
	const table = new Uint32Array(65536);
	for (let half = 0; half < 65536; half++) {
		const sign = (half & 0x8000) << 16;
		const exponent = (half >>> 10) & 0x1f;
		let fraction = half & 0x3ff;
		if (exponent === 31) table[half] = sign | INFINITY_BITS | (fraction << 13);
		else if (exponent > 0) table[half] = sign | ((exponent + 112) << 23) | (fraction << 13);
		else if (fraction === 0) table[half] = sign;
		else {
			let biased = 113;
			while (!(fraction & 0x400)) {
				fraction <<= 1;
				biased -= 1;
			}
			table[half] = sign | (biased << 23) | ((fraction & 0x3ff) << 13);
		}
	}
	decoded = new Float32Array(table.buffer);
	return decoded;
}

/** Value of one binary16 bit pattern. */
export function float16Value(bits: number): number {
	return decodingTable()[bits & 0xffff] as number;
}

/** Bits to float32, exactly. `into` must be at least as long. */
export function decodeFloat16(halves: Uint16Array, into = new Float32Array(halves.length)): Float32Array {
	const table = decodingTable();
	for (let i = 0; i < halves.length; i++) into[i] = table[halves[i] as number] as number;
	return into;
}

/** float32 to binary16 bits, element by element. `into` must be at least as long. */
export function encodeFloat16(values: Float32Array, options: Float16Options = {}, into = new Uint16Array(values.length)): Uint16Array {
	const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
	const clamp = options.clamp ?? false;
	const keepNonZero = options.keepNonZero ?? false;
	for (let i = 0; i < bits.length; i++) {
		const x = bits[i] as number;
		const magnitude = x & 0x7fffffff;
		// The common case stands here, so that a bulk conversion makes no call per element.
		if (magnitude >= NORMAL_BITS && magnitude < OVERFLOW_BITS) {
			into[i] = ((x >>> 16) & 0x8000) | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
		} else if (clamp && magnitude >= OVERFLOW_BITS && magnitude < INFINITY_BITS) {
			into[i] = ((x >>> 16) & 0x8000) | 0x7bff;
		} else if (keepNonZero && magnitude > 0 && magnitude <= ZERO_BITS) {
			into[i] = ((x >>> 16) & 0x8000) | 1;
		} else {
			into[i] = float16BitsOfFloat32Bits(x);
		}
	}
	return into;
}

/** Counts what encodeFloat16 would lose, a block at a time. */
export class Float16LossCounter implements Float16Losses {
	overflowed = 0;
	flushed = 0;
	nan = 0;
	infinite = 0;
	#absMaxBits = 0;

	get absMax(): number {
		scratchBits[0] = this.#absMaxBits;
		return scratchFloat[0] as number;
	}

	add(values: Float32Array): void {
		const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
		let absMax = this.#absMaxBits;
		for (let i = 0; i < bits.length; i++) {
			const magnitude = (bits[i] as number) & 0x7fffffff;
			if (magnitude >= INFINITY_BITS) {
				if (magnitude === INFINITY_BITS) this.infinite += 1;
				else this.nan += 1;
				continue;
			}
			if (magnitude > absMax) absMax = magnitude;
			if (magnitude >= OVERFLOW_BITS) this.overflowed += 1;
			else if (magnitude !== 0 && magnitude <= ZERO_BITS) this.flushed += 1;
		}
		this.#absMaxBits = absMax;
	}
}
