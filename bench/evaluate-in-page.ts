/**
 * The page and the command line on the same files: every figure of the evaluation (metrics with intervals and differences, fidelity of outputs) must be
 * the same to the last digit, for the original and for a variant.
 *
 *   node scripts/run-ts.mjs bench/evaluate-in-page.ts [part of a model's name] [preset, default the first that learns nothing]
 *
 * Small models for the tasks of which ../shared has none are made here. Needs a Chromium and a built studio (npm run build). The page takes its usual number of examples, the command line as many.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { attribute } from '../src/core/ir/attribute.ts';
import { seededRandom } from '../src/core/numeric/random.ts';
import type { Evaluation, Study } from '../src/core/study/study.ts';
import { npy, npz } from '../src/data/npy.testkit.ts';
import { build, normal } from '../src/engine/models.testkit.ts';
import { presets } from '../src/passes/presets.ts';

const root = process.cwd();
const shared = resolve(root, '../shared');
const here = existsSync(shared);
if (!here) console.log('skipped: the models of ../shared, which is not here');
const { findChromium } = (await import(join(root, 'scripts/chromium.mjs'))) as { findChromium(): string };
const { freePort, servePreview } = (await import(join(root, 'scripts/start.mjs'))) as {
	freePort(from: number): Promise<number>;
	servePreview(port: number): Promise<{ httpServer: { close(): void } }>;
};

interface Subject {
	readonly model: string;
	readonly data: readonly string[];
	/** For models that the usual preset leaves as they are. */
	readonly preset?: string;
	readonly task?: string;
}

const folder = mkdtempSync(join(tmpdir(), 'pare-same-'));
const subjects: readonly Subject[] = [
	...(await smallSubjects()),
	{ model: join(root, 'public/samples/digits/digits.onnx'), data: [join(root, 'public/samples/digits/digits-test.npz')] },
	...(here ? sharedSubjects() : []),
];

function sharedSubjects(): Subject[] {
	return [
		{
			model: join(shared, 'models/mnist-8.onnx'),
			data: [join(shared, 'data/t10k-images-idx3-ubyte.gz'), join(shared, 'data/t10k-labels-idx1-ubyte.gz')],
		},
		{ model: join(shared, 'models/efficientnet-lite0.onnx'), data: [join(shared, 'data/imagenet-eval-400.zip')] },
		{ model: join(shared, 'models/minilm-l6-v2.onnx'), data: [join(shared, 'data/minilm-sentences-600.npz')] },
		{ model: join(shared, 'models/ppocr-v4-rec.onnx'), data: [join(shared, 'data/ppocr-lines-64.npz')] },
		{ model: join(shared, 'models/silero-vad.onnx'), data: [join(shared, 'data/silero-speech.npz')] },
	];
}

/** A linear model for each of the other tasks, with 300 labelled examples of noise. */
async function smallSubjects(): Promise<Subject[]> {
	const n = 300;
	const x = normal(8 * n, 3);
	const random = seededRandom(4);
	const kinds = [
		{
			task: 'regression',
			output: 'value',
			width: 2,
			label: (scores: readonly number[]) => scores.map((score) => score + 0.3 * random.normal()),
		},
		{
			task: 'binary',
			output: 'probability',
			width: 1,
			after: 'Sigmoid',
			label: ([score = 0]: readonly number[]) => [score + random.normal() > 0 ? 1 : 0],
		},
		{
			task: 'multi-label',
			output: 'tags',
			width: 4,
			after: 'Sigmoid',
			label: (scores: readonly number[]) => scores.map((score) => (score + random.normal() > 0 ? 1 : 0)),
		},
		{ task: 'embedding', output: 'embedding', width: 16, label: undefined },
		{ task: 'generic', output: 'map', width: 6, label: undefined },
	] as const;
	return Promise.all(
		kinds.map(async ({ task, output, width, label, ...rest }): Promise<Subject> => {
			const after = 'after' in rest ? rest.after : undefined;
			const weights = normal(8 * width, 20);
			const bytes = await build((b) => {
				const product = b.op(
					'MatMul',
					[b.input('x', 'float32', ['N', 8]), b.constant('w', 'float32', [8, width], weights)],
					after ? 'h' : task === 'generic' ? 'h' : output,
				);
				const last = after
					? b.op(after, [product], output)
					: task === 'generic'
						? b.op('Reshape', [product, b.constant('shape', 'int64', [4], BigInt64Array.of(0n, 1n, 2n, 3n))], output, {
								allowzero: attribute.int(0),
							})
						: product;
				b.output(last, 'float32', task === 'generic' ? ['N', 1, 2, 3] : ['N', width]);
			});
			const scores = Array.from({ length: n }, (_, i) =>
				Array.from({ length: width }, (_, j) =>
					Array.from({ length: 8 }, (_, k) => (x[8 * i + k] as number) * (weights[k * width + j] as number)).reduce((a, b) => a + b, 0),
				),
			);
			const model = join(folder, `${task}-original.onnx`);
			const data = join(folder, `${task}.npz`);
			writeFileSync(model, bytes);
			writeFileSync(
				data,
				npz({
					x: npy('<f4', [n, 8], x),
					...(label && { y: npy('<f4', [n, width], Float32Array.from(scores.flatMap((row) => label(row)))) }),
				}),
			);
			return { model, data: [data], preset: 'float16', task };
		}),
	);
}

interface Entry {
	readonly n: number;
	readonly dataset: { readonly hash: string };
	readonly task?: unknown;
	readonly metrics: Readonly<Record<string, object>>;
	readonly outputs?: Evaluation['outputs'];
}

