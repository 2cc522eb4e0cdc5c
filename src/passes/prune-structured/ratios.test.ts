import { describe, expect, it } from 'vitest';
import type { Model } from '../../core/ir/model.ts';
import { storedBytes } from '../../core/ir/stored-bytes.ts';
import { inferTypes } from '../../core/onnx/infer.ts';
import { countMacs } from '../../core/onnx/macs.ts';
import { runRecipe } from '../../core/pass/pipeline.ts';
import { findStructure } from '../../core/structure/groups.ts';
import { estimatePlan, leftOfTensor, planOf } from '../../core/structure/plan.ts';
import { calibrationOf, convModel, correlatedFeeds, learnedTrial, testCompute } from '../learned.testkit.ts';
import { pruneStructured } from './index.ts';

const dims = [1, 3, 12, 16];
const feeds = correlatedFeeds(12, dims, 3);
const trial = (options: object) =>
	learnedTrial(convModel(), pruneStructured, { augment: false, ...options }, feeds, correlatedFeeds(4, dims, 4));
const planOfModel = async (model: Model) => planOf(await findStructure(model));

describe('ratios', () => {
	it('cuts each group by its own share, exactly as estimated, and leaves the others whole', async () => {
		const plan = await planOfModel(convModel());
		expect(plan.groups.length).toBeGreaterThan(1);
		const [first, second] = plan.groups;
		const ratios = { [first?.id ?? '']: 0.5, [second?.id ?? '']: 0.25 };
		const { model, report } = await trial({ ratios });
		const entries = report.entries?.flatMap((entry) => (entry.kind === 'group' ? [entry] : [])) ?? [];
		const entryOf = (id: string | undefined) => entries.find((entry) => entry.id === id);
		expect(entries.length).toBe(plan.groups.length);
		const gone = plan.groups.map(({ id, units }) => units - (entryOf(id)?.after ?? Number.NaN));
		expect(gone).toEqual(plan.groups.map(({ units }, i) => (i === 0 ? Math.round(units / 2) : i === 1 ? Math.round(units / 4) : 0)));
		const estimate = estimatePlan(plan, gone);
		expect(await countMacs(model, await inferTypes(model))).toBe(estimate.macs);
		const stored = new Map([...model.graph.initializers].map((value) => [value.name, value.initializer?.dims]));
		for (const tensor of plan.tensors) if (stored.has(tensor.name)) expect(stored.get(tensor.name)).toEqual(leftOfTensor(tensor, gone));
		expect(Math.abs(storedBytes(model) - estimate.bytes)).toBeLessThan(1000);
		expect(report.changed).toBe(2);
	});

	it('gives the same bytes as the share of all groups, where all are named with it', async () => {
		const plan = await planOfModel(convModel());
		const ratios = Object.fromEntries(plan.groups.map(({ id }) => [id, 0.25]));
		const [one, two] = [await trial({ ratios }), await trial({ ratio: 0.25 })];
		expect(one.bytes).toEqual(two.bytes);
	});

	it('says what is wrong with shares that cannot be met', async () => {
		const run = async (options: object) =>
			runRecipe(
				convModel(),
				{ v: 1, seed: 0, steps: [{ pass: 'prune-structured', options: { augment: false, ...options } }] },
				new Map([['prune-structured', pruneStructured as never]]),
				{ compute: await testCompute(), calibration: calibrationOf(feeds) },
			);
		const id = (await planOfModel(convModel())).groups[0]?.id ?? '';
		await expect(run({ ratios: { nowhere: 0.5 } })).rejects.toThrow(/no group "nowhere" at this step; its groups: /);
		await expect(run({ ratios: { [id]: 0.5 }, macsChange: -0.2 })).rejects.toThrow(/a share for each group or macsChange, not both/);
		await expect(run({ ratios: { [id]: 1.5 } })).rejects.toThrow(/option ratios/);
		await expect(run({ ratios: { [id]: 0.5 }, nodesToExclude: ['conv', 'conv_1', 'conv_2'] })).rejects.toThrow(
			/kept by scope or nodesToExclude/,
		);
		const [report] = await run({ ratios: { [id]: 0 } });
		expect(report).toMatchObject({ changed: 0 });
		expect(report?.headline).toContain('take no unit of any group');
	});
});
