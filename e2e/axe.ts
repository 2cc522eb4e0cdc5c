import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { check } from './runner.ts';

const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** Runs axe in the page's own world; gives what is serious or worse, one line each. */
async function serious(page: Page): Promise<string[]> {
	const session = await page.context().newCDPSession(page);
	// Through the debugger, so that the page's policy needs no exception for the checker.
	await session.send('Runtime.evaluate', { expression: `${readFileSync(axePath, 'utf8')};0` });
	const { result } = await session.send('Runtime.evaluate', {
		expression: `axe.run(document, { resultTypes: ['violations'] }).then((found) => JSON.stringify(found.violations.filter((entry) => entry.impact === 'serious' || entry.impact === 'critical').map((entry) => entry.id + ': ' + entry.help + ' at ' + entry.nodes.slice(0, 3).map((node) => node.target.join(' ')).join(', '))))`,
		awaitPromise: true,
		returnByValue: true,
	});
	await session.detach();
	return JSON.parse(String(result.value)) as string[];
}

/** Fails where axe finds something serious on a screen, in light or dark. */
export async function axeInBothThemes(page: Page, screen: string): Promise<void> {
	for (const colorScheme of ['light', 'dark'] as const) {
		await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
		const found = await serious(page);
		check(found.length === 0, `${screen}, ${colorScheme}: ${found.join('\n')}`);
	}
}
