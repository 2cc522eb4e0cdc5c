/**
 * The graph view on generated graphs: time from the key to the first paint (reading, layout and drawing), and the longest task of the main
 * thread while the picture is moved and zoomed.
 *   node scripts/run-ts.mjs bench/graph-view.ts [nodes…, default 860 2000 5000 20000]
 * Needs a built studio (npm run build) and Chromium.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { serialize } from '../src/core/onnx/write.ts';
import { generatedGraph } from '../src/passes/optimize/generated-graph.testkit.ts';

const root = process.cwd();
const { findChromium } = (await import(join(root, 'scripts/chromium.mjs'))) as { findChromium(): string };
const { freePort, servePreview } = (await import(join(root, 'scripts/start.mjs'))) as {
	freePort(from: number): Promise<number>;
	servePreview(port: number): Promise<{ httpServer: { close(): void } }>;
};
const given = process.argv.slice(2).map(Number);
const folder = await mkdtemp(join(tmpdir(), 'pare-graph-'));
const port = await freePort(4500);
const server = await servePreview(port);
const browser = await chromium.launch({
	executablePath: findChromium(),
	headless: true,
	args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-quic', '--no-first-run', '--disable-dev-shm-usage'],
});
try {
	for (const nodes of given.length > 0 ? given : [860, 2000, 5000, 20_000]) {
		const path = join(folder, `${nodes}.onnx`);
		await writeFile(path, await serialize(generatedGraph(nodes, 1)));
		const context = await browser.newContext({ viewport: { width: 1440, height: 1000 } });
		const page = await context.newPage();
		await page.goto(`http://localhost:${port}/`);
		const chooser = page.waitForEvent('filechooser');
		await page.getByRole('button', { name: 'Open a model…' }).click();
		await (await chooser).setFiles(path);
		await page.getByRole('region', { name: 'Variants', exact: true }).waitFor({ timeout: 120_000 });
		await page.evaluate(() => {
			const tasks: number[] = [];
			Object.assign(globalThis, { tasks });
			new PerformanceObserver((list) => {
				for (const entry of list.getEntries()) tasks.push(Math.round(entry.duration));
			}).observe({ type: 'longtask', buffered: false });
		});
		const began = performance.now();
		await page.locator('body').press('g');
		const canvas = page.getByRole('region', { name: 'Graph', exact: true }).getByRole('application');
		await canvas.waitFor({ timeout: 120_000 });
		const paintedMs = performance.now() - began;
		const opening = await page.evaluate(() => (globalThis as unknown as { tasks: number[] }).tasks.splice(0));
		const box = await canvas.boundingBox();
		if (!box) throw new Error('nothing is drawn');
		const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
		await page.mouse.move(x, y);
		// Out until all is in view, which is the most to draw, and back in.
		for (const step of [240, -240]) {
			for (let i = 0; i < 20; i++) await page.mouse.wheel(0, step);
			await page.mouse.down();
			for (let i = 1; i <= 20; i++) await page.mouse.move(x + 8 * i, y - 10 * i);
			await page.mouse.up();
			await page.mouse.move(x, y);
		}
		await page.waitForTimeout(500);
		const moving = await page.evaluate(() => (globalThis as unknown as { tasks: number[] }).tasks);
		const text = await page.getByRole('region', { name: 'Graph', exact: true }).locator('.graph-tools').textContent();
		console.log(
			`${nodes} nodes (${text?.match(/[\d,]+ nodes/)?.[0]}): first paint after ${(paintedMs / 1000).toFixed(1)} s; longest task while opening ${Math.max(0, ...opening)} ms, while moving ${Math.max(0, ...moving)} ms (0: none over 50)`,
		);
		await context.close();
	}
} finally {
	await browser.close();
	server.httpServer.close();
	await rm(folder, { recursive: true, force: true });
}
