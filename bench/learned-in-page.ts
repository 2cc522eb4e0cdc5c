/**
 * Presets that learn, in the page: how long one takes all in (from the click to the written file), the processor time of it, where the time goes, and what memory the tab
 * takes above the empty page (resident size of the renderer process, workers included). Limits: issue "Quantization", line 9; issue "Pruning", line 8.
 *   node scripts/run-ts.mjs bench/learned-in-page.ts [part of a model's name [part of a preset's id]]
 * Needs a built studio (npm run build), Chromium, Linux (/proc) and ../shared.
 */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { presets } from '../src/passes/presets.ts';

interface Trial {
	readonly model: string;
	readonly data: string;
	readonly preset: string;
	/** Examples that the page sets aside to learn from. */
	readonly learnt: string;
	readonly mostMs: number;
	/** What may be taken besides three times the model. default 300e6 */
	readonly besidesBytes?: number;
}

const trials: readonly Trial[] = [
	{ model: 'efficientnet-lite0.onnx', data: 'imagenet-eval-400.zip', preset: 'int8-static', learnt: '100 pictures', mostMs: 40_000 },
	{ model: 'minilm-l6-v2.onnx', data: 'minilm-sentences-600.npz', preset: 'int4-gptq', learnt: 'its usual share', mostMs: 90_000 },
	// Issue "Pruning", line 8: groups with their sensitivity in 60 s, the rest in 60 s.
	{
		model: 'efficientnet-lite0.onnx',
		data: 'imagenet-eval-400.zip',
		preset: 'prune-structured',
		learnt: '100 pictures',
		mostMs: 120_000,
		besidesBytes: 400e6,
	},
	{
		model: 'minilm-l6-v2.onnx',
		data: 'minilm-sentences-600.npz',
		preset: 'prune-structured',
		learnt: 'its usual share',
		mostMs: 240_000,
		besidesBytes: 400e6,
	},
];

const root = process.cwd();
const shared = resolve(root, '../shared');
if (!existsSync(join(shared, 'models'))) {
	console.log('skipped: ../shared/models is not here');
	process.exit(0);
}
const { findChromium } = (await import(join(root, 'scripts/chromium.mjs'))) as { findChromium(): string };
const { freePort, servePreview } = (await import(join(root, 'scripts/start.mjs'))) as {
	freePort(from: number): Promise<number>;
	servePreview(port: number): Promise<{ httpServer: { close(): void } }>;
};
const port = await freePort(4600);
const server = await servePreview(port);
let failed = false;
try {
	for (const trial of trials) {
		if (trial.model.includes(process.argv[2] ?? '') && trial.preset.includes(process.argv[3] ?? '')) await inPage(trial);
	}
} finally {
	server.httpServer.close();
}
process.exit(failed ? 1 : 0);

/** What this program reads of the page's store (see ?debug in src/store/index.ts). */
interface Seen {
	readonly jobs: readonly {
		readonly kind: string;
		readonly state: string;
		readonly detail?: string;
		readonly failure?: { readonly message: string };
	}[];
	readonly written: boolean;
	readonly failure: string | undefined;
	readonly learnt: number;
}

