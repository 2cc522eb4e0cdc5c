/**
 * A 1 GiB model in the page: how long until its facts are shown, how long int8-weights takes, and what memory the tab takes for it above
 * the empty page (resident size of the renderer process, workers included).
 *   node scripts/run-ts.mjs bench/scale-in-page.ts
 * Needs a built studio (npm run build), Chromium, Linux (/proc) and 3 GB of disk.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { fileSink } from '../src/cli/files.ts';
import { writeModel } from '../src/core/onnx/write.ts';
import { chain } from './chain.ts';

/** What the page may take (SPEC, Scale). */
const factsMs = 1000;
const factsBytes = 100e6;
const compressMs = 10_000;
const compressBytes = 300e6;

const root = process.cwd();
const { findChromium } = (await import(join(root, 'scripts/chromium.mjs'))) as { findChromium(): string };
const { freePort, servePreview } = (await import(join(root, 'scripts/start.mjs'))) as {
	freePort(from: number): Promise<number>;
	servePreview(port: number): Promise<{ httpServer: { close(): void } }>;
};
const folder = await mkdtemp(join(tmpdir(), 'pare-scale-page-'));
const path = join(folder, 'chain.onnx');
const sink = await fileSink(path);
await writeModel(chain(64), sink, { externalData: 'never' });
await sink.close();
const port = await freePort(4500);
const server = await servePreview(port);
const context = await chromium.launchPersistentContext(join(folder, 'profile'), {
	executablePath: findChromium(),
	headless: true,
	viewport: { width: 1440, height: 1000 },
	args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-quic', '--no-first-run', '--disable-dev-shm-usage'],
});
let failed = false;
try {
	const page = await context.newPage();
	await page.goto(`http://localhost:${port}/`);
	await page.getByRole('button', { name: 'Open a model…' }).waitFor();
	await page.waitForTimeout(2000);
	const base = rendererBytes();
	let peak = base;
	const timer = setInterval(() => {
		peak = Math.max(peak, rendererBytes());
	}, 20);
	const chooser = page.waitForEvent('filechooser');
	await page.getByRole('button', { name: 'Open a model…' }).click();
	const picked = await chooser;
	const opened = performance.now();
	await picked.setFiles(path);
	await page
		.getByText(/million parameters|M parameters|268/)
		.first()
		.waitFor({ timeout: 120_000 });
	say('facts', performance.now() - opened, peak - base, factsMs, factsBytes);
	const region = page.getByRole('region', { name: 'Make variants' });
	await region.waitFor({ timeout: 120_000 });
	console.log(`study open (file hashed): ${((performance.now() - opened) / 1000).toFixed(1)} s, ${((peak - base) / 1e6).toFixed(0)} MB`);
	// A copy is kept behind; what that takes is part of the tab's memory too.
	const kept = () =>
		page.evaluate(async () => {
			try {
				const models = await (await (await navigator.storage.getDirectory()).getDirectoryHandle('pare')).getDirectoryHandle('models');
				for await (const folder of models.values()) {
					if (folder.kind !== 'directory') continue;
					for await (const name of (folder as FileSystemDirectoryHandle).keys()) if (name === 'files.json') return true;
				}
			} catch {
				// The folder is not there yet.
			}
			return false;
		});
	while (!(await kept())) await page.waitForTimeout(500);
	console.log(`copy kept: ${((performance.now() - opened) / 1000).toFixed(1)} s, ${((peak - base) / 1e6).toFixed(0)} MB`);
	// The worker that copied ends when it has nothing to do; choosing a recipe takes a person longer than that.
	await page.waitForTimeout(4000);
	const boxes = region.getByRole('checkbox');
	for (const box of await boxes.all()) await box.uncheck();
	await region.getByRole('checkbox', { name: '8-bit weights', exact: true }).check();
	console.log(`before int8-weights: ${((rendererBytes() - base) / 1e6).toFixed(0)} MB`);
	peak = base;
	const began = performance.now();
	await region.getByRole('button', { name: /^Run (preset|1 preset)/ }).click();
	const row = page.getByRole('region', { name: 'Variants', exact: true }).locator('tbody tr', { hasText: '285.2' });
	await row.waitFor({ timeout: 120_000 });
	say('int8-weights', performance.now() - began, peak - base, compressMs, compressBytes);
	console.log(((await row.textContent()) ?? '').replace(/\s+/g, ' '));
	clearInterval(timer);
} finally {
	await context.close();
	server.httpServer.close();
	await rm(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);

function say(what: string, durationMs: number, bytes: number, mostMs: number, mostBytes: number): void {
	const ok = durationMs <= mostMs && bytes <= mostBytes;
	failed ||= !ok;
	console.log(
		`${what}: ${(durationMs / 1000).toFixed(2)} s, ${(bytes / 1e6).toFixed(0)} MB above the empty page  ${ok ? 'ok' : 'TOO MUCH'}`,
	);
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
