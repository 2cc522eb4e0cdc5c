import { describe, expect, it } from 'vitest';
import type { PlannedGroup, PruningPlan } from '../../core/structure/plan.ts';
import { cuts, unitsFor } from '../../core/structure/rounding.ts';
import { changeText, cuttingRecipe, hasOpenDims, rounding, unitsText, usualOptions } from './cut.ts';
import { effectAt, rowsOf, shownRows } from './rows.ts';

const group = (id: string, units: number, more: Partial<PlannedGroup> = {}): PlannedGroup => ({
	id,
	name: id,
	op: 'Conv',
	kind: 'channels',
	units,
	width: 1,
	parameters: units * 10,
	bytes: units * 40,
	tensors: 2,
	macs: units * 100,
	readers: [`${id}_reader`],
	layers: [id, `${id}_reader`],
	inner: true,
	even: true,
	...more,
});
const plan = (...groups: PlannedGroup[]): PruningPlan => ({
	groups,
	kept: [],
	macs: 1,
	allMacs: 1,
	bytes: 1,
	parameters: 1,
	tensors: [],
	nodes: [],
	costs: [],
	bodies: [{ fixed: 1, owners: [] }],
});

describe('recipes of a cut', () => {
	it('name only groups that shrink, with shares that round back to the units chosen', () => {
		const all = plan(group('a', 70), group('b', 672), group('c', 12));
		for (const [i, { id, units }] of all.groups.entries()) {
			for (const count of cuts(units, rounding).slice(1)) {
				const gone = [0, 0, 0].with(i, count);
				const recipe = cuttingRecipe({ v: 1, seed: 3, steps: [] }, all, gone, usualOptions, 'cut');
				const ratios = Object(recipe.steps[0]?.options.ratios) as Record<string, number>;
				expect(Object.keys(ratios)).toEqual([id]);
				expect(unitsFor(units, ratios[id] ?? 0, rounding)).toBe(count);
			}
		}
	});

	it('stand behind the steps of the variant, and hold only options that were changed', () => {
		const base = { v: 1 as const, seed: 0, name: 'before', steps: [{ pass: 'optimize', options: {} }] };
		const recipe = cuttingRecipe(base, plan(group('a', 8)), [2], { criterion: 'l2', refit: false }, 'after');
		expect(recipe).toEqual({
			v: 1,
			seed: 0,
			name: 'after',
			steps: [base.steps[0], { pass: 'prune-structured', options: { ratios: { a: 0.25 }, criterion: 'l2', refit: false } }],
		});
	});
});

describe('words', () => {
	it('say units in the field’s terms and changes with their sign', () => {
		expect(unitsText({ kind: 'heads', width: 32 }, 12)).toBe('12 heads of 32');
		expect(unitsText({ kind: 'units', width: 1 }, 1)).toBe('1 hidden unit');
		expect(changeText(75.6, 100)).toBe('−24.4 %');
		expect(changeText(100, 100)).toBe('0 %');
		expect(['float32[N, 3, 224, 224]', 'float32[N, 3, 48, W]', 'float32[?, ?]', 'float32'].map(hasOpenDims)).toEqual([
			false,
			true,
			true,
			false,
		]);
	});
});

describe('rows', () => {
	it('are found by what they hold and who reads them, and sorted largest first', () => {
		const rows = rowsOf(plan(group('stem', 32), group('mlp', 1536, { kind: 'units' }), group('head', 12)), undefined, undefined);
		expect(shownRows(rows, '', 'macs').map(({ group: { id } }) => id)).toEqual(['mlp', 'stem', 'head']);
		expect(shownRows(rows, 'stem_reader', 'model').map(({ group: { id } }) => id)).toEqual(['stem']);
		expect(shownRows(rows, 'UNITS', 'model').map(({ group: { id } }) => id)).toEqual(['mlp']);
	});

	it('add up the times of their layers, and sort the cheapest loss first', () => {
		const figures = [
			{
				kind: 'latency-ms' as const,
				method: 'm',
				values: new Map([
					['a', 2],
					['a_reader', 3],
				]),
			},
		];
		const sensitivity = {
			examples: 4,
			synthetic: false,
			classes: true,
			notes: [],
			groups: ['a', 'b'].map((id, i) => ({
				id,
				most: 16,
				curve: [],
				probes: [{ removed: 4, divergence: 0.2 - 0.1 * i }],
				drawn: [{ removed: 8, divergence: 0.4 - 0.2 * i }],
			})),
		};
		const rows = rowsOf(plan(group('a', 16), group('b', 16), group('c', 16)), figures, sensitivity);
		expect(rows.map(({ ms }) => ms)).toEqual([5, undefined, undefined]);
		expect(rows[0]?.effect?.atQuarter).toBeCloseTo(0.2);
		expect(shownRows(rows, '', 'effect').map(({ group: { id } }) => id)).toEqual(['b', 'a', 'c']);
	});

	it('draw curves straight between points and flat behind them', () => {
		const points = [
			{ removed: 0, divergence: 0 },
			{ removed: 4, divergence: 1 },
			{ removed: 8, divergence: 3 },
		];
		expect([0, 2, 6, 8, 20].map((at) => effectAt(points, at))).toEqual([0, 0.5, 2, 3, 3]);
	});
});
