import type { Page } from 'playwright-core';
import { axeInBothThemes } from './axe.ts';
import { Studio } from './pages/studio.ts';
import { check, look, spec, until } from './runner.ts';

const minute = 60_000;
const data = (page: Page) => page.getByRole('region', { name: 'Data', exact: true });

spec(
	'data: judging stops where the answer is clear, by keyboard, kept, and taken back',
	async ({ page, address, say }) => {
		const studio = new Studio(page, address);
		await studio.open();
		await studio.sample('Digits classifier').click();
		await page.getByRole('region', { name: 'Make variants' }).waitFor({ timeout: minute });
		await studio.untilDone(9, 3 * minute);
		// The first variant after the original.
		await studio.rows().nth(1).getByRole('button').first().click();
		const card = page.getByRole('region', { name: 'Accuracy', exact: true });
		const ended = card.getByText(/^Ended after \d+ of \d+ examples/).or(card.getByText('No look on the way'));
		await card.waitFor({ timeout: minute });
		check((await ended.count()) === 0, 'off by default');
		const box = data(page).getByRole('checkbox', { name: 'Stop when the answer is clear' });
		await box.focus();
		await page.keyboard.press('Space');
		await ended.waitFor({ timeout: minute });
		await studio.untilDone(9, minute);
		await data(page).getByLabel('Differences that do not matter').focus();
		await page.keyboard.press('Control+A');
		await page.keyboard.type('20');
		await page.keyboard.press('Enter');
		const [first] = await until(
			'an early end',
			async () => {
				const found = await card.getByText(/^Ended after \d+ of \d+ examples/).allInnerTexts();
				return found.length > 0 ? found : undefined;
			},
			minute,
		);
		say(first ?? '');
		await studio.untilDone(9, minute);
		await look(page, 'stop-early');
		await axeInBothThemes(page, 'stop early');
		await page.reload();
		await studio.table().waitFor({ timeout: minute });
		await box.waitFor();
		check(await box.isChecked(), 'the setting was lost by a reload');
		await studio.untilDone(9, minute);
		await studio.rows().nth(1).getByRole('button').first().click();
		await ended.waitFor({ timeout: minute });
		await box.focus();
		await page.keyboard.press('Space');
		await until('figures of all examples', async () => (await ended.count()) === 0 || undefined, minute);
		await studio.untilDone(9, minute);
	},
	{ timeoutMs: 6 * minute },
);
