// Prune, then quantize: whether both together lead past what either alone reaches at a similar size.
// node scripts/run-ts.mjs bench/prune-quantize.ts [MODEL ...] [--line7] [--only TEXT;TEXT] [--combined TEXT;TEXT] [--points FILE]
// --only TEXT;TEXT: points whose names contain one of these; --combined TEXT;TEXT: of the combinations only those.
// --points FILE: points are added to this file of JSON lines, and those that it already holds for the same recipe are taken from it.
// --line7 only runs a fifth fewer multiply-accumulates followed by static int8 on each model, and checks that the result loads.
// Otherwise: single techniques and combinations by size and mean score; a combination is said to dominate where every single technique of
// similar size (a factor of 1.25 either way; at least one) scores less on the same examples, paired: the 95 % bootstrap interval of the mean difference
// lies above 0. Evaluation examples are never calibrated on.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { memorySource } from '../src/core/bytes/source.ts';
import { seededRandom } from '../src/core/numeric/random.ts';
import { checkModel } from '../src/core/onnx/check.ts';
import { readModel } from '../src/core/onnx/read.ts';
import type { RecipeStep } from '../src/core/pass/recipe.ts';
import { openSubject, type Subject, type SubjectName, subjectNames } from './subjects.ts';

const optimize: RecipeStep = { pass: 'optimize', options: {} };
const prune = (macsChange: number): RecipeStep => ({ pass: 'prune-structured', options: { macsChange } });
const pruneBytes = (bytesChange: number): RecipeStep => ({ pass: 'prune-structured', options: { bytesChange } });
const lowRank = (bytesChange: number): RecipeStep => ({ pass: 'low-rank', options: { bytesChange } });
const int8: RecipeStep = { pass: 'int8-static', options: {} };
const weights = (bits: number, tables = Math.max(4, bits), blockSize = 32): RecipeStep => ({
	pass: 'gptq',
	options: { bits, embeddings: `${tables}`, blockSize },
});
const palette = (entries: number): RecipeStep => ({ pass: 'palettize', options: { entries } });

const singles: Readonly<Record<string, readonly RecipeStep[]>> = {
	'static int8': [optimize, int8],
	'8-bit weights': [optimize, weights(8)],
	'4-bit weights': [optimize, weights(4)],
	'4-bit weights, 8-bit tables': [optimize, weights(4, 8)],
	'3-bit weights': [optimize, weights(3)],
	'2-bit weights': [optimize, weights(2)],
	'4-bit weights by channel': [optimize, weights(4, 4, 0)],
	'3-bit weights by channel': [optimize, weights(3, 4, 0)],
	'palettes of 256': [optimize, palette(256)],
	'palettes of 16': [optimize, palette(16)],
	'palettes of 8': [optimize, palette(8)],
	'palettes of 4': [optimize, palette(4)],
	'-25 % computing': [prune(-0.25)],
	'-50 % computing': [prune(-0.5)],
	'-75 % computing': [prune(-0.75)],
	'-90 % computing': [prune(-0.9)],
	'-25 % bytes by low rank': [optimize, lowRank(-0.25)],
	'-50 % bytes by low rank': [optimize, lowRank(-0.5)],
	'-75 % bytes by low rank': [optimize, lowRank(-0.75)],
	'-85 % bytes by low rank': [optimize, lowRank(-0.85)],
	'-90 % bytes by low rank': [optimize, lowRank(-0.9)],
	'-75 % bytes by channels': [pruneBytes(-0.75)],
	'-85 % bytes by channels': [pruneBytes(-0.85)],
	'-90 % bytes by channels': [pruneBytes(-0.9)],
};
/** 8 and 4 bits layer by layer: what one technique makes of a size between those of 8 and of 4 bits alone. */
const mixedWeights = (shareOfBytes: number, { bytes }: Subject): RecipeStep => ({
	pass: 'mixed-precision',
	options: {
		aim: 'accurate',
		leastSqnr: 0,
		largestSize: (bytes.length * shareOfBytes) / 1e6,
		treatments: ['int8-weights', 'int4-weights'],
	},
});
const combinedOf = (subject: Subject): Readonly<Record<string, readonly RecipeStep[]>> => ({
	...combined,
	'-25 % bytes by low rank, 8 and 4 bits in 27 %': [optimize, lowRank(-0.25), mixedWeights(0.27, subject)],
});
const singlesOf = (subject: Subject): Readonly<Record<string, readonly RecipeStep[]>> => ({
	...singles,
	'8 and 4 bits in 27 % of the bytes': [optimize, mixedWeights(0.27, subject)],
	'8 and 4 bits in 30 % of the bytes': [optimize, mixedWeights(0.3, subject)],
});
const combined: Readonly<Record<string, readonly RecipeStep[]>> = {
	'-20 % computing, static int8': [prune(-0.2), optimize, int8],
	'-50 % computing, static int8': [prune(-0.5), optimize, int8],
	'-10 % computing, static int8': [prune(-0.1), optimize, int8],
	'-10 % computing, 8-bit weights': [prune(-0.1), optimize, weights(8)],
	'-10 % computing, 4-bit weights': [prune(-0.1), optimize, weights(4)],
	'-10 % computing, palettes of 16': [prune(-0.1), optimize, palette(16)],
	'-20 % computing, palettes of 16': [prune(-0.2), optimize, palette(16)],
	'-20 % computing, 4-bit weights': [prune(-0.2), optimize, weights(4)],
	'-20 % computing, 8-bit weights': [prune(-0.2), optimize, weights(8)],
	'-50 % computing, 8-bit weights': [prune(-0.5), optimize, weights(8)],
	'-50 % computing, 4-bit weights': [prune(-0.5), optimize, weights(4)],
	'-10 % bytes by low rank, 8-bit weights': [optimize, lowRank(-0.1), weights(8)],
	'-10 % bytes by low rank, 4-bit weights': [optimize, lowRank(-0.1), weights(4)],
	'-25 % bytes by low rank, 8-bit weights': [optimize, lowRank(-0.25), weights(8)],
	'-25 % bytes by low rank, 4-bit weights': [optimize, lowRank(-0.25), weights(4)],
	'-30 % bytes by low rank, 8-bit weights': [optimize, lowRank(-0.3), weights(8)],
	'-35 % bytes by low rank, 8-bit weights': [optimize, lowRank(-0.35), weights(8)],
	'-35 % bytes by low rank, 4-bit weights': [optimize, lowRank(-0.35), weights(4)],
	'-25 % bytes by channels, 4-bit weights': [pruneBytes(-0.25), optimize, weights(4)],
	'-40 % bytes by channels, 4-bit weights': [pruneBytes(-0.4), optimize, weights(4)],
	'-50 % bytes by low rank, 4-bit weights': [optimize, lowRank(-0.5), weights(4)],
	'-50 % bytes by low rank, 8-bit weights': [optimize, lowRank(-0.5), weights(8)],
};

