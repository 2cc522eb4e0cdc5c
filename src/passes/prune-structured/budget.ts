import type { Structure } from '../../core/structure/groups.ts';
import { cuts, stepFor, unitsFor } from '../../core/structure/rounding.ts';
import { landNear } from './landing.ts';
import type { LatencyTable } from './latency.ts';
import type { Learned } from './learn.ts';
import type { PruneOptions } from './options.ts';

/** What of a structure its costs are told by; a page has them without the model. */
export type Costed = Pick<Structure, 'macs' | 'allMacs' | 'bytes' | 'estimate' | 'sharesLeft'> & {
	readonly groups: { readonly length: number };
};

/** What of a learned group budgets are spread by. */
export type Ranked = Pick<Learned, 'most'> & {
	readonly group: { readonly index: number; readonly units: { readonly length: number } };
	readonly curve: readonly { readonly removed: number; readonly error: number }[];
	readonly probes: readonly { readonly removed: number; readonly divergence: number }[];
};

/** What the result may have at most; infinite: anything. */
export interface Budget {
	readonly macs: number;
	readonly bytes: number;
	readonly ms: number;
	/** What layers take on the runtime, where time is a budget. */
	readonly latency?: LatencyTable;
}

/** Share of the whole by which a budget may be missed: whole channels, rounded, seldom meet it to the number. */
const SLACK = 0.005;

export function budgetOf(structure: Costed, options: PruneOptions, latency?: LatencyTable): Budget | undefined {
	if (options.macsChange === 0 && options.bytesChange === 0 && !latency) return undefined;
	const limit = (total: number, change: number): number => (change < 0 ? total * (1 + change + SLACK) : Number.POSITIVE_INFINITY);
	return {
		macs: limit(structure.macs, options.macsChange),
		bytes: limit(structure.bytes, options.bytesChange),
		ms: limit(latency?.wholeMs ?? 0, latency ? options.msChange : 0),
		...(latency && { latency }),
	};
}

/** What is left when so many units of each group go. */
export interface Left {
	readonly macs: number;
	readonly allMacs: number;
	readonly bytes: number;
	readonly ms: number;
}

export function leftOf(structure: Costed, learned: readonly Ranked[], counts: readonly number[], latency: LatencyTable | undefined): Left {
	const gone = new Array<number>(structure.groups.length).fill(0);
	for (const [i, { group }] of learned.entries()) gone[group.index] = counts[i] as number;
	const estimate = structure.estimate(gone);
	const ms = latency ? latency.estimateMs(structure.sharesLeft(gone), estimate.macs / Math.max(1, structure.macs)) : 0;
	return { ...estimate, ms };
}

/** How many units go when a share of the group goes: what is left is a multiple of `roundTo`, and at least the least share. */
export function countFor(units: number, share: number, options: PruneOptions): number {
	return unitsFor(units, share, options);
}

/** The same share of every group. With a budget: the smallest share that meets it. */
export function uniformCounts(structure: Costed, learned: readonly Ranked[], options: PruneOptions, budget: Budget | undefined): number[] {
	const counts = (share: number): number[] => learned.map(({ group }) => countFor(group.units.length, share, options));
	if (!budget) return counts(options.ratio);
	let [low, high] = [0, 1];
	for (let i = 0; i < 24; i++) {
		const middle = (low + high) / 2;
		if (meets(structure, learned, counts(middle), budget)) high = middle;
		else low = middle;
	}
	return counts(high);
}

function meets(structure: Costed, learned: readonly Ranked[], counts: readonly number[], budget: Budget): boolean {
	const { macs, bytes, ms } = leftOf(structure, learned, counts, budget.latency);
	return macs <= budget.macs && bytes <= budget.bytes && ms <= budget.ms;
}

/**
 * What the outputs lose by number of removed units: the measured curve of the readers' error, scaled to what the outputs did on trial.
 * Groups whose readers cannot be looked at are taken to be as dear as the dearest.
 */
export function costCurves(learned: readonly Ranked[], options: PruneOptions): ((count: number) => number)[] {
	const measured = options.allocation === 'sensitivity';
	const scales = learned.map(({ probes, curve }) =>
		probes.flatMap(({ removed, divergence }) => {
			const error = curve.find((point) => point.removed === removed)?.error ?? 0;
			return error > 0 ? [{ removed, error: divergence / error }] : [];
		}),
	);
	const all = scales.flat().map((scale) => scale.error);
	const dearest = measured && all.length > 0 ? Math.max(...all) : 1;
	return learned.map(({ group, curve }, i) => {
		const units = group.units.length;
		if (curve.length === 0) return (count) => dearest * (count / units) ** 2;
		const own = scales[i] ?? [];
		// Between trials the scale is drawn straight, beyond them it stays.
		const scaleAt = (count: number): number => {
			if (!measured) return 1;
			const [first, last] = [own[0], own.at(-1)];
			if (!first || !last) return dearest;
			return count <= first.removed ? first.error : count >= last.removed ? last.error : interpolate(own, count);
		};
		const points = convex([{ removed: 0, error: 0 }, ...curve.map(({ removed, error }) => ({ removed, error: error * scaleAt(removed) }))]);
		return (count) => interpolate(points, count);
	});
}

