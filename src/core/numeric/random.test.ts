import { describe, expect, it } from 'vitest';
import { seededRandom } from './random.ts';

describe('seededRandom', () => {
	it('gives the same stream for the same seed, another for another', () => {
		const draw = (seed: number): number[] => {
			const random = seededRandom(seed);
			return Array.from({ length: 5 }, () => random.next());
		};
		expect(draw(1)).toEqual(draw(1));
		expect(draw(1)).not.toEqual(draw(2));
	});
	it('is uniform and normal enough', () => {
		const random = seededRandom(3);
		const counts = new Array<number>(10).fill(0);
		let sum = 0;
		let squares = 0;
		for (let i = 0; i < 20_000; i++) {
			counts[random.below(10)]! += 1;
			const value = random.normal();
			sum += value;
			squares += value * value;
		}
		for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(220);
		expect(Math.abs(sum / 20_000)).toBeLessThan(0.03);
		expect(squares / 20_000).toBeCloseTo(1, 1);
	});
	it('forks independent streams by label', () => {
		const random = seededRandom(4);
		expect(random.fork('a').next()).toBe(seededRandom(4).fork('a').next());
		expect(random.fork('a').next()).not.toBe(random.fork('b').next());
	});
});
