/**
 * Models and their data dropped in the page, beside ONNX Runtime in Python on the same files (bench/data-reference.py): issue "Know your data", line 1.
 * All examples are used. The page also makes a variant whose arithmetic stays in floats, so that models without labels have figures too.
 *
 *   node scripts/run-ts.mjs bench/data-in-page.ts [part of a pair's name]
 *
 * Needs ../shared, a Chromium, a built studio (npm run build) and a Python with onnxruntime, numpy and pillow (PARE_PYTHON, default python3).
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import type { Evaluation, Study } from '../src/core/study/study.ts';
import { presets } from '../src/passes/presets.ts';

const root = process.cwd();
const shared = resolve(root, '../shared');
if (!existsSync(shared)) {
	console.log('skipped: ../shared is not here');
	process.exit(0);
}
const { findChromium } = (await import(join(root, 'scripts/chromium.mjs'))) as { findChromium(): string };
const { freePort, servePreview } = (await import(join(root, 'scripts/start.mjs'))) as {
	freePort(from: number): Promise<number>;
	servePreview(port: number): Promise<{ httpServer: { close(): void } }>;
};

interface Pair {
	readonly name: string;
	readonly model: string;
	readonly data: readonly string[];
	/** What data-reference.py is asked for, and on which of the files. */
	readonly kind: 'pictures' | 'digits' | 'sentences' | 'sound';
	readonly reference: readonly string[];
	readonly n: number;
	readonly preset: 'int8-weights' | 'prune-50';
	/** Largest distance of a figure; of shares in points. */
	readonly limit: number;
}

const pairs: readonly Pair[] = [
	{
		name: 'efficientnet-lite0 with a zip of pictures',
		model: 'efficientnet-lite0.onnx',
		data: ['data/imagenet-eval-400.zip'],
		kind: 'pictures',
		reference: ['data/imagenet-eval-400.zip'],
		n: 400,
		preset: 'int8-weights',
		limit: 0.5,
	},
	{
		name: 'mnist-8 with two IDX files',
		model: 'mnist-8.onnx',
		data: ['data/t10k-images-idx3-ubyte.gz', 'data/t10k-labels-idx1-ubyte.gz'],
		kind: 'digits',
		reference: ['data/t10k-images-idx3-ubyte.gz', 'data/t10k-labels-idx1-ubyte.gz'],
		n: 10_000,
		preset: 'int8-weights',
		limit: 0.1,
	},
	{
		name: 'minilm-l6-v2 with a .npz',
		model: 'minilm-l6-v2.onnx',
		data: ['data/minilm-sentences-600.npz'],
		kind: 'sentences',
		reference: ['data/minilm-sentences-600.npz'],
		n: 600,
		preset: 'int8-weights',
		limit: 0.5,
	},
	{
		// Python reads the tokens of the .npz, which are those of the text.
		name: 'minilm-l6-v2 with text and its tokenizer.json',
		model: 'minilm-l6-v2.onnx',
		data: ['data/minilm-sentences-600.txt', 'models/minilm-l6-v2.tokenizer.json'],
		kind: 'sentences',
		reference: ['data/minilm-sentences-600.npz'],
		n: 600,
		preset: 'int8-weights',
		limit: 0.5,
	},
	{
		name: 'silero-vad with a .wav',
		model: 'silero-vad.onnx',
		data: ['data/speech-16k.wav'],
		kind: 'sound',
		reference: ['data/speech-16k.wav'],
		n: 193,
		preset: 'prune-50',
		limit: 0.5,
	},
];

const python = process.env.PARE_PYTHON ?? 'python3';
const folder = mkdtempSync(join(tmpdir(), 'pare-pairs-'));
const port = await freePort(4560);
const server = await servePreview(port);
const browser = await chromium.launch({
	executablePath: findChromium(),
	args: [
		...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
		'--disable-quic',
		'--no-first-run',
		'--disable-background-networking',
		'--disable-component-update',
		'--disable-sync',
		'--disable-dev-shm-usage',
	],
});
let failed = 0;
try {
	for (const pair of pairs.filter(({ name }) => name.includes(process.argv[2] ?? ''))) await compare(pair);
} finally {
	await browser.close();
	server.httpServer.close();
	rmSync(folder, { recursive: true, force: true });
}
process.exit(failed === 0 ? 0 : 1);