const [part = '', wanted] = process.argv.slice(2);
const port = await freePort(4460);
const server = await servePreview(port);
const browser = await chromium.launch({
	executablePath: findChromium(),
	args: [
		'--no-sandbox',
		'--disable-quic',
		'--no-first-run',
		'--disable-background-networking',
		'--disable-component-update',
		'--disable-sync',
		'--disable-dev-shm-usage',
	],
});
let differ = 0;
try {
	for (const { model, data, preset: own, task } of subjects.filter(({ model: path }) => path.includes(part))) {
		const preset = presets.find(({ id, learns }) => (wanted ? id === wanted : own ? id === own : !learns)) as (typeof presets)[number];
		const name = model.split('/').at(-1) ?? '';
		const study = await inPage(model, data, preset);
		const variant = study.variants.find((entry) => JSON.stringify(entry.recipe.steps) === JSON.stringify(preset.recipe.steps));
		const out = join(folder, `variant-${name}`);
		pare(['compress', model, '--recipe', preset.id, '-o', out, '--json']);
		const same = createHash('sha256').update(readFileSync(out)).digest('hex') === variant?.file;
		const limit = study.dataset?.limit;
		const said = pare([
			'evaluate',
			model,
			out,
			...data.flatMap((path) => ['--data', path]),
			...(limit ? ['--limit', String(limit)] : []),
			'--json',
		]);
		const entries = JSON.parse(said) as readonly Entry[];
		const found: string[] = [];
		if (!same) found.push('the variant is another file');
		const proposed = (entries[0]?.task as { readonly kind?: string } | undefined)?.kind;
		if (task && proposed !== task) found.push(`the task is ${proposed}, not ${task}`);
		if (entries[0]?.dataset.hash !== study.dataset?.hash) found.push('the examples are others');
		let figures = 0;
		for (const [i, id] of ['original', variant?.id].entries()) {
			const here = study.evaluations.find((entry) => entry.variant === id);
			const there = entries[i];
			if (!here || !there) {
				found.push(`${id}: not evaluated`);
				continue;
			}
			const own = Object.fromEntries(here.metrics.map(({ metric, ...rest }) => [metric, rest]));
			for (const [a, b, what] of [
				[own, there.metrics, 'metrics'],
				[here.task, there.task, 'task'],
				...(there.outputs ? ([[here.outputs, there.outputs, 'outputs']] as const) : []),
			] as const) {
				figures += JSON.stringify(a)?.match(/-?\d+(\.\d+)?(e-?\d+)?/g)?.length ?? 0;
				for (const difference of differences(a, b)) found.push(`${i === 0 ? 'original' : preset.id} ${what}${difference}`);
			}
		}
		const metrics = study.evaluations.find(({ variant: id }) => id === variant?.id)?.metrics ?? [];
		console.log(
			`${found.length === 0 ? 'same' : 'DIFF'} ${name}: ${figures} numbers, n ${entries[0]?.n}, ${metrics.map(({ metric, value }) => `${metric} ${value.toPrecision(4)}`).join(', ')}`,
		);
		for (const line of found) console.log(`     ${line.slice(0, 1500)}`);
		if (found.length > 0) differ += 1;
	}
} finally {
	await browser.close();
	server.httpServer.close();
	rmSync(folder, { recursive: true, force: true });
}
process.exit(differ === 0 ? 0 : 1);

/** Every place where two documents differ. */
function differences(a: unknown, b: unknown, path = ''): string[] {
	if (typeof a === 'object' && a !== null && typeof b === 'object' && b !== null) {
		const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
		return [...keys].flatMap((key) =>
			differences((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], `${path}.${key}`),
		);
	}
	return a === b ? [] : [`${path}: page ${String(a)}, command line ${String(b)}`];
}

function pare(args: readonly string[]): string {
	const { stdout, stderr, status } = spawnSync(process.execPath, [join(root, 'bin/pare.mjs'), ...args], {
		encoding: 'utf8',
		maxBuffer: 1e8,
	});
	if (status !== 0) throw new Error(`pare ${args[0]}: ${stderr.trim().split('\n').at(-1)}`);
	return stdout;
}

/** Opens model and data in the page, runs the preset, and gives the study as the page exports it. */
async function inPage(model: string, data: readonly string[], preset: (typeof presets)[number]): Promise<Study> {
	const context = await browser.newContext({ acceptDownloads: true, viewport: { width: 1440, height: 1000 } });
	const page = await context.newPage();
	page.on('pageerror', (error) => console.log(`page error ${error.message}`));
	await page.goto(`http://localhost:${port}/`);
	const chooser = page.waitForEvent('filechooser');
	await page.getByRole('button', { name: 'Open a model…' }).click();
	await (await chooser).setFiles([model, ...data]);
	const region = page.getByRole('region', { name: 'Make variants' });
	await region.waitFor({ timeout: 120_000 });
	for (const { title, id } of presets) await region.getByRole('checkbox', { name: title, exact: true }).setChecked(id === preset.id);
	await region.getByRole('button', { name: /^Run( \d)? presets?$/ }).click();
	const bar = page.getByRole('complementary', { name: 'Work in progress' });
	await bar.waitFor({ timeout: 300_000 });
	for (let quiet = 0; quiet < 6; ) {
		await page.waitForTimeout(500);
		quiet = (await bar.count()) === 0 ? quiet + 1 : 0;
	}
	if (process.env.PARE_SHOTS) {
		await page.screenshot({ path: join(process.env.PARE_SHOTS, `${model.split('/').at(-1)}.png`), fullPage: true });
	}
	const download = page.waitForEvent('download');
	await page.getByRole('button', { name: 'Export', exact: true }).click();
	const path = await (await download).path();
	const document = JSON.parse(readFileSync(path, 'utf8')) as Study;
	await context.close();
	return document;
}
