import { readFileSync, writeFileSync } from 'node:fs';
import { Studio } from './pages/studio.ts';
import { check, spec, until } from './runner.ts';

spec('the page opens isolated, with its policy', async ({ page, address }) => {
	const response = await page.goto(address);
	check(response?.headers()['content-security-policy']?.includes("default-src 'none'"), 'no content security policy header');
	const studio = new Studio(page, address);
	await studio.open();
	check(await page.evaluate(() => crossOriginIsolated), 'the page is not cross-origin isolated');
	check(((await page.getByRole('heading', { level: 1 }).textContent()) ?? '').length > 0, 'no heading');
	const inline = await page.evaluate(() => {
		const script = document.createElement('script');
		script.textContent = 'window.inlineRan = true';
		return [document.querySelectorAll('script:not([src])').length, script.nonce] as const;
	});
	check(inline[0] === 0, 'there are inline scripts');
});

spec('after one visit the page opens with the network off, isolated', async ({ page, context, address }) => {
	const studio = new Studio(page, address);
	await studio.open();
	await studio.offlineReady();
	await context.setOffline(true);
	await page.reload();
	await studio.open();
	check(await page.evaluate(() => crossOriginIsolated), 'not isolated offline');
	const stored = await page.evaluate(async () =>
		(await (await caches.open('pare-files')).keys()).map((request) => new URL(request.url).pathname),
	);
	for (const ending of ['.wasm', '.mjs', 'digits.onnx', 'digits-test.npz', 'silero-vad.onnx']) {
		check(
			stored.some((path) => path.endsWith(ending)),
			`no ${ending} is stored: ${stored.join(', ')}`,
		);
	}
});

spec('a host that sets no headers gets isolation from the service worker, after one reload', async ({ page, context, address }) => {
	// The host's headers are taken away from every answer of the network; what the service worker adds stays.
	const bare = async (): Promise<void> => {
		await context.route('**/*', async (route) => {
			if (route.request().serviceWorker() || route.request().resourceType() !== 'document') return route.continue();
			const response = await route.fetch();
			const headers = Object.fromEntries(
				Object.entries(response.headers()).filter(([name]) => !/^cross-origin|security-policy/.test(name)),
			);
			await route.fulfill({ response, headers });
		});
	};
	await bare();
	await page.goto(address);
	await until('isolation', () => page.evaluate(() => crossOriginIsolated), 60_000);
	check((await page.evaluate(() => sessionStorage.getItem('pare:isolation-reload'))) === '1', 'it was isolated without the reload');
});

spec(
	'390 px: the empty page has no sideways scroll',
	async ({ page, address }) => {
		const studio = new Studio(page, address);
		await studio.open();
		await studio.noSidewaysScroll();
	},
	{ viewport: { width: 390, height: 844 } },
);

spec('a newer build is offered, changes nothing until it is taken, and is then in charge', async ({ page, address }) => {
	const file = 'dist/service-worker.js';
	const original = readFileSync(file, 'utf8');
	const studio = new Studio(page, address);
	await studio.open();
	await studio.offlineReady();
	try {
		writeFileSync(file, `${original}\n// a newer build\n`);
		await page.evaluate(async () => {
			Object.assign(globalThis, { sameDocument: true });
			await (await navigator.serviceWorker.getRegistration())?.update();
		});
		const update = page.getByRole('button', { name: 'Update', exact: true });
		await update.waitFor();
		await page.waitForTimeout(1000);
		check(await page.evaluate(() => 'sameDocument' in globalThis), 'the page was reloaded without being asked');
		await update.click();
		await until('the reload into the newer build', () => page.evaluate(() => !('sameDocument' in globalThis)), 20_000);
		await studio.open();
		check((await update.count()) === 0, 'the update is offered again after it was taken');
	} finally {
		writeFileSync(file, original);
	}
});
