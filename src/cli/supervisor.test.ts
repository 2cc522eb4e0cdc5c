import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { constantOfShapeBomb, endlessLoop } from '../core/onnx/hostile.testkit.ts';
import { pare, pareHere } from './pare.testkit.ts';

let folder = '';
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'pare-hostile-'));
	await writeFile(at('endless.onnx'), await endlessLoop());
	await writeFile(at('bomb.onnx'), await constantOfShapeBomb());
	// Builds the program once, so that no test waits for it.
	await pare(['--version']);
});

afterAll(async () => {
	await rm(folder, { recursive: true, force: true });
});

/** Starts a command, and interrupts it once it has said `stage`. */
function interruptedAt(stage: string, args: readonly string[]): Promise<{ readonly code: number | null; readonly err: string }> {
	return new Promise((resolve) => {
		const child = spawn(process.execPath, [join(process.cwd(), 'bin', 'pare.mjs'), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
		let err = '';
		let sent = false;
		child.stderr.setEncoding('utf8').on('data', (text: string) => {
			err += text;
			if (sent || !err.includes(stage)) return;
			sent = true;
			child.kill('SIGINT');
		});
		child.on('close', (code) => resolve({ code, err }));
	});
}

describe('a model that never ends', () => {
	it('is ended by an interrupt, and leaves nothing behind', async () => {
		const out = at('interrupted.onnx');
		const { code, err } = await interruptedAt('Running the result once', ['compress', at('endless.onnx'), '-r', 'float16', '-o', out]);
		expect(code).toBe(130);
		expect(err).toContain('Interrupted');
		expect((await readdir(folder)).filter((name) => name.includes('interrupted'))).toEqual([]);
	});

	it('is ended by the time limit, said in JSON too', async () => {
		const args = ['compress', at('endless.onnx'), '-r', 'float16', '-o', at('late.onnx'), '--time-limit', '1', '--json'];
		const { code, out, err } = await pare(args);
		expect(code).toBe(1);
		expect(JSON.parse(out)).toMatchObject({ exit: 1, error: { code: 'deadline', advice: expect.stringContaining('--time-limit') } });
		expect(err).toContain('took longer than 1 s');
		expect((await readdir(folder)).filter((name) => name.includes('late'))).toEqual([]);
	});

	it('may be kept without being run', async () => {
		const { code, err } = await pareHere(['compress', at('endless.onnx'), '-r', 'float16', '-o', at('kept.onnx'), '--no-run']);
		expect(`${code} ${err}`).toBe('0 ');
		expect(await readdir(folder)).toContain('kept.onnx');
	});

	it('a time limit is a number of seconds', async () => {
		expect(await pareHere(['bench', at('endless.onnx'), '--time-limit', 'soon'])).toMatchObject({
			code: 2,
			err: expect.stringContaining('--time-limit takes a whole number from 0 up'),
		});
	});
});

describe('a model that asks for gigabytes', () => {
	it.each([
		['bench', ['bench', 'bomb.onnx']],
		['compare', ['compare', 'bomb.onnx', 'bomb.onnx']],
		['compress', ['compress', 'bomb.onnx', '-r', 'float16', '-o', 'small.onnx']],
	])('is not run by %s', async (_name, args) => {
		const { code, err } = await pareHere(args.map((arg) => (arg.endsWith('.onnx') ? at(arg) : arg)));
		expect(code).toBe(1);
		expect(err).toMatch(/was not run: .* makes a tensor of 3\.2 GB\..*--yes/);
		expect(await readdir(folder)).not.toContain('small.onnx');
	});

	it('is inspected all the same', async () => {
		const { code, out } = await pareHere(['inspect', at('bomb.onnx')]);
		expect(code).toBe(0);
		expect(out).toContain('makes a tensor of 3.2 GB');
	});
});
