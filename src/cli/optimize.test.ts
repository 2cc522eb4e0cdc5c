import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

	it('cuts, retypes, renames and folds preprocessing in one go', async () => {
		const output = generatedGraph(40, 4).graph.outputs[0]?.name ?? '';
		const { code, out } = await pareHere([
			...['optimize', path('model.onnx'), '-o', path('cut.onnx'), '--json'],
			...['--preprocess', 'uint8,nhwc,model=nchw,scale=1/255,mean=0.5', '--retype', `${output}=float64`, '--rename', `${output}=result`],
		]);
		expect(code).toBe(0);
		const steps = JSON.parse(out).passes.map((pass: { pass: string }) => pass.pass);
		expect(steps).toEqual(['fold-preprocessing', 'retype-io', 'rename-io', 'optimize']);
		const { graph } = await readModel(memorySource(new Uint8Array(readFileSync(path('cut.onnx')))));
		expect(printType(graph.inputs[0]?.type)).toMatch(/^uint8\[N, 6, 6, 8\]$/);
		expect(graph.outputs.map((value) => value.name)).toContain('result');
	});

	it.each([
		[['--extract', 'nowhere'], 'extract, nowhere: the model has no tensor of this name.'],
		[['--rename', 'nowhere=x'], 'rename-io, nowhere=x: no input or output of the model has the name on the left'],
	])('writes nothing where %j cannot be done', async (args, message) => {
		const { code, err } = await pareHere(['optimize', path('model.onnx'), '-o', path('none.onnx'), ...args]);
		expect(code).toBe(1);
		expect(err).toContain(`Nothing was written. ${message}`);
		expect(existsSync(path('none.onnx'))).toBe(false);
	});

	it.each([
		[['optimize', 'a.onnx', '-o', 'b.onnx', '--preprocess', 'uint9'], '--preprocess does not know "uint9".'],
		[['optimize', 'a.onnx', '-o', 'b.onnx', '--preprocess', 'scale=x'], '--preprocess: "scale=x" holds no number.'],
		[['optimize'], 'optimize takes one model.'],
		[['optimize', 'a.onnx'], 'optimize needs -o, the file to write.'],
		[['optimize', 'a.onnx', '-o', 'b.onnx', '--opset', 'x'], '--opset takes a whole number from 8 up, not "x".'],
	])('says what is wrong with %j', async (args, message) => {
		const { code, err } = await pareHere(args);
		expect(code).toBe(2);
		expect(err).toContain(message);
	});
});
