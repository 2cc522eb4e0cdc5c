import type { Page } from 'playwright-core';
import { axeInBothThemes } from './axe.ts';
import { endlessLoop, threeGigabytes } from './hostile.ts';
import { Studio } from './pages/studio.ts';
import { check, spec, until } from './runner.ts';

const minute = 60_000;

/** Notes every task of more than 50 ms on the main thread, from the next load on. */
async function watchTasks(page: Page): Promise<void> {
	await page.addInitScript(() => {
		const tasks: number[] = [];
		Object.assign(globalThis, { longTasks: tasks });
		new PerformanceObserver((list) => {
			for (const entry of list.getEntries()) tasks.push(Math.round(entry.duration));
		}).observe({ type: 'longtask', buffered: false });
	});
}

/** Milliseconds of the tasks since the last call. */
function takeTasks(page: Page): Promise<number[]> {
	return page.evaluate(() => (globalThis as unknown as { longTasks: number[] }).longTasks.splice(0));
}

spec(
	'one click on the sample gives at least 8 measured variants on WASM and WebGPU, and a chart',
	async ({ page, another, address, say }) => {
		await watchTasks(page);
		const studio = new Studio(page, address);
		await studio.open();
		await page.waitForTimeout(500);
		await takeTasks(page);
		const began = Date.now();
		await studio.sample('Digits classifier').click();
		await studio.table().waitFor({ timeout: 30_000 });
		const rows = await studio.untilDone(9, 3 * minute);
		say(`${rows.length} rows in ${((Date.now() - began) / 1000).toFixed(1)} s`);
		for (const row of rows) say(row);
		const heads = (await studio.table().locator('thead').textContent()) ?? '';
		check(/WASM/.test(heads), `no WASM column: ${heads}`);
		const gpu = await page.evaluate(async () => {
			const adapter = await (navigator as { gpu?: { requestAdapter(): Promise<unknown> } }).gpu?.requestAdapter();
			return adapter !== undefined && adapter !== null;
		});
		if (gpu) check(/WebGPU/.test(heads), `WebGPU is here but has no column: ${heads}`);
		const measured = rows.filter((row) => !/^original/.test(row) && /\d+\.\d+ ?×|\d\.\d+x/.test(row));
		check(measured.length >= 8, `only ${measured.length} variants have figures:\n${rows.join('\n')}`);
		await page.locator('.recharts-surface').first().waitFor();
		const marks = await page.locator('.recharts-scatter-symbol').count();
		check(marks >= 9, `the chart has ${marks} points`);
		let tasks = await takeTasks(page);
		say(`long tasks on the main thread: ${tasks.length ? `${tasks.join(', ')} ms` : 'none'}`);
		for (let visit = 2; visit <= 3 && Math.max(0, ...tasks) > 100; visit++) {
			// Another program on a small machine stretches a task; what is slow by itself is slow in each visit.
			const second = await another();
			await watchTasks(second.page);
			const again = new Studio(second.page, address);
			await again.open();
			await second.page.waitForTimeout(500);
			await takeTasks(second.page);
			await again.sample('Digits classifier').click();
			await again.untilDone(9, 3 * minute);
			tasks = await takeTasks(second.page);
			say(`in visit ${visit}: ${tasks.length ? `${tasks.join(', ')} ms` : 'none'}`);
		}
		check(Math.max(0, ...tasks) <= 100, `a task of ${Math.max(...tasks)} ms held the main thread`);
		await axeInBothThemes(page, 'studio');
		for (const [key, screen, heading] of [
			['x', 'compare', 'Compare'],
			['l', 'layers', 'Sizes by layer'],
			['r', 'recipe builder', 'Recipe'],
		] as const) {
			await page.locator('body').press(key);
			await page.getByRole('heading', { name: heading, exact: true }).first().waitFor();
			await axeInBothThemes(page, screen);
			await page.keyboard.press('Escape');
		}
		await page.reload();
		await studio.table().waitFor();
		check((await studio.untilDone(9, minute)).length === rows.length, 'variants were lost by a reload');
	},
	{ timeoutMs: 6 * minute },
);

