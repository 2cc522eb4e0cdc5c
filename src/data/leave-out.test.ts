import { describe, expect, it } from 'vitest';
import { withoutExamples } from './leave-out.ts';

const set = {
	n: 4,
	example: async (index: number) => ({ name: `e${index}`, feeds: {} }),
	preview: async () => undefined,
	exampleFacts: async () => ['a', 'b', 'a', 'c'].map((contentHash, i) => ({ name: `e${i}`, contentHash })),
};

describe('examples left out', () => {
	it('are gone by their content, copies with them, and the others close ranks', async () => {
		const left = await withoutExamples(set, ['a'], 'set');
		expect(left.n).toBe(2);
		expect((await left.example(1)).name).toBe('e3');
		expect((await left.exampleFacts()).map(({ name }) => name)).toEqual(['e1', 'e3']);
		await expect(left.example(2)).rejects.toThrow('there are 2 examples, not 3');
	});

	it('may be the copies alone', async () => {
		const left = await withoutExamples(set, ['copies:a', 'copies:b'], 'set');
		expect((await left.exampleFacts()).map(({ name }) => name)).toEqual(['e0', 'e1', 'e3']);
	});

	it('change nothing where none is there, and are refused where all are', async () => {
		expect(await withoutExamples(set, undefined, 'set')).toBe(set);
		expect(await withoutExamples(set, ['z'], 'set')).toBe(set);
		await expect(withoutExamples(set, ['a', 'b', 'c'], 'set')).rejects.toThrow('All its examples are left out.');
	});
});
