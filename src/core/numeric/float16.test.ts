import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFloat16, encodeFloat16, FLOAT16_MAX, FLOAT16_TINY, Float16LossCounter, float16Bits, float16Value } from './float16.ts';

/** The value of a pattern by the formula of the standard, without tables. */
function byFormula(bits: number): number {
	const sign = bits & 0x8000 ? -1 : 1;
	const exponent = (bits >>> 10) & 31;
	const fraction = bits & 0x3ff;
	if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
	return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const everyHalf = Uint16Array.from({ length: 65536 }, (_, i) => i);

describe('float16', () => {
	it('decodes all 65,536 patterns as the standard says', () => {
		const values = decodeFloat16(everyHalf);
		for (let bits = 0; bits < 65536; bits++) {
			if (!Object.is(values[bits], Math.fround(byFormula(bits)))) throw new Error(`0x${bits.toString(16)} gave ${values[bits]}`);
		}
	});

	it('gives every pattern back, NaN payloads with the quiet bit set', () => {
		const back = encodeFloat16(decodeFloat16(everyHalf));
		for (let bits = 0; bits < 65536; bits++) {
			const nan = (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0;
			expect(back[bits]).toBe(nan ? bits | 0x200 : bits);
		}
	});

	it('rounds every midpoint between neighbours to the even one, and its float32 neighbours to the nearer', () => {
		const bitsOf = new Uint32Array(1);
		const floatOf = new Float32Array(bitsOf.buffer);
		for (let bits = 0; bits < 0x7bff; bits++) {
			const middle = (byFormula(bits) + byFormula(bits + 1)) / 2;
			expect(float16Bits(middle)).toBe(bits & 1 ? bits + 1 : bits);
			expect(float16Bits(-middle)).toBe((bits & 1 ? bits + 1 : bits) | 0x8000);
			floatOf[0] = middle;
			bitsOf[0] = (bitsOf[0] as number) - 1;
			expect(float16Bits(floatOf[0] as number)).toBe(bits);
			bitsOf[0] = (bitsOf[0] as number) + 2;
			expect(float16Bits(floatOf[0] as number)).toBe(bits + 1);
		}
	});

	it('never lands further away than another half would (property)', () => {
		fc.assert(
			fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (x) => {
				const bits = float16Bits(x);
				const distance = Math.abs(float16Value(bits) - x);
				for (const neighbour of [bits - 1, bits + 1]) {
					const value = float16Value(neighbour);
					if (Number.isFinite(value) && Math.abs(value - x) < distance) return false;
				}
				return true;
			}),
			{ seed: 7, numRuns: 5000 },
		);
	});

	it('overflows to infinity from 65520 on, or clamps when told to', () => {
		const values = Float32Array.of(65504, 65519.996, 65520, -1e10, Number.POSITIVE_INFINITY, Number.NaN);
		expect([...decodeFloat16(encodeFloat16(values))]).toEqual([65504, 65504, Infinity, -Infinity, Infinity, Number.NaN]);
		expect([...decodeFloat16(encodeFloat16(values, { clamp: true }))]).toEqual([65504, 65504, 65504, -FLOAT16_MAX, Infinity, Number.NaN]);
	});

	it('flushes what is at most half the smallest subnormal, or keeps it from zero when told to', () => {
		const values = Float32Array.of(2 ** -25, 2 ** -25 * 1.0001, -1e-12, 0);
		expect([...encodeFloat16(values)]).toEqual([0, 1, 0x8000, 0]);
		expect([...decodeFloat16(encodeFloat16(values, { keepNonZero: true }))]).toEqual([FLOAT16_TINY, FLOAT16_TINY, -FLOAT16_TINY, 0]);
	});

	it('counts what is lost', () => {
		const counter = new Float16LossCounter();
		counter.add(Float32Array.of(1, 70000, -3.4e38, 1e-9, 0, Number.NaN, -Infinity));
		expect({ ...counter, absMax: counter.absMax }).toEqual({ overflowed: 2, flushed: 1, nan: 1, infinite: 1, absMax: Math.fround(3.4e38) });
	});
});
