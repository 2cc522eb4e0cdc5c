#!/usr/bin/env node
// Runs e2e/*.e2e.ts in a real Chromium against the built studio. In every spec all requests are recorded: one to another
// origin, one that is not GET, a breach of the content security policy or an uncaught error fails it.
//   node scripts/e2e.mjs [part of a name]
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { findChromium } from './chromium.mjs';
import { buildIsStale, freePort, servePreview } from './start.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const results = join(root, 'test-results');

export async function runEndToEnd({ filter = '' } = {}) {
	process.env.PW_EXPERIMENTAL_SERVICE_WORKER_NETWORK_EVENTS = '1';
	const { chromium } = await import('playwright-core');
	const executablePath = findChromium();
	const specs = (await load()).filter((spec) => spec.name.toLowerCase().includes(filter.toLowerCase()));
	const port = await freePort(4300);
	const server = await servePreview(port);
	const address = `http://localhost:${port}/`;
	const scratch = mkdtempSync(join(tmpdir(), 'pare-e2e-'));
	const netLog = join(scratch, 'net.json');
	const browser = await chromium.launch({
		executablePath,
		headless: true,
		args: [
			...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
			'--disable-quic',
			'--no-first-run',
			'--disable-background-networking',
			'--disable-component-update',
			'--disable-sync',
			'--disable-dev-shm-usage',
			'--enable-unsafe-webgpu',
			`--log-net-log=${netLog}`,
		],
	});
	const outcomes = [];
	try {
		for (const spec of specs) outcomes.push(await runSpec(browser, address, spec));
	} finally {
		await browser.close();
		await new Promise((resolve) => server.httpServer.close(resolve));
	}
	outcomes.push(egress(netLog, address));
	rmSync(scratch, { recursive: true, force: true });
	return outcomes;
}

/** Bundles the specs, which are TypeScript, and gives what they declare. */
async function load() {
	const folder = join(root, '.cache', 'e2e');
	mkdirSync(folder, { recursive: true });
	const files = readdirSync(join(root, 'e2e'))
		.filter((name) => name.endsWith('.e2e.ts'))
		.sort();
	const entry = `${files.map((name) => `import ${JSON.stringify(join(root, 'e2e', name))};`).join('\n')}\nexport { declared } from ${JSON.stringify(join(root, 'e2e', 'runner.ts'))};`;
	const outfile = join(folder, `specs-${process.pid}.mjs`);
	await build({
		stdin: { contents: entry, resolveDir: root, loader: 'ts' },
		outfile,
		bundle: true,
		format: 'esm',
		platform: 'node',
		external: ['playwright-core', 'axe-core'],
		logLevel: 'error',
	});
	const { declared } = await import(pathToFileURL(outfile).href);
	rmSync(outfile, { force: true });
	return declared();
}

async function runSpec(browser, address, spec) {
	const began = Date.now();
	const problems = [];
	const notes = [];
	const contexts = [];
	const open = async () => {
		const context = await browser.newContext({ viewport: spec.viewport, serviceWorkers: 'allow', acceptDownloads: true });
		contexts.push(context);
		watch(context, address, problems);
		await context.addInitScript(() => {
			addEventListener('securitypolicyviolation', (event) => {
				console.error(`[policy] ${event.violatedDirective} blocked ${event.blockedURI}`);
			});
		});
		const page = await context.newPage();
		// From the start on: a listener that is added just before the key is pressed may come too late to catch the dialog.
		page.on('filechooser', () => {});
		page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`));
		page.on('console', (message) => {
			const text = message.text();
			if (/\[policy\]|Content Security Policy|Refused to/i.test(text)) problems.push(`policy: ${text.slice(0, 300)}`);
		});
		return { context, page };
	};
	let failure;
	let first;
	try {
		first = await open();
		const run = spec.run({
			browser,
			...first,
			address,
			another: open,
			cdp: () => first.context.newCDPSession(first.page),
			say: (text) => notes.push(text),
		});
		await withDeadline(run, spec.timeoutMs);
	} catch (error) {
		failure = error instanceof Error ? error.message : String(error);
		mkdirSync(results, { recursive: true });
		const file = join(results, `${spec.name.replace(/[^a-z0-9]+/gi, '-').toLowerCase()}`);
		await first?.page.screenshot({ path: `${file}.png` }).catch(() => {});
		const text = await first?.page
			.locator('body')
			.textContent({ timeout: 2000 })
			.catch(() => '');
		if (text) writeFileSync(`${file}.txt`, text);
	}
	for (const context of contexts) await context.close().catch(() => {});
	const unique = [...new Set(problems)];
	const ok = failure === undefined && unique.length === 0;
	const seconds = ((Date.now() - began) / 1000).toFixed(1);
	console.log(`${ok ? 'ok  ' : 'FAIL'} ${spec.name} (${seconds} s)`);
	for (const note of notes) console.log(`       ${note}`);
	if (failure) console.log(`       ${failure.split('\n').slice(0, 12).join('\n       ')}`);
	for (const problem of unique.slice(0, 10)) console.log(`       ${problem}`);
	return { name: spec.name, ok, seconds: Number(seconds) };
}

function watch(context, address, problems) {
	const origin = new URL(address).origin;
	context.on('request', (request) => {
		const url = request.url();
		if (/^(blob|data):/.test(url)) return;
		if (new URL(url).origin !== origin) problems.push(`request to another origin: ${url.slice(0, 200)}`);
		if (request.method() !== 'GET') problems.push(`request that is not GET: ${request.method()} ${url.slice(0, 200)}`);
	});
	context.on('weberror', (event) => problems.push(`uncaught: ${event.error().message}`));
}

/** The browser's own log of the network: also what workers and the service worker asked for. */
function egress(file, address) {
	const name = 'the browser asked nobody but the studio, in all specs together';
	const origin = new URL(address).origin;
	let log;
	try {
		log = JSON.parse(readFileSync(file, 'utf8'));
	} catch (error) {
		console.log(`FAIL ${name}\n       the network log cannot be read: ${error.message}`);
		return { name, ok: false, seconds: 0 };
	}
	const started = log.constants.logEventTypes.URL_REQUEST_START_JOB;
	const foreign = new Set();
	let count = 0;
	for (const event of log.events) {
		const { url, method, initiator } = event.params ?? {};
		if (event.type !== started || !url || !/^(https?|wss?):/.test(url)) continue;
		if (new URL(url).origin === origin) {
			count++;
			if (method !== 'GET') foreign.add(`${method} ${url}`);
		} else if (initiator === origin) foreign.add(`${method} ${url}`);
	}
	const ok = foreign.size === 0 && count > 0;
	console.log(`${ok ? 'ok  ' : 'FAIL'} ${name} (${count} requests, ${foreign.size} foreign or not GET)`);
	for (const entry of [...foreign].slice(0, 10)) console.log(`       ${entry}`);
	return { name, ok, seconds: 0 };
}

function withDeadline(promise, timeoutMs) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`not finished after ${timeoutMs / 1000} s`)), timeoutMs);
	});
	return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	if (buildIsStale()) {
		const vite = await import('vite');
		await vite.build({ root, logLevel: 'warn' });
	}
	const outcomes = await runEndToEnd({ filter: process.argv[2] ?? '' });
	const failed = outcomes.filter((outcome) => !outcome.ok).length;
	console.log(`${outcomes.length - failed} passed, ${failed} failed`);
	process.exit(failed === 0 ? 0 : 1);
}
