/**
 * How fast the page evaluates pictures beside bare inference on ready tensors, and whether its memory grows with the set: efficientnet-lite0
 * on ../shared/data/imagenet-eval-400.zip, once as it is and once four times as large.
 *
 *   node scripts/run-ts.mjs bench/evaluate-rate.ts [examples, default 400] [rounds, default 3] [--no-large]
 *
 * Builds bench/evaluate-rate/ into a temporary folder and runs it in Chromium. Bare and product are measured in turn, round by round; read the
 * ratios. Beside the clock it reads the processor time of the threads (Linux), which other work on the machine disturbs less: on a free
 * machine the rate is what the busiest thread allows.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
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
const [n = 400, rounds = 3] = process.argv
	.slice(2)
	.filter((word) => /^\d+$/.test(word))
	.map(Number);
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

/** Processes that show pages of this profile. */
function renderers(): { readonly pid: string; readonly residentMb: number }[] {
	return spawnSync('ps', ['-eo', 'pid,rss,args'], { encoding: 'utf8' })
		.stdout.split('\n')
		.filter((line) => line.includes(profile) && line.includes('--type=renderer'))
		.map((line) => line.trim().split(/\s+/))
		.map(([pid = '', rss = '0']) => ({ pid, residentMb: Number(rss) / 1024 }));
}

/** Processor time of each thread of the page so far, ms. */
function threadMs(): Map<string, number> {
	const times = new Map<string, number>();
	for (const { pid } of renderers()) {
		let tasks: string[] = [];
		try {
			tasks = readdirSync(`/proc/${pid}/task`);
		} catch {
			// Not Linux, or gone.
		}
		for (const task of tasks) {
			try {
				const fields = readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
				times.set(`${pid}/${task}`, (Number(fields[11]) + Number(fields[12])) * 10);
			} catch {
				// Ended meanwhile.
			}
		}
	}
	return times;
}

interface Timed<T> {
	readonly value: T;
	/** Processor time of the busiest thread meanwhile, and of all others. */
	readonly busiestMs: number;
	readonly othersMs: number;
	readonly peakMb: number;
}

async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
	const before = threadMs();
	let peakMb = 0;
	let latest = before;
	const watch = setInterval(() => {
		peakMb = Math.max(
			peakMb,
			renderers().reduce((sum, { residentMb }) => sum + residentMb, 0),
		);
		for (const [task, ms] of threadMs()) latest = new Map(latest).set(task, ms);
	}, 1000);
	try {
		const value = await work();
		for (const [task, ms] of threadMs()) latest = new Map(latest).set(task, ms);
		const spent = [...latest].map(([task, ms]) => ms - (before.get(task) ?? 0)).sort((a, b) => b - a);
		return { value, busiestMs: spent[0] ?? 0, othersMs: spent.slice(1).reduce((sum, ms) => sum + ms, 0), peakMb };
	} finally {
		clearInterval(watch);
	}
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
	type Api = typeof import('./evaluate-rate/main.ts').api;
	const bare = async (runs: number, batch: number) => {
		await page.evaluate(
			async (b) => (window as unknown as { api: Api }).api.prepareBare(await (await fetch('model.onnx')).blob(), b),
			batch,
		);
		return timed(() => page.evaluate((r) => (window as unknown as { api: Api }).api.bare(r), runs));
	};
	const open = (times: number, limit: number) =>
		timed(() =>
			page.evaluate(
				async ([t, l]) =>
					(window as unknown as { api: Api }).api.open(
						await (await fetch('model.onnx')).blob(),
						await (await fetch(`set-${t}.zip`)).blob(),
						l as number,
					),
				[times, limit],
			),
		);
	const evaluate = (id: string) => timed(() => page.evaluate((name) => (window as unknown as { api: Api }).api.evaluate(name), id));
	const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
	const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

	const opened = await open(1, n);
	const count = opened.value.n;
	console.log(
		`${count} pictures opened in ${(opened.value.openMs / 1000).toFixed(1)} s (decoded, preprocessing found), ${opened.value.skipped} left out`,
	);
	const byClock: number[] = [];
	const byProcessor: number[] = [];
	let peak = opened.peakMb;
	for (let round = 0; round < rounds; round++) {
		// Batches of 16 as the product joins them, and single pictures: the faster of both is what it is held against.
		const runs = Math.max(2, Math.ceil(count / 32));
		const joined = await bare(runs, 16);
		const single = await bare(runs * 4, 1);
		const product = await evaluate(round === 0 ? 'original' : String(round).repeat(64));
		peak = Math.max(peak, product.peakMb);
		const clock = Math.min(joined.value, single.value);
		const share = (clock * count) / product.value.ms;
		byClock.push(share);
		const bareBusy = Math.min(joined.busiestMs / (runs * 16), single.busiestMs / (runs * 4));
		byProcessor.push((bareBusy * count) / product.busiestMs);
		console.log(
			`round ${round + 1}: bare ${joined.value.toFixed(1)} ms a picture in batches of 16, ${single.value.toFixed(1)} alone; product ${(product.value.ms / count).toFixed(1)}, ${percent(share)} of the bare rate; processor ${(bareBusy).toFixed(1)} against ${(product.busiestMs / count).toFixed(1)} on the busiest thread, ${(product.othersMs / count).toFixed(1)} on others; top-1 ${JSON.stringify(product.value.top1)}`,
		);
	}
	console.log(
		`rate of the product over bare: ${percent(median(byClock))} by the clock, ${percent(median(byProcessor))} by the busiest thread (medians of ${rounds})`,
	);
	console.log(`peak resident memory of the page: ${Math.round(peak)} MB with ${count} pictures`);
	if (!process.argv.includes('--no-large')) {
		const large = await open(4, 4 * n);
		const product = await evaluate('original');
		console.log(
			`${large.value.n} pictures: peak ${Math.round(Math.max(large.peakMb, product.peakMb))} MB; ${(product.value.ms / large.value.n).toFixed(1)} ms a picture, processor ${(product.busiestMs / large.value.n).toFixed(1)} on the busiest thread, ${(product.othersMs / large.value.n).toFixed(1)} on others (most pictures are decoded again: they do not fit the cache)`,
		);
	}
} finally {
	await browser.close();
	server.httpServer.close();
	rmSync(out, { recursive: true, force: true });
	rmSync(profile, { recursive: true, force: true });
}
