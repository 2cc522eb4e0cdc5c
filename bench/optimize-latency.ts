import type { Feeds } from '../src/core/ir/tensor-data.ts';
import { serialize } from '../src/core/onnx/write.ts';
import { parseOptions } from '../src/core/pass/options.ts';
import { pairedRatio } from '../src/core/study/intervals.ts';
import { engineCompute } from '../src/engine/compute.ts';
import type { Session } from '../src/engine/port.ts';
import { optimizeOptions } from '../src/passes/optimize/options.ts';
import { applyRules } from '../src/passes/optimize/run.ts';
import { openSubject, type SubjectName, subjectNames } from './subjects.ts';

/**
 * Time of the optimized shared models as a ratio to the original's: processor time of this process (other work of the machine
 * counts little), blocks of runs in turn, one thread, with the interval of the paired ratio.
 *
 *     node scripts/run-ts.mjs bench/optimize-latency.ts [--blocks N] [--options JSON] [NAME...]
 */
const args = process.argv.slice(2);
const take = (flag: string, fallback: string): string => {
	const at = args.indexOf(flag);
	return at < 0 ? fallback : (args.splice(at, 2)[1] ?? fallback);
};
const blocks = Number(take('--blocks', '31'));
const options = parseOptions(optimizeOptions, JSON.parse(take('--options', '{}')));
/** Runs of a block take about this long, so that the clock's grain does not count. */
const BLOCK_MS = 40;

for (const name of args.length > 0 ? (args as SubjectName[]) : subjectNames) {
	const subject = await openSubject(name);
	if (!subject) continue;
	const { feeds } = await subject.evaluation.example(0);
	const model = await subject.model();
	await applyRules(model, options, { signal: undefined, compute: engineCompute(subject.engine) });
	const [original, optimized] = [
		await subject.engine.load({ model: subject.bytes }),
		await subject.engine.load({ model: await serialize(model) }),
	];
	await timed(original, feeds, 2);
	await timed(optimized, feeds, 2);
	const runs = Math.max(1, Math.round(BLOCK_MS / Math.max((await timed(original, feeds, 3)) / 3, 0.01)));
	const times: [number[], number[]] = [[], []];
	for (let block = 0; block < blocks; block++) {
		// Each goes first in every second block.
		for (const which of block % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
			times[which].push(await timed(which === 0 ? original : optimized, feeds, runs));
		}
	}
	const { value, interval } = pairedRatio(times[1], times[0]);
	console.log(
		`${name}: time ratio ${value.toFixed(3)} [${interval?.[0].toFixed(3)}, ${interval?.[1].toFixed(3)}], ${blocks} blocks of ${runs} runs`,
	);
	await original.release();
	await optimized.release();
	await subject.close();
}

/** Processor milliseconds of some runs. */
async function timed(session: Session, feeds: Feeds, runs: number): Promise<number> {
	const began = process.cpuUsage();
	for (let run = 0; run < runs; run++) await session.run(feeds);
	const used = process.cpuUsage(began);
	return (used.user + used.system) / 1000;
}