interface Point {
	readonly name: string;
	readonly bytes: number;
	readonly scores: readonly number[];
	readonly text: string;
}

const args = process.argv.slice(2);
const asked = args.filter((arg) => (subjectNames as readonly string[]).includes(arg)) as SubjectName[];
const only = args.includes('--only') ? (args[args.indexOf('--only') + 1] ?? '').split(';') : [''];
const onlyCombined = args.includes('--combined') ? (args[args.indexOf('--combined') + 1] ?? '').split(';') : only;
const chosen = (list: Readonly<Record<string, readonly RecipeStep[]>>, texts: readonly string[]): [string, readonly RecipeStep[]][] =>
	Object.entries(list).filter(([label]) => texts.some((text) => label.includes(text)));
const file = args.includes('--points') ? args[args.indexOf('--points') + 1] : undefined;
const known = new Map<string, Point>();
if (file && existsSync(file)) {
	for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
		const { key, point } = JSON.parse(line) as { key: string; point: Point };
		known.set(key, point);
	}
}
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);

async function pointOf(subject: Subject, name: string, steps: readonly RecipeStep[]): Promise<Point | undefined> {
	const key = JSON.stringify([subject.name, steps]);
	const before = known.get(key);
	if (before) {
		console.log(`  ${name.padEnd(42)} ${String(before.bytes).padStart(9)} bytes: ${before.text} | known`);
		return { ...before, name };
	}
	try {
		const { file: made, durationMs } = await subject.compress({ v: 1, seed: 1, steps });
		const problems = checkModel(await readModel(memorySource(made)));
		const score = await subject.score(made);
		const broken = problems.length > 0 ? `, BROKEN: ${problems[0]?.message}` : '';
		console.log(
			`  ${name.padEnd(42)} ${String(made.length).padStart(9)} bytes: ${score.text} | ${(durationMs / 1000).toFixed(0)} s${broken}`,
		);
		const point: Point = { name, bytes: made.length, scores: score.each, text: score.text };
		if (file && problems.length === 0) appendFileSync(file, `${JSON.stringify({ key, point })}\n`);
		return point;
	} catch (error) {
		console.log(`  ${name.padEnd(42)} cannot be had: ${(error as Error).message.split('\n')[0]}`);
		return undefined;
	}
}

/** 95 % interval of the mean difference of paired scores, by 4,000 resamples of the examples. */
function interval(a: readonly number[], b: readonly number[]): readonly [number, number] {
	const differences = a.map((x, i) => x - (b[i] as number));
	const random = seededRandom(7);
	const means = Array.from({ length: 4000 }, () => {
		let sum = 0;
		for (let i = 0; i < differences.length; i++) sum += differences[random.below(differences.length)] as number;
		return sum / differences.length;
	}).sort((x, y) => x - y);
	return [means[100] as number, means[3899] as number];
}

let dominating = 0;
for (const name of asked.length > 0 ? asked : subjectNames) {
	const subject = await openSubject(name);
	if (!subject) continue;
	console.log(`\n${name}: ${subject.bytes.length} bytes`);
	if (args.includes('--line7')) {
		await pointOf(subject, '-20 % computing, static int8', [prune(-0.2), optimize, int8]);
		await subject.close();
		continue;
	}
	const alone: Point[] = [];
	for (const [label, steps] of chosen(singlesOf(subject), only))
		alone.push(...[await pointOf(subject, label, steps)].filter((point) => point !== undefined));
	let found = false;
	for (const [label, steps] of chosen(combinedOf(subject), onlyCombined)) {
		const point = await pointOf(subject, label, steps);
		if (!point) continue;
		const near = alone.filter((other) => other.bytes <= point.bytes * 1.25 && other.bytes >= point.bytes / 1.25);
		const against = near.map((other) => ({ other, range: interval(point.scores, other.scores) }));
		for (const { other, range } of against) {
			console.log(`    beside ${other.name} (${other.bytes} bytes): ${range.map((x) => x.toFixed(4)).join(' to ')} better`);
		}
		if (near.length > 0 && against.every(({ range }) => range[0] > 0)) {
			found = true;
			console.log(`    dominates all ${near.length} single techniques of similar size (mean score ${mean(point.scores).toFixed(4)})`);
		}
		if (near.length === 0) console.log('    no single technique is of similar size');
	}
	if (found) dominating += 1;
	await subject.close();
}
if (!args.includes('--line7')) console.log(`\nmodels with a dominating combination: ${dominating}`);
