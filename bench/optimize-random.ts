import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createNodeEngine } from '../src/engine/node/index.ts';
import { type Comparison, compareRandom } from '../src/passes/optimize/random-equal.testkit.ts';

/**
 * Random small graphs, optimized, must give what they gave: the original without any optimization of the runtime against the
 * result with all of it. Tells how many ran, how often each rule was applied, the largest difference; writes graphs that differ.
 *
 *     node scripts/run-ts.mjs bench/optimize-random.ts [--from SEED] [--count N] [--contrib] [--out FOLDER]
 */
const args = process.argv.slice(2);
const number = (flag: string, fallback: number): number => {
	const at = args.indexOf(flag);
	return at < 0 ? fallback : Number(args[at + 1]);
};
const from = number('--from', 0);
const count = number('--count', 10_000);
const at = args.indexOf('--out');
const folder = at < 0 ? undefined : args[at + 1];
const allowContrib = args.includes('--contrib');
/** Largest number 1: float32 rounds in the eighth digit, and some steps multiply it. */
const TOLERANCE = 1e-4;

const engine = await createNodeEngine();
const applied = new Map<string, { places: number; graphs: number }>();
const unusable = new Map<string, number[]>();
const differences: number[] = [];
const wrong: Comparison[] = [];
let before = 0;
let after = 0;
let grown = 0;
for (let seed = from; seed < from + count; seed++) {
	const result = await compareRandom(seed, engine, { allowContrib });
	if (result.unusable !== undefined) {
		const reason = result.unusable.slice(0, 160);
		unusable.set(reason, [...(unusable.get(reason) ?? []), seed]);
		continue;
	}
	for (const [id, times] of result.applied) {
		const entry = applied.get(id) ?? { places: 0, graphs: 0 };
		applied.set(id, { places: entry.places + times, graphs: entry.graphs + 1 });
	}
	before += result.before;
	after += result.after;
	if (result.failure === undefined) differences.push(result.difference);
	if (result.failure === undefined && result.after > result.before) grown += 1;
	if (result.failure === undefined && result.difference <= TOLERANCE) continue;
	wrong.push(result);
	console.log(
		`seed ${seed} opset ${result.opset}: ${result.failure ?? `differs by ${result.difference}`} [${result.steps.join(' ')}] ${[...result.applied.keys()].join(' ')}`,
	);
	if (!folder) continue;
	mkdirSync(folder, { recursive: true });
	writeFileSync(join(folder, `${seed}.onnx`), result.original);
	if (result.optimized) writeFileSync(join(folder, `${seed}-optimized.onnx`), result.optimized);
}
differences.sort((a, b) => a - b);
const quantile = (share: number): string =>
	(differences[Math.min(differences.length - 1, Math.floor(share * differences.length))] ?? 0).toExponential(1);
console.log(
	`${count} graphs from seed ${from}: ${differences.length} compared, ${wrong.length} wrong, ${[...unusable.values()].flat().length} that the runtime does not run as they are`,
);
console.log(`nodes ${before} -> ${after}; graphs that grew: ${grown}`);
console.log(`largest relative difference: median ${quantile(0.5)}, 99 % ${quantile(0.99)}, 99.9 % ${quantile(0.999)}, all ${quantile(1)}`);
for (const [id, { places, graphs }] of [...applied].sort((a, b) => b[1].places - a[1].places))
	console.log(`  ${id}: ${places} places in ${graphs} graphs`);
for (const [reason, seeds] of [...unusable].sort((a, b) => b[1].length - a[1].length))
	console.log(`  not run (${seeds.length}, first seed ${seeds[0]}): ${reason}`);
