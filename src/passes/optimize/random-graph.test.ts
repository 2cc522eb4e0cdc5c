import { describe, expect, it } from 'vitest';
import { createNodeEngine } from '../../engine/node/index.ts';
import { compareRandom } from './random-equal.testkit.ts';

describe('optimize on random graphs', () => {
	it('500 graphs give what they gave, and none grows', async () => {
		const engine = await createNodeEngine();
		const applied = new Set<string>();
		let compared = 0;
		for (let seed = 0; seed < 500; seed++) {
			const result = await compareRandom(seed, engine, { allowContrib: seed % 4 === 3 });
			if (result.unusable !== undefined) continue;
			compared += 1;
			const what = `seed ${seed} (${result.steps.join(' ')})`;
			expect(result.failure, what).toBeUndefined();
			expect(result.difference, what).toBeLessThanOrEqual(1e-4);
			expect(result.after, what).toBeLessThanOrEqual(result.before);
			for (const id of result.applied.keys()) applied.add(id);
		}
		expect(compared).toBeGreaterThan(480);
		expect(applied.size).toBeGreaterThan(25);
	}, 240_000);
});
