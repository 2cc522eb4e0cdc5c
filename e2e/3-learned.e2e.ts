import { Studio } from './pages/studio.ts';
import { check, spec, until } from './runner.ts';

const minute = 60_000;

spec(
	'presets that learn set examples aside, and are judged on the others',
	async ({ page, address, say }) => {
		const studio = new Studio(page, address);
		await studio.open();
		await studio.sample('Digits classifier').click();
		const region = page.getByRole('region', { name: 'Make variants' });
		await region.waitFor({ timeout: 30_000 });
		await studio.untilDone(9, 3 * minute);
		const before = await studio.rows().count();
		const data = page.getByRole('region', { name: 'Data', exact: true });
		check(!/kept to learn from/.test((await data.textContent()) ?? ''), 'examples are set aside before anything learns');
		for (const title of [
			'Optimized graph',
			'Static int8',
			'4-bit weights, learned',
			'A quarter less computing',
			'Half the weights zero, made up for',
		]) {
			await region.getByRole('checkbox', { name: title, exact: true }).check();
		}
		await region.getByRole('button', { name: 'Run 5 presets' }).click();
		await until('examples to be set aside', async () => /kept to learn from\s*\d+ of \d+/.test((await data.textContent()) ?? ''), minute);
		const rows = await studio.untilDone(before + 5, 4 * minute);
		for (const row of rows) say(row);
		const failed = rows.filter((row) => /failed|could not/i.test(row));
		check(failed.length === 0, `failed:\n${failed.join('\n')}`);
		await page.reload();
		await studio.table().waitFor();
		check((await studio.untilDone(before + 5, minute)).length === rows.length, 'variants were lost by a reload');
		check(/kept to learn from/.test((await data.textContent()) ?? ''), 'the split was lost by a reload');
	},
	{ timeoutMs: 9 * minute },
);
