// 100,000 damaged models through read, check and write: node --expose-gc scripts/run-ts.mjs bench/fuzz-models.ts [COUNT] [SEED]
// Fails on an untyped error, on a mutant that takes over 2 s, and on memory that grows with the number of mutants.
import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { seededRandom } from '../src/core/numeric/random.ts';
import { backendModels, sharedModels } from '../src/core/onnx/corpus.testkit.ts';
import { type FuzzSeed, fuzzOnce, newTally } from '../src/core/onnx/fuzz.testkit.ts';
import { seedModels } from '../src/core/onnx/seeds.testkit.ts';

const SLOWEST_MS = 2000;
const GROWTH_BYTES = 50e6;
const SEED_BYTES = 64 * 1024;

const count = Number(process.argv[2] ?? 100_000);
const firstSeed = Number(process.argv[3] ?? 1);

const seeds: FuzzSeed[] = [...(await seedModels())];
for (const file of [...sharedModels(), ...backendModels()]) {
	const bytes = new Uint8Array(readFileSync(file.path));
	if (bytes.byteLength <= SEED_BYTES) seeds.push({ name: `${basename(dirname(file.path))}/${basename(file.path)}`, bytes });
}

const tally = newTally();
const collect = (globalThis as { gc?: () => void }).gc ?? (() => undefined);
let baseBytes = 0;
const began = performance.now();
for (let index = 0; index < count; index++) {
	const seed = seeds[index % seeds.length];
	if (seed) await fuzzOnce(seed, seededRandom(firstSeed * 1_000_003 + index), tally, `#${index}`);
	// The first tenth warms the process up; growth is counted from there.
	if (index === Math.floor(count / 10)) {
		collect();
		baseBytes = process.memoryUsage().rss;
	}
	if (index % 10_000 === 9_999) process.stderr.write(`${index + 1} of ${count}, ${tally.bugs.length} bugs\n`);
}
collect();
const growth = process.memoryUsage().rss - baseBytes;

console.log(`${tally.mutants} mutants of ${seeds.length} models in ${((performance.now() - began) / 1000).toFixed(1)} s`);
console.log(`read, checked and written  ${tally.read} (the checker finds fault with ${tally.faulty})`);
for (const [code, number] of tally.refused) console.log(`refused: ${code.padEnd(18)}${number}`);
console.log(`slowest ${tally.slowestMs.toFixed(1)} ms: ${tally.slowest}`);
console.log(`memory growth ${(growth / 1e6).toFixed(1)} MB`);
for (const bug of tally.bugs.slice(0, 10)) console.log(`BUG ${bug}`);
if (tally.bugs.length > 0 || tally.slowestMs > SLOWEST_MS || growth > GROWTH_BYTES) {
	console.log(`FAILED: ${tally.bugs.length} untyped errors`);
	process.exitCode = 1;
}
