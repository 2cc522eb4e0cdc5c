import type { EffectPoint } from '../../core/pass/report.ts';
import type { PlannedGroup, PruningPlan } from '../../core/structure/plan.ts';
import { cuts } from '../../core/structure/rounding.ts';
import type { NodeFigures } from '../../core/study/node-figures.ts';
import type { StructureSensitivity } from '../../passes/prune-structured/sensitivity.ts';
import { rounding } from './cut.ts';

/** A group as the list shows it. */
export interface GroupRow {
	readonly index: number;
	readonly group: PlannedGroup;
	/** Every number of units that may go. */
	readonly cuts: readonly number[];
	/** Measured time of the layers that shrink with it; undefined where nothing was timed. */
	readonly ms?: number;
	/** What the outputs lose by number of removed units: a curve, and the trials that it was drawn from. */
	readonly effect?: { readonly drawn: readonly EffectPoint[]; readonly trials: readonly EffectPoint[]; readonly atQuarter: number };
}

export type Order = 'model' | 'name' | 'units' | 'parameters' | 'macs' | 'bytes' | 'time' | 'effect';

export function rowsOf(
	plan: PruningPlan,
	figures: readonly NodeFigures[] | undefined,
	sensitivity: StructureSensitivity | undefined,
): GroupRow[] {
	const times = figures?.find(({ kind }) => kind === 'latency-ms')?.values;
	const known = new Map(sensitivity?.groups.map((group) => [group.id, group]));
	return plan.groups.map((group, index): GroupRow => {
		const timed = times ? group.layers.flatMap((key) => times.get(key) ?? []) : [];
		const measured = known.get(group.id);
		const drawn = measured ? [{ removed: 0, divergence: 0 }, ...measured.drawn] : [];
		return {
			index,
			group,
			cuts: cuts(group.units, rounding),
			...(timed.length > 0 && { ms: timed.reduce((sum, ms) => sum + ms, 0) }),
			...(measured &&
				measured.drawn.length > 0 && {
					effect: { drawn, trials: measured.probes, atQuarter: effectAt(drawn, group.units / 4) },
				}),
		};
	});
}

/** Between points of the curve it is drawn straight; beyond them the last one counts. */
export function effectAt(points: readonly EffectPoint[], removed: number): number {
	for (const [i, b] of points.entries()) {
		const a = points[i - 1];
		if (!a || removed > b.removed) continue;
		return a.divergence + ((b.divergence - a.divergence) * (removed - a.removed)) / Math.max(1e-9, b.removed - a.removed);
	}
	return points.at(-1)?.divergence ?? 0;
}

/** Those that match the words, in an order; figures largest first, except what a group does to the outputs: cheapest to lose first. */
export function shownRows(rows: readonly GroupRow[], words: string, order: Order): GroupRow[] {
	const wanted = words.trim().toLowerCase();
	const found = rows.filter(({ group }) =>
		`${group.name} ${group.op} ${group.kind} ${group.readers.join(' ')}`.toLowerCase().includes(wanted),
	);
	const by = (value: (row: GroupRow) => number): GroupRow[] => found.toSorted((a, b) => value(b) - value(a) || a.index - b.index);
	switch (order) {
		case 'name':
			return found.toSorted((a, b) => a.group.name.localeCompare(b.group.name, undefined, { numeric: true }) || a.index - b.index);
		case 'units':
			return by(({ group }) => group.units);
		case 'parameters':
			return by(({ group }) => group.parameters);
		case 'macs':
			return by(({ group }) => group.macs);
		case 'bytes':
			return by(({ group }) => group.bytes);
		case 'time':
			return by(({ ms }) => ms ?? -1);
		case 'effect':
			return by(({ effect }) => (effect ? -effect.atQuarter : Number.NEGATIVE_INFINITY));
		default:
			return found;
	}
}
