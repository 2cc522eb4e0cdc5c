/**
 * One option for each item at the least total cost, while each total of a limited quantity stays within its limit: the multiple-choice
 * knapsack problem (Kellerer, Pferschy, Pisinger: Knapsack Problems, 2004, chapter 11). With one limit by dynamic programming over
 * rounded-up quantities, so what comes out never breaks the limit; a second limit enters as a price (Lagrange multiplier), found by
 * bisection. Exchanges with exact numbers then use what rounding left over.
 */

/** One way to treat an item. Quantities are not negative. */
export interface KnapsackOption {
	/** What is to be small in total. May be negative (a gain). */
	readonly cost: number;
	/** What is limited, one number for each limit. */
	readonly uses: readonly number[];
}

export interface KnapsackSolution {
	/** Index of the option chosen for each item. */
	readonly chosen: readonly number[];
	readonly cost: number;
	/** Totals of the limited quantities. */
	readonly used: readonly number[];
	/** Whether every limit holds. Where none can: the choice that exceeds the limits least. */
	readonly feasible: boolean;
}

/** Steps that the first limit is divided into. */
const STEPS = 4096;
const PRICES = 40;

/** `items[i]` has at least one option; each option has as many `uses` as there are `limits` (up to two). Throws RangeError otherwise. */
export function solveKnapsack(items: readonly (readonly KnapsackOption[])[], limits: readonly number[]): KnapsackSolution {
	if (limits.length > 2) throw new RangeError('at most two quantities can be limited');
	for (const options of items) {
		if (options.length === 0) throw new RangeError('an item without options');
		for (const { uses, cost } of options) {
			if (uses.length !== limits.length || uses.some((use) => !(use >= 0)) || !Number.isFinite(cost)) {
				throw new RangeError('an option needs a finite cost and a quantity that is not negative for each limit');
			}
		}
	}
	const [first, second] = limits;
	if (first === undefined)
		return solution(
			items,
			limits,
			items.map((options) => leastBy(options, ({ cost }) => cost)),
		);
	const priced = (price: number): number[] =>
		withinOne(
			items.map((options) => options.map(({ cost, uses }) => ({ cost: cost + price * (uses[1] ?? 0), use: uses[0] ?? 0 }))),
			first,
		);
	let best: KnapsackSolution | undefined;
	const consider = (chosen: readonly number[]): KnapsackSolution => {
		const found = improved(items, limits, solution(items, limits, chosen));
		if (!best || better(found, best, limits)) best = found;
		return found;
	};
	const free = consider(priced(0));
	if (second !== undefined && !free.feasible) {
		// The smallest price at which the second limit holds.
		let low = 0;
		let high = 1e-9;
		while (high < 1e15 && (solution(items, limits, priced(high)).used[1] ?? 0) > second) {
			low = high;
			high *= 10;
		}
		for (let i = 0; i < PRICES; i++) {
			const middle = low === 0 ? high / 2 : Math.sqrt(low * high);
			const found = consider(priced(middle));
			if ((found.used[1] ?? 0) > second) low = middle;
			else high = middle;
		}
		consider(priced(high));
	}
	return best ?? free;
}

function leastBy(options: readonly KnapsackOption[], key: (option: KnapsackOption) => number): number {
	let best = 0;
	for (const [index, option] of options.entries()) if (key(option) < key(options[best] as KnapsackOption)) best = index;
	return best;
}

/** Dynamic programming over one limit. Where nothing fits: the option that uses least, item by item. */
function withinOne(items: readonly (readonly { readonly cost: number; readonly use: number }[])[], limit: number): number[] {
	const least = items.map((options) => options.reduce((best, { use }, i) => (use < (options[best]?.use ?? Infinity) ? i : best), 0));
	if (!Number.isFinite(limit)) {
		return items.map((options) => options.reduce((best, { cost }, i) => (cost < (options[best]?.cost ?? Infinity) ? i : best), 0));
	}
	const stepsOf = (use: number): number => (use === 0 ? 0 : limit > 0 ? Math.ceil((use / limit) * STEPS - 1e-9) : STEPS + 1);
	const width = STEPS + 1;
	let table = new Float64Array(width).fill(Number.POSITIVE_INFINITY);
	table[0] = 0;
	const taken: Uint16Array[] = [];
	for (const options of items) {
		const next = new Float64Array(width).fill(Number.POSITIVE_INFINITY);
		const choice = new Uint16Array(width);
		for (const [index, { cost, use }] of options.entries()) {
			const step = stepsOf(use);
			for (let at = step; at < width; at++) {
				const total = (table[at - step] as number) + cost;
				if (total < (next[at] as number)) {
					next[at] = total;
					choice[at] = index;
				}
			}
		}
		taken.push(choice);
		table = next;
	}
	let at = -1;
	for (let i = 0; i < width; i++) {
		if (Number.isFinite(table[i] as number) && (at < 0 || (table[i] as number) < (table[at] as number))) at = i;
	}
	if (at < 0) return least;
	const chosen = new Array<number>(items.length).fill(0);
	for (let i = items.length - 1; i >= 0; i--) {
		const index = taken[i]?.[at] ?? 0;
		chosen[i] = index;
		at -= stepsOf(items[i]?.[index]?.use ?? 0);
	}
	return chosen;
}

function solution(items: readonly (readonly KnapsackOption[])[], limits: readonly number[], chosen: readonly number[]): KnapsackSolution {
	let cost = 0;
	const used = limits.map(() => 0);
	for (const [i, options] of items.entries()) {
		const option = options[chosen[i] ?? 0];
		if (!option) continue;
		cost += option.cost;
		for (let k = 0; k < used.length; k++) used[k] = (used[k] as number) + (option.uses[k] as number);
	}
	return { chosen: [...chosen], cost, used, feasible: excess(used, limits) === 0 };
}

/** How far totals are over their limits, in shares of these, summed; sums of floats are given their rounding. */
function excess(used: readonly number[], limits: readonly number[]): number {
	let sum = 0;
	for (const [k, limit] of limits.entries()) {
		const over = (used[k] as number) - limit;
		if (over > 1e-12 * Math.abs(limit)) sum += limit > 0 ? over / limit : over;
	}
	return sum;
}

function better(a: KnapsackSolution, b: KnapsackSolution, limits: readonly number[]): boolean {
	const [overA, overB] = [excess(a.used, limits), excess(b.used, limits)];
	return overA !== overB ? overA < overB : a.cost < b.cost;
}

/** Single exchanges, the best first, while they make it better. */
function improved(items: readonly (readonly KnapsackOption[])[], limits: readonly number[], start: KnapsackSolution): KnapsackSolution {
	let now = start;
	for (let round = 0; round < items.length * 2; round++) {
		let best: KnapsackSolution | undefined;
		for (const [i, options] of items.entries()) {
			const current = options[now.chosen[i] as number] as KnapsackOption;
			for (const [index, option] of options.entries()) {
				if (index === now.chosen[i]) continue;
				const cost = now.cost - current.cost + option.cost;
				const used = now.used.map((total, k) => total - (current.uses[k] as number) + (option.uses[k] as number));
				const over = excess(used, limits);
				const candidate = { chosen: now.chosen, cost, used, feasible: over === 0 };
				if (!better(candidate, best ?? now, limits)) continue;
				best = { ...candidate, chosen: now.chosen.map((old, at) => (at === i ? index : old)) };
			}
		}
		if (!best) return now;
		// Sums anew: differences of floats would drift.
		const next = solution(items, limits, best.chosen);
		if (!better(next, now, limits)) return now;
		now = next;
	}
	return now;
}
