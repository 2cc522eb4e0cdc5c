import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { build, normal } from '../engine/models.testkit.ts';
import { pareHere } from './pare.testkit.ts';

const folder = mkdtempSync(join(tmpdir(), 'pare-diagnose-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function file(name: string, noise: number): Promise<string> {
	const path = join(folder, name);
	const weights = normal(64, 1);
	const moved = normal(64, 2, noise);
	const bytes = await build((b) => {
		const x = b.input('x', 'float32', ['N', 8]);
		const h = b.op('MatMul', [x, b.constant('a', 'float32', [8, 8], weights)], 'first');
		const w = b.constant(
			'b',
			'float32',
			[8, 8],
			weights.map((value, i) => value + (moved[i] as number)),
		);
		b.output(b.op('MatMul', [b.op('Relu', [h], 'relu'), w], 'second'), 'float32', ['N', 8]);
	});
	writeFileSync(path, bytes);
	return path;
}

describe('pare diagnose', () => {
	it('names the layer that was changed, what it costs, and where the time goes', async () => {
		const ran = await pareHere([
			'diagnose',
			await file('original.onnx', 0),
			await file('variant.onnx', 0.1),
			'--culprit',
			'--restored',
			'--latency',
			'--json',
		]);
		expect(ran.err).toBe('');
		expect(ran.code).toBe(0);
		const document = JSON.parse(ran.out) as Record<string, { layers: { node: string; label: string; weights?: { sqnrDb: number } }[] }> & {
			latency: { nodes: { node?: string }[] };
		};
		expect(document.errors?.layers.map(({ label }) => label)).toEqual(['second']);
		expect(document.errors?.layers[0]?.weights?.sqnrDb).toBeGreaterThan(5);
		expect(document.sensitivity?.layers[0]?.node).toBe('second');
		expect(document.restored?.layers[0]?.node).toBe('second');
		expect(document.culprit?.layers).toEqual([{ node: 'second', label: 'second' }]);
		expect(document.latency.nodes.map(({ node }) => node)).toContain('first');
	});

	it('says it in words', async () => {
		const ran = await pareHere(['diagnose', await file('original.onnx', 0), await file('variant.onnx', 0.1), '--culprit']);
		expect(ran.out).toMatch(/second\s+MatMul/);
		expect(ran.out).toMatch(/1 of 1 layers explain 100 % of the loss/);
	});

	it('asks for two models', async () => {
		expect((await pareHere(['diagnose', join(folder, 'original.onnx')])).code).not.toBe(0);
	});
});
