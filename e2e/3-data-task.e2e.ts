import { zipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { axeInBothThemes } from './axe.ts';
import { colours, solid } from './data-files.ts';
import { chain } from './hostile.ts';
import { Studio } from './pages/studio.ts';
import { check, look, spec, until } from './runner.ts';

const minute = 60_000;
const model = chain({ whole: false, dims: [1, 3, 16, 16] }, ['GlobalAveragePool', 'Flatten', 'Softmax'], [1, 3]);
const pictures = zipSync({
	...Object.fromEntries(
		(Object.keys(colours) as (keyof typeof colours)[]).flatMap((colour) =>
			[0, 4, 9].map((i) => [`set/${colour}/${i}.png`, solid(colours[colour], i)] as const),
		),
	),
	'classes.txt': new TextEncoder().encode('red\ngreen\nblue\n'),
});

const card = (page: Page, name: 'Accuracy' | 'Metrics') => page.getByRole('region', { name, exact: true });

/** Takes an entry of a list that has the focus, by its first letters. */
async function choose(page: Page, text: string): Promise<void> {
	const list = page.getByRole('combobox', { name: 'Judged as' });
	await list.focus();
	await page.keyboard.type(text);
	await page.keyboard.press('Enter');
}

spec(
	'data: the task is proposed with its reason, changed by keyboard, kept, and taken back',
	async ({ page, address }) => {
		const studio = new Studio(page, address);
		await studio.openWith([
			{ name: 'model.onnx', bytes: model },
			{ name: 'colours.zip', bytes: pictures },
		]);
		await studio.untilDone(1, 2 * minute);
		const list = page.getByRole('combobox', { name: 'Judged as' });
		const said = async (): Promise<string> => list.evaluate((element) => (element as HTMLSelectElement).selectedOptions[0]?.text ?? '');
		await card(page, 'Accuracy').waitFor({ timeout: minute });
		check((await said()) === 'found: several classes', `the page proposes "${await said()}"`);
		check(/label|class/.test((await card(page, 'Accuracy').locator('p').first().textContent()) ?? ''), 'the reason is given');
		await card(page, 'Accuracy').getByRole('row', { name: /top-1/ }).waitFor();
		await choose(page, 'any outputs');
		await card(page, 'Metrics').getByText('You chose this').waitFor({ timeout: minute });
		check((await page.getByRole('row', { name: /top-1/ }).count()) === 0, 'no accuracy where only outputs are compared');
		await look(page, 'task-changed');
		await axeInBothThemes(page, 'task changed');
		await page.reload();
		await studio.table().waitFor({ timeout: minute });
		await until('the choice after a reload', async () => (await said()) === 'any outputs', minute);
		await choose(page, 'what is found');
		await card(page, 'Accuracy').getByRole('row', { name: /top-1/ }).waitFor({ timeout: minute });
		check((await said()) === 'found: several classes', 'what was found is back');
	},
	{ timeoutMs: 5 * minute },
);
