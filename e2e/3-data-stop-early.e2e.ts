import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { axeInBothThemes } from './axe.ts';
import { Studio } from './pages/studio.ts';
import { check, look, spec, until } from './runner.ts';

const minute = 60_000;
const file = (name: string) => ({ name, bytes: readFileSync(`public/samples/digits/${name}`) });
const data = (page: Page) => page.getByRole('region', { name: 'Data', exact: true });

spec(
	'data: judging stops where the answer is clear, by keyboard, kept, and taken back',
	async ({ page, address, say }) => {
		const studio = new Studio(page, address);
		await studio.openWith([file('digits.onnx'), file('digits-test.npz')]);
		const recipes = page.getByRole('region', { name: 'Make variants' });
		await recipes.getByRole('checkbox', { name: 'Dynamic int8', exact: true }).check();
		await recipes.getByRole('button', { name: 'Run preset', exact: true }).click();
		await studio.untilDone(2, 2 * minute);
		await studio.rows().filter({ hasText: 'Dynamic int8' }).getByRole('button').first().click();
		const card = page.getByRole('region', { name: 'Accuracy', exact: true });
		const ended = card.getByText(/^Ended after \d+ of \d+ examples/).or(card.getByText('No look on the way'));
		await card.waitFor({ timeout: minute });
		check((await ended.count()) === 0, 'off by default');
		const box = data(page).getByRole('checkbox', { name: 'Stop when the answer is clear' });
		await box.focus();
		await page.keyboard.press('Space');
		await ended.waitFor({ timeout: minute });
		await studio.untilDone(2, minute);
		await data(page).getByLabel('Differences that do not matter').focus();
		await page.keyboard.press('Control+A');
		await page.keyboard.type('20');
		await page.keyboard.press('Enter');
		const found = await until(
			'an early end',
			async () => {
				const said = await card.getByText(/^Ended after \d+ of \d+ examples/).allInnerTexts();
				return said.length > 0 ? said : undefined;
			},
			minute,
		);
		say(found?.[0] ?? '');
		await studio.untilDone(2, minute);
		await look(page, 'stop-early');
		await axeInBothThemes(page, 'stop early');
		await page.reload();
		await studio.table().waitFor({ timeout: minute });
		await box.waitFor();
		check(await box.isChecked(), 'the setting was lost by a reload');
		await studio.untilDone(2, minute);
		await studio.rows().filter({ hasText: 'Dynamic int8' }).getByRole('button').first().click();
		await ended.waitFor({ timeout: minute });
		await box.focus();
		await page.keyboard.press('Space');
		await until('figures of all examples', async () => (await ended.count()) === 0 || undefined, minute);
		await studio.untilDone(2, minute);
	},
	{ timeoutMs: 6 * minute },
);
