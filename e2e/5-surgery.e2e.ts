import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { unzipSync, zipSync } from 'fflate';
import type { Study } from '../src/core/study/study.ts';
import { Studio } from './pages/studio.ts';
import { check, spec, until } from './runner.ts';

const minute = 60_000;
const model = resolve('../shared/models/efficientnet-lite0.onnx');
const pictures = resolve('../shared/data/imagenet-eval-400.zip');

/** The first of each class, and the lists. */
function some(zip: Uint8Array, most: number): Uint8Array {
	const entries = Object.entries(unzipSync(zip));
	const isPicture = (name: string): boolean => /\.(jpe?g|png)$/i.test(name);
	const step = Math.max(1, Math.floor(entries.filter(([name]) => isPicture(name)).length / most));
	let seen = 0;
	return zipSync(Object.fromEntries(entries.filter(([name]) => !isPicture(name) || seen++ % step === 0)), { level: 0 });
}

spec(
	'preprocessing folded into efficientnet-lite0 (uint8, NHWC) answers as with preprocessing outside',
	async ({ page, address, say }) => {
		if (!existsSync(model) || !existsSync(pictures)) {
			say('skipped: ../shared is not here');
			return;
		}
		const studio = new Studio(page, address);
		await studio.openWith([
			{ name: 'efficientnet-lite0.onnx', bytes: readFileSync(model) },
			{ name: 'pictures.zip', bytes: some(readFileSync(pictures), 40) },
		]);
		await studio.table().waitFor({ timeout: minute });
		await page.getByText('(x - 127)/128 RGB').first().waitFor({ timeout: minute });
		const recipe = {
			v: 1,
			seed: 0,
			name: 'Bytes in',
			steps: [
				{ pass: 'fold-preprocessing', options: { dtype: 'uint8', layout: 'nhwc', mean: ['127'], std: ['128'] } },
				{ pass: 'optimize', options: {} },
			],
		};
		await studio.drop([{ name: 'bytes-in.recipe.json', bytes: new TextEncoder().encode(JSON.stringify(recipe)) }]);
		await page.getByText('Recipe Bytes in is in the builder.').waitFor({ timeout: minute });
		await page.keyboard.press('r');
		await page.getByRole('button', { name: 'Run recipe' }).click();
		const exported = async (): Promise<Study> => {
			const download = page.waitForEvent('download', { timeout: 20_000 });
			await page.getByRole('button', { name: 'Export', exact: true }).click();
			return JSON.parse(readFileSync(await (await download).path(), 'utf8')) as Study;
		};
		const [study, evaluation, timed] = await until(
			'the variant to be judged and timed',
			async () => {
				const now = await exported();
				const made = now.variants.find(({ name }) => name === 'Bytes in');
				check(!made?.failure, `not made: ${made?.failure?.message}`);
				const judged = now.evaluations.find((entry) => entry.variant === made?.id);
				const run = now.runs.find((entry) => entry.variant === made?.id);
				return judged && run ? ([now, judged, run] as const) : undefined;
			},
			3 * minute,
		).then((found) => found ?? Promise.reject(new Error('nothing found')));
		check(!evaluation.failure && !timed.failure, `failed: ${JSON.stringify(evaluation.failure ?? timed.failure)}`);
		const original = study.evaluations.find((entry) => entry.variant === 'original');
		const top1 = (of: Study['evaluations'][number] | undefined) => of?.metrics.find(({ metric }) => metric === 'top1')?.value;
		check(top1(evaluation) !== undefined && top1(evaluation) === top1(original), `top-1 ${top1(evaluation)}, outside ${top1(original)}`);
		const [output] = evaluation.outputs;
		check(output?.agreement?.value === 1, `${output?.agreement?.value} of the answers agree`);
		say(`top-1 ${top1(evaluation)} inside and outside on ${output?.n} pictures, cosine ${output?.cosine}`);
	},
	{ timeoutMs: 6 * minute },
);

spec(
	'an evaluation that a reload ended goes on from what it kept',
	async ({ page, address, say }) => {
		if (!existsSync(model) || !existsSync(pictures)) {
			say('skipped: ../shared is not here');
			return;
		}
		const studio = new Studio(page, address);
		await studio.openWith([
			{ name: 'efficientnet-lite0.onnx', bytes: readFileSync(model) },
			{ name: 'pictures.zip', bytes: some(readFileSync(pictures), 200) },
		]);
		const kept = (): Promise<number> =>
			page.evaluate(async () => {
				const walk = async (directory: FileSystemDirectoryHandle, inside: boolean): Promise<number> => {
					let blocks = 0;
					for await (const [name, entry] of directory as unknown as AsyncIterable<[string, FileSystemHandle]>) {
						if (entry.kind === 'directory') blocks += await walk(entry as FileSystemDirectoryHandle, inside || name === 'answers');
						else if (inside && /^\d+$/.test(name)) blocks += 1;
					}
					return blocks;
				};
				return walk(await navigator.storage.getDirectory(), false);
			});
		const before = await until('two blocks of outputs', async () => ((await kept()) >= 2 ? kept() : undefined), 2 * minute);
		check((await studio.finishedRows()).length === 0, 'the evaluation was over before it could be ended');
		await page.reload();
		await studio.table().waitFor({ timeout: minute });
		await until(
			'top-1 of the original',
			async () => /top-1/.test((await page.getByRole('region', { name: 'Accuracy' }).allInnerTexts()).join()) || undefined,
			2 * minute,
		);
		const after = await kept();
		check(after >= (before ?? 0), `${before} blocks before the reload, ${after} after`);
		say(`${before} blocks kept before the reload, ${after} in all`);
	},
	{ timeoutMs: 6 * minute },
);
