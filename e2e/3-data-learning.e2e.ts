import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { zipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { axeInBothThemes } from './axe.ts';
import { colours, solid } from './data-files.ts';
import { chain } from './hostile.ts';
import { Studio } from './pages/studio.ts';
import { check, look, spec, until } from './runner.ts';

const minute = 60_000;
const run = promisify(execFile);
const model = chain({ whole: false, dims: [1, 3, 16, 16] }, ['GlobalAveragePool', 'Flatten', 'Softmax'], [1, 3]);
const marks = Array.from({ length: 16 }, (_, i) => i);
/** 48 pictures: 12 are kept to learn from, four of each colour. */
const pictures = zipSync({
	...Object.fromEntries(
		(Object.keys(colours) as (keyof typeof colours)[]).flatMap((colour) =>
			marks.map((i) => [`set/${colour}/${i}.png`, solid(colours[colour], i)] as const),
		),
	),
	'classes.txt': new TextEncoder().encode('red\ngreen\nblue\n'),
});

const data = (page: Page) => page.getByRole('region', { name: 'Data', exact: true });

async function opened(page: Page, address: string): Promise<Studio> {
	const studio = new Studio(page, address);
	await studio.openWith([
		{ name: 'model.onnx', bytes: model },
		{ name: 'colours.zip', bytes: pictures },
	]);
	return studio;
}

async function type(page: Page, label: string, value: string): Promise<void> {
	await page.getByLabel(label, { exact: true }).focus();
	await page.keyboard.press('Control+A');
	await page.keyboard.type(value);
}

spec(
	'data: examples to learn from are chosen by keyboard, shown with their coverage, and kept',
	async ({ page, address, say }) => {
		const studio = await opened(page, address);
		await studio.table().waitFor({ timeout: minute });
		const recipes = page.getByRole('region', { name: 'Make variants' });
		const make = async (rows: number): Promise<string[]> => {
			await recipes.getByRole('checkbox', { name: 'Static int8', exact: true }).check();
			await recipes.getByRole('button', { name: /^Run (preset|\d+ presets)$/ }).click();
			return studio.untilDone(rows, 2 * minute);
		};
		const before = (await studio.untilDone(1, minute)).length;
		await make(before + 1);
		await data(page).getByRole('button', { name: 'Examples to learn from…' }).focus();
		await page.keyboard.press('Enter');
		const dialog = page.getByRole('dialog', { name: 'Examples to learn from' });
		await dialog.getByText('12 of 48 examples are kept').waitFor();
		check(await dialog.getByRole('button', { name: 'Choose these' }).isDisabled(), 'the usual way is in use');
		await dialog.getByRole('combobox', { name: 'Chosen' }).focus();
		await page.keyboard.type('to cover');
		await type(page, 'Learn from', '40');
		await dialog.getByRole('alert').getByText('from 1 to 12').waitFor();
		await type(page, 'Learn from', '3');
		await page.keyboard.press('Enter');
		const list = dialog.getByRole('list', { name: 'Chosen examples' });
		await list.getByRole('listitem').nth(2).waitFor({ timeout: minute });
		await until('pictures of the chosen ones', async () => (await list.locator('canvas').count()) === 3 || undefined, minute);
		const names = ((await list.textContent()) ?? '').replace(/\s+/g, ' ');
		say(names);
		for (const colour of Object.keys(colours)) check(names.includes(colour), `no ${colour} among ${names}`);
		const [these, random] = await Promise.all(
			['these', /at random/].map(async (name) =>
				Number((await dialog.getByRole('row', { name }).getByRole('cell').first().textContent()) ?? ''),
			),
		);
		check((these ?? 1) < (random ?? 0), `the chosen ones cover better (${these}) than random ones (${random})`);
		await look(page, 'learning');
		await axeInBothThemes(page, 'examples to learn from');
		await page.keyboard.press('Escape');
		await data(page).getByText('3, to cover the others (k-center)').waitFor();
		const rows = await make(before + 2);
		check(rows.filter((row) => row.includes('Static int8')).length === 2, `another choice makes another variant:\n${rows.join('\n')}`);
		await page.reload();
		await studio.table().waitFor({ timeout: minute });
		await data(page).getByText('3, to cover the others (k-center)').waitFor({ timeout: minute });
		await data(page).getByRole('button', { name: 'Examples to learn from…' }).click();
		await list.getByRole('listitem').nth(2).waitFor();
		check((await list.getByRole('listitem').count()) === 3, 'what was chosen was lost by a reload');
		await dialog.getByRole('button', { name: 'Learn from all that are kept' }).click();
		await dialog.getByText('All 12 that are kept are learnt from').waitFor({ timeout: minute });
		await list.waitFor({ state: 'detached', timeout: minute });
		await page.keyboard.press('Escape');
		check((await data(page).getByText('k-center').count()) === 0, 'the choice was not taken back');
		await make(before + 2);
		check((await studio.rows().count()) === before + 2, 'the usual choice gives the variant that was there');
	},
	{ timeoutMs: 6 * minute },
);

spec(
	'data: examples to learn from at 390 px',
	async ({ page, address }) => {
		const studio = await opened(page, address);
		const tabs = page.getByRole('group', { name: 'Part of the study' });
		await tabs.waitFor({ timeout: minute });
		await tabs.getByText('model', { exact: true }).click();
		await data(page).getByRole('button', { name: 'Examples to learn from…' }).click({ timeout: minute });
		const dialog = page.getByRole('dialog', { name: 'Examples to learn from' });
		await dialog.getByRole('combobox', { name: 'Chosen' }).selectOption({ label: 'to keep the mean (herding)' });
		await dialog.getByRole('button', { name: 'Choose these' }).click();
		await dialog.getByRole('list', { name: 'Chosen examples' }).locator('canvas').nth(5).waitFor({ timeout: minute });
		const { content, view } = await dialog.evaluate((element) => ({ content: element.scrollWidth, view: element.clientWidth }));
		check(content <= view, `the dialog scrolls sideways: ${content} of ${view} px`);
		await look(page, 'learning-390');
		await dialog.getByRole('button', { name: 'Close' }).click();
		await studio.noSidewaysScroll();
		await look(page, 'learning-card-390');
	},
	{ timeoutMs: 3 * minute, viewport: { width: 390, height: 844 } },
);

spec(
	'data: the command line learns from the same chosen examples',
	async ({ page, address, say }) => {
		const sample = resolve('public/samples/digits');
		const [model = '', examples = ''] = ['digits.onnx', 'digits-test.npz'].map((name) => join(sample, name));
		const studio = new Studio(page, address);
		await studio.open('?debug');
		await studio.drop([
			{ name: 'digits.onnx', bytes: readFileSync(model) },
			{ name: 'digits-test.npz', bytes: readFileSync(examples) },
		]);
		await data(page).getByRole('button', { name: 'Examples to learn from…' }).click({ timeout: minute });
		const dialog = page.getByRole('dialog', { name: 'Examples to learn from' });
		await dialog.getByRole('combobox', { name: 'Chosen' }).selectOption('k-center');
		await type(page, 'Learn from', '20');
		await page.keyboard.press('Enter');
		await dialog.getByRole('list', { name: 'Chosen examples' }).waitFor({ timeout: minute });
		await look(page, 'learning-digits');
		await page.keyboard.press('Escape');
		const recipes = page.getByRole('region', { name: 'Make variants' });
		await recipes.getByRole('checkbox', { name: 'Static int8', exact: true }).check();
		await recipes.getByRole('button', { name: 'Run preset', exact: true }).click();
		interface Chosen {
			readonly indices: readonly number[];
			readonly coverage: { readonly mean: number; readonly most: number };
		}
		const made = await until(
			'the variant',
			() =>
				page.evaluate(() => {
					interface Stored {
						readonly file?: string;
						readonly learntFrom?: { readonly chosen: Chosen };
					}
					interface State {
						readonly study: { readonly variants: readonly Stored[]; readonly dataset: { readonly split: { readonly chosen: Chosen } } };
					}
					const { store } = (globalThis as unknown as { pare: { store: { getState(): State } } }).pare;
					const { variants, dataset } = store.getState().study;
					const from = variants[1]?.file === undefined ? undefined : variants[1].learntFrom?.chosen.indices;
					return from && { from, coverage: dataset.split.chosen.coverage };
				}),
			2 * minute,
		);
		const folder = mkdtempSync(join(tmpdir(), 'pare-learning-'));
		try {
			const choice = ['--calibration-choice', 'k-center', '--calibration-limit', '20'];
			const out = ['-o', join(folder, 'out.onnx'), '--json'];
			const args = ['bin/pare.mjs', 'compress', model, '--recipe', 'int8-static', '--data', examples, ...choice, ...out];
			const { stdout } = await run(process.execPath, args, { timeout: 4 * minute, maxBuffer: 1e8 });
			const { calibration } = JSON.parse(stdout) as { calibration: Chosen };
			check(String(calibration.indices) === String(made?.from), `chosen there ${calibration.indices}, in the page ${made?.from}`);
			check(
				Math.abs(calibration.coverage.mean - (made?.coverage.mean ?? 0)) < 1e-6,
				`coverage there ${calibration.coverage.mean}, in the page ${made?.coverage.mean}`,
			);
			say(`the same ${calibration.indices.length} examples on the command line`);
		} finally {
			rmSync(folder, { recursive: true, force: true });
		}
	},
	{ timeoutMs: 6 * minute },
);