spec(
	'after one visit the whole sample journey passes with the network off, with threads',
	async ({ page, context, address, say }) => {
		const studio = new Studio(page, address);
		await studio.open();
		await studio.offlineReady();
		await context.setOffline(true);
		await page.reload();
		await studio.open();
		check(await page.evaluate(() => crossOriginIsolated), 'not isolated offline');
		await studio.sample('Digits classifier').click();
		const rows = await studio.untilDone(9, 3 * minute);
		const heads = (await studio.table().locator('thead').textContent()) ?? '';
		const cores = await page.evaluate(() => navigator.hardwareConcurrency);
		if (cores > 1) check(/WASM×[2-9]|WASM×\d\d/.test(heads), `no column with threads: ${heads}`);
		say(`${rows.length} rows offline`);
	},
	{ timeoutMs: 5 * minute },
);

spec(
	'a link opened in a clean profile shows the same figures, read-only',
	async ({ page, context, another, address, say }) => {
		await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: new URL(address).origin });
		const studio = new Studio(page, address);
		await studio.open();
		await studio.sample('Digits classifier').click();
		const rows = await studio.untilDone(9, 3 * minute);
		await page.getByRole('button', { name: 'Copy link' }).click();
		const link = await until('the link in the clipboard', () => page.evaluate(() => navigator.clipboard.readText()));
		check(link.startsWith(`${address}#c=1.`), `not a link: ${link.slice(0, 80)}`);
		say(`${link.length} characters for ${rows.length} variants`);
		const fresh = await another();
		const opened = new Studio(fresh.page, address);
		await opened.open(link.slice(address.length));
		await opened.table().waitFor();
		const same = await opened.untilDone(rows.length, minute);
		const figures = (row: string): string =>
			row
				.replace(/\bfront\b|⋯/g, '')
				// Pins are the visitor's own.
				.replace(/^(\S.*?) [AB] (?=\d)/, '$1 ')
				.replace(/\s+/g, ' ')
				.trim();
		for (const [index, row] of rows.entries())
			check(figures(same[index] ?? '') === figures(row), `shown as “${same[index]}”, was “${row}”`);
		check(
			(await fresh.page.getByRole('button', { name: 'Run the standard set' }).count()) === 0,
			'a shared comparison offers to run recipes',
		);
	},
	{ timeoutMs: 5 * minute },
);

spec(
	'the journey by keyboard alone: sample, variant, download',
	async ({ page, address }) => {
		const studio = new Studio(page, address);
		await studio.open();
		const focusOn = async (what: RegExp): Promise<void> => {
			for (let presses = 0; presses < 120; presses++) {
				const name = await page.evaluate(() => {
					const element = document.activeElement;
					// Before the first Tab the body has the focus, and all text is in it.
					if (element === document.body) return '';
					return `${element?.getAttribute('aria-label') ?? ''} ${element?.textContent ?? ''}`.trim();
				});
				if (what.test(name)) return;
				await page.keyboard.press('Tab');
			}
			throw new Error(`Tab never reaches ${what}`);
		};
		await focusOn(/Digits classifier/);
		await page.keyboard.press('Enter');
		await studio.untilDone(9, 3 * minute);
		await studio.table().getByRole('button', { name: 'original' }).first().focus();
		await page.keyboard.press('ArrowDown');
		await page.keyboard.press('Enter');
		check((await studio.table().locator('button[aria-pressed="true"]').count()) === 1, 'Enter on a row selects nothing');
		const download = page.waitForEvent('download', { timeout: 20_000 });
		await page.keyboard.press('Control+s');
		check(/\.onnx$/.test((await download).suggestedFilename()), 'the download is not an .onnx file');
		await page.keyboard.press('?');
		await page.getByRole('dialog').waitFor();
		await page.keyboard.press('Escape');
		check((await page.getByRole('dialog').count()) === 0, 'Escape leaves help open');
	},
	{ timeoutMs: 5 * minute },
);

