import type { Page } from 'playwright-core';
import { axeInBothThemes } from './axe.ts';
import { Studio } from './pages/studio.ts';
import { check, look, spec, until } from './runner.ts';

const minute = 60_000;

/** What has the focus, by role and name as a person hears it. */
function focused(page: Page): Promise<string> {
	return page.evaluate(() => {
		const element = document.activeElement;
		if (!(element instanceof HTMLElement)) return '';
		const label =
			element.getAttribute('aria-label') ??
			(element instanceof HTMLInputElement ? (element.labels?.[0]?.textContent ?? '') : (element.textContent ?? ''));
		return `${element.getAttribute('role') ?? element.tagName.toLowerCase()} ${label.replace(/\s+/g, ' ').trim()}`;
	});
}

/** Presses Tab until the focus is on something whose words match; never uses the mouse. */
async function tabTo(page: Page, what: RegExp, most = 120): Promise<void> {
	for (let presses = 0; presses < most; presses++) {
		if (what.test(await focused(page))) return;
		await page.keyboard.press('Tab');
	}
	throw new Error(`Tab does not lead to ${what}; last: ${await focused(page)}`);
}

spec(
	'from a preset to a diagnosis by keyboard alone, and a layer back to fp32',
	async ({ page, address, say }) => {
		const studio = new Studio(page, address);
		await studio.open();
		await tabTo(page, /^button .*Digits classifier/);
		await page.keyboard.press('Enter');
		const region = page.getByRole('region', { name: 'Make variants' });
		await region.waitFor({ timeout: 30_000 });
		await studio.untilDone(9, 3 * minute);
		await tabTo(page, /^input Static int8(?! within)/);
		await page.keyboard.press('Space');
		await tabTo(page, /^button Run preset/);
		await page.keyboard.press('Enter');
		const measured = async (name: RegExp): Promise<string | undefined> =>
			(await studio.finishedRows()).find((row) => name.test(row) && /\d+\.\d/.test(row));
		say((await until('static int8 to be measured', () => measured(/^Static int8/), 2 * minute)) ?? '');
		// One variant was asked for: it is selected.
		await page.keyboard.press('Escape');
		await page.keyboard.press('e');
		const view = page.getByRole('region', { name: 'Diagnosis', exact: true });
		await view.waitFor();
		check(/h2 Diagnosis/i.test(await focused(page)), `the focus is on ${await focused(page)}`);
		await look(page, '6-diagnosis-empty');
		await axeInBothThemes(page, 'diagnosis before anything is measured');
		await tabTo(page, /^button Measure every layer/);
		await page.keyboard.press('Enter');
		const table = page.getByRole('region', { name: 'Layers by error' });
		await until('errors by layer', async () => (await table.locator('tbody tr').count()) > 3, 2 * minute);
		await until('the end of the diagnosis', async () => (await view.getByRole('progressbar').count()) === 0, minute);
		say(`${await table.locator('tbody tr').count()} layers; ${await view.locator('.diagnosis-summary').textContent()}`);

		// The chart is one tab stop; table and panel follow it.
		await tabTo(page, /^listbox/);
		await page.keyboard.press('Home');
		await page.keyboard.press('ArrowDown');
		const chosen = await view.getByRole('listbox').getByRole('option', { selected: true }).textContent();
		const name = chosen?.split(':')[0] ?? '';
		const current = table.locator('tr[aria-current="true"]');
		check((await current.count()) === 1 && (await current.textContent())?.includes(name), `the table does not show ${name}`);
		check((await page.getByRole('heading', { level: 3, name, exact: true }).count()) === 1, `the panel does not show ${name}`);
		await look(page, '6-diagnosis');
		await axeInBothThemes(page, 'diagnosis with a layer selected');
		// The graph opens at the same node.
		await page.keyboard.press('Escape');
		await page.keyboard.press('g');
		await until('the graph at the node', async () => ((await page.locator('main').textContent()) ?? '').includes(name), 30_000);
		await look(page, '6-diagnosis-graph');
		await page.keyboard.press('Escape');
		await page.keyboard.press('e');
		await view.waitFor();

		await tabTo(page, /^button Time each node/);
		await page.keyboard.press('Enter');
		await until('times', async () => /in nodes on wasm/.test((await view.textContent()) ?? ''), 2 * minute);
		await tabTo(page, /^button Find the culprit/);
		await page.keyboard.press('Enter');
		const culprit = page.getByRole('region', { name: /The culprits?/ });
		await culprit.waitFor({ timeout: 2 * minute });
		say((await culprit.locator('p').first().textContent()) ?? '');
		await look(page, '6-diagnosis-culprit');

		await page.setViewportSize({ width: 390, height: 844 });
		await studio.noSidewaysScroll();
		await look(page, '6-diagnosis-phone');
		await axeInBothThemes(page, 'diagnosis on a phone');
		await page.setViewportSize({ width: 1440, height: 900 });

		await tabTo(page, /^button Keep (it|these \d+) in fp32/);
		await page.keyboard.press('Enter');
		await page.keyboard.press('Escape');
		await studio.table().waitFor();
		say((await until('the variant with layers kept', () => measured(/^Static int8, without/), 2 * minute)) ?? '');
	},
	{ timeoutMs: 12 * minute },
);

