#!/usr/bin/env node
// `npm start`: builds when a source is newer than the build, then serves it.
import { readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const firstPort = Number(process.env.PORT ?? 4173);

if (isMain()) await main();

async function main() {
	if (buildIsStale()) {
		console.log('Building the studio (about 10 s; only when something changed).');
		const { build } = await import('vite');
		await build({ root, logLevel: 'warn' });
	}
	const server = await servePreview(await freePort(firstPort));
	const address = server.resolvedUrls?.local[0] ?? `http://localhost:${server.config.preview.port}/`;
	console.log(`\nPare is at ${address}   (Ctrl+C stops it)\n`);
}

/** Serves dist/ (or the folder that PARE_DIST names) on this port, with the security headers of vite.config.ts. */
export async function servePreview(port) {
	const { preview } = await import('vite');
	const outDir = process.env.PARE_DIST;
	return preview({ root, logLevel: 'warn', ...(outDir && { build: { outDir } }), preview: { port, strictPort: true } });
}

/** True when dist/ is missing or older than anything it is made from. */
export function buildIsStale() {
	// A folder that was built by hand is what is asked for.
	if (process.env.PARE_DIST) return false;
	let built;
	try {
		built = statSync(join(root, 'dist', 'index.html')).mtimeMs;
	} catch {
		return true;
	}
	const sources = ['src', 'public', 'scripts/vite', 'index.html', 'vite.config.ts', 'package.json', 'package-lock.json'];
	return sources.some((source) => newest(join(root, source)) > built);
}

function newest(path) {
	const stat = statSync(path, { throwIfNoEntry: false });
	if (!stat) return 0;
	if (!stat.isDirectory()) return /\.(test|testkit)\.tsx?$/.test(path) ? 0 : stat.mtimeMs;
	return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

/** The first port from `start` on that nobody listens on. */
export async function freePort(start) {
	for (let port = start; port < start + 50; port++)
		if ((await taken(port, '127.0.0.1')) || (await taken(port, '::1'))) continue;
		else return port;
	throw new Error(`Ports ${start} to ${start + 49} are all in use. Set PORT to a free one.`);
}

function taken(port, host) {
	return new Promise((resolve) => {
		const probe = createServer();
		probe.once('error', (error) => resolve(error.code === 'EADDRINUSE'));
		probe.listen({ port, host }, () => probe.close(() => resolve(false)));
	});
}

function isMain() {
	return process.argv[1] !== undefined && fileURLToPath(import.meta.url) === process.argv[1];
}
