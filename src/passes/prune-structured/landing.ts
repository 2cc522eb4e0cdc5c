/** Share of the whole by which a solution may save more than it was asked to before others are looked for. */
const NEAR = 0.015;
/** Solutions that are looked at. */
const MOST_TRIED = 20_000;

export interface Landing {
	readonly groups: number;
	/** Numbers of units that may go of a group, ascending, from 0 on. */
	allowed(group: number): readonly number[];
	/** Share of the whole that is saved beyond the budget, of the budget that is met least; negative: it is not met. */
	beyond(counts: readonly number[]): number;
	/** What the outputs lose. */
	cost(counts: readonly number[]): number;
}

/**
 * Steps of small models are coarse: the last one may save far more than was asked for. Then units of one group go back and others of another
 * go instead; the cheapest of what lands near the budget is taken, else what lands nearest.
 */
export function landNear(counts: readonly number[], landing: Landing): number[] {
	const start = landing.beyond(counts);
	if (start <= NEAR) return [...counts];
	let best = { counts: [...counts], beyond: start, cost: landing.cost(counts) };
	let tried = 0;
	const consider = (other: readonly number[]): number => {
		tried += 1;
		const beyond = landing.beyond(other);
		if (beyond < 0) return beyond;
		const cost = landing.cost(other);
		const better = best.beyond > NEAR ? beyond < best.beyond : beyond <= NEAR && cost < best.cost;
		if (better) best = { counts: [...other], beyond, cost };
		return beyond;
	};
	for (let i = 0; i < landing.groups; i++) {
		for (const back of landing.allowed(i)) {
			if (back >= (counts[i] as number)) break;
			const fewer = counts.with(i, back);
			for (let j = 0; j < landing.groups && tried < MOST_TRIED; j++) {
				if (j === i) continue;
				// Ascending: the first that meets the budget is the nearest one.
				for (const gone of landing.allowed(j)) {
					if (gone < (counts[j] as number)) continue;
					if (consider(fewer.with(j, gone)) >= 0 || tried >= MOST_TRIED) break;
				}
			}
		}
	}
	return best.counts;
}
