import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { zipSync } from 'fflate';
import type { Locator, Page } from 'playwright-core';
import { axeInBothThemes } from './axe.ts';
import { colours, solid } from './data-files.ts';
import { chain } from './hostile.ts';
import { focused, tabTo } from './pages/keyboard.ts';
import { Studio } from './pages/studio.ts';
import { check, look, spec } from './runner.ts';

const minute = 60_000;
const model = chain({ whole: false, dims: [1, 3, 16, 16] }, ['GlobalAveragePool', 'Flatten', 'Softmax'], [1, 3]);
const names = Object.keys(colours) as (keyof typeof colours)[];
/** Two faults that must be named: a cut picture, and a class that the list does not know. */
const files: Readonly<Record<string, Uint8Array>> = {
	...Object.fromEntries(names.flatMap((colour) => [0, 1, 2].map((i) => [`set/${colour}/${i}.png`, solid(colours[colour], i)] as const))),
	'set/red/cut.png': solid(colours.red, 5).slice(0, 60),
	'set/teal/1.png': solid([0, 128, 128], 1),
	'set/classes.txt': new TextEncoder().encode('red\ngreen\nblue\n'),
};
const zip = zipSync(files);

const card = (page: Page): Locator => page.getByRole('region', { name: 'Data', exact: true });
const examples = (page: Page): Locator => page.getByRole('region', { name: 'Examples', exact: true });

/** Answers the file chooser that `ask` opens, as the operating system does. */
async function choose(
	page: Page,
	ask: () => Promise<void>,
	chosen: readonly { readonly name: string; readonly bytes: Uint8Array }[],
): Promise<void> {
	const chooser = page.waitForEvent('filechooser', { timeout: 20_000 });
	await ask();
	await (await chooser).setFiles(
		chosen.map(({ name, bytes }) => ({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) })),
	);
}

spec(
	'data: from the model to single examples by keyboard alone',
	async ({ page, address }) => {
		const studio = new Studio(page, address);
		await studio.open();
		const press = (key: string) => (): Promise<void> => page.keyboard.press(key);
		await tabTo(page, /^button Open a model…/);
		await choose(page, press('Enter'), [{ name: 'model.onnx', bytes: model }]);
		await studio.table().waitFor({ timeout: minute });
		await card(page).getByText('synthetic', { exact: false }).first().waitFor({ timeout: minute });
		await tabTo(page, /^button Add your own examples…/);
		await choose(page, press('Enter'), [{ name: 'colours.zip', bytes: zip }]);
		await card(page).getByText('9 labelled').waitFor({ timeout: minute });
		await studio.untilTop1('100');
		await tabTo(page, /^summary 2 entries left out/);
		await page.keyboard.press('Enter');
		await card(page)
			.getByText(/its folder "teal" stands for no output/)
			.waitFor();
		await tabTo(page, /^button Preprocessing and classes…/);
		await page.keyboard.press('Enter');
		const dialog = page.getByRole('dialog', { name: 'Data' });
		await dialog.getByRole('list', { name: 'Examples as the model sees them' }).waitFor({ timeout: minute });
		await tabTo(page, /^select Colour order/);
		await page.keyboard.press('ArrowDown');
		await tabTo(page, /^button Use this preprocessing/);
		await page.keyboard.press('Enter');
		await dialog.getByText('As you chose it.').waitFor({ timeout: minute });
		await page.keyboard.press('Escape');
		await dialog.waitFor({ state: 'hidden' });
		check(/^button Preprocessing and classes…/.test(await focused(page)), `the focus is on "${await focused(page)}" behind the dialog`);
		// Red and blue have changed places: judged anew.
		await studio.untilTop1('33');
		await tabTo(page, /^button Look at examples…/);
		await page.keyboard.press('Enter');
		await examples(page).getByText('9 examples').waitFor({ timeout: minute });
		await tabTo(page, /^select Show/);
		await tabTo(page, /^button .*\/(blue|red)\/\d\.png|^button .*\d\.png/);
		await page.keyboard.press('Enter');
		await page.getByRole('dialog').getByRole('heading', { name: 'Original' }).waitFor({ timeout: minute });
		await page.keyboard.press('Escape');
		await page.getByRole('dialog').waitFor({ state: 'hidden' });
		await page.keyboard.press('Escape');
		await examples(page).waitFor({ state: 'hidden' });
	},
	{ timeoutMs: 4 * minute },
);