spec('axe finds nothing serious on the empty page, help and settings, in light and dark', async ({ page, address }) => {
	const studio = new Studio(page, address);
	await studio.open();
	await axeInBothThemes(page, 'empty page');
	for (const name of ['Help', 'Settings']) {
		await page.getByRole('button', { name, exact: true }).click();
		await page.getByRole('dialog').waitFor();
		await axeInBothThemes(page, name);
		await page.keyboard.press('Escape');
	}
});

spec('wrong files are named for what they are', async ({ page, address }) => {
	const studio = new Studio(page, address);
	await studio.open();
	const cases: readonly (readonly [string, string, RegExp])[] = [
		['model.onnx', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n', /LFS/],
		['model.onnx', '<!doctype html><html><body>Not found</body></html>', /web page|HTML/],
		['model.onnx', '', /empty/i],
	];
	for (const [name, content, expected] of cases) {
		await studio.drop([{ name, bytes: Buffer.from(content) }]);
		await until(
			`a message about ${expected}`,
			async () => expected.test((await page.getByRole('alert').allTextContents()).join(' ')),
			20_000,
		);
	}
});

spec(
	'cancel ends a model that never ends, and the page goes on',
	async ({ page, address, say }) => {
		const studio = new Studio(page, address);
		await studio.openWith([{ name: 'endless.onnx', bytes: endlessLoop() }]);
		await studio.table().waitFor({ timeout: 20_000 });
		const bar = page.getByRole('complementary', { name: 'Work in progress' });
		if ((await bar.count()) === 0) await page.getByRole('button', { name: 'Run the standard set' }).click();
		await bar.waitFor();
		await page.waitForTimeout(3000);
		const began = Date.now();
		for (;;) {
			if ((await bar.count()) === 0) break;
			const all = bar.getByRole('button', { name: 'Cancel all' });
			if ((await bar.locator('details').count()) > 0)
				await bar
					.locator('summary')
					.click({ timeout: 1000 })
					.catch(() => {});
			await ((await all.isVisible().catch(() => false)) ? all : bar.getByRole('button', { name: 'Cancel', exact: true }).last())
				.click({ timeout: 1000 })
				.catch(() => {});
			check(Date.now() - began < 20_000, 'work goes on 20 s after cancel');
			await page.waitForTimeout(50);
		}
		say(`idle ${Date.now() - began} ms after the first cancel`);
		await page.getByRole('button', { name: /close this study/ }).click();
		await studio.sample('Digits classifier').click();
		await until('the next model to work', async () => (await studio.rows().count()) > 0, minute);
	},
	{ timeoutMs: 3 * minute },
);

spec(
	'a model that asks for 3 GB is not run, says why, and the page goes on',
	async ({ page, address }) => {
		const studio = new Studio(page, address);
		await studio.openWith([{ name: 'huge.onnx', bytes: threeGigabytes() }]);
		await until(
			'the refusal',
			async () =>
				/needs at least \d\.\d GB; the limit set here is 2\.0 GB/.test((await page.getByRole('alert').allTextContents()).join(' ')),
			20_000,
		);
		await page.getByRole('button', { name: /close this study/ }).click();
		await studio.sample('Digits classifier').click();
		await until('the next model to work', async () => (await studio.rows().count()) > 0, minute);
	},
	{ timeoutMs: 2 * minute },
);

spec(
	'390 px: a study has no sideways scroll on any tab',
	async ({ page, address }) => {
		const studio = new Studio(page, address);
		await studio.open();
		await studio.sample('Silero VAD').click();
		const tabs = page.getByRole('group', { name: 'Part of the study' });
		await tabs.waitFor({ timeout: 30_000 });
		for (const name of ['chart', 'variants', 'recipe', 'model']) {
			await tabs.getByText(name, { exact: true }).click();
			await page.waitForTimeout(300);
			await studio.noSidewaysScroll();
		}
	},
	{ viewport: { width: 390, height: 844 }, timeoutMs: 2 * minute },
);
