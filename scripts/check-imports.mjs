#!/usr/bin/env node
// Checks that imports point one way: core <- passes, data, engine <- workers <- store <- features <- app.
// Prints one line per breach, with file and line; exits 1 when there is one.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const src = join(root, 'src');

/** Which parts of src/ a part may import from, besides itself. */
const allowed = {
	core: [],
	passes: ['core'],
	data: ['core'],
	engine: ['core'],
	platform: ['core'],
	ui: [],
	workers: ['core', 'passes', 'data', 'engine', 'platform'],
	store: ['core', 'passes', 'data', 'engine', 'platform', 'workers'],
	features: ['core', 'passes', 'data', 'platform', 'ui', 'store', 'engine'],
	app: ['core', 'passes', 'data', 'engine', 'platform', 'ui', 'workers', 'store', 'features'],
	cli: ['core', 'passes', 'data', 'engine'],
};
/** Packages that a part may use; parts not named here may use any. */
const packages = {
	core: ['zod/mini', 'fflate', 'hash-wasm'],
	passes: ['zod/mini'],
	ui: ['react', 'react-dom', 'react/jsx-runtime'],
};
/** Within these parts, folders must not import each other. */
const apart = ['passes', 'features'];

export function checkImports() {
	const breaches = [];
	for (const file of sources(src)) {
		const path = relative(src, file).split(sep).join('/');
		const test = /\.(test|testkit)\.tsx?$/.test(path);
		const [part, folder] = path.split('/');
		const text = readFileSync(file, 'utf8');
		for (const { specifier, line } of imports(text)) {
			const breach = judge(part, folder, path, specifier, test);
			if (breach) breaches.push(`src/${path}:${line}: ${breach}`);
		}
	}
	return breaches;
}

function judge(part, folder, path, specifier, test) {
	if (!(part in allowed)) return `${part} is not a part of the house; see docs/architecture.md`;
	const bare = specifier.split('?')[0];
	if (!bare.startsWith('.')) {
		if (test) return undefined;
		if (bare.startsWith('node:') && part !== 'cli' && !path.includes('/node/')) return `${part} must not use Node (${specifier})`;
		if (packages[part] && !packages[part].includes(bare)) return `${part} must not use the package ${specifier}`;
		return undefined;
	}
	const target = posix.normalize(posix.join(posix.dirname(path), bare));
	if (target.startsWith('..')) return test || target === '../package.json' ? undefined : `it reaches out of src/ (${specifier})`;
	const [toPart, toFolder] = target.split('/');
	// Tests may look at anything; what ships may not.
	if (test) return undefined;
	if (/\.(test|testkit)\b/.test(target)) return `it imports test code (${specifier})`;
	if (toPart !== part) {
		return allowed[part].includes(toPart) ? undefined : `${part} must not import from ${toPart} (${specifier})`;
	}
	if (apart.includes(part) && path.split('/').length > 2 && target.split('/').length > 2 && folder !== toFolder) {
		return `${part}/${folder} must not import from ${part}/${toFolder}; move down what they share (${specifier})`;
	}
	return undefined;
}

/** Static and dynamic imports, re-exports and worker addresses. */
function imports(text) {
	const found = [];
	const pattern = /(?:\bfrom\s*|\bimport\s*\(?\s*|new URL\(\s*)(['"])([^'"\n]+)\1/g;
	for (const match of text.matchAll(pattern)) {
		const line = text.slice(0, match.index).split('\n').length;
		const whole = text.split('\n')[line - 1]?.trimStart() ?? '';
		if (whole.startsWith('*') || whole.startsWith('//')) continue;
		if (match[0].startsWith('new URL') && !match[2].startsWith('.')) continue;
		if (match[0].startsWith('new URL') && !/\.[cm]?tsx?$/.test(match[2])) continue;
		found.push({ specifier: match[2], line });
	}
	return found;
}

function sources(folder) {
	return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
		const path = join(folder, entry.name);
		return entry.isDirectory() ? sources(path) : /\.tsx?$/.test(entry.name) && !entry.name.endsWith('.d.ts') ? [path] : [];
	});
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const breaches = checkImports();
	for (const breach of breaches) console.error(breach);
	console.log(breaches.length === 0 ? 'Imports point one way.' : `${breaches.length} imports point the wrong way.`);
	process.exitCode = breaches.length === 0 ? 0 : 1;
}
