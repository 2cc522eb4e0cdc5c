import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Locator, Page } from 'playwright-core';
import { axeInBothThemes } from './axe.ts';
import { Studio } from './pages/studio.ts';
import { check, look, spec, until } from './runner.ts';

const minute = 60_000;
const run = promisify(execFile);

const view = (page: Page): Locator => page.getByRole('region', { name: 'Groups and pruning', exact: true });
const panel = (page: Page): Locator => page.getByRole('complementary', { name: 'What is left' });

/** Exact figures of what is left, from what is said on hover. */
async function totals(page: Page): Promise<number[]> {
	const titles = await panel(page)
		.locator('.cut-totals dd')
		.evaluateAll((all) => all.map((entry) => entry.getAttribute('title') ?? ''));
	return titles.map((title) => Number(title.split(' of ')[0]?.replace(/\D/g, '')));
}

/** Shapes that tensors will have or have, by name. */
async function shapes(list: Locator): Promise<Map<string, string>> {
	const lines = await list
		.locator('li')
		.evaluateAll((all) => all.map((entry) => [...entry.children].map((child) => child.textContent ?? '')));
	return new Map(lines.map(([name = '', change = '']) => [name, change]));
}

interface SeenVariant {
	readonly recipe: unknown;
	readonly file?: string;
	readonly bytes: number;
	readonly weights: number;
}

/** The variant as the study holds it, through the handle for drills. */
function storedVariant(page: Page): Promise<SeenVariant | null> {
	return page.evaluate(() => {
		interface Stored {
			readonly id: string;
			readonly recipe: unknown;
			readonly file?: string;
			readonly sizes: { readonly bytes: number };
			readonly report: readonly { readonly bytesAfter: number }[];
		}
		interface State {
			readonly selected: string;
			readonly study: { readonly variants: readonly Stored[] };
		}
		const { store } = (globalThis as unknown as { pare: { store: { getState(): State } } }).pare;
		const { study, selected } = store.getState();
		const variant = study.variants.find((entry) => entry.id === selected);
		if (!variant?.file) return null;
		const weights = variant.report.at(-1)?.bytesAfter ?? 0;
		return { recipe: variant.recipe, file: variant.file, bytes: variant.sizes.bytes, weights };
	});
}

