/**
 * What the intervals and tests of the metrics hold, by simulation: how often an interval has the true value in it, and how often a null study (two
 * models that are equally good) is called a difference, with and without ending early.
 *
 *   node scripts/run-ts.mjs bench/statistics.ts [studies of a cell, default 1000] [intervals[:kind] | scenarios[:words] | null | early]
 *
 * True values come from closed forms where there are some, else from a population of a million examples. A cell of 1,000 studies is known to
 * 0.7 points (one standard error), of 4,000 to 0.35.
 */
import { isMeasurable } from '../src/core/study/metrics/metric-facts.ts';
import { scenarios, tallyOf } from '../src/core/study/metrics/scenarios.testkit.ts';
import { intervalCells, nullCells, sequentialCells } from '../src/core/study/metrics/simulation.testkit.ts';

const [given, part] = process.argv.slice(2);
const studies = Number(given ?? 1000);
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`.padStart(7);

if (!part || 'intervals'.startsWith(part) || part.startsWith('intervals')) {
	console.log('Coverage of 95 % intervals');
	const only = part?.split(':')[1];
	const kinds = new Map<string, number[]>();
	for (const cell of intervalCells) {
		if (only && !cell.kind.startsWith(only)) continue;
		let covered = 0;
		let width = 0;
		for (let study = 0; study < studies; study++) {
			const { interval, truth } = cell.study(study + 1);
			if (interval[0] <= truth && truth <= interval[1]) covered += 1;
			width += interval[1] - interval[0];
		}
		const share = covered / studies;
		kinds.set(cell.kind, [...(kinds.get(cell.kind) ?? []), share]);
		console.log(
			`  ${cell.kind.padEnd(34)} ${cell.setting.padEnd(30)} ${percent(share)}  width ${(width / studies).toPrecision(3)}${share < 0.93 || share > 0.97 ? '  outside 93-97' : ''}`,
		);
	}
	console.log('\nMean over settings');
	for (const [kind, shares] of kinds) {
		const mean = shares.reduce((sum, x) => sum + x, 0) / shares.length;
		console.log(`  ${kind.padEnd(34)} ${percent(mean)}  lowest ${percent(Math.min(...shares))}  highest ${percent(Math.max(...shares))}`);
	}
}
if (!part || part.startsWith('scenarios')) {
	console.log('\nEvery metric and paired difference of a task: coverage, and of null studies false alarms');
	const only = part?.split(':')[1];
	for (const scenario of scenarios) {
		if (only && !`${scenario.kind} ${scenario.setting}`.includes(only)) continue;
		console.log(`  ${scenario.kind}, ${scenario.setting}`);
		for (const { metric, count, covered, width, alarms } of tallyOf(scenario, studies, isMeasurable)) {
			const share = covered / count;
			const outside = share < 0.93 ? '  below 93' : share > 0.97 ? '  above 97' : '';
			const called = scenario.null && metric.endsWith('(difference)') ? `  alarms ${percent(alarms / count)}` : '';
			console.log(`    ${metric.padEnd(24)} ${percent(share)}  width ${(width / count).toPrecision(3)}${called}${outside}`);
		}
	}
}
if (!part || part === 'null') {
	console.log('\nFalse alarms of null studies (a difference is called measurable)');
	for (const cell of nullCells) {
		let alarms = 0;
		for (let study = 0; study < studies; study++) if (cell.alarm(study + 1)) alarms += 1;
		console.log(`  ${cell.kind.padEnd(34)} ${cell.setting.padEnd(30)} ${percent(alarms / studies)}`);
	}
}
if (!part || part === 'early') {
	console.log('\nEnding early: false alarms, intervals that hold the true difference, examples run');
	for (const cell of sequentialCells) {
		let [alarms, held, run] = [0, 0, 0];
		for (let study = 0; study < studies; study++) {
			const result = cell.study(study + 1);
			if (result.alarm) alarms += 1;
			if (result.held) held += 1;
			run += result.share;
		}
		console.log(
			`  ${cell.kind.padEnd(24)} ${cell.setting.padEnd(34)} alarms ${percent(alarms / studies)}  interval holds ${percent(held / studies)}  run ${percent(run / studies)}`,
		);
	}
}
