/**
 * Nothing lost: workers killed at random moments and the page reloaded at others during a full study.
 *   node scripts/run-ts.mjs bench/soak.ts [kills = 200] [reloads = 50] [seed]
 * Needs a built studio (npm run build) and Chromium. A short form runs in the end-to-end tests (e2e/4-storage.e2e.ts).
 */
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { drill } from '../e2e/drill.ts';

// By path, not bundled: they find the project's folder from where they lie.
const root = process.cwd();
const { findChromium } = (await import(join(root, 'scripts/chromium.mjs'))) as { findChromium(): string };
const { freePort, servePreview } = (await import(join(root, 'scripts/start.mjs'))) as {
	freePort(from: number): Promise<number>;
	servePreview(port: number): Promise<{ httpServer: { close(done: () => void): void } }>;
};

const [kills = 200, reloads = 50, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);
const port = await freePort(4400);
const server = await servePreview(port);
const browser = await chromium.launch({
	executablePath: findChromium(),
	headless: true,
	args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-quic', '--no-first-run', '--disable-dev-shm-usage'],
});
try {
	const page = await (await browser.newContext()).newPage();
	const began = Date.now();
	await drill({ page, address: `http://localhost:${port}/`, kills, reloads, seed, say: (text) => console.log(text) });
	console.log(`${((Date.now() - began) / 1000).toFixed(0)} s`);
} catch (error) {
	console.error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
	process.exitCode = 1;
} finally {
	await browser.close();
	await new Promise<void>((resolve) => server.httpServer.close(() => resolve()));
}
