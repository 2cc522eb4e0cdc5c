import { describe, expect, it } from 'vitest';
import type { CalibrationSet } from '../pass/calibration.ts';
import { releaseExample } from '../study/examples.ts';
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
