import { describe, expect, it } from 'vitest';
import type { CalibrationSet } from '../pass/calibration.ts';
import { type Example, releaseExample } from '../study/examples.ts';
import { remembered, varied } from './augment.ts';

const side = 20;
/** Grey squares on black. */
const squares: CalibrationSet = {
	n: 2,
	hash: 'squares',
	synthetic: false,
	example: async (index) => {
		const data = new Float32Array(side * side);
		for (let y = 6; y < 13; y++) for (let x = 5 + index; x < 14; x++) data[y * side + x] = 1;
		return { name: `square ${index}`, feeds: { x: { dtype: 'float32', dims: [1, 1, side, side], data } } };
	},
};
const pixels = async (set: CalibrationSet, index: number): Promise<Float32Array> =>
	(await set.example(index)).feeds.x?.data as Float32Array;

describe('remembered examples', () => {
	it("are nobody else's to give back", async () => {
		let released = 0;
		const lent: CalibrationSet = {
			...squares,
			example: async (index) => ({
				...(await squares.example(index)),
				release: () => {
					released += 1;
				},
			}),
		};
		const kept = remembered(lent, 4 * side * side);
		for (const index of [0, 0, 1]) releaseExample(await kept.example(index));
		// The second did not fit.
		expect(released).toBe(1);
	});
});

describe('remembered pictures', () => {
	const large = 48;
	const set = (make: (i: number) => number): CalibrationSet => {
		let asked = 0;
		return {
			...squares,
			example: async (index) => {
				asked += 1;
				const data = Float32Array.from({ length: 3 * large * large }, (_, i) => (index === 0 ? make(i) : make(i) + index));
				return { name: `${asked}`, feeds: { x: { dtype: 'float32', dims: [1, 3, large, large], data } } };
			},
		};
	};

	it('are read once and come back bit for bit in memory of their own', async () => {
		// Eight bits, scaled by channel; both zeros.
		const levels = set((i) => ((((i * 37) % 256) - 128) / 255 - 0.4) / (0.2 + Math.floor(i / large ** 2) / 10));
		for (const source of [levels, set((i) => (i % 2 === 0 ? 0 : -0))]) {
			const kept = remembered(source);
			const first = await kept.example(0);
			const bits = ({ feeds }: Example): Uint32Array => new Uint32Array(Float32Array.from(feeds.x?.data as Float32Array).buffer);
			const before = bits(first);
			const [second, third] = [await kept.example(0), await kept.example(0)];
			expect(second.name).toBe(first.name);
			releaseExample(second);
			expect(bits(third)).toEqual(before);
			expect(third.feeds.x?.dims).toEqual([1, 3, large, large]);
		}
	});

	it('are kept as they are where a channel has more than 256 numbers', async () => {
		const kept = remembered(set((i) => i / 7));
		const first = await kept.example(1);
		expect((await kept.example(1)).feeds.x?.data).toBe(first.feeds.x?.data);
	});
});

describe('variations of pictures', () => {
	it('keep the examples themselves first', async () => {
		const longer = varied(squares, 4);
		expect(longer.n).toBe(8);
		expect(await pixels(longer, 1)).toEqual(await pixels(squares, 1));
	});

	it('bend small grey squares a little: the same each time, another in each variation, and much of the same ink', async () => {
		const longer = varied(squares, 6);
		const original = await pixels(squares, 0);
		const ink = (data: Float32Array): number => data.reduce((sum, v) => sum + v, 0);
		const seen = new Set<string>();
		for (let k = 1; k < 6; k++) {
			const bent = await pixels(longer, 2 * k);
			expect(bent).toEqual(await pixels(longer, 2 * k));
			seen.add(bent.join());
			expect(ink(bent) / ink(original)).toBeGreaterThan(0.6);
			expect(ink(bent) / ink(original)).toBeLessThan(1.6);
			const shared = bent.reduce((sum, v, i) => sum + Math.min(v, original[i] as number), 0);
			expect(shared / ink(original)).toBeGreaterThan(0.55);
			expect(Math.max(...bent)).toBeLessThanOrEqual(1);
			expect(Math.min(...bent)).toBeGreaterThanOrEqual(0);
		}
		expect(seen.size).toBe(5);
	});
});
