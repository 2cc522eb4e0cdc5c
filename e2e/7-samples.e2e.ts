import { zipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { axeInBothThemes } from './axe.ts';
import { colours, solid } from './data-files.ts';
import { chain } from './hostile.ts';
import { Studio } from './pages/studio.ts';
import { check, look, spec } from './runner.ts';

const minute = 60_000;
const model = chain({ whole: false, dims: [1, 3, 16, 16] }, ['GlobalAveragePool', 'Flatten', 'Softmax'], [1, 3]);
const names = Object.keys(colours) as (keyof typeof colours)[];
const pictures = zipSync({
	...Object.fromEntries(names.flatMap((colour) => [0, 4, 9].map((i) => [`set/${colour}/${i}.png`, solid(colours[colour], i)] as const))),
	// A copy, and a label that is wrong.
	'set/red/copy.png': solid(colours.red, 9),
	'set/blue/really-green.png': solid(colours.green, 13),
	'classes.txt': new TextEncoder().encode('red\ngreen\nblue\n'),
});

const view = (page: Page) => page.getByRole('region', { name: 'Examples', exact: true });

async function open(page: Page, studio: Studio): Promise<void> {
	await studio.openWith([
		{ name: 'model.onnx', bytes: model },
		{ name: 'colours.zip', bytes: pictures },
	]);
	await page.getByText('11 labelled').first().waitFor({ timeout: minute, state: 'attached' });
}

spec(
	'examples: answers side by side, faults in the data found and left out, by keyboard',
	async ({ page, address }) => {
		const studio = new Studio(page, address);
		await open(page, studio);
		await page.locator('body').press('s');
		await view(page).getByText('11 examples').waitFor({ timeout: minute });
		const cards = view(page).getByRole('listitem');
		check((await cards.count()) === 11, 'every example has a card');
		// What the original gets wrong stands first.
		await cards
			.first()
			.getByRole('button', { name: /really-green/ })
			.waitFor();
		await view(page).getByRole('button', { name: 'Look for faults in the data' }).focus();
		await page.keyboard.press('Enter');
		await view(page)
			.getByText(/labels that the original contradicts with confidence/)
			.waitFor({ timeout: minute });
		await look(page, 'samples');
		await axeInBothThemes(page, 'examples');
		await view(page).getByRole('combobox', { name: 'Show' }).selectOption('mislabelled');
		await cards.getByText('looks like green').first().waitFor();
		await view(page).getByRole('combobox', { name: 'Show' }).selectOption('duplicates');
		await cards
			.getByText(/^the same as /)
			.first()
			.waitFor();
		await cards.getByRole('button').first().focus();
		await page.keyboard.press('Enter');
		const dialog = page.getByRole('dialog');
		await dialog.getByRole('heading', { name: 'Original' }).waitFor();
		await look(page, 'samples-detail');
		await page.keyboard.press('Escape');
		const copy = cards.filter({ hasText: /the same as/ }).first();
		await copy.getByRole('checkbox', { name: 'leave out' }).focus();
		await page.keyboard.press('Space');
		await view(page).getByRole('button', { name: 'Leave 1 out' }).click();
		await view(page).getByRole('button', { name: 'Take 1 back' }).waitFor({ timeout: minute });
		await page.keyboard.press('Escape');
		// The first of that content stays.
		await page.getByText('10 labelled').first().waitFor({ timeout: minute });
	},
	{ timeoutMs: 4 * minute },
);

spec(
	'examples at 390 px',
	async ({ page, address }) => {
		const studio = new Studio(page, address);
		await open(page, studio);
		await page.locator('body').press('s');
		await view(page).getByText('11 examples').waitFor({ timeout: minute });
		await look(page, 'samples-390');
		await studio.noSidewaysScroll();
	},
	{ timeoutMs: 2 * minute, viewport: { width: 390, height: 844 } },
);
