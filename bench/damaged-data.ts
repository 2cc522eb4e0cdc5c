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
import type { DataFile, DataTarget } from '../src/data/dataset.ts';
import { DataError } from '../src/data/errors.ts';
import { decodePicture } from '../src/data/node/codecs.ts';
import { dataFile, npy, npz } from '../src/data/npy.testkit.ts';
import { openDataset } from '../src/data/open.ts';
import { png } from '../src/data/pictures.testkit.ts';
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
const digits: DataTarget = { inputs: [float('x', 1, 1, 28, 28)], outputs: [] };
const vectors: DataTarget = { inputs: [float('x', 'N', 3)], outputs: [float('y', 'N', 3)] };
const small: DataTarget = { inputs: [float('x', 'N', 3, 16, 16)], outputs: [float('y', 'N', 3)] };
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const names = Array.from({ length: 60 }, (_, i) => ({ file: `picture-${i}.png`, label: ['red', 'green', 'blue'][i % 3] as string }));
const colours = names.map(({ file }, i) => dataFile(file, png(16, 16, i)));
const classes = dataFile('classes.txt', text('red\ngreen\nblue\n'));
const rows = Array.from({ length: 200 }, (_, i) => `${i / 7},${-i},${i % 11},${i % 3}`);
const words = Uint32Array.from(rows.flatMap((_, i) => [...(['red ', 'blue'][i % 2] as string)].map((letter) => letter.charCodeAt(0))));

interface DamagedSet {
	readonly what: string;
	readonly file: string;
	readonly bytes: Uint8Array;
	readonly target: DataTarget;
	/** Undamaged files that come with it. */
	readonly beside?: readonly DataFile[];
}
const sets: readonly DamagedSet[] = [
	{ what: 'IDX, gzipped', file: 't10k-images-idx3-ubyte.gz', bytes: bytesOf('data/t10k-images-idx3-ubyte.gz'), target: digits },
	{
		what: 'IDX',
		file: 'x-idx3-ubyte',
		bytes: Uint8Array.from([0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 28, 0, 0, 0, 28, ...new Uint8Array(7840)]),
		target: digits,
	},
	{ what: 'npz', file: 'minilm.npz', bytes: bytesOf('data/minilm-sentences-600.npz'), target: encoder },
	{
		what: 'npy',
		file: 'x.npy',
		bytes: npy(
			'<f4',
			[200, 3],
			new Float32Array(600).map((_, i) => i),
		),
		target: vectors,
	},
	{
		what: 'npz with words as labels',
		file: 'a.npz',
		bytes: npz({ x: npy('<f4', [200, 3], new Float32Array(600)), label: npy('<U4', [200], words) }),
		target: vectors,
		beside: [classes],
	},
	{ what: 'text', file: 'lines.txt', bytes: bytesOf('data/minilm-sentences-600.txt'), target: encoder, beside: [tokens] },
	{
		what: 'tokenizer.json',
		file: 'tokenizer.json',
		bytes: bytesOf('models/minilm-l6-v2.tokenizer.json'),
		target: encoder,
		beside: [dataFile('lines.txt', text('one\ntwo\nthree\n'))],
	},
	{
		what: 'wav',
		file: 'speech.wav',
		bytes: bytesOf('data/speech-16k.wav'),
		target: { inputs: [float('x', 1, 512)], outputs: [float('y', 1, 1)] },
	},
	{ what: 'table', file: 'rows.csv', bytes: text(`a,b,c,label\n${rows.join('\n')}\n`), target: vectors },
	{
		what: 'labels in a CSV, pictures whole',
		file: 'labels.csv',
		bytes: text(`file,label\n${names.map(({ file, label }) => `${file},${label}`).join('\n')}\n`),
		target: small,
		beside: [...colours, classes],
	},
	{
		what: 'labels in JSON, pictures whole',
		file: 'labels.json',
		bytes: text(JSON.stringify(Object.fromEntries(names.map(({ file, label }) => [file, label])))),
		target: small,
		beside: [...colours, classes],
	},
	{
		what: 'classes.txt, pictures whole',
		file: 'classes.txt',
		bytes: text('red\ngreen\nblue\n'),
		target: small,
		beside: [dataFile('set.zip', zipSync(Object.fromEntries(names.map(({ file, label }, i) => [`${label}/${file}`, png(16, 16, i)]))))],
	},
	{ what: 'zip as a whole', file: 'imagenet.zip', bytes: bytesOf('data/imagenet-calibration-100.zip'), target: pictures },
];
for (const { what, file, bytes, target, beside = [] } of sets) {
	let read = 0;
	let refused = 0;
	let examples = 0;
	let left = 0;
	const reasons = new Set<string>();
	for (const { apply, name } of damages) {
		try {
			const dataset = await openDataset([dataFile(file, apply(bytes)), ...beside], target, { decode: decodePicture, limit: 20 });
			for (let index = 0; index < Math.min(dataset.n, 5); index++) await dataset.example(index);
			read += 1;
			examples += dataset.n;
			left += dataset.facts.skippedCount ?? dataset.facts.skipped.length;
		} catch (error) {
			if (error instanceof DataError && error.message.length > 10) {
				refused += 1;
				reasons.add(error.message.replace(/\d+/g, 'N').slice(0, 60));
			} else {
				untyped += 1;
				console.log(`  ${what}, ${name}: ${error instanceof Error ? error.stack : String(error)}`);
			}
		}
	}
	console.log(
		`${what}: ${damages.length} kinds of damage, ${read} read in part or whole (${examples} of at most 20 examples each, ${left} left out by name), ${refused} refused for ${reasons.size} reasons`,
	);
}
wrong += untyped;
console.log(wrong === 0 ? 'no lost run' : `${wrong} wrong`);
process.exit(wrong === 0 ? 0 : 1);
