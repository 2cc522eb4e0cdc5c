import type { Family } from '../../core/pass/pass.ts';
import { paretoFront } from '../../core/study/pareto.ts';
import type { Hash, Interval, Study } from '../../core/study/study.ts';
import type { Axis } from './axes.ts';

export type VariantId = Hash | 'original';

/** One mark of the chart. */
export interface Point {
	readonly id: VariantId;
	readonly name: string;
	readonly family: Family;
	readonly x: number;
	readonly y: number;
	readonly xInterval?: Interval;
	readonly yInterval?: Interval;
	/** Drawn at the top edge: equal to the original, so the measure has no finite value. */
	readonly exact: boolean;
	/** No other variant is better on both axes. */
	readonly front: boolean;
	/** Outside the person's budgets. */
	readonly excluded: boolean;
}

/** Limits that the person drags on the axes; undefined: no limit. */
export interface Budget {
	readonly x?: number;
	readonly y?: number;
}

/** Marks of all variants that were measured on both axes, cheapest first. */
export function pointsOf(study: Study, xAxis: Axis, yAxis: Axis, budget: Budget = {}): Point[] {
	const ids: { id: VariantId; name: string; family: Family }[] = study.variants.map(({ id, name, family }) => ({
		id,
		name: id === 'original' ? 'original' : name,
		family,
	}));
	if (!ids.some(({ id }) => id === 'original')) ids.unshift({ id: 'original', name: 'original', family: 'original' });
	const measured = ids.flatMap((variant) => {
		const x = xAxis.figure(variant.id);
		const y = yAxis.figure(variant.id);
		return x && y && Number.isFinite(x.value) ? [{ ...variant, x, y }] : [];
	});
	const finite = measured.map(({ y }) => y.value).filter(Number.isFinite);
	const top = finite.length > 0 ? Math.max(...finite) + (Math.max(...finite) - Math.min(...finite) || 10) * 0.15 : 1;
	const front = frontOf(measured.map(({ x, y }) => ({ cost: x.value, worth: yAxis.better === 'high' ? y.value : -y.value })));
	return measured
		.map(({ id, name, family, x, y }, index): Point => {
			const excluded =
				(budget.x !== undefined && x.value > budget.x) ||
				(budget.y !== undefined && (yAxis.better === 'high' ? y.value < budget.y : y.value > budget.y));
			return {
				id,
				name,
				family,
				x: x.value,
				y: Number.isFinite(y.value) ? y.value : top,
				...(x.interval ? { xInterval: x.interval } : {}),
				...(y.interval ? { yInterval: y.interval } : {}),
				exact: y.exact ?? false,
				front: front.has(index),
				excluded,
			};
		})
		.sort((a, b) => a.x - b.x || b.y - a.y);
}

/** Indices of the entries that nothing else beats on both counts. Equal entries are all kept. */
export function frontOf(entries: readonly { readonly cost: number; readonly worth: number }[]): Set<number> {
	return new Set(
		paretoFront(
			entries.map(({ cost, worth }) => [cost, worth]),
			['min', 'max'],
		),
	);
}
