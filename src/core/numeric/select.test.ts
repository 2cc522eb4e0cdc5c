import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { selectedIn, smallestMagnitudes } from './select.ts';

/** Indices selected over blocks, by the threshold and its ties. */
async function selection(blocks: readonly Float32Array[], k: number): Promise<number[]> {
	const threshold = await smallestMagnitudes(k, async (visit) => {
		for (const block of blocks) visit(block);
	});
	if (!threshold) return [];
	const chosen: number[] = [];
	let left = threshold.ties;
	let start = 0;
	for (const block of blocks) {
		const { tiesUsed, tieEnd } = selectedIn(block, threshold, left);
		left -= tiesUsed;
		const bits = new Uint32Array(block.buffer, block.byteOffset, block.length);
		bits.forEach((x, i) => {
			const magnitude = x & 0x7fffffff;
			if (magnitude < threshold.bits || (magnitude === threshold.bits && i < tieEnd)) chosen.push(start + i);
		});
		start += block.length;
	}
	return chosen;
}

describe('smallestMagnitudes', () => {
	it('selects exactly what a stable sort by magnitude selects, over any blocks (property)', async () => {
		const value = fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, -0, 0.5, -0.5, 1, -1));
		await fc.assert(
			fc.asyncProperty(
				fc.array(fc.array(value, { maxLength: 20 }), { maxLength: 5 }),
				fc.double({ min: 0, max: 1, noNaN: true }),
				async (lists, share) => {
					const blocks = lists.map((list) => Float32Array.from(list));
					const all = lists.flat().map((x) => Math.abs(Math.fround(x)));
					const k = Math.floor(share * all.length);
					const order = all.map((_, i) => i).sort((i, j) => (all[i] as number) - (all[j] as number) || i - j);
					expect(await selection(blocks, k)).toEqual(order.slice(0, k).sort((i, j) => i - j));
				},
			),
			{ seed: 11 },
		);
	});

	it('takes NaN last and refuses more than there is', async () => {
		expect(await selection([Float32Array.of(Number.NaN, 3, Infinity)], 2)).toEqual([1, 2]);
		await expect(selection([Float32Array.of(1)], 2)).rejects.toThrow('cannot select 2 of 1 values');
	});
});
