import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memorySource } from '../core/bytes/source.ts';
import { printType } from '../core/ir/type.ts';
import { readModel } from '../core/onnx/read.ts';
import { serialize } from '../core/onnx/write.ts';
import { generatedGraph } from '../passes/optimize/generated-graph.testkit.ts';
import { countNodes } from '../passes/optimize/run.ts';
import { pareHere } from './pare.testkit.ts';

describe('pare optimize', () => {
	let folder = '';
	const path = (name: string): string => join(folder, name);
	beforeAll(async () => {
		folder = mkdtempSync(join(tmpdir(), 'pare-optimize-'));
		writeFileSync(path('model.onnx'), await serialize(generatedGraph(40, 4)));
	});
	afterAll(() => rmSync(folder, { recursive: true, force: true }));

	it('writes a smaller graph with a fixed size, compared with the one before', async () => {
		const { code, out } = await pareHere([
			'optimize',
			path('model.onnx'),
			'-o',
			path('out.onnx'),
			'--fix-dim',
			'N=2',
			'--verify',
			'--limit',
			'2',
			'--json',
		]);
		expect(code).toBe(0);
		const document = JSON.parse(out);
		expect(document.passes.map((pass: { pass: string }) => pass.pass)).toEqual(['fix-dims', 'optimize']);
		expect(document.verification).toMatchObject({ inputs: 'synthetic', equal: true, runs: 2, leftOut: [] });
		const model = await readModel(memorySource(new Uint8Array(readFileSync(path('out.onnx')))));
		expect(printType(model.graph.inputs[0]?.type)).toBe('float32[2, 8, 6, 6]');
		expect(countNodes(model)).toBeLessThan(40);
	});

	it('takes single rules away', async () => {
		const { code, out } = await pareHere([
			'optimize',
			path('model.onnx'),
			'-o',
			path('plain.onnx'),
			'--set',
			'optimize.fuse=false',
			'--no-run',
			'--json',
		]);
		expect(code).toBe(0);
		const reasons: string[] = JSON.parse(out).passes[0].notes.map((note: { reason: string }) => note.reason);
		expect(reasons.some((reason) => reason.startsWith('fuse'))).toBe(false);
	});

	it.each([
		[['optimize'], 'optimize takes one model.'],
		[['optimize', 'a.onnx'], 'optimize needs -o, the file to write.'],
		[['optimize', 'a.onnx', '-o', 'b.onnx', '--opset', 'x'], '--opset takes a whole number from 8 up, not "x".'],
	])('says what is wrong with %j', async (args, message) => {
		const { code, err } = await pareHere(args);
		expect(code).toBe(2);
		expect(err).toContain(message);
	});
});
