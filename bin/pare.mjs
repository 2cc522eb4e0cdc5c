#!/usr/bin/env node
// Pare on the command line. From a checkout the program is bundled on first use and again when a source has changed; packages stay
// where npm put them, because the runtime loads its .wasm from beside itself.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'dist-cli');
const bundle = join(folder, 'pare.mjs');
const stamp = join(folder, 'inputs.json');

function fingerprint(path) {
	const { mtimeMs, size } = statSync(join(root, path));
	return `${mtimeMs} ${size}`;
}

/** Whether every source that went into the bundle is what it was. */
function isFresh() {
	if (!existsSync(bundle) || !existsSync(stamp)) return false;
	try {
		const inputs = JSON.parse(readFileSync(stamp, 'utf8'));
		return Object.entries(inputs).every(([path, known]) => fingerprint(path) === known);
	} catch {
		return false;
	}
}

async function build() {
	let esbuild;
	try {
		esbuild = await import('esbuild');
	} catch {
		process.stderr.write('pare: the packages are not installed. Run "npm ci" in the project folder first.\n');
		process.exit(1);
	}
	// Two programs may build at the same time: each writes its own file, and renaming is atomic.
	mkdirSync(folder, { recursive: true });
	const own = join(folder, `pare-${process.pid}.mjs`);
	try {
		const { metafile } = await esbuild.build({
			absWorkingDir: root,
			entryPoints: ['src/cli/main.ts'],
			outfile: own,
			bundle: true,
			platform: 'node',
			format: 'esm',
			target: 'node20',
			packages: 'external',
			sourcemap: 'inline',
			sourcesContent: false,
			metafile: true,
			logLevel: 'silent',
		});
		const paths = [...Object.keys(metafile.inputs), 'package-lock.json', 'bin/pare.mjs'].map((path) => relative(root, resolve(root, path)));
		const inputs = Object.fromEntries(paths.map((path) => [path, fingerprint(path)]));
		renameSync(own, bundle);
		writeFileSync(`${stamp}.${process.pid}`, JSON.stringify(inputs));
		renameSync(`${stamp}.${process.pid}`, stamp);
	} catch (error) {
		rmSync(own, { force: true });
		process.stderr.write(`pare: the program could not be built: ${error instanceof Error ? error.message : error}\n`);
		process.exit(1);
	}
}

// npm runs scripts in the project folder; paths are meant from where npm was started.
const { INIT_CWD, npm_lifecycle_event } = process.env;
if (npm_lifecycle_event === 'pare' && INIT_CWD && process.cwd() === resolve(root)) process.chdir(INIT_CWD);

if (!isFresh()) await build();
await import(pathToFileURL(bundle).href);