interface Point {
	readonly removed: number;
	readonly error: number;
}

/** Lower convex hull, never falling: what greedy steps need. */
function convex(points: readonly Point[]): Point[] {
	const hull: Point[] = [];
	for (const point of points) {
		const next = { removed: point.removed, error: Math.max(point.error, hull.at(-1)?.error ?? 0) };
		while (hull.length > 1) {
			const [a, b] = hull.slice(-2) as [Point, Point];
			if ((b.error - a.error) * (next.removed - b.removed) <= (next.error - b.error) * (b.removed - a.removed)) break;
			hull.pop();
		}
		hull.push(next);
	}
	return hull;
}

function interpolate(points: readonly Point[], count: number): number {
	for (let i = 1; i < points.length; i++) {
		const [a, b] = points.slice(i - 1, i + 1) as [Point, Point];
		if (count <= b.removed) return a.error + ((b.error - a.error) * (count - a.removed)) / Math.max(1, b.removed - a.removed);
	}
	const [a, b] = points.slice(-2) as [Point, Point];
	return b ? b.error + ((b.error - a.error) / Math.max(1, b.removed - a.removed)) * (count - b.removed) : 0;
}

/** The budget met by steps, each time the one that costs the outputs least for what it saves. */
export function solvedCounts(structure: Costed, learned: readonly Ranked[], options: PruneOptions, budget: Budget): number[] {
	const costs = costCurves(learned, options);
	const counts = learned.map(() => 0);
	const meeting = (changed: readonly number[]): boolean => meets(structure, learned, changed, budget);
	/** What counts as saved: of the metrics whose budget is not met yet. All branches of an If count, or equal ones would stop each other. */
	const workOf = (changed: readonly number[], metrics: { macs: boolean; bytes: boolean; ms: boolean }): number => {
		const { allMacs, bytes, ms } = leftOf(structure, learned, changed, budget.latency);
		const whole = budget.latency?.wholeMs ?? 1;
		return (metrics.macs ? allMacs / structure.allMacs : 0) + (metrics.bytes ? bytes / structure.bytes : 0) + (metrics.ms ? ms / whole : 0);
	};
	for (;;) {
		const state = leftOf(structure, learned, counts, budget.latency);
		const open = { macs: state.macs > budget.macs, bytes: state.bytes > budget.bytes, ms: state.ms > budget.ms };
		if (!open.macs && !open.bytes && !open.ms) break;
		const now = workOf(counts, open);
		let best: { i: number; next: number; rate: number } | undefined;
		for (const [i, { group, most: ranked }] of learned.entries()) {
			const units = group.units.length;
			const most = Math.min(ranked, countFor(units, 1, options));
			const step = stepFor(units, options);
			const stride = Math.max(step, Math.round(units / 48 / step) * step);
			const current = counts[i] as number;
			// What is left stays a multiple of the step.
			const next = Math.min(most, current === 0 ? stride + ((units - stride) % step) : current + stride);
			if (next <= current) continue;
			const after = workOf(counts.with(i, next), open);
			if (after >= now) continue;
			const price = Math.max(0, (costs[i]?.(next) ?? 0) - (costs[i]?.(current) ?? 0));
			const rate = price / (now - after);
			if (!best || rate < best.rate) best = { i, next, rate };
		}
		if (!best) return counts;
		counts[best.i] = best.next;
	}
	giveBack(learned, options, counts, costs, meeting);
	return landNear(counts, {
		groups: learned.length,
		allowed: (i) => {
			const { group, most } = learned[i] as Ranked;
			return cuts(group.units.length, options).filter((count) => count <= most);
		},
		beyond: (changed) => {
			const left = leftOf(structure, learned, changed, budget.latency);
			return Math.min(
				(budget.macs - left.macs) / Math.max(1, structure.macs),
				(budget.bytes - left.bytes) / Math.max(1, structure.bytes),
				(budget.ms - left.ms) / Math.max(1e-9, budget.latency?.wholeMs ?? 1),
			);
		},
		cost: (changed) => changed.reduce((sum, count, i) => sum + (costs[i]?.(count) ?? 0), 0),
	});
}

/** The last step seldom ends on the budget: units go back, the dearest first, as far as the budget still holds. */
function giveBack(
	learned: readonly Ranked[],
	options: PruneOptions,
	counts: number[],
	costs: readonly ((count: number) => number)[],
	holds: (counts: readonly number[]) => boolean,
): void {
	for (;;) {
		let best: { i: number; next: number; worth: number } | undefined;
		for (const [i, { group }] of learned.entries()) {
			const current = counts[i] as number;
			const next = Math.max(0, current - stepFor(group.units.length, options));
			if (next === current || !holds(counts.with(i, next))) continue;
			const worth = (costs[i]?.(current) ?? 0) - (costs[i]?.(next) ?? 0);
			if (!best || worth > best.worth) best = { i, next, worth };
		}
		if (!best) return;
		counts[best.i] = best.next;
	}
}
