/** How many units of a group may stay: multiples that kernels like, and no fewer than a share. */
export interface Rounding {
	readonly roundTo: number;
	/** Share of the units that always stays, 0..1. */
	readonly leastShare: number;
}

/** What is left of a group is a multiple of this; small groups go unit by unit. */
export function stepFor(units: number, { roundTo }: Pick<Rounding, 'roundTo'>): number {
	return units >= 16 * roundTo ? roundTo : 1;
}

/** The fewest units that may stay of a group. */
export function leastLeft(units: number, rounding: Rounding): number {
	const least = Math.max(1, Math.ceil(units * rounding.leastShare));
	const step = stepFor(units, rounding);
	return Math.min(units, Math.ceil(least / step) * step);
}

/** How many units go when a share of the group goes. */
export function unitsFor(units: number, share: number, rounding: Rounding): number {
	const step = stepFor(units, rounding);
	const left = Math.round((units * (1 - share)) / step) * step;
	return units - Math.min(units, Math.max(left, leastLeft(units, rounding)));
}

/** Every number of units that may go of a group, ascending, 0 first. */
export function cuts(units: number, rounding: Rounding): number[] {
	const step = stepFor(units, rounding);
	const least = leastLeft(units, rounding);
	const found = [0];
	for (let left = Math.floor((units - 1) / step) * step; left >= least; left -= step) found.push(units - left);
	return found;
}
