import type { Feeds } from '../src/core/ir/tensor-data.ts';
import { pairedRatio } from '../src/core/study/intervals.ts';
import type { Session } from '../src/engine/port.ts';

/** Runs of a block take about this long, so that the clock's grain does not count. */
const BLOCK_MS = 40;

export interface ProcessorRatio {
	readonly ratio: number;
	readonly low: number;
	readonly high: number;
	readonly blocks: number;
}

/**
 * Processor time of one session over another's: blocks of runs in turn, each going first in every second block, with the 95 % interval of the
 * paired ratio. Other work of the machine counts less than in time by the clock.
 */
export async function processorRatio(variant: Session, original: Session, feeds: Feeds, blocks: number): Promise<ProcessorRatio> {
	await timed(original, feeds, 2);
	await timed(variant, feeds, 2);
	const runs = Math.max(1, Math.round(BLOCK_MS / Math.max((await timed(original, feeds, 3)) / 3, 0.01)));
	const times: { readonly original: number[]; readonly variant: number[] } = { original: [], variant: [] };
	for (let block = 0; block < blocks; block++) {
		for (const which of block % 2 === 0 ? (['original', 'variant'] as const) : (['variant', 'original'] as const)) {
			times[which].push(await timed(which === 'original' ? original : variant, feeds, runs));
		}
	}
	const { value, interval } = pairedRatio(times.variant, times.original);
	return { ratio: value, low: interval?.[0] ?? Number.NaN, high: interval?.[1] ?? Number.NaN, blocks };
}

/** Processor milliseconds of some runs. */
async function timed(session: Session, feeds: Feeds, runs: number): Promise<number> {
	const began = process.cpuUsage();
	for (let run = 0; run < runs; run++) await session.run(feeds);
	const used = process.cpuUsage(began);
	return (used.user + used.system) / 1000;
}
