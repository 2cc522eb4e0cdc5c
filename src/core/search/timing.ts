/** Times of several things taken in turn, so that what disturbs one disturbs all. */
export interface Timing {
	/** Median of each, ms. */
	readonly mediansMs: readonly number[];
	readonly rounds: number;
}

export interface TimingOptions {
	/** Rounds at least. default 7 */
	readonly leastRounds?: number;
	/** Rounds at most. default 41 */
	readonly mostRounds?: number;
	/** Rounds end once this much time has gone into them. default 120 ms for each thing */
	readonly budgetMs?: number;
	readonly signal?: AbortSignal | undefined;
}

export interface Interleaved {
	/** times[k][round], ms. */
	readonly times: readonly (readonly number[])[];
	readonly rounds: number;
}

/** Runs each in turn, round after round, after one round that is not counted. */
export async function interleave(runs: readonly (() => Promise<unknown>)[], options: TimingOptions = {}): Promise<Interleaved> {
	const { leastRounds = 7, mostRounds = 41, budgetMs = 120 * runs.length, signal } = options;
	for (const run of runs) await run();
	const times: number[][] = runs.map(() => []);
	const began = performance.now();
	let rounds = 0;
	while (rounds < leastRounds || (rounds < mostRounds && performance.now() - began < budgetMs)) {
		signal?.throwIfAborted();
		for (const [k, run] of runs.entries()) {
			const start = performance.now();
			await run();
			times[k]?.push(performance.now() - start);
		}
		rounds += 1;
	}
	return { times, rounds };
}

export function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	const middle = sorted.length >> 1;
	const high = sorted[middle] ?? Number.NaN;
	return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2;
}

/**
 * Median of paired ratios b/a with its 95 % interval by order statistics (Conover, Practical Nonparametric Statistics, section 3.2):
 * free of any assumption about how times are spread. With fewer than 6 rounds the interval is the whole range.
 */
export function ratioInterval(
	a: readonly number[],
	b: readonly number[],
): { readonly ratio: number; readonly low: number; readonly high: number } {
	const ratios = b.map((time, i) => time / (a[i] ?? Number.NaN)).sort((x, y) => x - y);
	const n = ratios.length;
	const reach = n < 6 ? n : Math.min(n, 0.98 * Math.sqrt(n) + 0.5);
	const low = Math.max(0, Math.floor(n / 2 - reach));
	const high = Math.min(n - 1, Math.ceil(n / 2 + reach) - 1);
	return { ratio: median(ratios), low: ratios[low] ?? Number.NaN, high: ratios[high] ?? Number.NaN };
}