/** Every control in sight can be reached: none lies outside of the window's width, none is covered by another. */
async function allReachable(page: Page, screen: string): Promise<void> {
	const lost = await page.evaluate(() => {
		const found: string[] = [];
		const scope = document.querySelector('dialog[open]') ?? document.body;
		for (const element of scope.querySelectorAll<HTMLElement>('button, input, select, textarea, summary, a[href]')) {
			if (!element.checkVisibility({ checkVisibilityCSS: true }) || (element as HTMLButtonElement).disabled) continue;
			if (element.closest('.visually-hidden') || element.closest('[role="tooltip"]')) continue;
			// What scrolls sideways by itself (a table) brings its controls into sight when they are focused.
			element.scrollIntoView({ block: 'center', inline: 'nearest' });
			const box = element.getBoundingClientRect();
			if (box.width === 0 || box.height === 0) continue;
			const what = `${element.tagName.toLowerCase()} "${(element.getAttribute('aria-label') ?? element.textContent ?? '').trim().slice(0, 40)}"`;
			if (box.left < -1 || box.right > document.documentElement.clientWidth + 1)
				found.push(`${what} lies at ${Math.round(box.left)} to ${Math.round(box.right)} px`);
		}
		scrollTo(0, 0);
		return found;
	});
	check(lost.length === 0, `${screen}: ${lost.join('; ')}`);
}

spec(
	'data: the whole flow at 390 px',
	async ({ page, address }) => {
		const studio = new Studio(page, address);
		await studio.open();
		await choose(page, () => page.getByRole('button', { name: 'Open a model…' }).click(), [
			{ name: 'model.onnx', bytes: model },
			{ name: 'colours.zip', bytes: zip },
		]);
		const tabs = page.getByRole('group', { name: 'Part of the study' });
		await tabs.waitFor({ timeout: minute });
		await tabs.getByText('model', { exact: true }).click();
		await card(page).getByText('9 labelled').waitFor({ timeout: minute });
		await card(page).getByText('2 entries left out').click();
		await card(page).getByText('Classes by the list in the data').click();
		await studio.noSidewaysScroll();
		await allReachable(page, 'data card');
		await axeInBothThemes(page, 'data card at 390 px');
		await card(page).getByRole('button', { name: 'Preprocessing and classes…' }).click();
		const dialog = page.getByRole('dialog', { name: 'Data' });
		await dialog.getByRole('list', { name: 'Examples as the model sees them' }).waitFor({ timeout: minute });
		await studio.noSidewaysScroll();
		await allReachable(page, 'data dialog');
		await axeInBothThemes(page, 'data dialog at 390 px');
		await dialog.getByLabel('Colour order').selectOption('bgr');
		await dialog.getByRole('button', { name: 'Use this preprocessing' }).click();
		await dialog.getByText('As you chose it.').waitFor({ timeout: minute });
		await dialog.getByRole('button', { name: 'Close' }).click();
		await card(page).getByRole('button', { name: 'Look at examples…' }).click();
		await examples(page).getByText('9 examples').waitFor({ timeout: minute });
		await look(page, 'data-examples-390');
		await studio.noSidewaysScroll();
		await allReachable(page, 'examples');
		await axeInBothThemes(page, 'examples at 390 px');
		await examples(page).getByRole('listitem').first().getByRole('button').first().click();
		await page.getByRole('dialog').getByRole('heading', { name: 'Original' }).waitFor({ timeout: minute });
		await allReachable(page, 'one example');
		await page.keyboard.press('Escape');
		await page.keyboard.press('Escape');
		await tabs.getByText('variants', { exact: true }).click();
		await studio.untilTop1('33');
		await studio.noSidewaysScroll();
	},
	{ timeoutMs: 4 * minute, viewport: { width: 390, height: 844 } },
);

