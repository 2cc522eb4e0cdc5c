import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync, zipSync } from 'fflate';
import type { Page } from 'playwright-core';
import type { Study } from '../src/core/study/study.ts';
import { npy, npz } from '../src/data/npy.testkit.ts';
import { colours, lines, type NamedBytes, solid, table, tokenizer, tone } from './data-files.ts';
import { chain } from './hostile.ts';
import { Studio } from './pages/studio.ts';
import { check, spec, until } from './runner.ts';

const minute = 60_000;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Pictures by colour: the mean of each channel tells the class. */
const colourModel = (): Uint8Array => chain({ whole: false, dims: [1, 3, 16, 16] }, ['GlobalAveragePool', 'Flatten', 'Softmax'], [1, 3]);
const vectorModel = (): Uint8Array => chain({ whole: false, dims: [1, 3] }, ['Softmax'], [1, 3]);
const soundModel = (): Uint8Array => chain({ whole: false, dims: [1, 512] }, ['Abs'], [1, 512]);
const textModel = (): Uint8Array => chain({ whole: true, dims: [1, 8] }, ['Abs'], [1, 8]);
/** Two classes out of the first two ids. */
const vocabularyModel = (): Uint8Array => chain({ whole: true, dims: [1, 2] }, ['Softmax'], [1, 2]);

const classes = text('red\ngreen\nblue\n');
const names = Object.keys(colours) as (keyof typeof colours)[];
const pictures = (path: (colour: string, i: number) => string): Record<string, Uint8Array> =>
	Object.fromEntries(names.flatMap((colour) => [0, 1, 2].map((i) => [path(colour, i), solid(colours[colour], i)] as const)));
const asFiles = (files: Record<string, Uint8Array>): NamedBytes[] => Object.entries(files).map(([name, bytes]) => ({ name, bytes }));

/** An IDX file of bytes (u8): shape and contents. */
function idx(shape: readonly number[], data: Uint8Array): Uint8Array {
	const head = Buffer.alloc(4 + 4 * shape.length);
	head.set([0, 0, 8, shape.length]);
	for (const [i, size] of shape.entries()) head.writeUInt32BE(size, 4 + 4 * i);
	return Buffer.concat([head, data]);
}

/** Doubles, the most significant byte first. */
function bigEndian(...values: readonly number[]): Uint8Array {
	const bytes = Buffer.alloc(8 * values.length);
	values.forEach((value, i) => {
		bytes.writeDoubleBE(value, 8 * i);
	});
	return bytes;
}

interface Case {
	readonly what: string;
	readonly model: Uint8Array;
	readonly files: readonly NamedBytes[];
	readonly kind: string;
	readonly n: number;
	readonly skipped: number;
	readonly top1?: number | undefined;
}

