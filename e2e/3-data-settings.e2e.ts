import { zipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { axeInBothThemes } from './axe.ts';
import { colours, solid } from './data-files.ts';
import { chain } from './hostile.ts';
import { Studio } from './pages/studio.ts';
import { check, look, spec } from './runner.ts';

const minute = 60_000;
/** Outputs are red, green, blue. In alphabetical order that guess is wrong for two of three, whatever the order of the colours. */
const folders = { alder: 'green', birch: 'red', cedar: 'blue' } as const;
const model = chain({ whole: false, dims: [1, 3, 16, 16] }, ['GlobalAveragePool', 'Flatten', 'Softmax'], [1, 3]);
const pictures = zipSync(
	Object.fromEntries(
		Object.entries(folders).flatMap(([folder, colour]) =>
			[0, 1, 2, 3].map((i) => [`set/${folder}/${i}.png`, solid(colours[colour], i)] as const),
		),
	),
);

const data = (page: Page) => page.getByRole('region', { name: 'Data', exact: true });

spec(
	'data: a guessed class mapping is shown, corrected by keyboard, and kept',
	async ({ page, address }) => {
		const studio = new Studio(page, address);
		await studio.openWith([
			{ name: 'model.onnx', bytes: model },
			{ name: 'colours.zip', bytes: pictures },
		]);
		await studio.table().waitFor({ timeout: minute });
		await data(page).getByText('a guess, please check').waitFor({ timeout: minute });
		await studio.untilTop1('33');
		// From here on by keyboard alone.
		await page.keyboard.press('Tab');
		await data(page).getByRole('button', { name: 'Preprocessing and classes…' }).focus();
		await page.keyboard.press('Enter');
		const dialog = page.getByRole('dialog', { name: 'Data' });
		await dialog.getByRole('list', { name: 'Examples as the model sees them' }).waitFor({ timeout: minute });
		check((await dialog.locator('canvas').count()) === 4, 'four examples are shown');
		await look(page, 'data-dialog');
		await axeInBothThemes(page, 'data dialog');
		await dialog.getByLabel('Output of alder').focus();
		await page.keyboard.press('Control+A');
		await page.keyboard.type('x');
		await dialog.getByText('needs the number of an output, 0 to 2, or nothing').waitFor();
		await page.keyboard.press('Control+A');
		await page.keyboard.type('1');
		await dialog.getByLabel('Output of birch').focus();
		await page.keyboard.press('Control+A');
		await page.keyboard.type('0');
		await dialog.getByRole('button', { name: 'Confirm these classes' }).focus();
		await page.keyboard.press('Enter');
		await dialog.getByText('As you assigned them.').waitFor({ timeout: minute });
		await page.keyboard.press('Escape');
		await studio.untilTop1('100');
		await page.reload();
		await studio.table().waitFor({ timeout: minute });
		await data(page).getByText('Classes as you assigned them').waitFor();
		await studio.untilTop1('100');
	},
	{ timeoutMs: 3 * minute },
);

spec(
	'data: preprocessing is changed, previewed and taken back at 390 px',
	async ({ page, address }) => {
		const studio = new Studio(page, address);
		await studio.openWith([
			{ name: 'model.onnx', bytes: model },
			{ name: 'colours.zip', bytes: pictures },
		]);
		const tabs = page.getByRole('group', { name: 'Part of the study' });
		await tabs.waitFor({ timeout: minute });
		await tabs.getByText('model', { exact: true }).click();
		await data(page).getByRole('button', { name: 'Preprocessing and classes…' }).click({ timeout: minute });
		const dialog = page.getByRole('dialog', { name: 'Data' });
		await dialog.getByLabel('Numbers').selectOption('0..255 RGB');
		await dialog
			.getByText(/^\d+ to 2[0-9][0-9]$/)
			.first()
			.waitFor({ timeout: minute });
		await dialog.getByRole('textbox', { name: 'Mean' }).fill('1, 2');
		await dialog.getByRole('alert').getByText('three numbers each').waitFor();
		check(await dialog.getByRole('button', { name: 'Use this preprocessing' }).isDisabled(), 'wrong numbers cannot be used');
		await dialog.getByRole('textbox', { name: 'Mean' }).fill('10, 20, 30');
		await look(page, 'data-dialog-390');
		await dialog.getByRole('button', { name: 'Use this preprocessing' }).click();
		await dialog.getByText('As you chose it.').waitFor({ timeout: minute });
		await dialog.getByRole('button', { name: 'Let it be found' }).click();
		await dialog.getByText('Assumed from the shape of the input').or(dialog.getByText('Found by trying')).waitFor({ timeout: minute });
		await dialog.getByRole('button', { name: 'Close' }).click();
		await studio.noSidewaysScroll();
	},
	{ timeoutMs: 3 * minute, viewport: { width: 390, height: 844 } },
);
