import { parseOptions } from '../../core/pass/options.ts';
import { estimatePlan, type PruningPlan } from '../../core/structure/plan.ts';
import { cuts, type Rounding } from '../../core/structure/rounding.ts';
import { budgetOf, solvedCounts, uniformCounts } from './budget.ts';
import { schema } from './options.ts';
import type { GroupSensitivity } from './sensitivity.ts';

/** What is to be cut, as changes of the whole: -0.2 for a fifth less. */
export interface Wanted {
	readonly macsChange?: number;
	readonly bytesChange?: number;
}

export interface Spread {
	/** Units that go of each group of the plan. */
	readonly gone: readonly number[];
	/** Whether the budget is met. */
	readonly met: boolean;
}

/**
 * Spreads a budget over the groups of a plan as the pass does: by what each group's loss does to the outputs where that was measured, else
 * the same share of every group.
 */
export function spreadBudget(plan: PruningPlan, wanted: Wanted, rounding: Rounding, measured?: readonly GroupSensitivity[]): Spread {
	const options = parseOptions(schema, { ...wanted, roundTo: rounding.roundTo, leastShare: rounding.leastShare });
	const structure = {
		groups: plan.groups,
		macs: plan.macs,
		allMacs: plan.allMacs,
		bytes: plan.bytes,
		estimate: (gone: readonly number[]) => estimatePlan(plan, gone),
		sharesLeft: () => new Map(),
	};
	const known = new Map(measured?.map((group) => [group.id, group]));
	const learned = plan.groups.map(({ id, units }, index) => {
		const own = known.get(id);
		return {
			group: { index, units: { length: units } },
			most: own?.most ?? units,
			curve: own?.curve ?? [],
			probes: own?.probes ?? [],
		};
	});
	const budget = budgetOf(structure, options);
	if (!budget) return { gone: plan.groups.map(() => 0), met: true };
	const holds = (counts: readonly number[], slack = 1): boolean => {
		const left = estimatePlan(plan, counts);
		return left.macs <= budget.macs * slack && left.bytes <= budget.bytes * slack;
	};
	const gone = measured
		? solvedCounts(structure, learned, options, budget)
		: spared(plan, uniformCounts(structure, learned, options, budget), rounding, holds);
	return { gone, met: holds(gone, 1.01) };
}

/** One share for all overshoots where groups are small: each group gets at most one step back, as far as the budget still holds. */
function spared(
	plan: PruningPlan,
	uniform: readonly number[],
	rounding: Rounding,
	holds: (gone: readonly number[]) => boolean,
): readonly number[] {
	let gone = uniform;
	for (const [i, { units }] of plan.groups.entries()) {
		const less = cuts(units, rounding).findLast((count) => count < (gone[i] ?? 0));
		if (less !== undefined && holds(gone.with(i, less))) gone = gone.with(i, less);
	}
	return gone;
}
