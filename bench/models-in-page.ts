/**
 * Every shared model through the page and through the command line: each preset must give a file that runs, and the same
 * bytes in both. Prints one row a variant and ends with a count.
 *
 *   node scripts/run-ts.mjs bench/models-in-page.ts [part of a model's name]
 *
 * Needs ../shared/models, a Chromium and a built studio (npm run build). PARE_KEEP=folder keeps the files that the command
 * line wrote, so that a second runtime can look at them. PARE_WEBGPU=1 measures on WebGPU too.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import type { Study } from '../src/core/study/study.ts';
import { presets } from '../src/passes/presets.ts';

const root = process.cwd();
const { findChromium } = (await import(join(root, 'scripts/chromium.mjs'))) as { findChromium(): string };
const { freePort, servePreview } = (await import(join(root, 'scripts/start.mjs'))) as {
	freePort(from: number): Promise<number>;
	servePreview(port: number): Promise<{ httpServer: { close(): void } }>;
};

const models = resolve(root, '../shared/models');
const data = resolve(root, '../shared/data');
const inputsFor: Readonly<Record<string, string>> = {
	'minilm-l6-v2.onnx': 'minilm-sentences-600.npz',
	'ppocr-v4-rec.onnx': 'ppocr-lines-64.npz',
	'silero-vad.onnx': 'silero-speech.npz',
};
if (!existsSync(models)) {
	console.log('skipped: ../shared/models is not here');
	process.exit(0);
}
const keep = process.env.PARE_KEEP ?? mkdtempSync(join(tmpdir(), 'pare-models-'));
mkdirSync(keep, { recursive: true });
const port = await freePort(4400);
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
		...(process.env.PARE_WEBGPU ? ['--enable-unsafe-webgpu'] : []),
	],
});
let good = 0;
let bad = 0;
try {
	// Presets that learn from inputs give the same bytes only on the same examples; they have programs of their own.
	const compared = presets.filter(({ learns }) => !learns);
	for (const name of readdirSync(models).filter((file) => file.endsWith('.onnx') && file.includes(process.argv[2] ?? ''))) {
		const study = await inPage(name);
		for (const preset of compared) {
			const variant = study.variants.find((entry) => JSON.stringify(entry.recipe.steps) === JSON.stringify(preset.recipe.steps));
			const out = join(keep, name.replace(/\.onnx$/, `.${preset.id}.onnx`));
			const cli = spawnSync(
				process.execPath,
				[join(root, 'bin/pare.mjs'), 'compress', join(models, name), '--recipe', preset.id, '-o', out, '--json'],
				{ encoding: 'utf8' },
			);
			const hash =
				cli.status === 0
					? createHash('sha256').update(readFileSync(out)).digest('hex')
					: `exit ${cli.status}: ${cli.stderr.trim().split('\n').at(-1)}`;
			const evaluation = study.evaluations.find((entry) => entry.variant === variant?.id);
			const runs = study.runs.filter((run) => run.variant === variant?.id);
			const failure = variant?.failure?.message ?? evaluation?.failure?.message;
			const ran = runs.some((run) => run.target.backend === 'wasm' && !run.failure) && evaluation !== undefined && !failure;
			const same = variant?.file === hash;
			if (ran && same) good += 1;
			else bad += 1;
			const fidelity =
				evaluation?.outputs.map((output) => (output.sqnrDb === null ? 'equal' : `${output.sqnrDb.toFixed(1)} dB`)).join(' ') ?? '';
			const times = runs
				.map((run) =>
					run.failure ? `${run.target.backend}: ${run.failure.message}` : `${run.target.backend} ${run.ratio?.value.toFixed(2)}x`,
				)
				.join(', ');
			console.log(
				`${ran && same ? 'ok  ' : 'BAD '} ${name} ${preset.id} ${variant?.sizes?.bytes ?? '-'} bytes, ${fidelity}, ${times}${same ? '' : ` | page ${variant?.file} cli ${hash}`}${failure ? ` | ${failure}` : ''}`,
			);
		}
	}
} finally {
	await browser.close();
	server.httpServer.close();
	if (!process.env.PARE_KEEP) rmSync(keep, { recursive: true, force: true });
}
console.log(`${good} passed, ${bad} failed`);
process.exit(bad === 0 ? 0 : 1);

/** Opens the model in the page, runs all presets, and gives the study as the page exports it. */
async function inPage(name: string): Promise<Study> {
	const context = await browser.newContext({ acceptDownloads: true, viewport: { width: 1440, height: 1000 } });
	const page = await context.newPage();
	page.on('pageerror', (error) => console.log(`${name}: page error ${error.message}`));
	await page.goto(`http://localhost:${port}/`);
	const chooser = page.waitForEvent('filechooser');
	await page.getByRole('button', { name: 'Open a model…' }).click();
	const inputs = inputsFor[name];
	await (await chooser).setFiles([join(models, name), ...(inputs ? [join(data, inputs)] : [])]);
	const region = page.getByRole('region', { name: 'Make variants' });
	await region.waitFor({ timeout: 120_000 });
	for (const { title, learns } of presets) if (!learns) await region.getByRole('checkbox', { name: title, exact: true }).check();
	await region.getByRole('button', { name: /Run \d presets/ }).click();
	const bar = page.getByRole('complementary', { name: 'Work in progress' });
	await bar.waitFor();
	for (let quiet = 0; quiet < 6; ) {
		await page.waitForTimeout(500);
		quiet = (await bar.count()) === 0 ? quiet + 1 : 0;
	}
	const download = page.waitForEvent('download');
	await page.getByRole('button', { name: 'Export', exact: true }).click();
	const path = await (await download).path();
	const document = JSON.parse(readFileSync(path, 'utf8')) as Study;
	await context.close();
	return document;
}