async function compare(pair: Pair): Promise<void> {
	const preset = presets.find(({ id }) => id === pair.preset) as (typeof presets)[number];
	const study = await inPage(pair);
	const { dataset } = study;
	const model = join(shared, 'models', pair.model);
	const out = join(folder, 'variant.onnx');
	run(process.execPath, [join(root, 'bin/pare.mjs'), 'compress', model, '--recipe', preset.id, '-o', out, '--json']);
	const variant = study.variants.find(({ recipe }) => JSON.stringify(recipe.steps) === JSON.stringify(preset.recipe.steps));
	const wrong: string[] = [];
	if (createHash('sha256').update(readFileSync(out)).digest('hex') !== variant?.file) wrong.push('the variant is another file');
	const found = run(python, [
		join(root, 'bench/data-reference.py'),
		pair.kind,
		model,
		out,
		...pair.reference.map((path) => join(shared, path)),
	]);
	const reference = JSON.parse(found) as Record<string, number | readonly number[]>;
	if (dataset?.n !== pair.n || reference.n !== pair.n)
		wrong.push(`${dataset?.n} examples in the page, ${reference.n} in Python, not ${pair.n}`);
	if (pair.kind === 'pictures' && dataset?.mapping?.origin !== 'list') wrong.push('the classes are not from classes.txt');
	const evaluations = ['original', variant?.id].map((id) =>
		study.evaluations.find((entry) => entry.variant === id && entry.dataset === dataset?.hash),
	);
	const lines: string[] = [];
	const near = (what: string, here: number | null | undefined, there: number, limit: number, points = true): void => {
		const scale = points ? 100 : 1;
		const distance = typeof here === 'number' ? Math.abs(here - there) * scale : Number.NaN;
		if (!(distance <= limit)) wrong.push(`${what}: ${here} in the page, ${there} in Python`);
		lines.push(`${what} ${show(here, scale)} (Python ${show(there, scale)}${points ? ' %' : ''})`);
	};
	for (const [i, evaluation] of evaluations.entries()) {
		const whose = i === 0 ? 'original' : 'variant';
		if (!evaluation) {
			wrong.push(`${whose}: not evaluated`);
			continue;
		}
		if (evaluation.metrics.length === 0 && pair.kind !== 'sound' && (i === 1 || pair.kind !== 'sentences'))
			wrong.push(`${whose}: no metrics`);
		for (const { metric, value, interval, n } of evaluation.metrics) {
			if (!(n > 0 && interval[0] <= value && value <= interval[1])) wrong.push(`${whose} ${metric}: ${value} [${interval}] n ${n}`);
		}
		const of = (name: string): number | undefined => evaluation.metrics.find(({ metric }) => metric === name)?.value;
		if (pair.kind === 'pictures' || pair.kind === 'digits') {
			near(`${whose} top-1`, of('top1'), (reference.top1 as number[])[i] as number, pair.limit);
			near(`${whose} top-5`, of('top5'), (reference.top5 as number[])[i] as number, pair.limit);
		} else if (i === 1 && pair.kind === 'sentences') {
			near('cosine', of('cosine'), reference.cosine as number, pair.limit / 100, false);
			near('same neighbour', of('neighbours'), reference.neighbours as number, pair.limit);
		} else if (i === 1) {
			const [output] = evaluation.outputs;
			near('SQNR in dB', output?.sqnrDb, reference.sqnrDb as number, 0.01, false);
			near('largest difference', output?.maxAbs, reference.maxAbs as number, 1e-4, false);
		}
	}
	console.log(`${wrong.length === 0 ? 'ok  ' : 'FAIL'} ${pair.name}: n ${dataset?.n}; ${lines.join('; ')}`);
	console.log(`     ${dataset?.preprocessing}`);
	for (const { what, candidates } of dataset?.evidence ?? [])
		console.log(`     ${what}: ${candidates.map(({ name, score, chosen }) => `${name} ${score}${chosen ? ' (chosen)' : ''}`).join(', ')}`);
	console.log(`     task ${evaluations[1]?.task?.kind}; ${told(evaluations[1])}`);
	for (const line of wrong) console.log(`     ${line}`);
	if (wrong.length > 0) failed += 1;
}

function show(value: number | null | undefined, scale: number): string {
	return typeof value === 'number' ? String(Number((value * scale).toPrecision(6))) : String(value);
}

function told(evaluation: Evaluation | undefined): string {
	return (evaluation?.metrics ?? [])
		.map(
			({ metric, value, interval, n }) => `${metric} ${value.toPrecision(4)} [${interval.map((x) => x.toPrecision(4)).join(', ')}] n ${n}`,
		)
		.join(', ');
}

function run(command: string, args: readonly string[]): string {
	const { stdout, stderr, status, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1e8 });
	if (status !== 0) throw new Error(`${command} ${args[0]}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`);
	return stdout;
}

/** Opens model and data in the page, takes all examples, runs the preset, and gives the study as the page exports it. */
async function inPage({ model, data, preset }: Pair): Promise<Study> {
	const context = await browser.newContext({ acceptDownloads: true, viewport: { width: 1440, height: 1000 } });
	const page = await context.newPage();
	page.on('pageerror', (error) => console.log(`page error ${error.message}`));
	await page.goto(`http://localhost:${port}/`);
	const chooser = page.waitForEvent('filechooser');
	await page.getByRole('button', { name: 'Open a model…' }).click();
	await (await chooser).setFiles([join(shared, 'models', model), ...data.map((path) => join(shared, path))]);
	const region = page.getByRole('region', { name: 'Make variants' });
	await region.waitFor({ timeout: 120_000 });
	const quiet = async (): Promise<void> => {
		const bar = page.getByRole('complementary', { name: 'Work in progress' });
		for (let still = 0; still < 8; ) {
			await page.waitForTimeout(500);
			still = (await bar.count()) === 0 ? still + 1 : 0;
		}
	};
	const about = page.getByRole('region', { name: 'Data', exact: true });
	await about
		.getByText(/labelled/)
		.first()
		.waitFor({ timeout: 300_000 });
	await quiet();
	const all = about.getByRole('button', { name: /^Use all/ });
	if ((await all.count()) > 0) {
		await all.click();
		await about.getByRole('button', { name: 'Use the usual number of examples' }).waitFor({ timeout: 300_000 });
		await quiet();
	}
	for (const { title, id } of presets) await region.getByRole('checkbox', { name: title, exact: true }).setChecked(id === preset);
	await region.getByRole('button', { name: /^Run( \d)? presets?$/ }).click();
	await page.getByRole('complementary', { name: 'Work in progress' }).waitFor({ timeout: 300_000 });
	await quiet();
	const download = page.waitForEvent('download');
	await page.getByRole('button', { name: 'Export', exact: true }).click();
	const document = JSON.parse(readFileSync(await (await download).path(), 'utf8')) as Study;
	await context.close();
	return document;
}
