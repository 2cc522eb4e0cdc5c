import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { axeInBothThemes } from './axe.ts';
import { Studio } from './pages/studio.ts';
import { check, look, spec, until } from './runner.ts';

const minute = 60_000;
const large = resolve('../shared/models/ppocr-v4-rec.onnx');

const graph = (page: Page) => page.getByRole('region', { name: 'Graph', exact: true });
const canvas = (page: Page) => graph(page).getByRole('application');

/** Tasks over 50 ms on the main thread while something is done. */
async function longTasks(page: Page, doing: () => Promise<void>): Promise<number[]> {
	await page.evaluate(() => {
		const tasks: number[] = [];
		Object.assign(globalThis, { graphTasks: tasks });
		new PerformanceObserver((list) => {
			for (const entry of list.getEntries()) tasks.push(Math.round(entry.duration));
		}).observe({ type: 'longtask', buffered: false });
	});
	await doing();
	await page.waitForTimeout(300);
	return page.evaluate(() => (globalThis as { graphTasks?: number[] }).graphTasks ?? []);
}

async function panAndZoom(page: Page): Promise<void> {
	const box = await canvas(page).boundingBox();
	check(box, 'the graph is drawn');
	const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
	await page.mouse.move(x, y);
	for (let round = 0; round < 3; round++) {
		for (let i = 0; i < 12; i++) await page.mouse.wheel(0, round === 1 ? -240 : 240);
		await page.mouse.down();
		for (let i = 1; i <= 20; i++) await page.mouse.move(x + 8 * i, y - 12 * i);
		await page.mouse.up();
		await page.mouse.move(x, y);
	}
}

spec(
	'graph: the 860 nodes of ppocr-v4-rec are drawn, moved and searched without long tasks',
	async ({ page, address, say }) => {
		if (!existsSync(large)) {
			say('skipped: ../shared is not here');
			return;
		}
		const studio = new Studio(page, address);
		await studio.openWith([{ name: 'ppocr-v4-rec.onnx', bytes: readFileSync(large) }]);
		await studio.table().waitFor({ timeout: minute });
		await page
			.getByText(/synthetic/)
			.first()
			.waitFor({ timeout: minute });
		const before = await longTasks(page, async () => {
			await page.locator('body').press('g');
			await canvas(page).waitFor({ timeout: minute });
		});
		await look(page, 'graph-ppocr');
		const tasks = await longTasks(page, () => panAndZoom(page));
		check(Math.max(0, ...tasks) <= 50, `panning and zooming held the main thread for ${Math.max(...tasks)} ms`);
		await graph(page).getByRole('searchbox', { name: 'Search nodes' }).fill('Conv');
		await page.keyboard.press('Enter');
		await graph(page)
			.getByText(/^1 of \d+$/)
			.waitFor();
		await graph(page).locator('.node-panel').waitFor();
		await look(page, 'graph-ppocr-node');
		say(
			`opening held ${before.length ? before.join(', ') : 'no task over 50'} ms; panning and zooming ${tasks.length ? tasks.join(', ') : 'none over 50'} ms`,
		);
	},
	{ timeoutMs: 4 * minute },
);

