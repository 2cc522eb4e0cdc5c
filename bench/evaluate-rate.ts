/**
 * How fast the page evaluates pictures beside bare inference on ready tensors, and whether its memory grows with the set: efficientnet-lite0
 * on ../shared/data/imagenet-eval-400.zip, once as it is and once four times as large.
 *
 *   node scripts/run-ts.mjs bench/evaluate-rate.ts [examples, default 400]
 *
 * Builds bench/evaluate-rate/ into a temporary folder and runs it in Chromium. Read the ratios: bare and product are measured in turn.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { zipSync } from 'fflate';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';
import { memorySource } from '../src/core/bytes/source.ts';
import { readZip } from '../src/data/zip.ts';

const root = process.cwd();
const shared = resolve(root, '../shared');
if (!existsSync(shared)) {
	console.log('skipped: ../shared is not here');
	process.exit(0);
}
const n = Number(process.argv[2] ?? 400);
const { findChromium } = (await import(join(root, 'scripts/chromium.mjs'))) as { findChromium(): string };
const out = mkdtempSync(join(tmpdir(), 'pare-rate-'));
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
const config = {
	configFile: false as const,
	root: join(root, 'bench/evaluate-rate'),
	logLevel: 'error' as const,
	worker: { format: 'es' as const },
	build: { outDir: out, emptyOutDir: true, target: 'es2022' },
	preview: { port: 4671, headers },
	define: { 'import.meta.env.VITE_NOTHING': '""' },
};
await build(config);
const server = await preview(config);
const address = server.resolvedUrls?.local[0] ?? 'http://localhost:4671/';
const profile = mkdtempSync(join(tmpdir(), 'pare-rate-profile-'));
const browser = await chromium.launchPersistentContext(profile, {
	executablePath: findChromium(),
	headless: true,
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

/** The set, and the set with every picture several times under other names. */
async function copies(times: number): Promise<Buffer> {
	const bytes = readFileSync(join(shared, 'data/imagenet-eval-400.zip'));
	if (times === 1) return bytes;
	const files: Record<string, [Uint8Array, { level: 0 }]> = {};
	for (const entry of await readZip(memorySource(new Uint8Array(bytes)), 'set')) {
		const content = await entry.bytes();
		if (entry.name === 'classes.txt') files[entry.name] = [content, { level: 0 }];
		else for (let k = 0; k < times; k++) files[entry.name.replace(/(\.\w+)$/, `-${k}$1`)] = [content, { level: 0 }];
	}
	return Buffer.from(zipSync(files));
}

/** Resident memory of the renderers of this profile, MB. */
function residentMb(): number {
	const listed = spawnSync('ps', ['-eo', 'rss,args'], { encoding: 'utf8' }).stdout;
	return listed
		.split('\n')
		.filter((line) => line.includes(profile) && line.includes('--type=renderer'))
		.reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[0]) / 1024, 0);
}

try {
	const page = await browser.newPage();
	page.on('pageerror', (error) => console.log(`page error: ${error.message}`));
	await page.route('**/model.onnx', (route) => route.fulfill({ body: readFileSync(join(shared, 'models/efficientnet-lite0.onnx')) }));
	for (const times of [1, 4]) {
		const set = await copies(times);
		await page.route(`**/set-${times}.zip`, (route) => route.fulfill({ body: set }));
	}
	await page.goto(address);
	type Api = {
		bare(model: Blob, runs: number, batch: number): Promise<number>;
		product(model: Blob, set: Blob, limit: number): Promise<Record<string, number>>;
	};
	const bare = (runs: number, batch: number): Promise<number> =>
		page.evaluate(
			async ([r, b]) => (window as unknown as { api: Api }).api.bare(await (await fetch('model.onnx')).blob(), r as number, b as number),
			[runs, batch],
		);
	const product = async (times: number, limit: number): Promise<Record<string, number>> => {
		let peak = 0;
		const watch = setInterval(() => {
			peak = Math.max(peak, residentMb());
		}, 1000);
		try {
			const found = await page.evaluate(
				async ([t, l]) =>
					(window as unknown as { api: Api }).api.product(
						await (await fetch('model.onnx')).blob(),
						await (await fetch(`set-${t}.zip`)).blob(),
						l as number,
					),
				[times, limit],
			);
			return { ...found, peakMb: Math.round(peak) };
		} finally {
			clearInterval(watch);
		}
	};
	const runs = Math.max(32, Math.floor(n / 4));
	const before = [await bare(runs, 1), await bare(Math.ceil(runs / 8), 8)];
	const one = await product(1, n);
	const after = [await bare(runs, 1), await bare(Math.ceil(runs / 8), 8)];
	const mean = (k: 0 | 1): number => ((before[k] as number) + (after[k] as number)) / 2;
	const best = Math.min(mean(0), mean(1));
	const per = (ms: number | undefined): string => `${((ms ?? 0) / (one.n ?? 1)).toFixed(2)} ms a picture`;
	const share = (ms: number | undefined): string => `${((100 * best * (one.n ?? 1)) / (ms ?? 1)).toFixed(1)} % of the bare rate`;
	console.log(`bare inference: ${mean(0).toFixed(2)} ms a picture alone, ${mean(1).toFixed(2)} ms in batches of 8`);
	console.log(`opened (decoded, preprocessing found): ${per(one.openMs)}; ${one.n} pictures, ${one.skipped} left out`);
	console.log(`original evaluated: ${per(one.evaluateMs)}, ${share(one.evaluateMs)}`);
	console.log(`variant evaluated: ${per(one.againMs)}, ${share(one.againMs)}`);
	console.log(`peak resident memory of the page: ${one.peakMb} MB with ${one.n} pictures`);
	console.log(JSON.stringify(one));
	if (!process.argv.includes('--no-large')) {
		const four = await product(4, 4 * n);
		console.log(`peak resident memory of the page: ${four.peakMb} MB with ${four.n} pictures`);
		console.log(
			`evaluation of ${four.n}: ${((four.evaluateMs ?? 0) / (four.n ?? 1)).toFixed(2)} ms a picture, ${((100 * best * (four.n ?? 1)) / (four.evaluateMs ?? 1)).toFixed(1)} % of the bare rate (most pictures decoded again: they do not fit the cache)`,
		);
	}
} finally {
	await browser.close();
	server.httpServer.close();
	rmSync(out, { recursive: true, force: true });
	rmSync(profile, { recursive: true, force: true });
}
