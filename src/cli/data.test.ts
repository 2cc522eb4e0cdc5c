import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DataTarget } from '../data/dataset.ts';
import { dataFile, npy, npz } from '../data/npy.testkit.ts';
import { openDataset } from '../data/open.ts';
import { pareHere } from './pare.testkit.ts';

const sample = join(process.cwd(), 'public/samples/digits');
const model = join(sample, 'digits.onnx');
const test = join(sample, 'digits-test.npz');

interface Listed {
	readonly index: number;
	readonly name: string;
	readonly contentHash: string;
}
interface Document {
	readonly dataset: { readonly n: number; readonly hash: string };
	readonly classes: readonly { readonly label: number; readonly count: number }[];
	readonly skipped: { readonly count: number };
	readonly health?: {
		readonly featuresOf: string;
		readonly duplicates: readonly (Listed & { readonly of: number; readonly likeness: number; readonly ofName: string })[];
		readonly mislabelled: readonly (Listed & { readonly label: number; readonly predicted: number })[];
		readonly outliers: readonly (Listed & { readonly score: number })[];
	};
}

const pixels = 1024;
const count = 200;
const copies = 5;

/** The body of an array in the archive, of which the header's length is known by what follows it. */
function body(bytes: Uint8Array, byteLength: number): ArrayBuffer {
	return bytes.slice(bytes.length - byteLength).buffer as ArrayBuffer;
}

describe('pare data', () => {
	let folder = '';
	beforeAll(() => {
		folder = mkdtempSync(join(tmpdir(), 'pare-data-'));
	});
	afterAll(() => rmSync(folder, { recursive: true, force: true }));

	it('counts classes, and runs nothing without --health', async () => {
		const { code, out } = await pareHere(['data', model, '--data', test, '--json']);
		expect(code).toBe(0);
		const document = JSON.parse(out) as Document;
		expect(document.dataset.n).toBe(450);
		expect(document.classes).toHaveLength(10);
		expect(document.classes.reduce((sum, entry) => sum + entry.count, 0)).toBe(450);
		expect(document.skipped.count).toBe(0);
		expect(document.health).toBeUndefined();
	});

	it('lists planted copies and wrong labels by name and content', async () => {
		const arrays = unzipSync(readFileSync(test));
		const all = 450;
		const pictures = new Float32Array(body(arrays['picture.npy'] as Uint8Array, 4 * all * pixels));
		const known = new BigInt64Array(body(arrays['label.npy'] as Uint8Array, 8 * all));
		const picture = new Float32Array((count + copies) * pixels);
		const label = new BigInt64Array(count + copies);
		picture.set(pictures.subarray(0, count * pixels));
		label.set(known.subarray(0, count));
		for (let i = 0; i < copies; i++) {
			picture.set(pictures.subarray(i * pixels, (i + 1) * pixels), (count + i) * pixels);
			label[count + i] = known[i] as bigint;
		}
		const wrong = [20, 40, 60, 80, 100];
		for (const index of wrong) label[index] = ((label[index] as bigint) + 3n) % 10n;
		const planted = join(folder, 'planted.npz');
		writeFileSync(planted, npz({ picture: npy('<f4', [count + copies, 1, 32, 32], picture), label: npy('<i8', [count + copies], label) }));

		const { code, out } = await pareHere(['data', model, '--data', planted, '--health', '--json']);
		expect(code).toBe(0);
		const { health } = JSON.parse(out) as Document;
		const exact = health?.duplicates.filter(({ likeness }) => likeness === 1) ?? [];
		expect(exact.map(({ index, of }) => [index, of])).toEqual(Array.from({ length: copies }, (_, i) => [count + i, i]));
		expect(exact[0]?.contentHash).toMatch(/^[0-9a-f]{64}$/);
		expect(exact[0]?.ofName).not.toBe(exact[0]?.name);
		const doubted = new Set(health?.mislabelled.map(({ index }) => index));
		expect(wrong.filter((index) => doubted.has(index)).length).toBeGreaterThanOrEqual(4);
		expect(doubted.size).toBeLessThanOrEqual(8);
		expect(health?.featuresOf).not.toBe('');
		const { out: text } = await pareHere(['data', model, '--data', planted, '--health']);
		expect(text).toContain(`Copies: ${health?.duplicates.length}`);
	});

	it('leaves out examples by content: fewer, under another hash; what names no example of the set is said', async () => {
		const { out } = await pareHere(['data', model, '--data', test, '--health', '--json']);
		const before = JSON.parse(out) as Document;
		const [first, second] = before.health?.outliers ?? [];
		const list = join(folder, 'out.txt');
		writeFileSync(list, `${first?.contentHash}\n${second?.contentHash}\n${'0'.repeat(64)}\n`);
		const asked = ['data', model, '--data', test, '--leave-out', list];
		const after = JSON.parse((await pareHere([...asked, '--json'])).out) as Document;
		expect(after.dataset).toMatchObject({ n: 448, leftOutCount: 2 });
		expect(after.dataset.hash).not.toBe(before.dataset.hash);
		expect((await pareHere(asked)).out).toContain('2 examples left out, as asked for by 3 content hashes');
		writeFileSync(list, JSON.stringify({ leftOut: [first?.contentHash] }));
		const evaluated = await pareHere(['evaluate', model, '--data', test, '--leave-out', list, '--json']);
		expect((JSON.parse(evaluated.out) as { n: number }[])[0]?.n).toBe(449);
		writeFileSync(list, 'digits #3');
		expect(await pareHere(asked)).toMatchObject({ code: 3, err: expect.stringContaining('not a content hash') });
	});

	it('leaves them out in compare, compress and diagnose too', async () => {
		const target: DataTarget = { inputs: [{ name: 'picture', dtype: 'float32', shape: ['N', 1, 32, 32] }], outputs: [] };
		const small = await openDataset([dataFile('digits-test.npz', readFileSync(test))], target, { limit: 24 });
		const [first] = await small.exampleFacts();
		const list = join(folder, 'left-out.txt');
		writeFileSync(list, `${first?.contentHash}\n`);
		const common = ['--data', test, '--leave-out', list];
		const compared = await pareHere(['compare', model, model, ...common, '--limit', '24', '--json']);
		expect(JSON.parse(compared.out)).toMatchObject({ n: 23, dataset: { leftOutCount: 1 } });
		const variant = join(folder, 'left-out.onnx');
		const compressed = await pareHere(['compress', model, '--recipe', 'int8-weights', '-o', variant, ...common]);
		expect(compressed.out).toContain('--data: 1 examples left out, as asked for by 1 content hash.');
		const diagnosed = await pareHere(['diagnose', model, variant, ...common, '--limit', '2', '--recipe', 'int8-weights', '--json']);
		expect((JSON.parse(diagnosed.out) as { inputs: string }).inputs).toContain('1 examples left out');
		expect(await pareHere(['compare', model, model, '--leave-out', list])).toMatchObject({
			code: 2,
			err: expect.stringContaining('--data'),
		});
	});

	it('says what is wrong with the command', async () => {
		expect(await pareHere(['data', model])).toMatchObject({ code: 2, err: expect.stringContaining('--data') });
		expect(await pareHere(['data', '--data', test])).toMatchObject({ code: 2 });
		expect(await pareHere(['data', join(folder, 'none.onnx'), '--data', test])).toMatchObject({ code: 3 });
	});
});
