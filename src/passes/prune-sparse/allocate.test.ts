import { describe, expect, it } from 'vitest';
import { allocate, ScoreCounts } from './allocate.ts';

const layer = (count: number, score: (i: number) => number): ScoreCounts => {
	const scores = new ScoreCounts();
	for (let i = 0; i < count; i++) scores.add(score(i));
	return scores;
};

describe('allocate', () => {
	it('meets the share of all weights together', () => {
		const layers = [layer(1000, (i) => 1e-6 * (i + 1)), layer(3000, (i) => 1e-4 * (i + 1)), layer(50, () => 0.02)];
		const shares = allocate(layers, 0.4);
		const zeros = shares.reduce((sum, share, i) => sum + share * (layers[i] as ScoreCounts).total, 0);
		expect(zeros / 4050).toBeCloseTo(0.4, 6);
	});

	it('takes more where weights carry less, and never all of a layer', () => {
		const [weak = 0, strong = 0] = allocate([layer(1000, (i) => 1e-9 * (i + 1)), layer(1000, (i) => 1e-3 * (i + 1))], 0.48);
		expect(weak).toBeCloseTo(0.95, 2);
		expect(strong).toBeLessThan(0.02);
	});

	it('takes nothing of layers without weights', () => {
		expect(allocate([new ScoreCounts(), layer(10, () => 1)], 0.5)[0]).toBe(0);
	});
});
