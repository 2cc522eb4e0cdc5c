import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../core/numeric/random.ts';
import { parseOptions } from '../../core/pass/options.ts';
import { findStructure } from '../../core/structure/groups.ts';
import { estimatePlan, planOf } from '../../core/structure/plan.ts';
import { calibrationOf, convModel, correlatedFeeds, testCompute } from '../learned.testkit.ts';
import { schema } from './options.ts';
import { structureSensitivity } from './sensitivity.ts';
import { spreadBudget } from './spread.ts';

const measured = async () =>
	structureSensitivity(convModel(), parseOptions(schema, { macsChange: -0.4, augment: false }), {
		compute: await testCompute(),
		calibration: calibrationOf(correlatedFeeds(12, [1, 3, 12, 16], 3)),
		random: seededRandom(0),
		signal: undefined,
		progress: () => undefined,
	});

describe('sensitivity of groups', () => {
	it('says what each group does to the outputs, more for more', async () => {
		const { groups, examples } = await measured();
		const plan = planOf(await findStructure(convModel()));
		expect(groups.map(({ id }) => id)).toEqual(plan.groups.map(({ id }) => id));
		expect(examples).toBe(4);
		for (const { probes, drawn } of groups) {
			expect(probes.length).toBeGreaterThan(1);
			for (const { divergence } of probes) expect(divergence).toBeGreaterThanOrEqual(0);
			const heights = drawn.map(({ divergence }) => divergence);
			expect(heights).toEqual([...heights].sort((a, b) => a - b));
		}
	});

	it('spreads budgets by it, and evenly without it', async () => {
		const plan = planOf(await findStructure(convModel()));
		const rounding = { roundTo: 4, leastShare: 0.1 };
		const { groups } = await measured();
		for (const known of [undefined, groups]) {
			for (const macsChange of [-0.2, -0.4]) {
				const { gone, met } = spreadBudget(plan, { macsChange }, rounding, known);
				expect(met).toBe(true);
				expect(Math.abs(estimatePlan(plan, gone).macs / plan.macs - 1 - macsChange)).toBeLessThan(0.04);
			}
			const half = spreadBudget(plan, { bytesChange: -0.5 }, rounding, known);
			expect(estimatePlan(plan, half.gone).bytes / plan.bytes).toBeLessThan(0.52);
		}
		expect(spreadBudget(plan, { macsChange: -0.95 }, { roundTo: 4, leastShare: 0.8 }).met).toBe(false);
	});
});
