// Zeroing channels equals cutting them, on random small graphs: the long form of the test in src/core/structure.
// Run by hand: node scripts/run-ts.mjs bench/pruning-equivalence.ts [COUNT] [FIRST]
import { compareZeroingWithCutting } from '../src/core/structure/zeroing.testkit.ts';

const count = Number(process.argv[2] ?? 2000);
const first = Number(process.argv[3] ?? 0);
let [worst, failed, groups, gone] = [0, 0, 0, 0];
for (let seed = first; seed < first + count; seed++) {
	try {
		const result = await compareZeroingWithCutting(seed);
		worst = Math.max(worst, result.difference);
		groups += result.groups;
		gone += result.gone;
		if (!(result.difference <= 1e-5)) {
			failed += 1;
			console.log(`seed ${seed}: ${result.difference}`);
		}
	} catch (error) {
		failed += 1;
		console.log(`seed ${seed}: ${error instanceof Error ? error.message.slice(0, 300) : String(error)}`);
	}
}
console.log(`${count} graphs, ${groups} groups, ${gone} units gone: ${failed} failed, largest difference ${worst.toExponential(2)}`);
