#!/usr/bin/env node
// Checks dist/: size of the first load, and that nothing in it talks to anybody else.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const budgetBytes = 200_000;

/** Names in the code that can send something past the connect-src policy. */
const forbidden = /RTCPeerConnection|sendBeacon|WebTransport\b|EventSource\b/;
/**
 * Addresses that stand in the code and are never fetched: XML namespaces, links inside error texts of libraries.
 * Each with the reason.
 */
const knownAddresses = [
	[/^http:\/\/www\.w3\.org\//, 'XML and SVG namespaces'],
	[/^https:\/\/react\.dev\//, 'error texts of React'],
	[/^https:\/\/(redux|redux-toolkit|recharts|immerjs)\.(js\.org|org|github\.io)\//, 'error texts of recharts and its store'],
	[/^https:\/\/bit\.ly\//, 'error texts of the store of recharts'],
	[/^https:\/\/git-lfs\.github\.com\/spec\//, 'the first line of Git LFS pointers, which are recognized'],
	[/^https:\/\/www\.npmjs\.com\/package\/hash-wasm/, 'an error text of hash-wasm'],
	[/^https:\/\/rolldown\.rs\//, 'an error text of the bundler'],
	[/^https:\/\/github\.com\//, 'error texts of libraries'],
	[/^https:\/\/json-schema\.org\//, 'identifiers of JSON Schema'],
	[/^http:\/\/json-schema\.org\//, 'identifiers of JSON Schema'],
	[/^https:\/\/(developer\.mozilla\.org|web\.dev)\//, 'error texts of the runtime'],
	[/^https?:\/\/(localhost|example\.(com|org))/, 'placeholders'],
	[
		/^https:\/\/cdn\.jsdelivr\.net\/npm\/onnxruntime/,
		'the default of the runtime, overridden by our own addresses; the policy blocks it anyway',
	],
];

export function checkBuild() {
	const problems = [];
	const size = firstLoad();
	if (size.gzipBytes > budgetBytes)
		problems.push(`first load is ${kilobytes(size.gzipBytes)} gzip, over ${kilobytes(budgetBytes)}: ${size.files.join(', ')}`);
	for (const file of files(dist)) {
		const name = relative(dist, file);
		if (!/\.(js|mjs|html|css)$/.test(name)) continue;
		const text = readFileSync(file, 'utf8');
		const call = forbidden.exec(text);
		// The runtime's glue names no such thing; neither may we.
		if (call) problems.push(`${name} has ${call[0]} in it`);
		for (const [address] of text.matchAll(/(?:https?|wss?):\/\/[A-Za-z0-9][^\s"'`\\)<>]*/g)) {
			if (!knownAddresses.some(([known]) => known.test(address))) problems.push(`${name} has the address ${address.slice(0, 80)} in it`);
		}
		if (name === 'index.html' && /<script(?![^>]*\bsrc=)/.test(text)) problems.push('index.html has an inline script');
	}
	return { problems: [...new Set(problems)], size };
}

/** JavaScript and CSS that index.html pulls in at once, following static imports. */
function firstLoad() {
	const manifest = JSON.parse(readFileSync(join(dist, '.vite', 'manifest.json'), 'utf8'));
	const entry = Object.values(manifest).find((chunk) => chunk.isEntry);
	const names = new Set();
	const follow = (chunk) => {
		if (names.has(chunk.file)) return;
		names.add(chunk.file);
		for (const css of chunk.css ?? []) names.add(css);
		for (const key of chunk.imports ?? []) follow(manifest[key]);
	};
	follow(entry);
	const sized = [...names].map((name) => ({ name, gzip: gzipSync(readFileSync(join(dist, name)), { level: 9 }).length }));
	return {
		gzipBytes: sized.reduce((sum, { gzip }) => sum + gzip, 0),
		files: sized.sort((a, b) => b.gzip - a.gzip).map(({ name, gzip }) => `${name} ${kilobytes(gzip)}`),
	};
}

function kilobytes(bytes) {
	return `${(bytes / 1000).toFixed(1)} KB`;
}

function files(folder) {
	return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
		const path = join(folder, entry.name);
		return entry.isDirectory() ? files(path) : [path];
	});
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	if (!existsSync(join(dist, 'index.html'))) {
		console.error('There is no build in dist/. Run npm run build first.');
		process.exit(1);
	}
	const { problems, size } = checkBuild();
	for (const problem of problems) console.error(problem);
	console.log(
		`First load without runtime and charts: ${kilobytes(size.gzipBytes)} gzip of ${kilobytes(budgetBytes)} (${size.files.join(', ')})`,
	);
	process.exitCode = problems.length === 0 ? 0 : 1;
}
