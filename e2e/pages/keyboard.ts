import type { Page } from 'playwright-core';

/** What has the focus, by role and name as a person hears it. */
export function focused(page: Page): Promise<string> {
	return page.evaluate(() => {
		const element = document.activeElement;
		if (!(element instanceof HTMLElement) || element === document.body) return '';
		const labels = element instanceof HTMLInputElement || element instanceof HTMLSelectElement ? element.labels : null;
		const label = element.getAttribute('aria-label') ?? labels?.[0]?.textContent ?? element.textContent ?? '';
		return `${element.getAttribute('role') ?? element.tagName.toLowerCase()} ${label.replace(/\s+/g, ' ').trim()}`;
	});
}

/** Presses Tab until the focus is on something whose words match; never uses the mouse. */
export async function tabTo(page: Page, what: RegExp, most = 150): Promise<void> {
	for (let presses = 0; presses < most; presses++) {
		if (what.test(await focused(page))) return;
		await page.keyboard.press('Tab');
	}
	throw new Error(`Tab does not lead to ${what}; last: ${await focused(page)}`);
}
