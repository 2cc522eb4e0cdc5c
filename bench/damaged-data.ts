/**
 * A hundred kinds of damage on data sets: 100 of the 400 pictures of ../shared/data/imagenet-eval-400.zip damaged, a kind each, and every
 * other kind of set damaged as a whole, each in a hundred ways. Counts what is read, what is left out or refused in words, and what fails
 * otherwise (must be 0); pictures that were not damaged must come out as they were.
 *
 *   node scripts/run-ts.mjs bench/damaged-data.ts
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { zipSync } from 'fflate';
import { memorySource } from '../src/core/bytes/source.ts';
import type { Port } from '../src/core/ir/tensor-data.ts';
import { damages } from '../src/data/damage.testkit.ts';
import type { DataTarget } from '../src/data/dataset.ts';
import { DataError } from '../src/data/errors.ts';
import { decodePicture } from '../src/data/node/codecs.ts';
import { dataFile } from '../src/data/npy.testkit.ts';
import { openDataset } from '../src/data/open.ts';
import { readZip } from '../src/data/zip.ts';

const shared = resolve(process.cwd(), '../shared');
if (!existsSync(shared)) {
	console.log('skipped: ../shared is not here');
	process.exit(0);
}
const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(join(shared, path)));
const float = (name: string, ...shape: Port['shape'][number][]): Port => ({ name, dtype: 'float32', shape });
const ids = (name: string, ...shape: Port['shape'][number][]): Port => ({ name, dtype: 'int64', shape });
let untyped = 0;

const pictures: DataTarget = { inputs: [float('image', 'N', 3, 224, 224)], outputs: [float('logits', 'N', 1000)] };
const files: Record<string, Uint8Array> = {};
let at = 0;
const touched = new Map<string, string>();
for (const entry of await readZip(memorySource(bytesOf('data/imagenet-eval-400.zip')), 'set')) {
	const bytes = await entry.bytes();
	const damage = entry.name === 'classes.txt' || at % 4 !== 0 ? undefined : damages[at / 4];
	if (entry.name !== 'classes.txt') at += 1;
	if (damage) touched.set(entry.name, damage.name);
	files[entry.name] = damage ? damage.apply(bytes) : bytes;
}
const whole = await openDataset([dataFile('set.zip', bytesOf('data/imagenet-eval-400.zip'))], pictures, { decode: decodePicture });
const damaged = await openDataset([dataFile('set.zip', zipSync(files, { level: 0 }))], pictures, { decode: decodePicture });
const before = new Map((await whole.exampleFacts()).map(({ name, contentHash }) => [name, contentHash]));
const after = await damaged.exampleFacts();
const intact = after.filter(({ name }) => !touched.has(name));
const same = intact.filter(({ name, contentHash }) => before.get(name) === contentHash).length;
const { skipped } = damaged.facts;
console.log(
	`pictures: ${touched.size} of ${before.size} damaged; ${damaged.n} read, ${skipped.length} left out by name (together ${damaged.n + skipped.length}); ${same} of ${intact.length} undamaged ones as they were`,
);
const survived = after.filter(({ name }) => touched.has(name));
console.log(`  damaged and still decoded: ${survived.map(({ name }) => touched.get(name)).join(', ')}`);
const reasons = new Map<string, number>();
for (const { reason } of skipped) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
for (const [reason, count] of [...reasons].sort((a, b) => b[1] - a[1])) console.log(`  ${count} x ${reason}`);
let wrong = damaged.n + skipped.length !== before.size || same !== before.size - touched.size ? 1 : 0;

const tokens = dataFile('tokenizer.json', bytesOf('models/minilm-l6-v2.tokenizer.json'));
const encoder: DataTarget = {
	inputs: [ids('input_ids', 'b', 's'), ids('attention_mask', 'b', 's'), ids('token_type_ids', 'b', 's')],
	outputs: [float('sentence_embedding', 'b', 384)],
};
const sets: readonly [what: string, file: string, target: DataTarget, beside?: typeof tokens][] = [
	['IDX, gzipped', 'data/t10k-images-idx3-ubyte.gz', { inputs: [float('x', 1, 1, 28, 28)], outputs: [] }],
	['npz', 'data/minilm-sentences-600.npz', encoder],
	['text', 'data/minilm-sentences-600.txt', encoder, tokens],
	['wav', 'data/speech-16k.wav', { inputs: [float('x', 1, 512)], outputs: [float('y', 1, 1)] }],
	['zip as a whole', 'data/imagenet-calibration-100.zip', pictures],
];
for (const [what, path, target, beside] of sets) {
	const bytes = bytesOf(path);
	let read = 0;
	let refused = 0;
	let examples = 0;
	for (const { apply, name } of damages) {
		try {
			const dataset = await openDataset([dataFile(path.split('/').at(-1) ?? path, apply(bytes)), ...(beside ? [beside] : [])], target, {
				decode: decodePicture,
				limit: 20,
			});
			for (let index = 0; index < Math.min(dataset.n, 5); index++) await dataset.example(index);
			read += 1;
			examples += dataset.n;
		} catch (error) {
			if (error instanceof DataError && error.message.length > 10) refused += 1;
			else {
				untyped += 1;
				console.log(`  ${what}, ${name}: ${error instanceof Error ? error.stack : String(error)}`);
			}
		}
	}
	console.log(
		`${what}: ${damages.length} kinds of damage, ${read} read in part or whole (${examples} of at most 20 examples each), ${refused} refused in words`,
	);
}
wrong += untyped;
console.log(wrong === 0 ? 'no lost run' : `${wrong} wrong`);
process.exit(wrong === 0 ? 0 : 1);