/** Cancels by keyboard as soon as the job bar says this; gives how long it took until nothing of it runs. */
async function cancelAt(page: Page, what: RegExp, timeoutMs: number): Promise<number> {
	const bar = page.getByRole('complementary', { name: 'Work in progress' });
	await until(
		`${what} in the job bar`,
		async () => what.test(((await bar.textContent({ timeout: 500 })) ?? '').replace(/\s+/g, ' ')),
		timeoutMs,
	);
	const began = Date.now();
	await until(
		`${what} to end`,
		async () => {
			if ((await bar.count()) === 0) return true;
			if (!what.test((await bar.textContent({ timeout: 500 })) ?? '')) return true;
			// The bar may be drawn anew between focus and key.
			await bar.getByRole('button', { name: 'Cancel', exact: true }).last().focus({ timeout: 500 });
			await page.keyboard.press('Enter');
			return false;
		},
		20_000,
	);
	return Date.now() - began;
}

spec(
	'cancel ends ranges, weights, measuring and diagnosis, and what was there stays',
	async ({ page, address, say }) => {
		const studio = new Studio(page, address);
		await studio.open();
		await studio.sample('Digits classifier').click();
		const region = page.getByRole('region', { name: 'Make variants' });
		await region.waitFor({ timeout: 30_000 });
		await studio.untilDone(9, 3 * minute);
		const rows = await studio.rows().count();
		const run = async (title: string): Promise<void> => {
			await region.getByRole('checkbox', { name: title, exact: true }).check();
			await region.getByRole('button', { name: /^Run (preset|\d+ preset)/ }).click();
		};
		// While ranges are learnt, while weights are rounded: the page's own words for the stages.
		for (const title of ['Static int8', '4-bit weights, learned'] as const) {
			await run(title);
			const tookMs = await cancelAt(page, /Static int8|4-bit weights, learned/, minute);
			say(`${title}: nothing of it runs ${tookMs} ms after cancel`);
			await region
				.getByRole('checkbox', { name: title, exact: true })
				.uncheck()
				.catch(() => {});
			await until('idle', async () => (await studio.finishedRows()).length > 0, minute);
		}
		const cancelled = (await studio.rows().allInnerTexts()).filter((text) => /cancelled/i.test(text)).length;
		check(cancelled === 2, `${cancelled} variants say that they were cancelled`);
		// Asked for again, it is made; its measuring is cancelled.
		await page
			.getByRole('row', { name: /Static int8/ })
			.getByRole('button')
			.first()
			.click();
		await page.getByRole('button', { name: 'Try again' }).click();
		for (const stage of [/comparing with the original/i, /measuring on WASM, 1 thread/i]) {
			const tookMs = await cancelAt(page, stage, minute);
			say(`${stage.source}: ended ${tookMs} ms after cancel`);
		}
		await until('idle', async () => (await studio.finishedRows()).length > 0, minute);
		await page.keyboard.press('Escape');
		await page.keyboard.press('e');
		const view = page.getByRole('region', { name: 'Diagnosis', exact: true });
		await view.getByLabel('Examples').selectOption('64');
		await view.getByRole('button', { name: 'Measure every layer' }).click();
		const diagnosisMs = await cancelAt(page, /errors by layer/i, minute);
		say(`diagnosis: ended ${diagnosisMs} ms after cancel`);
		check(await view.getByRole('button', { name: 'Measure every layer' }).isEnabled(), 'the diagnosis cannot be asked for again');
		await page.keyboard.press('Escape');
		check((await studio.rows().count()) === rows + 2, 'rows were lost');
	},
	{ timeoutMs: 10 * minute },
);
