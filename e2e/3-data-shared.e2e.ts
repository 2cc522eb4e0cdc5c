import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Study } from '../src/core/study/study.ts';
import { Studio } from './pages/studio.ts';
import { check, spec, until } from './runner.ts';

const minute = 60_000;
const shared = resolve(process.cwd(), '../shared');
const here = existsSync(join(shared, 'models')) && existsSync(join(shared, 'data'));

interface Pair {
	readonly what: string;
	readonly model: string;
	readonly data: readonly string[];
	/** Most examples that the settings allow, so that this stays quick; bench/data-in-page.ts takes all. */
	readonly most: number;
	readonly kind: string;
	readonly preprocessing: RegExp;
	/** Least share of right answers. */
	readonly top1?: number;
	readonly mapping?: string;
}

const pairs: readonly Pair[] = [
	{
		what: 'efficientnet-lite0 and a zip of pictures',
		model: 'efficientnet-lite0',
		data: ['data/imagenet-eval-400.zip'],
		most: 40,
		kind: 'pictures',
		preprocessing: /centre 224 x 224.*(\(x - 127\)\/128|-1\.\.1) RGB; NCHW \(found by labels\)/,
		top1: 0.75,
		mapping: 'list',
	},
	{
		what: 'mnist-8 and two IDX files',
		model: 'mnist-8',
		data: ['data/t10k-images-idx3-ubyte.gz', 'data/t10k-labels-idx1-ubyte.gz'],
		most: 200,
		kind: 'pictures',
		preprocessing: /grey; NCHW \(found by labels\)/,
		top1: 0.96,
	},
	{
		what: 'minilm-l6-v2 and a .npz',
		model: 'minilm-l6-v2',
		data: ['data/minilm-sentences-600.npz'],
		most: 16,
		kind: 'arrays',
		preprocessing: /^as given/,
	},
	{
		what: 'minilm-l6-v2, text and a tokenizer.json',
		model: 'minilm-l6-v2',
		data: ['data/minilm-sentences-600.txt', 'models/minilm-l6-v2.tokenizer.json'],
		most: 16,
		kind: 'text',
		preprocessing: /^tokenized, padded to/,
	},
	{
		what: 'silero-vad and a .wav',
		model: 'silero-vad',
		data: ['data/speech-16k.wav'],
		most: 40,
		kind: 'sound',
		preprocessing: /frames of 512 samples.*state carried from frame to frame/,
	},
];

for (const pair of pairs) {
	spec(
		`data: ${pair.what}`,
		async ({ page, address, say }) => {
			if (!here) {
				say('skipped: ../shared is not here');
				return;
			}
			const studio = new Studio(page, address);
			await studio.open();
			await page.getByRole('button', { name: 'Settings', exact: true }).click();
			const settings = page.getByRole('dialog');
			await settings.getByRole('spinbutton', { name: 'Examples' }).fill(String(pair.most));
			await page.keyboard.press('Tab');
			await page.keyboard.press('Escape');
			const chooser = page.waitForEvent('filechooser');
			await page.getByRole('button', { name: 'Open a model…' }).click();
			await (await chooser).setFiles([join(shared, 'models', `${pair.model}.onnx`), ...pair.data.map((path) => join(shared, path))]);
			await studio.table().waitFor({ timeout: minute });
			const data = page.getByRole('region', { name: 'Data', exact: true });
			await data.getByText(/^\d[\d,]* (un)?labelled$/).waitFor({ timeout: 2 * minute });
			const study = (await until(
				'the original to be judged',
				async () => {
					if ((await page.getByRole('complementary', { name: 'Work in progress' }).count()) > 0) return undefined;
					const download = page.waitForEvent('download', { timeout: 20_000 });
					await page.getByRole('button', { name: 'Export', exact: true }).click();
					const found = JSON.parse(readFileSync(await (await download).path(), 'utf8')) as Study;
					return pair.top1 === undefined || found.evaluations.length > 0 ? found : undefined;
				},
				2 * minute,
			)) as Study;
			const { dataset } = study;
			check(dataset?.kind === pair.kind && dataset.n === pair.most, `${dataset?.n} ${dataset?.kind}, not ${pair.most} ${pair.kind}`);
			check(dataset.skipped.length === 0, `left out: ${JSON.stringify(dataset.skipped.slice(0, 3))}`);
			check(pair.preprocessing.test(dataset.preprocessing), dataset.preprocessing);
			check(dataset.mapping?.origin === pair.mapping || pair.mapping === undefined, `classes by ${dataset.mapping?.origin}`);
			const metrics = study.evaluations.find(({ variant }) => variant === 'original')?.metrics ?? [];
			const top1 = metrics.find(({ metric }) => metric === 'top1');
			check(pair.top1 === undefined || (top1 !== undefined && top1.value >= pair.top1), `top-1 is ${top1?.value}`);
			for (const { metric, value, interval, n } of metrics)
				check(n > 0 && interval[0] <= value && value <= interval[1], `${metric} is ${value} [${interval}] of ${n}`);
			say(`${dataset.n} examples; ${dataset.preprocessing}`);
		},
		{ timeoutMs: 5 * minute },
	);
}
