import { describe, expect, it } from 'vitest';
import { seededRandom } from '../numeric/random.ts';
import type { ExampleFacts } from './examples.ts';
import { splitDataset } from './split.ts';

const set = (n: number, classes: number, content: (i: number) => number = (i) => i): ExampleFacts[] =>
	Array.from({ length: n }, (_, i) => ({
		name: `${i}`,
		contentHash: `hash ${content(i)}`,
		...(classes > 0 && { label: i % classes }),
	}));

describe('splitDataset', () => {
	it('gives halves that share nothing and keep the share of each class', () => {
		const examples = set(403, 7);
		const split = splitDataset(examples, { seed: 5, calibration: 100 });
		expect(split.calibration).toHaveLength(100);
		expect(split.evaluation).toHaveLength(303);
		expect(new Set([...split.calibration, ...split.evaluation]).size).toBe(403);
		const counts = new Array<number>(7).fill(0);
		for (const index of split.calibration) counts[examples[index]?.label as number] = (counts[examples[index]?.label as number] ?? 0) + 1;
		expect(Math.min(...counts)).toBeGreaterThanOrEqual(14);
		expect(Math.max(...counts)).toBeLessThanOrEqual(15);
	});

	it('keeps copies out of the other half, counts them once, and says where their labels contradict', () => {
		const examples = set(200, 2, (i) => (i < 40 ? i % 20 : i));
		const marked = examples.map((entry, i) => (i === 3 ? { ...entry, label: 0 } : entry));
		const { calibration, evaluation, droppedCopies, duplicates, notes } = splitDataset(marked, { seed: 1, calibration: 0.25 });
		const hashes = (indices: readonly number[]) => new Set(indices.map((i) => examples[i]?.contentHash));
		expect([...hashes(calibration)].filter((hash) => hashes(evaluation).has(hash))).toEqual([]);
		expect(duplicates).toHaveLength(20);
		expect(droppedCopies).toEqual(Array.from({ length: 20 }, (_, i) => 20 + i));
		expect(calibration).toHaveLength(45);
		expect(evaluation).toHaveLength(135);
		expect(duplicates.filter(({ labelsDisagree }) => labelsDisagree)).toEqual([{ indices: [3, 23], labelsDisagree: true }]);
		expect(notes.join('; ')).toContain('20 of 200 examples are copies');
	});

	it('depends on seed and content, not on order', () => {
		const examples = set(90, 3);
		const turned = [...examples].reverse();
		const names = (list: readonly ExampleFacts[], indices: readonly number[]) => indices.map((i) => list[i]?.name).sort();
		const first = splitDataset(examples, { seed: 9, calibration: 30 });
		expect(names(turned, splitDataset(turned, { seed: 9, calibration: 30 }).calibration)).toEqual(names(examples, first.calibration));
		expect(splitDataset(examples, { seed: 9, calibration: 30 })).toEqual(first);
		expect(splitDataset(examples, { seed: 10, calibration: 30 }).calibration).not.toEqual(first.calibration);
	});

	it('takes classes of one example each at random, and unlabelled sets', () => {
		const split = splitDataset(set(100, 100), { seed: 2, calibration: 10 });
		expect(split.calibration).toHaveLength(10);
		expect(split.calibration).not.toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
		expect(splitDataset(set(100, 0), { seed: 2, calibration: 0.1 }).calibration).toHaveLength(10);
	});

	it('leaves half of a small set to judge on, and says so', () => {
		const split = splitDataset(set(6, 2), { seed: 1, calibration: 32 });
		expect([split.calibration.length, split.evaluation.length]).toEqual([3, 3]);
		expect(split.notes[0]).toContain('3 are taken');
		expect(splitDataset(set(1, 0), { seed: 1, calibration: 1 })).toMatchObject({ calibration: [], evaluation: [0] });
		expect(splitDataset([], { seed: 1, calibration: 1 })).toMatchObject({ calibration: [], evaluation: [] });
	});

	it('leaves out what a person switched off', () => {
		const split = splitDataset(set(20, 2), { seed: 1, calibration: 5, leftOut: new Set([0, 7]) });
		expect([...split.calibration, ...split.evaluation]).toHaveLength(18);
		expect([...split.calibration, ...split.evaluation]).not.toContain(7);
	});

	it('never leaks, whatever the set', () => {
		const random = seededRandom(4);
		for (let round = 0; round < 200; round++) {
			const n = random.below(60);
			const examples = set(n, random.below(5), () => random.below(1 + random.below(60)));
			const { calibration, evaluation, droppedCopies } = splitDataset(examples, { seed: round, calibration: 1 + random.below(40) });
			const learnt = new Set(calibration.map((i) => examples[i]?.contentHash));
			expect(evaluation.every((i) => !learnt.has(examples[i]?.contentHash))).toBe(true);
			expect([...calibration, ...evaluation, ...droppedCopies].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
			if (n > 1) expect(evaluation.length).toBeGreaterThan(0);
		}
	});
});
