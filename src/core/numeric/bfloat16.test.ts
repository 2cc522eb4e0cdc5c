import { describe, expect, it } from 'vitest';
import { decodeBfloat16, encodeBfloat16 } from './bfloat16.ts';

describe('bfloat16', () => {
	it('gives all 65,536 patterns back, NaN quiet', () => {
		const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
		const back = encodeBfloat16(decodeBfloat16(all));
		for (let bits = 0; bits < 65536; bits++) {
			const nan = (bits & 0x7f80) === 0x7f80 && (bits & 0x7f) !== 0;
			expect(back[bits]).toBe(nan ? bits | 0x40 : bits);
		}
	});

	it('rounds ties to even and the largest values to infinity', () => {
		const values = Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8, -(1 + 2 ** -8 + 2 ** -20), 3.39e38, 3.4e38);
		expect([...decodeBfloat16(encodeBfloat16(values))]).toEqual([1, 1 + 2 ** -6, -(1 + 2 ** -7), 3.3895313892515355e38, Infinity]);
	});
});
