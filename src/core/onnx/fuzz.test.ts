import { expect, it } from 'vitest';
import { seededRandom } from '../numeric/random.ts';
import { fuzzOnce, newTally } from './fuzz.testkit.ts';
import { seedModels } from './seeds.testkit.ts';

it('reads or refuses 20,000 damaged models, with a typed error each time', async () => {
	const seeds = await seedModels();
	const tally = newTally();
	for (let index = 0; index < 20_000; index++) {
		const seed = seeds[index % seeds.length];
		if (seed) await fuzzOnce(seed, seededRandom(index), tally, `#${index}`);
	}
	expect(tally.bugs).toEqual([]);
	const refused = [...tally.refused.values()].reduce((sum, count) => sum + count, 0);
	expect(tally.read + refused).toBeGreaterThanOrEqual(20_000);
	expect(tally.read).toBeGreaterThan(1_000);
}, 240_000);
