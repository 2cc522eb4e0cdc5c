import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { float32Tensor, memoryTensor } from '../ir/tensor.ts';
import fixtures from './fixtures/quantize.json' with { type: 'json' };
import { encodeFloat16 } from './float16.ts';
import { toMatMulNBits } from './matmul-nbits.ts';
import { packNibbles, unpackNibbles, unpackSignedNibbles } from './nibbles.ts';
import { type QuantDType, roundHalfEven, scaleZero, signedScale } from './quantize.ts';
import { type Granularity, grouping } from './quantize-groups.ts';
import { decode } from './quantize-kernels.ts';
import { searchScale } from './quantize-search.ts';
import { type QuantizedTensor, type QuantScheme, quantizeTensor } from './quantize-tensor.ts';

const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 });

async function restored(quantized: QuantizedTensor): Promise<Float32Array> {
	const bytes = await quantized.codes.bytes();
	const { count } = quantized.params.grouping;
	const codes =
		quantized.codes.dtype === 'int4'
			? unpackSignedNibbles(bytes, count)
			: quantized.codes.dtype === 'uint4'
				? unpackNibbles(bytes, count)
				: quantized.codes.dtype === 'int8'
					? new Int8Array(bytes.buffer, bytes.byteOffset, count)
					: bytes;
	const out = new Float32Array(count);
	decode(quantized.params, codes, 0, out);
	return out;
}

const bytesOf = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const floatsOf = (text: string): Float32Array => new Float32Array(bytesOf(text).buffer);

describe('equal to the Python quantizer of ONNX Runtime', () => {
	it(`gives its scales, zero points and codes bit for bit on ${fixtures.length} fixtures`, async () => {
		expect(fixtures.length).toBeGreaterThanOrEqual(200);
		for (const fixture of fixtures) {
			const scheme: QuantScheme = {
				dtype: fixture.dtype as QuantDType,
				granularity: fixture.axis === null ? { kind: 'tensor' } : { kind: 'axis', axis: fixture.axis },
				symmetric: fixture.symmetric,
				reduceRange: fixture.reduceRange,
				method: 'minmax',
			};
			const label = JSON.stringify({ ...fixture, values: undefined, codes: undefined, scales: undefined, zeroPoints: undefined });
			const quantized = await quantizeTensor(memoryTensor('float32', fixture.dims, floatsOf(fixture.values)), scheme);
			expect(quantized, label).toBeDefined();
			if (!quantized) continue;
			expect(quantized.params.scales, label).toEqual(floatsOf(fixture.scales));
			// A group of zeros: Python takes zero point 0 even where all others have 128. Both stand for 0.
			if (fixture.kind === 'zero') {
				expect(
					(await restored(quantized)).every((x) => x === 0),
					label,
				).toBe(true);
				continue;
			}
			const { zeroPoints } = quantized.params;
			const all = fixture.zeroPoints.map((_, i) => (typeof zeroPoints === 'number' ? zeroPoints : zeroPoints[i]));
			expect(all, label).toEqual(fixture.zeroPoints);
			expect(await quantized.codes.bytes(), label).toEqual(bytesOf(fixture.codes));
		}
	});
});

