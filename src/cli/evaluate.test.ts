import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { npy, npz } from '../data/npy.testkit.ts';
import { pareHere } from './pare.testkit.ts';

const root = process.cwd();
const model = join(root, 'public/samples/digits/digits.onnx');
const data = join(root, 'public/samples/digits/digits-test.npz');

interface Entry {
	readonly model: string;
	readonly n: number;
	readonly metrics: Record<string, { value: number; interval: [number, number]; n: number; difference?: { value: number } }>;
	readonly outputs?: readonly { readonly cosine: number }[];
	readonly preprocessing: { readonly text: string };
	readonly skipped: { readonly count: number; readonly entries: readonly unknown[] };
}

describe('pare evaluate', () => {
	let folder = '';
	beforeAll(() => {
		folder = mkdtempSync(join(tmpdir(), 'pare-evaluate-'));
	});
	afterAll(() => rmSync(folder, { recursive: true, force: true }));

	it('gives a list with an entry for each model: metrics with interval and n, and the paired difference', async () => {
		const { code, out } = await pareHere(['evaluate', model, model, '--data', data, '--limit', '100', '--json']);
		expect(code).toBe(0);
		const entries = JSON.parse(out) as Entry[];
		expect(entries).toHaveLength(2);
		const [first, second] = entries as [Entry, Entry];
		expect(first.n).toBe(100);
		expect(first.metrics.top1?.n).toBe(100);
		expect(first.metrics.top1?.value).toBeGreaterThan(0.95);
		expect(first.metrics.top1?.interval[0]).toBeLessThan(first.metrics.top1?.value as number);
		expect(first.skipped).toEqual({ count: 0, entries: [] });
		expect(first.preprocessing.text).not.toBe('');
		expect(second.metrics.top1?.difference?.value).toBe(0);
		expect(second.outputs?.[0]?.cosine).toBe(1);
		const { out: text } = await pareHere(['evaluate', model, '--data', data, '--limit', '20']);
		expect(text).toMatch(/top1\s+\d+\.\d %/);
	});

	it('judges a model as what it is told to be', async () => {
		const { out } = await pareHere([
			'evaluate',
			model,
			'--data',
			data,
			'--limit',
			'40',
			'--task',
			'multi-label',
			'--threshold',
			'0.9',
			'--json',
		]);
		const [entry] = JSON.parse(out) as [Entry & { task: unknown; labels: readonly unknown[] }];
		expect(entry.task).toMatchObject({ kind: 'multi-label', chosen: { kind: 'multi-label', threshold: 0.9 } });
		expect(Object.keys(entry.metrics)).toEqual(['auc', 'ap', 'precision', 'recall', 'f1']);
		expect(entry.labels).toHaveLength(10);
		expect(await pareHere(['evaluate', model, '--data', data, '--task', 'guessing'])).toMatchObject({ code: 2 });
		expect(await pareHere(['evaluate', model, '--data', data, '--task', 'binary', '--threshold', '2'])).toMatchObject({ code: 2 });
		expect(await pareHere(['evaluate', model, '--data', data, '--stop-early', 'soon'])).toMatchObject({ code: 2 });
	});

	it('says what is wrong: no data, no preprocessing in the file, data that does not fit', async () => {
		expect(await pareHere(['evaluate', model])).toMatchObject({ code: 2, err: expect.stringContaining('--data') });
		const wrong = join(folder, 'wrong.json');
		writeFileSync(wrong, '{"colour": "red"}');
		const preprocess = await pareHere(['evaluate', model, '--data', data, '--preprocess', wrong]);
		expect(preprocess).toMatchObject({ code: 3, err: expect.stringContaining('Not a preprocessing of pictures: ') });
		const misfit = join(folder, 'misfit.npz');
		writeFileSync(misfit, npz({ q: npy('<f4', [3, 5, 7], new Float32Array(105)) }));
		const { code, out } = await pareHere(['evaluate', model, '--data', misfit, '--json']);
		expect(code).toBe(3);
		expect((JSON.parse(out) as { error: { code: string } }).error.code).toBe('mismatch');
	});
});
