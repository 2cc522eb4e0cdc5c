// Runs a TypeScript program in Node: node [flags] scripts/run-ts.mjs PROGRAM [ARGUMENTS]
// The program is bundled to .cache/run first, packages stay outside the bundle.
import { mkdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const [program, ...rest] = process.argv.slice(2);
if (!program) {
	process.stderr.write('Usage: node scripts/run-ts.mjs PROGRAM.ts [ARGUMENTS]\n');
	process.exit(2);
}
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outdir = join(root, '.cache', 'run');
mkdirSync(outdir, { recursive: true });
const outfile = join(outdir, `${basename(program, '.ts')}.mjs`);
await build({
	entryPoints: [resolve(program)],
	outfile,
	bundle: true,
	platform: 'node',
	format: 'esm',
	target: 'node20',
	packages: 'external',
	sourcemap: 'inline',
	logLevel: 'warning',
});
process.argv = [process.argv[0], resolve(program), ...rest];
await import(pathToFileURL(outfile).href);