spec(
	'groups: sliders by keyboard, the estimate is what comes out, and the recipe gives the same file on the command line',
	async ({ page, address, say }) => {
		const studio = new Studio(page, address);
		await studio.open('?debug');
		await studio.sample('Digits classifier').click();
		await page.getByRole('region', { name: 'Make variants' }).waitFor({ timeout: 30_000 });
		await studio.untilDone(9, 3 * minute);
		await page.locator('body').press('p');
		await view(page).waitFor({ timeout: 30_000 });
		await panel(page).waitFor({ timeout: 30_000 });
		const sliders = view(page).getByRole('slider');
		const count = await sliders.count();
		check(count >= 2, `${count} groups`);
		say(`${count} groups`);
		const whole = await totals(page);
		check(await page.getByRole('button', { name: 'Make variant' }).isDisabled(), 'nothing is cut, and a variant can be made');
		await look(page, '8-pruning-start');
		await axeInBothThemes(page, 'groups before anything is cut');

		// By keyboard: both sliders, one step at a time and by pages.
		for (const [i, keys] of [
			['ArrowRight', 'ArrowRight', 'ArrowRight'],
			['PageUp', 'ArrowRight'],
		].entries()) {
			await sliders.nth(i).focus();
			for (const key of keys) await page.keyboard.press(key);
			check(
				/ go, \d+ stay; model −/.test((await sliders.nth(i).getAttribute('aria-valuetext')) ?? ''),
				'the slider does not say what is left',
			);
		}
		const cut = await totals(page);
		check(
			cut.every((figure, i) => figure < (whole[i] ?? 0)),
			`${cut} of ${whole}`,
		);
		// Budgets move the sliders.
		for (const [name, index, aim] of [
			['−20 % MACs', 0, 0.8],
			['−40 % MACs', 0, 0.6],
			['Half the bytes', 1, 0.5],
		] as const) {
			await page.getByRole('button', { name }).click();
			const share = ((await totals(page))[index] ?? 0) / (whole[index] ?? 1);
			check(share <= aim + 0.02 && share > aim - 0.08, `${name}: ${share} are left`);
		}
		await page.getByRole('button', { name: 'Reset', exact: true }).click();
		check(String(await totals(page)) === String(whole), 'nothing cut is not the whole');

		await page.getByRole('button', { name: 'Measure what groups are worth' }).click();
		await until('what groups are worth', async () => (await view(page).locator('.effect').count()) > 0, 5 * minute);
		await page.getByRole('button', { name: '−40 % MACs' }).click();
		await sliders.nth(0).focus();
		await page.keyboard.press('ArrowRight');
		const [, bytes = 0] = await totals(page);
		await view(page)
			.getByText(/stored tensors? changes? (its|their) shape/)
			.click();
		const promised = await shapes(panel(page).locator('.shape-list'));
		await look(page, '8-pruning-cut');
		await axeInBothThemes(page, 'groups with a cut chosen');

		// The graph shows the same groups and what goes.
		await page.getByRole('button', { name: 'Show on the graph' }).click();
		const graph = page.getByRole('region', { name: 'Graph', exact: true });
		await graph.getByText(/share of its output that goes/).waitFor({ timeout: 30_000 });
		await look(page, '8-pruning-graph');
		await page.locator('body').press('p');
		await panel(page).waitFor();

		await page.getByRole('button', { name: 'Make variant' }).click();
		await view(page)
			.getByRole('region', { name: 'What was cut' })
			.waitFor({ timeout: 4 * minute });
		const made = await until('the variant in the study', () => storedVariant(page), minute);
		check(made, 'no variant');
		await view(page)
			.getByText(/stored tensors? ha(s|ve) another shape/)
			.click();
		const got = await shapes(view(page).getByRole('region', { name: 'Shapes before and after' }));
		check(got.size === promised.size, `${got.size} tensors changed, ${promised.size} were promised`);
		for (const [name, change] of promised) check(got.get(name) === change, `${name}: ${got.get(name)}, promised ${change}`);
		check(Math.abs(made.weights - bytes) <= 64, `weights of ${made.weights} bytes, ${bytes} promised`);
		say(
			`${bytes.toLocaleString()} bytes of weights promised, ${made.weights.toLocaleString()} made; file of ${made.bytes.toLocaleString()}`,
		);
		await look(page, '8-pruning-result');
		await axeInBothThemes(page, 'what was cut');
		await page.setViewportSize({ width: 390, height: 844 });
		await studio.noSidewaysScroll();
		await look(page, '8-pruning-result-phone');
		await axeInBothThemes(page, 'what was cut, on a phone');
		await view(page).getByRole('combobox', { name: 'Variant' }).selectOption('original');
		await panel(page).waitFor();
		await studio.noSidewaysScroll();
		await look(page, '8-pruning-phone');
		await axeInBothThemes(page, 'groups on a phone');
		await page.setViewportSize({ width: 1440, height: 900 });

		const folder = mkdtempSync(join(tmpdir(), 'pare-pruning-'));
		try {
			const recipe = join(folder, 'recipe.json');
			const out = join(folder, 'out.onnx');
			writeFileSync(recipe, JSON.stringify(made.recipe));
			const sample = resolve('public/samples/digits');
			// The same quarter of the examples is learnt from.
			await run(
				process.execPath,
				['bin/pare.mjs', 'compress', join(sample, 'digits.onnx'), '--recipe', recipe, '--data', join(sample, 'digits-test.npz'), '-o', out],
				{ timeout: 4 * minute },
			);
			const hash = createHash('sha256').update(readFileSync(out)).digest('hex');
			check(hash === made.file, `the command line made ${hash}, the page ${made.file}`);
			say(`the same file on the command line: ${hash.slice(0, 12)}…`);
		} finally {
			rmSync(folder, { recursive: true, force: true });
		}
	},
	{ timeoutMs: 14 * minute },
);

spec(
	'groups: those of efficientnet-lite0 are found at once, and measuring them can be cancelled',
	async ({ page, address, say }) => {
		const model = resolve('../shared/models/efficientnet-lite0.onnx');
		if (!existsSync(model)) {
			say('skipped: ../shared is not here');
			return;
		}
		const studio = new Studio(page, address);
		await studio.openWith([{ name: 'efficientnet-lite0.onnx', bytes: readFileSync(model) }]);
		await studio.table().waitFor({ timeout: minute });
		await page
			.getByText(/synthetic/)
			.first()
			.waitFor({ timeout: minute });
		await page.locator('body').press('p');
		const began = Date.now();
		await panel(page).waitFor({ timeout: minute });
		say(`${await view(page).getByRole('slider').count()} groups in ${Date.now() - began} ms`);
		const [macs = 0] = await totals(page);
		check(macs === 385_187_552, `${macs} multiply-accumulates`);
		await page.getByRole('button', { name: '−20 % MACs' }).click();
		const [left = 0] = await totals(page);
		check(Math.abs(left / macs - 0.8) < 0.02, `${left / macs} are left`);
		await look(page, '8-pruning-efficientnet');
		await studio.finishedRows();
		await page.getByRole('button', { name: 'Measure what groups are worth' }).click();
		const bar = view(page).getByRole('progressbar');
		await bar.waitFor({ timeout: 2 * minute });
		await view(page).getByRole('button', { name: 'Cancel' }).click();
		await bar.waitFor({ state: 'detached', timeout: 10_000 });
		check(await page.getByRole('button', { name: 'Measure what groups are worth' }).isEnabled(), 'measuring cannot be asked for again');
		check(String((await totals(page))[0]) === String(left), 'the choice was lost');
	},
	{ timeoutMs: 6 * minute },
);