describe('quantizeTensor', () => {
	const granularities: Granularity[] = [
		{ kind: 'tensor' },
		{ kind: 'axis', axis: 0 },
		{ kind: 'axis', axis: 1 },
		{ kind: 'axis', axis: 2 },
		{ kind: 'block', axis: 0, size: 2 },
		{ kind: 'block', axis: 1, size: 3 },
		{ kind: 'block', axis: 2, size: 4 },
	];

	it('keeps every value within half a step of what its code stands for, whatever the granularity', async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.array(finite, { minLength: 120, maxLength: 120 }),
				fc.constantFrom(...granularities),
				fc.constantFrom<QuantDType>('int8', 'uint8', 'int4', 'uint4'),
				fc.boolean(),
				async (values, granularity, dtype, symmetric) => {
					const tensor = float32Tensor(values, [4, 5, 6]);
					const quantized = await quantizeTensor(tensor, { dtype, granularity, symmetric, method: 'minmax' });
					if (!quantized) throw new Error('finite values were refused');
					const out = await restored(quantized);
					const worst = Math.max(...quantized.params.scales.map(Math.abs));
					// Zero points are rounded, so that an end of an asymmetric range may lie half a step outside as well.
					const steps = symmetric && (dtype === 'int8' || dtype === 'uint8') ? 0.502 : 1.01;
					for (const [i, x] of values.entries()) expect(Math.abs(x - out[i]!)).toBeLessThanOrEqual(worst * steps + 1e-5);
				},
			),
			{ seed: 7, numRuns: 200 },
		);
	});

	it('gives the same codes in parts as at once', async () => {
		const values = Float32Array.from({ length: 600 }, (_, i) => Math.sin(i * 1.7) * (1 + (i % 7)));
		for (const granularity of granularities) {
			for (const dtype of ['int8', 'uint4'] as const) {
				const quantized = await quantizeTensor(memoryTensor('float32', [10, 10, 6], values), {
					dtype,
					granularity,
					symmetric: false,
					method: 'minmax',
				});
				const whole = await quantized!.codes.bytes();
				const parts: number[] = [];
				for (let at = 0; at < whole.length; at += 17) parts.push(...(await quantized!.codes.read(at, Math.min(17, whole.length - at))));
				expect(parts).toEqual([...whole]);
			}
		}
	});

	it('refuses NaN and infinity, wherever they stand', async () => {
		for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
			for (const at of [0, 11]) {
				const values = new Float32Array(12).fill(0.5);
				values[at] = bad;
				for (const granularity of granularities.slice(0, 2)) {
					const scheme = { dtype: 'int8', granularity, symmetric: true, method: 'minmax' } as const;
					expect(await quantizeTensor(memoryTensor('float32', [2, 2, 3], values), scheme)).toBeUndefined();
				}
			}
		}
	});

	it('reads float16 weights', async () => {
		const halves = encodeFloat16(Float32Array.of(0.5, -1, 2, 4));
		const quantized = await quantizeTensor(memoryTensor('float16', [4], halves), {
			dtype: 'int8',
			granularity: { kind: 'tensor' },
			symmetric: true,
			method: 'minmax',
		});
		expect([...(await restored(quantized!))].map((x) => Math.round(x * 10) / 10)).toEqual([0.5, -1, 2, 4]);
	});

	it('rounds scales to float16 only where all of them are normal there', async () => {
		const scheme = { dtype: 'int8', granularity: { kind: 'axis', axis: 0 }, symmetric: true, method: 'minmax', halfScales: true } as const;
		const large = await quantizeTensor(float32Tensor([1, 2, 3, 4], [2, 2]), scheme);
		expect(large?.halfScales).toBe(true);
		expect(encodeFloat16(large!.params.scales)).toHaveLength(2);
		const tiny = await quantizeTensor(float32Tensor([1, 2, 3e-6, 4e-6], [2, 2]), scheme);
		expect(tiny?.halfScales).toBe(false);
	});
});

