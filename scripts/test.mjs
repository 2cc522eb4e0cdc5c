#!/usr/bin/env node
// `npm test`: everything that must hold. The last line alone is `N passed, M failed`.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installPackage } from './chromium.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const cache = join(root, '.cache');
const bin = (name) => join(root, 'node_modules', '.bin', name);
const tally = { passed: 0, failed: 0, failures: [] };

function count(name, ok) {
	if (ok) tally.passed++;
	else {
		tally.failed++;
		tally.failures.push(name);
	}
}

/** Runs a program with its output on ours; gives its exit code. */
function run(command, parts, environment = {}) {
	return new Promise((resolve) => {
		const child = spawn(command, parts, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...environment } });
		child.once('error', (error) => {
			console.error(`${command}: ${error.message}`);
			resolve(1);
		});
		child.once('close', (code) => resolve(code ?? 1));
	});
}

async function step(name, action) {
	const began = Date.now();
	console.log(`\n== ${name}`);
	let ok = false;
	try {
		ok = (await action()) !== false;
	} catch (error) {
		console.error(error instanceof Error ? error.message : error);
	}
	console.log(`== ${name}: ${ok ? 'ok' : 'FAILED'} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
	return ok;
}

async function check(name, command, parts) {
	count(name, await step(name, async () => (await run(command, parts)) === 0));
}

async function unitTests() {
	mkdirSync(cache, { recursive: true });
	const file = join(cache, 'unit.json');
	rmSync(file, { force: true });
	await step('unit tests', async () => {
		const code = await run(bin('vitest'), ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`]);
		if (!existsSync(file)) {
			count('unit tests wrote no report', false);
			return false;
		}
		const report = JSON.parse(readFileSync(file, 'utf8'));
		tally.passed += report.numPassedTests;
		tally.failed += report.numFailedTests;
		for (const suite of report.testResults) {
			for (const test of suite.assertionResults) if (test.status === 'failed') tally.failures.push(test.fullName);
			// A file that could not be loaded has no tests to fail.
			if (suite.status === 'failed' && suite.assertionResults.length === 0) count(suite.name, false);
		}
		if (code !== 0 && tally.failed === 0) count('unit tests ended with an error', false);
		if (report.numPendingTests > 0) console.log(`${report.numPendingTests} unit tests were skipped; each says why above.`);
		return code === 0;
	});
}

async function main() {
	const began = Date.now();
	await check('lint', bin('biome'), ['check', '.']);
	for (const part of ['core', 'worker', 'dom', 'node']) await check(`types, ${part}`, bin('tsc'), ['-p', `tsconfig.${part}.json`]);
	await check('imports point one way', process.execPath, ['scripts/check-imports.mjs']);
	if (!existsSync('/usr/share/libonnx-testdata') && !existsSync('/usr/share/libonnx') && !installPackage('libonnx-testdata')) {
		console.log('The system package libonnx-testdata is not here and cannot be installed: the tests that read it are skipped.');
	}
	await unitTests();
	const built = await step('build', async () => (await run(bin('vite'), ['build', '--logLevel', 'warn'])) === 0);
	count('build', built);
	if (built) {
		await check('first load and what the build talks to', process.execPath, ['scripts/check-build.mjs']);
		await step('end to end, in Chromium', async () => {
			const { runEndToEnd } = await import('./e2e.mjs');
			const outcomes = await runEndToEnd();
			for (const outcome of outcomes) count(outcome.name, outcome.ok);
			return outcomes.every((outcome) => outcome.ok);
		}).then((ok) => {
			if (!ok && tally.failed === 0) count('end to end', false);
		});
	} else count('end to end: there is no build to test', false);
	if (tally.failures.length > 0) console.log(`\nFailed:\n${tally.failures.map((name) => `  ${name}`).join('\n')}`);
	console.log(`\n${((Date.now() - began) / 1000).toFixed(0)} s`);
	console.log(`${tally.passed} passed, ${tally.failed} failed`);
	process.exit(tally.failed === 0 ? 0 : 1);
}

await main();