spec(
	'data: the whole flow offline: read, judged, changed, looked at, and there after a reload',
	async ({ page, context, address }) => {
		const studio = new Studio(page, address);
		await studio.open();
		await studio.offlineReady();
		await context.setOffline(true);
		await page.reload();
		await studio.openWith([
			{ name: 'model.onnx', bytes: model },
			{ name: 'colours.zip', bytes: zip },
		]);
		await card(page).getByText('9 labelled').waitFor({ timeout: minute });
		await studio.untilTop1('100');
		await card(page).getByRole('button', { name: 'Preprocessing and classes…' }).click();
		const dialog = page.getByRole('dialog', { name: 'Data' });
		await dialog.getByLabel('Colour order').selectOption('bgr');
		await dialog.getByRole('button', { name: 'Use this preprocessing' }).click();
		await dialog.getByText('As you chose it.').waitFor({ timeout: minute });
		await page.keyboard.press('Escape');
		await studio.untilTop1('33');
		await card(page).getByRole('button', { name: 'Look at examples…' }).click();
		await examples(page).getByText('9 examples').waitFor({ timeout: minute });
		await page.keyboard.press('Escape');
		await page.reload();
		await studio.table().waitFor({ timeout: minute });
		await card(page).getByText('9 labelled').waitFor({ timeout: minute });
		await studio.untilTop1('33');
	},
	{ timeoutMs: 4 * minute },
);

spec(
	'data: a folder on disk with a folder for each class is dropped as it is',
	async ({ page, address, cdp }) => {
		const root = mkdtempSync(join(tmpdir(), 'pare-folder-'));
		try {
			for (const [name, bytes] of Object.entries(files)) {
				mkdirSync(dirname(join(root, name)), { recursive: true });
				writeFileSync(join(root, name), bytes);
			}
			const studio = new Studio(page, address);
			await studio.openWith([{ name: 'model.onnx', bytes: model }]);
			await studio.table().waitFor({ timeout: minute });
			// The browser's own drag: only that hands over directories.
			const session = await cdp();
			const data = { items: [], files: [join(root, 'set')], dragOperationsMask: 1 };
			for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
				await session.send('Input.dispatchDragEvent', { type, x: 400, y: 400, data });
			await card(page).getByText('9 labelled').waitFor({ timeout: minute });
			await card(page).getByText('2 entries left out').waitFor();
			await card(page).getByText('Classes by the list in the data').waitFor();
			await studio.untilTop1('100');
		} finally {
			rmSync(root, { recursive: true, force: true });
		}
	},
	{ timeoutMs: 2 * minute },
);

spec(
	'data: damaged files are told of in words, and the study goes on',
	async ({ page, address }) => {
		const studio = new Studio(page, address);
		await studio.openWith([
			{ name: 'model.onnx', bytes: model },
			{ name: 'colours.zip', bytes: zip.slice(0, zip.length / 2) },
		]);
		await studio.table().waitFor({ timeout: minute });
		await page
			.getByText(/no table of contents: it is cut short or not a zip/)
			.first()
			.waitFor({ timeout: minute });
		// Damage in the middle of an archive costs the entries that it hits, by name.
		const hit = zip.slice();
		hit.fill(0, 300, 330);
		await studio.drop([{ name: 'colours.zip', bytes: hit }]);
		await card(page)
			.getByText(/^[3-8] labelled$/)
			.waitFor({ timeout: minute });
		await card(page)
			.getByText(/entries left out/)
			.click();
		await card(page)
			.getByText(/damaged/)
			.first()
			.waitFor();
		for (const [name, bytes, words] of [
			['x.npz', zipSync({ 'x.npy': new Uint8Array(200) }), /not the array that its name says/],
			['x.npy', new TextEncoder().encode('nothing of that kind'), /npy/],
			['a.wav', new TextEncoder().encode('nothing of that kind'), /wav|sound/],
			['x-idx3-ubyte.gz', Uint8Array.of(0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), /gzip/],
		] as const) {
			await studio.drop([{ name, bytes }]);
			await page.getByText(words).first().waitFor({ timeout: minute });
		}
		await studio.drop([{ name: 'colours.zip', bytes: zip }]);
		await card(page).getByText('9 labelled').waitFor({ timeout: minute });
		await studio.untilTop1('100');
	},
	{ timeoutMs: 4 * minute },
);