describe('scales', () => {
	it('rounds ties to even', () => {
		expect([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999, 126.5].map((x) => roundHalfEven(x) + 0)).toEqual([0, 2, 2, 0, -2, -2, 0, 126]);
	});

	it('gives zero an exact code in asymmetric ranges', () => {
		fc.assert(
			fc.property(finite, finite, (a, b) => {
				const { scale, zeroPoint } = scaleZero(Math.min(a, b), Math.max(a, b), { min: 0, max: 15 }, false);
				expect(Number.isInteger(zeroPoint) && zeroPoint >= 0 && zeroPoint <= 15).toBe(true);
				expect(scale).toBeGreaterThan(0);
			}),
			{ seed: 3 },
		);
	});

	it('puts the extreme on the code -8 of int4, an eighth finer than -7..7', () => {
		expect(signedScale(-4, 3, { min: -8, max: 7 }, 0)).toEqual({ scale: 0.5, zeroPoint: 0 });
		expect(signedScale(-3, 4, { min: -8, max: 7 }, 0)).toEqual({ scale: -0.5, zeroPoint: 0 });
	});

	it('finds scales whose squared error is never above that of the plain range', () => {
		const error = (values: Float32Array, { scale, zeroPoint }: { scale: number; zeroPoint: number }, min: number, max: number): number => {
			let sum = 0;
			for (const x of values) {
				const code = Math.min(max, Math.max(min, roundHalfEven(x / scale) + zeroPoint));
				sum += (x - scale * (code - zeroPoint)) ** 2;
			}
			return sum;
		};
		fc.assert(
			fc.property(fc.array(finite, { minLength: 2, maxLength: 40 }), (list) => {
				const values = Float32Array.from(list);
				const low = Math.min(...values);
				const high = Math.max(...values);
				const unsigned = { min: 0, max: 15 };
				const plain = error(values, scaleZero(low, high, unsigned, false), 0, 15);
				expect(error(values, searchScale(values, values.length, unsigned, undefined), 0, 15)).toBeLessThanOrEqual(plain * 1.000001 + 1e-9);
				const signed = { min: -8, max: 7 };
				const symmetric = error(values, signedScale(low, high, signed, 0), -8, 7);
				expect(error(values, searchScale(values, values.length, signed, 0), -8, 7)).toBeLessThanOrEqual(symmetric * 1.000001 + 1e-9);
			}),
			{ seed: 11, numRuns: 300 },
		);
	});

	it('refuses block sizes and axes that do not exist', () => {
		expect(() => grouping([4, 4], { kind: 'block', axis: 1, size: 0 })).toThrow(RangeError);
		expect(() => grouping([4, 4], { kind: 'axis', axis: 2 })).toThrow(RangeError);
	});
});

describe('packing', () => {
	it('round-trips 4-bit codes, low half first, odd counts too', () => {
		expect([...packNibbles(Uint8Array.of(1, 2, 3))]).toEqual([0x21, 0x03]);
		expect([...unpackSignedNibbles(Uint8Array.of(0x8f, 0x07), 3)]).toEqual([-1, -8, 7]);
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 65, max: 15 }), (codes) => {
				expect(unpackNibbles(packNibbles(codes), codes.length)).toEqual(codes);
			}),
			{ seed: 5 },
		);
	});

	it.each([4, 8] as const)('lays %i-bit codes out as MatMulNBits reads them, the last block filled up', async (bits) => {
		const rows = 40;
		const columns = 3;
		const values = Float32Array.from({ length: rows * columns }, (_, i) => Math.cos(i * 0.9) + 0.3);
		const tensor = memoryTensor('float32', [rows, columns], values);
		const quantized = await quantizeTensor(tensor, {
			dtype: bits === 4 ? 'uint4' : 'uint8',
			granularity: { kind: 'block', axis: 0, size: 16 },
			symmetric: false,
			method: 'minmax',
		});
		const expected = await restored(quantized!);
		const packed = toMatMulNBits(quantized!, bits);
		expect(packed.codes.dims).toEqual([columns, 3, (16 * bits) / 8]);
		const blob = await packed.codes.bytes();
		const zeros = await packed.zeroPoints!.bytes();
		const code = (bytes: Uint8Array, base: number, index: number): number =>
			bits === 8 ? bytes[base + index]! : (bytes[base + (index >> 1)]! >> ((index & 1) * 4)) & 15;
		for (let n = 0; n < columns; n++) {
			for (let k = 0; k < 48; k++) {
				const b = Math.floor(k / 16);
				const zero = code(zeros, n * Math.ceil((3 * bits) / 8), b);
				const value = Math.fround(packed.scales[n * 3 + b]! * (code(blob, n * 3 * ((16 * bits) / 8), k) - zero));
				expect(value).toBe(k < rows ? expected[k * columns + n] : 0);
			}
		}
	});
});