spec(
	'graph: picture, list, differences, tensors, export and surgery by keyboard',
	async ({ page, address }) => {
		const studio = new Studio(page, address);
		await studio.openWith([{ name: 'digits.onnx', bytes: readFileSync('public/samples/digits/digits.onnx') }]);
		await studio.table().waitFor({ timeout: minute });
		await page.getByRole('checkbox', { name: '8-bit weights', exact: true }).check();
		await page.getByRole('button', { name: 'Run preset', exact: true }).click();
		await studio.untilDone(2, 3 * minute);
		await page.locator('body').press('g');
		await canvas(page).waitFor({ timeout: minute });
		await graph(page).getByRole('combobox', { name: 'Variant' }).selectOption('original');
		await canvas(page).waitFor({ timeout: minute });
		await look(page, 'graph-digits');
		await axeInBothThemes(page, 'graph');
		// Along the edges by keys, down to a layer with weights.
		await canvas(page).focus();
		await page.keyboard.press('ArrowDown');
		await page.keyboard.press('ArrowDown');
		const panel = page.locator('.node-panel');
		await panel.waitFor();
		await until(
			'a node with a stored tensor',
			async () => {
				if ((await panel.getByText(/^stored, /).count()) > 0) return true;
				await page.keyboard.press('ArrowDown');
				return undefined;
			},
			minute,
		);
		await panel
			.getByText(/^stored, /)
			.first()
			.click();
		await panel
			.getByRole('img', { name: /^Values from/ })
			.first()
			.waitFor({ timeout: minute });
		await look(page, 'graph-tensor');
		for (const kind of ['SVG', 'PNG'] as const) {
			const download = page.waitForEvent('download', { timeout: 20_000 });
			await graph(page)
				.getByRole('button', { name: `Save ${kind}`, exact: true })
				.click();
			const bytes = readFileSync(await (await download).path());
			check(kind === 'SVG' ? bytes.toString('utf8', 0, 4) === '<svg' : bytes.readUInt32BE(0) === 0x89504e47, `${kind} is not one`);
		}
		// Against the variant: its weights changed, and something was added.
		await graph(page).getByRole('combobox', { name: 'Variant' }).selectOption({ label: '8-bit weights' });
		await graph(page).getByRole('combobox', { name: 'against' }).selectOption('original');
		await graph(page)
			.getByText(/\d+ added, \d+ removed, [1-9]\d* changed/)
			.waitFor({ timeout: minute });
		await canvas(page).waitFor({ timeout: minute });
		await look(page, 'graph-diff');
		await graph(page).getByRole('group', { name: 'Shown as' }).getByText('list').click();
		await graph(page).getByRole('checkbox', { name: 'only changes' }).check();
		const list = graph(page).getByRole('listbox', { name: 'Nodes' });
		await list.focus();
		await page.keyboard.press('ArrowDown');
		await graph(page).locator('[aria-selected="true"]').waitFor();
		await axeInBothThemes(page, 'graph list');
		await look(page, 'graph-list');
		// Surgery: an output renamed makes a variant that is judged like the others.
		await graph(page).getByRole('combobox', { name: 'against' }).selectOption('');
		await graph(page).getByRole('combobox', { name: 'Variant' }).selectOption('original');
		await graph(page).getByRole('searchbox', { name: 'Search nodes' }).fill('');
		await graph(page).getByRole('button', { name: 'node, in order' }).click();
		await list.focus();
		await page.keyboard.press('End');
		await panel.getByRole('button', { name: 'Rename this output…' }).click();
		const dialog = page.getByRole('dialog', { name: 'Rename inputs and outputs' });
		const names = dialog.getByRole('textbox', { name: 'Names' });
		await names.fill(`${await names.inputValue()}digit`);
		await look(page, 'graph-surgery');
		await dialog.getByRole('button', { name: 'Make the variant' }).click();
		const rows = await studio.untilDone(3, 3 * minute);
		check(
			rows.some((row) => row.includes('Rename inputs and outputs') && !row.includes('could not run')),
			`the renamed model is judged: ${rows.join(' | ')}`,
		);
	},
	{ timeoutMs: 8 * minute },
);

spec(
	'graph at 390 px',
	async ({ page, address }) => {
		const studio = new Studio(page, address);
		await studio.open();
		await studio.sample('Digits classifier').click();
		await page.getByRole('group', { name: 'Part of the study' }).waitFor({ timeout: minute });
		await page.locator('body').press('g');
		await graph(page).getByRole('listbox', { name: 'Nodes' }).waitFor({ timeout: minute });
		await look(page, 'graph-390-list');
		await graph(page).getByRole('group', { name: 'Shown as' }).getByText('picture').click();
		await canvas(page).waitFor({ timeout: minute });
		await look(page, 'graph-390');
		await studio.noSidewaysScroll();
	},
	{ timeoutMs: 2 * minute, viewport: { width: 390, height: 844 } },
);