const cases: readonly Case[] = [
	{
		what: 'a zip with a folder for each class and a classes.txt',
		model: colourModel(),
		files: [
			{
				name: 'colours.zip',
				bytes: zipSync({
					...pictures((colour, i) => `set/${colour}/${i}.png`),
					'classes.txt': classes,
					'set/red/cut.png': solid(colours.red, 5).slice(0, 60),
					'set/red/words.png': text('no picture'),
					'../out.png': solid(colours.red, 6),
				}),
			},
		],
		kind: 'pictures',
		n: 9,
		skipped: 3,
		top1: 1,
	},
	{
		what: 'pictures with labels in a CSV',
		model: colourModel(),
		files: [
			...asFiles(pictures((colour, i) => `${colour}${i}.png`)),
			{
				name: 'labels.csv',
				bytes: text(`file,label\n${names.flatMap((colour) => [0, 1].map((i) => `${colour}${i}.png,${colour}`)).join('\n')}`),
			},
			{ name: 'classes.txt', bytes: classes },
		],
		kind: 'pictures',
		n: 6,
		skipped: 3,
		top1: 1,
	},
	{
		what: 'pictures with labels in JSON',
		model: colourModel(),
		files: [
			...asFiles(pictures((colour, i) => `${colour}${i}.png`)),
			{
				name: 'labels.json',
				bytes: text(
					JSON.stringify(
						Object.fromEntries(
							names.flatMap((colour) => [0, 1, 2].map((i) => [`${colour}${i}.png`, ['red', 'green', 'blue'].indexOf(colour)])),
						),
					),
				),
			},
		],
		kind: 'pictures',
		n: 9,
		skipped: 0,
		top1: 1,
	},
	{
		what: 'pictures without labels',
		model: colourModel(),
		files: asFiles(pictures((colour, i) => `${colour}${i}.png`)),
		kind: 'pictures',
		n: 9,
		skipped: 0,
	},
	{
		what: 'a .npz',
		model: vectorModel(),
		files: [
			{
				name: 'a.npz',
				bytes: npz({
					x: npy('<f4', [4, 3], Float32Array.of(9, 0, 0, 0, 9, 0, 0, 0, 9, 9, 0, 0)),
					label: npy('<i8', [4], BigInt64Array.of(0n, 1n, 2n, 1n)),
				}),
			},
		],
		kind: 'arrays',
		n: 4,
		skipped: 0,
		top1: 0.75,
	},
	{
		what: 'IDX files, gzipped',
		model: vectorModel(),
		files: [
			{ name: 'x-idx2-ubyte.gz', bytes: gzipSync(idx([3, 3], Uint8Array.of(9, 0, 0, 0, 9, 0, 0, 0, 9))) },
			{ name: 'y-idx1-ubyte.gz', bytes: gzipSync(idx([3], Uint8Array.of(0, 1, 2))) },
		],
		kind: 'arrays',
		n: 3,
		skipped: 0,
		top1: 1,
	},
	{
		what: 'IDX files as they are',
		model: vectorModel(),
		files: [
			{ name: 'x-idx2-ubyte', bytes: idx([3, 3], Uint8Array.of(9, 0, 0, 0, 9, 0, 0, 0, 9)) },
			{ name: 'y-idx1-ubyte', bytes: idx([3], Uint8Array.of(0, 1, 1)) },
		],
		kind: 'arrays',
		n: 3,
		skipped: 0,
		top1: 2 / 3,
	},
	{
		what: 'two .npy files',
		model: vectorModel(),
		files: [
			{ name: 'x.npy', bytes: npy('>f8', [3, 3], bigEndian(9, 0, 0, 0, 9, 0, 0, 0, 9), { fortran: true }) },
			{ name: 'labels.npy', bytes: npy('|u1', [3], Uint8Array.of(0, 1, 2)) },
		],
		kind: 'arrays',
		n: 3,
		skipped: 0,
		top1: 1,
	},
	{
		what: 'a .npz with words as labels and a classes.txt',
		model: vectorModel(),
		files: [
			{
				name: 'a.npz',
				bytes: npz({
					x: npy('<f4', [3, 3], Float32Array.of(9, 0, 0, 0, 9, 0, 0, 0, 9)),
					label: npy('<U1', [3], Uint32Array.from([...'rgb'].map((letter) => letter.charCodeAt(0)))),
				}),
			},
			{ name: 'classes.txt', bytes: text('r\ng\nb\n') },
		],
		kind: 'arrays',
		n: 3,
		skipped: 0,
		top1: 1,
	},
	{
		what: 'a CSV as spreadsheets save it',
		model: vectorModel(),
		files: [{ name: 'rows.csv', bytes: text('\ufeffa;b;c;label\r\n9,5;1;2;0\r\n1;8,25;2;1\r\n\r\n5;1;1;2\r\n') }],
		kind: 'table',
		n: 3,
		skipped: 0,
		top1: 2 / 3,
	},
	{
		what: 'a CSV of features',
		model: vectorModel(),
		files: [{ name: 'rows.csv', bytes: table() }],
		kind: 'table',
		n: 4,
		skipped: 1,
		top1: 1,
	},
	{
		what: 'text with a tokenizer.json',
		model: textModel(),
		files: [
			{ name: 'lines.txt', bytes: lines() },
			{ name: 'tokenizer.json', bytes: tokenizer() },
		],
		kind: 'text',
		n: 5,
		skipped: 0,
	},
	{
		what: 'a table of texts with labels, and a classes.txt',
		model: vocabularyModel(),
		files: [
			{ name: 'reviews.csv', bytes: text('text,label\n"a b, c",good\nd e,bad\n,good\nf f,none\n') },
			{ name: 'tokenizer.json', bytes: tokenizer() },
			{ name: 'classes.txt', bytes: text('bad\ngood\n') },
		],
		kind: 'text',
		n: 2,
		skipped: 2,
		top1: undefined,
	},
	{ what: 'a .wav', model: soundModel(), files: [{ name: 'tone.wav', bytes: tone() }], kind: 'sound', n: 31, skipped: 0 },
];

