import { gzipSync, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import type { Port } from '../core/ir/tensor-data.ts';
import type { DataFile } from './dataset.ts';
import { decodePicture } from './node/codecs.ts';
import { dataFile, npy, npz } from './npy.testkit.ts';
import { type OpenOptions, openDataset } from './open.ts';
import { png } from './pictures.testkit.ts';

/** Sets as people have them, none of them as the manual says. */
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const float = (name: string, ...shape: Port['shape'][number][]): Port => ({ name, dtype: 'float32', shape });
const classifier = { inputs: [float('x', 'N', 3)], outputs: [float('y', 'N', 3)] };
const pictures = { inputs: [float('x', 'N', 3, 8, 8)], outputs: [float('y', 'N', 3)] };
const open = (files: readonly DataFile[], target: Parameters<typeof openDataset>[1], options: OpenOptions = {}) =>
	openDataset(files, target, { decode: decodePicture, ...options });
const labelsOf = async (dataset: Awaited<ReturnType<typeof open>>) =>
	Promise.all(Array.from({ length: dataset.n }, async (_, i) => (await dataset.example(i)).label));
const zip = (names: readonly string[], others: Readonly<Record<string, string | Uint8Array>> = {}) =>
	dataFile(
		'set.zip',
		zipSync({
			...Object.fromEntries(names.map((name, i) => [name, png(9, 9, i)])),
			...Object.fromEntries(Object.entries(others).map(([name, value]) => [name, typeof value === 'string' ? text(value) : value])),
		}),
	);
const list = { 'classes.txt': 'cat\ncow\ndog\n' };

describe('zips of pictures', () => {
	it('that a Mac made, with CRLF and a mark in classes.txt', async () => {
		const junk = Object.fromEntries(
			['cat', 'dog'].flatMap((folder) => [
				[`__MACOSX/My Set/${folder}/._1.png`, Uint8Array.of(0, 5, 22, 7)],
				[`My Set/${folder}/.DS_Store`, 'x'],
				[`My Set/${folder}/Thumbs.db`, 'x'],
				[`My Set/${folder}/desktop.ini`, '[.Shell]'],
			]),
		);
		const set = await open(
			[zip(['My Set/cat/1.png', 'My Set/dog/ä 2.png'], { ...junk, 'classes.txt': '\ufeffcat\r\ncow\r\ndog\r\n' })],
			pictures,
		);
		expect(set.facts).toMatchObject({ n: 2, skipped: [], mapping: { origin: 'list' } });
		expect(await labelsOf(set)).toEqual([0, 2]);
	});

	it('with folders in folders have the nearest one that is a class, in any capitals', async () => {
		const set = await open([zip(['train/Cat/a/1.png', 'val/COW/c/2.png', 'val/dog/3.png'], list)], pictures);
		expect(await labelsOf(set)).toEqual([0, 1, 2]);
	});

	it('with a class that is not in the list leave it out by name', async () => {
		const { facts } = await open([zip(['cat/1.png', 'horse/1.png'], list)], pictures);
		expect(facts).toMatchObject({ n: 1, mapping: { unmapped: ['horse'] } });
		expect(facts.skipped).toEqual([{ name: 'horse/1.png', reason: 'It has no label: its folder "horse" stands for no output.' }]);
	});

	it('with one class, and with one picture', async () => {
		expect((await open([zip(['dog/1.png', 'dog/2.png'], list)], pictures)).facts).toMatchObject({ n: 2, labelled: true, classes: 1 });
		expect((await open([zip(['1.png'])], pictures)).facts).toMatchObject({ n: 1, labelled: false });
	});

	it('with the classes in JSON, as tools save them', async () => {
		const names = ['dog/1.png', 'cat/1.png', 'cow/1.png'];
		for (const [file, content] of [
			['class_to_idx.json', { dog: 0, cat: 1, cow: 2 }],
			['idx_to_class.json', { 0: 'dog', 1: 'cat', 2: 'cow' }],
			['classes.json', ['dog', 'cat', 'cow']],
			['imagenet_class_index.json', { 0: ['dog', 'a dog'], 1: ['cat', 'a cat'], 2: ['cow', 'a cow'] }],
		] as const) {
			const set = await open([zip(names, { [file]: JSON.stringify(content) })], pictures);
			expect(set.facts.mapping?.origin, file).toBe('list');
			// Entries in the order of their names: cat, cow, dog.
			expect(await labelsOf(set), file).toEqual([1, 2, 0]);
		}
	});

	it('with the same file name in two folders get each its own label', async () => {
		const set = await open([zip(['a/1.png', 'b/1.png'], { 'labels.csv': 'file,label\nb/1.png,1\na/1.png,0\n' })], pictures);
		expect(await labelsOf(set)).toEqual([0, 1]);
		const unclear = await open([zip(['a/1.png', 'b/1.png', 'c/2.png'], { 'labels.csv': 'file,label\n1.png,1\n2.png,0\n' })], pictures);
		expect(await labelsOf(unclear)).toEqual([0]);
		expect(unclear.facts.skipped.map(({ reason }) => reason)).toEqual(
			new Array(2).fill('labels.csv does not tell it from others of that name: give the folders too.'),
		);
	});

	it('with a table for other pictures say so', async () => {
		const set = await open([zip(['1.png', '2.png'], { 'labels.csv': 'file,label\nx.png,1\ny.png,0\n' })], pictures);
		expect(set.facts).toMatchObject({ n: 2, labelled: false });
		expect(set.facts.skipped).toEqual([{ name: 'labels.csv', reason: 'The table names none of the files that are there.' }]);
	});

	it('with two labels for a picture keep the first and say so', async () => {
		const set = await open([zip(['1.png', '2.png'], { 'labels.csv': 'file,label\n1.png,1\n1.png,0\n2.png,2\n' })], pictures);
		expect(await labelsOf(set)).toEqual([1, 2]);
		expect(set.facts.skipped).toEqual([
			{ name: 'labels.csv, line 3', reason: 'The line names "1.png" again, with another label; the first one counts.' },
		]);
	});
});

describe('pictures for other inputs', () => {
	const one = zip(['cat/1.png', 'dog/2.png'], list);
	it.each([
		['grey', { inputs: [float('x', 'N', 1, 8, 8)], outputs: [float('y', 'N', 3)] }, [1, 1, 8, 8]],
		['channels last', { inputs: [float('x', 'N', 8, 8, 3)], outputs: [float('y', 'N', 3)] }, [1, 8, 8, 3]],
		[
			'bytes, channels last',
			{ inputs: [{ name: 'x', dtype: 'uint8', shape: [1, 8, 8, 3] } as Port], outputs: [float('y', 1, 3)] },
			[1, 8, 8, 3],
		],
	] as const)('are made what the model takes: %s', async (_, target, dims) => {
		const set = await open([one], target);
		const { feeds } = await set.example(0);
		expect(feeds.x?.dims).toEqual(dims);
		expect(feeds.x?.dtype).toBe(target.inputs[0]?.dtype);
		expect(await labelsOf(set)).toEqual([0, 2]);
	});
});

describe('tables', () => {
	const table = (value: string) => open([dataFile('a.csv', text(value))], classifier);
	it.each([
		['a byte order mark', '\ufeffa,b,c,label\n1,2,3,0\n4,5,6,1\n'],
		['semicolons and CRLF', 'a;b;c;label\r\n1;2;3;0\r\n4;5;6;1\r\n'],
		['decimal commas', 'a;b;c;label\r\n1,0;2;3,00;0\r\n4;5;6;1\r\n'],
		['carriage returns alone', 'a,b,c,label\r1,2,3,0\r4,5,6,1\r'],
		['a line that names the delimiter', 'sep=;\na;b;c;label\n1;2;3;0\n4;5;6;1\n'],
		['a remark', '# made in May\na,b,c,label\n1,2,3,0\n4,5,6,1\n'],
		['a delimiter at the end of each line', 'a,b,c,label,\n1,2,3,0,\n4,5,6,1,\n'],
		['columns that are counted', '0,1,2,label\n1,2,3,0\n4,5,6,1\n'],
		['an index in front', ',a,b,c,label\n0,1,2,3,0\n1,4,5,6,1\n'],
		['quoted commas', '"a, first","b","c","label"\n"1","2",3,"0"\n4,"5",6,1\n'],
		['blank lines', 'a,b,c,label\n\n1,2,3,0\n\n\n4,5,6,1\n\n'],
	])('with %s', async (_, value) => {
		const set = await table(value);
		expect(set.facts).toMatchObject({ n: 2, labelKind: 'class', skipped: [] });
		expect(await labelsOf(set)).toEqual([0, 1]);
		expect((await set.example(0)).feeds.x?.data).toEqual(Float32Array.of(1, 2, 3));
	});

	it('whose labels are in another encoding are refused in words', async () => {
		const latin = Uint8Array.from([...text('a,b,c,label\n1,2,3,'), 0xe4, ...text('\n4,5,6,'), 0xf6, ...text('\n7,8,9,'), 0xfc, 10]);
		await expect(open([dataFile('a.csv', latin)], classifier)).rejects.toMatchObject({
			code: 'empty',
			advice: expect.stringContaining('UTF-8'),
		});
	});
});

describe('arrays', () => {
	const x = npy('<f4', [4, 3], new Float32Array(12));
	const y = npy('<i8', [4], BigInt64Array.of(0n, 1n, 2n, 0n));
	const words = npy('<U3', [4], Uint32Array.from([...'catdogcowcat'].map((letter) => letter.codePointAt(0) as number)));

	it('of labels that are words are classes, by a list or a proposal', async () => {
		const proposed = await open([dataFile('a.npz', npz({ x, label: words }))], classifier);
		expect(proposed.facts).toMatchObject({ labelKind: 'class', classes: 3, mapping: { origin: 'order' } });
		expect(await labelsOf(proposed)).toEqual([0, 2, 1, 0]);
		const listed = await open([dataFile('a.npz', npz({ x, label: words })), dataFile('classes.txt', text('dog\ncow\ncat'))], classifier);
		expect(await labelsOf(listed)).toEqual([2, 0, 1, 2]);
		expect(listed.facts.mapping?.origin).toBe('list');
	});

	it('without names: the second one holds the labels', async () => {
		const set = await open([dataFile('a.npz', npz({ arr_0: x, arr_1: y }))], classifier);
		expect(await labelsOf(set)).toEqual([0, 1, 2, 0]);
		expect(set.facts.preprocessing).toContain('"arr_1" taken as the labels');
		// A length is no class.
		expect((await open([dataFile('a.npz', npz({ x, length: y }))], classifier)).facts.labelled).toBe(false);
	});

	it('in parts for training and testing: the part that was kept back', async () => {
		const [part, labels] = [npy('<f4', [2, 3], new Float32Array(6).fill(5)), npy('<i8', [2], BigInt64Array.of(2n, 1n))];
		const set = await open([dataFile('a.npz', npz({ x_train: x, y_train: y, x_test: part, y_test: labels }))], classifier);
		expect(set.n).toBe(2);
		expect(await labelsOf(set)).toEqual([2, 1]);
		expect(set.facts.preprocessing).toContain('"x_train" left out');
	});

	it('with values that are no numbers are left out by name', async () => {
		const holes = Float32Array.from({ length: 12 }, (_, i) => (i === 4 ? Number.NaN : i === 7 ? Number.NEGATIVE_INFINITY : i));
		const set = await open([dataFile('a.npz', npz({ x: npy('<f4', [4, 3], holes), label: y }))], classifier);
		expect(set.facts.skipped).toEqual([{ name: 'a.npz #1', reason: 'Input "x" holds a value that is no number (NaN).' }]);
		expect(await labelsOf(set)).toEqual([0, 2, 0]);
	});

	it('with their axes in another order say how to turn them', async () => {
		const turned = npz({ x: npy('|u1', [5, 8, 8, 3], new Uint8Array(5 * 192)) });
		await expect(open([dataFile('a.npz', turned)], pictures)).rejects.toMatchObject({
			advice: expect.stringContaining('transpose(0, 3, 1, 2)'),
		});
	});

	it('of which the input cannot be read say why', async () => {
		const complex = npz({ x: npy('<c8', [4, 3], new Float32Array(24)), label: y });
		await expect(open([dataFile('a.npz', complex)], classifier)).rejects.toThrow(/x\.npy was left out: The array has element type <c8/);
	});
});

describe('gzip', () => {
	it('that still unpacks after damage is told by its checksum', async () => {
		const target = { inputs: [float('x', 1, 1, 8, 8)], outputs: [] };
		const idx = Uint8Array.from([0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0, 8, ...new Uint8Array(256).map((_, i) => i)]);
		const packed = gzipSync(idx, { level: 0 });
		expect((await open([dataFile('x.gz', packed)], target)).n).toBe(4);
		const damaged = packed.slice();
		damaged[100] = (damaged[100] as number) ^ 4;
		await expect(open([dataFile('x.gz', damaged)], target)).rejects.toThrow('The gzip file is damaged: its checksum is wrong.');
	});
});