async function inPage({ model, data, preset, learnt, mostMs, besidesBytes = 300e6 }: Trial): Promise<void> {
	const folder = await mkdtemp(join(tmpdir(), 'pare-learned-page-'));
	const context = await chromium.launchPersistentContext(join(folder, 'profile'), {
		executablePath: findChromium(),
		headless: true,
		viewport: { width: 1440, height: 1000 },
		args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-quic', '--no-first-run', '--disable-dev-shm-usage'],
	});
	try {
		const page = await context.newPage();
		await page.goto(`http://localhost:${port}/?debug`);
		await page.getByRole('button', { name: 'Open a model…' }).waitFor();
		await page.waitForTimeout(2000);
		const base = rendererBytes();
		const chooser = page.waitForEvent('filechooser');
		await page.getByRole('button', { name: 'Open a model…' }).click();
		await (await chooser).setFiles([join(shared, 'models', model), join(shared, 'data', data)]);
		const region = page.getByRole('region', { name: 'Make variants' });
		await region.waitFor({ timeout: 120_000 });
		// Inputs are read, and the original is judged on labelled ones, at once: that is no part of the preset.
		while (!(await inputsRead(page))) await page.waitForTimeout(500);
		for (let quiet = 0; quiet < 6; ) {
			await page.waitForTimeout(500);
			quiet = (await page.getByRole('complementary', { name: 'Work in progress' }).count()) === 0 ? quiet + 1 : 0;
		}
		for (const box of await region.getByRole('checkbox').all()) await box.uncheck();
		const { title } = presets.find(({ id }) => id === preset) ?? { title: '' };
		await region.getByRole('checkbox', { name: title, exact: true }).check();
		const before = rendererBytes();
		let peak = before;
		const timer = setInterval(() => {
			peak = Math.max(peak, rendererBytes());
		}, 50);
		const stages = new Map<string, number>();
		const cpuBefore = rendererCpuMs();
		const began = performance.now();
		await region.getByRole('button', { name: /^Run (preset|1 preset)/ }).click();
		let at = began;
		let now = await seen(page, title);
		while (!now.written && now.failure === undefined && performance.now() - began < 10 * 60_000) {
			await page.waitForTimeout(50);
			now = await seen(page, title);
			const stage =
				now.jobs.find(({ kind, state }) => kind === 'compress' && state === 'running')?.detail ?? '(inputs set aside, start of the worker)';
			const moment = performance.now();
			stages.set(stage, (stages.get(stage) ?? 0) + moment - at);
			at = moment;
		}
		const durationMs = performance.now() - began;
		const cpuMs = rendererCpuMs() - cpuBefore;
		clearInterval(timer);
		const bytes = statSync(join(shared, 'models', model)).size;
		const mostBytes = 3 * bytes + besidesBytes;
		const ok = now.written && durationMs <= mostMs && peak - base <= mostBytes;
		failed ||= !ok;
		console.log(
			`${model} ${preset}, learnt from ${now.learnt} (${learnt}): ${(durationMs / 1000).toFixed(1)} s of ${mostMs / 1000} (${(cpuMs / 1000).toFixed(1)} s of processor time), ${((peak - base) / 1e6).toFixed(0)} MB of ${(mostBytes / 1e6).toFixed(0)} above the empty page (${((before - base) / 1e6).toFixed(0)} before it began)  ${ok ? 'ok' : (now.failure ?? 'TOO MUCH')}`,
		);
		for (const [stage, ms] of [...stages].sort((a, b) => b[1] - a[1])) console.log(`  ${(ms / 1000).toFixed(1).padStart(6)} s  ${stage}`);
	} finally {
		await context.close();
		await rm(folder, { recursive: true, force: true });
	}
}

function seen(page: Page, title: string): Promise<Seen> {
	return page.evaluate((wanted) => {
		const { pare } = globalThis as unknown as {
			pare: {
				store: {
					getState(): {
						jobs: Seen['jobs'];
						study?: {
							variants: { name: string; file?: string; failure?: { message: string } }[];
							dataset?: { split?: { calibration: number[] } };
						};
					};
				};
			};
		};
		const { jobs, study } = pare.store.getState();
		const variant = study?.variants.find(({ name }) => name === wanted);
		return {
			jobs: jobs.map(({ kind, state, detail }) => ({ kind, state, ...(detail !== undefined && { detail }) })),
			written: variant?.file !== undefined,
			failure: variant?.failure?.message,
			learnt: study?.dataset?.split?.calibration.length ?? 0,
		};
	}, title);
}

/** Whether the dropped examples are open: until then the study has none, or made-up ones. */
function inputsRead(page: Page): Promise<boolean> {
	return page.evaluate(() => {
		const { pare } = globalThis as unknown as { pare: { store: { getState(): { study?: { dataset?: { kind: string } } } } } };
		const kind = pare.store.getState().study?.dataset?.kind;
		return kind !== undefined && kind !== 'synthetic';
	});
}

/** Processor time of this browser's renderers so far: what a busy machine does not change. */
function rendererCpuMs(): number {
	let ticks = 0;
	for (const pid of readdirSync('/proc')) {
		if (!/^\d+$/.test(pid)) continue;
		try {
			if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=renderer') || !ofThisBrowser(pid)) continue;
			const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
			ticks += Number(fields[11]) + Number(fields[12]);
		} catch {
			// It ended while it was looked at.
		}
	}
	// In ticks of 10 ms, as Linux counts.
	return ticks * 10;
}

/** Resident bytes of this browser's renderers. */
function rendererBytes(): number {
	let sum = 0;
	for (const pid of readdirSync('/proc')) {
		if (!/^\d+$/.test(pid)) continue;
		try {
			const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
			if (!command.includes('--type=renderer') || !ofThisBrowser(pid)) continue;
			sum += Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
		} catch {
			// It ended while it was looked at.
		}
	}
	return sum;
}

/** Whether a process descends from this program. */
function ofThisBrowser(pid: string): boolean {
	for (let at = pid, depth = 0; depth < 20 && at !== '0' && at !== '1'; depth += 1) {
		if (at === String(process.pid)) return true;
		at = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${at}/status`, 'utf8'))?.[1] ?? '0';
	}
	return false;
}
