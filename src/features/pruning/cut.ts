import { parseOptions } from '../../core/pass/options.ts';
import type { Recipe } from '../../core/pass/recipe.ts';
import type { PlannedGroup, PruningPlan } from '../../core/structure/plan.ts';
import type { Rounding } from '../../core/structure/rounding.ts';
import { schema } from '../../passes/prune-structured/options.ts';

const defaults = parseOptions(schema, {});

/** As the pass rounds without being told otherwise: the sliders stop where it would. */
export const rounding: Rounding = { roundTo: defaults.roundTo, leastShare: defaults.leastShare };

export interface CutOptions {
	readonly criterion: typeof defaults.criterion;
	readonly refit: boolean;
}

export const usualOptions: CutOptions = { criterion: defaults.criterion, refit: defaults.refit };

/** The recipe of a variant with one more step: so many units of each group go. */
export function cuttingRecipe(base: Recipe, plan: PruningPlan, gone: readonly number[], options: CutOptions, name: string): Recipe {
	const ratios: Record<string, number> = {};
	for (const [i, { id, units }] of plan.groups.entries()) {
		const count = gone[i] ?? 0;
		// Six digits say which multiple is meant, and can be read.
		if (count > 0) ratios[id] = Number((count / units).toFixed(6));
	}
	const changed = {
		...(options.criterion !== defaults.criterion && { criterion: options.criterion }),
		...(options.refit !== defaults.refit && { refit: options.refit }),
	};
	return { ...base, name, steps: [...base.steps, { pass: 'prune-structured', options: { ratios, ...changed } }] };
}

/** 96 channels, 1,536 hidden units, 12 heads of 32. */
export function unitsText(group: Pick<PlannedGroup, 'kind' | 'width'>, count: number): string {
	const number = count.toLocaleString();
	switch (group.kind) {
		case 'units':
			return `${number} hidden ${count === 1 ? 'unit' : 'units'}`;
		case 'heads':
			return `${number} ${count === 1 ? 'head' : 'heads'} of ${group.width}`;
		case 'blocks':
			return `${number} ${count === 1 ? 'block' : 'blocks'} of ${group.width}`;
		default:
			return `${number} ${count === 1 ? 'channel' : 'channels'}`;
	}
}

/** What a unit is: channels, hidden units, heads of 32. */
export function kindText({ kind, width }: Pick<PlannedGroup, 'kind' | 'width'>): string {
	return kind === 'units' ? 'hidden units' : width > 1 ? `${kind} of ${width}` : kind;
}

/** −24.3 %, with the sign that mathematics has; 0 % where nothing changed. */
export function changeText(after: number, before: number): string {
	const change = before === 0 ? 0 : after / before - 1;
	if (Math.abs(change) < 0.0005) return '0 %';
	const digits = Math.abs(change * 100).toLocaleString(undefined, { maximumFractionDigits: 1, minimumFractionDigits: 1 });
	return `${change < 0 ? '−' : '+'}${digits} %`;
}

/** Whether a printed type has open dimensions besides the first, which is a batch more often than not: float32[N, 3, H, W]. */
export function hasOpenDims(type: string): boolean {
	const dims = /\[(.*)\]/.exec(type)?.[1]?.split(',') ?? [];
	return dims.slice(1).some((dim) => !/^\s*\d+\s*$/.test(dim));
}