/** The study as the page exports it, once the original is evaluated. */
async function studyOf(page: Page): Promise<Study> {
	await page
		.getByRole('region', { name: 'Data', exact: true })
		.getByText(/^from$|entries left out|labelled|unlabelled/)
		.first()
		.waitFor({ timeout: minute });
	await page.getByRole('button', { name: 'Re-run', exact: true }).click();
	await page.waitForTimeout(500);
	return (await until(
		'the original to be evaluated',
		async () => {
			if ((await page.getByRole('complementary', { name: 'Work in progress' }).count()) > 0) return undefined;
			const download = page.waitForEvent('download', { timeout: 20_000 });
			await page.getByRole('button', { name: 'Export', exact: true }).click();
			const study = JSON.parse(readFileSync(await (await download).path(), 'utf8')) as Study;
			return study.dataset && study.dataset.kind !== 'synthetic' && study.evaluations.some(({ variant }) => variant === 'original')
				? study
				: undefined;
		},
		minute,
	)) as Study;
}

/** What the command line says of the same files. */
function commandLine({ model, files }: Case): {
	n: number;
	skipped: number;
	metrics: Record<string, { value: number; interval: readonly number[]; n: number }>;
} {
	const folder = mkdtempSync(join(tmpdir(), 'pare-data-'));
	try {
		const path = join(folder, 'model.onnx');
		writeFileSync(path, model);
		const data = files.map(({ name, bytes }) => {
			const file = join(folder, 'data', name);
			mkdirSync(dirname(file), { recursive: true });
			writeFileSync(file, bytes);
			return file;
		});
		const ran = spawnSync(process.execPath, ['bin/pare.mjs', 'evaluate', path, ...data.flatMap((file) => ['--data', file]), '--json'], {
			encoding: 'utf8',
		});
		const [entry] = JSON.parse(ran.stdout) as [{ n: number; skipped: { count: number }; metrics: never }];
		return { n: entry.n, skipped: entry.skipped.count, metrics: entry.metrics };
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

for (const entry of cases) {
	spec(
		`data: ${entry.what}`,
		async ({ page, address, say }) => {
			const studio = new Studio(page, address);
			await studio.openWith([{ name: 'model.onnx', bytes: entry.model }, ...entry.files]);
			await studio.table().waitFor({ timeout: minute });
			const study = await studyOf(page);
			const { dataset } = study;
			check(dataset, 'the study has no data set');
			check(
				dataset.kind === entry.kind && dataset.n === entry.n,
				`${dataset.kind} of ${dataset.n}, not ${entry.kind} of ${entry.n}: ${dataset.preprocessing}`,
			);
			check(dataset.skipped.length === entry.skipped, `left out: ${JSON.stringify(dataset.skipped)}`);
			const metrics = study.evaluations.find(({ variant }) => variant === 'original')?.metrics ?? [];
			const top1 = metrics.find(({ metric }) => metric === 'top1');
			check(top1?.value === entry.top1, `top-1 is ${top1?.value}, not ${entry.top1}`);
			const other = commandLine(entry);
			check(other.n === entry.n && other.skipped === entry.skipped, `the command line: ${other.n} examples, ${other.skipped} left out`);
			for (const { metric, value, interval, n } of metrics) {
				const same = other.metrics[metric];
				check(
					same && same.value === value && same.n === n && String(same.interval) === String(interval),
					`${metric}: ${value} [${interval}] here, ${JSON.stringify(same)} on the command line`,
				);
			}
			say(
				`${dataset.n} examples, ${dataset.skipped.length} left out, ${metrics.length} metrics equal on the command line; ${dataset.preprocessing}`,
			);
		},
		{ timeoutMs: 2 * minute },
	);
}

spec(
	'data at 390 px, offline after the first visit',
	async ({ page, context, address }) => {
		const studio = new Studio(page, address);
		await studio.open();
		await studio.offlineReady();
		await context.setOffline(true);
		await page.reload();
		const entry = cases[0] as Case;
		await studio.drop([{ name: 'model.onnx', bytes: entry.model }, ...entry.files]);
		const tabs = page.getByRole('group', { name: 'Part of the study' });
		await tabs.waitFor({ timeout: minute });
		await tabs.getByText('model', { exact: true }).click();
		const data = page.getByRole('region', { name: 'Data', exact: true });
		await data.getByText(`${entry.n} labelled`).waitFor({ timeout: minute });
		await data.getByText(`${entry.skipped} entries left out`).waitFor();
		await studio.noSidewaysScroll();
	},
	{ timeoutMs: 2 * minute, viewport: { width: 390, height: 844 } },
);
