import { join } from 'node:path';
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';

/** What a spec gets: a page of its own in a clean profile, watched. */
export interface Visit {
	readonly browser: Browser;
	readonly context: BrowserContext;
	readonly page: Page;
	/** Address of the studio, with a slash at the end. */
	readonly address: string;
	/** Another clean profile, watched like the first. */
	another(): Promise<{ context: BrowserContext; page: Page }>;
	cdp(): Promise<CDPSession>;
	/** Shown with the result. */
	say(text: string): void;
}

export interface Spec {
	readonly name: string;
	readonly timeoutMs: number;
	readonly viewport: { readonly width: number; readonly height: number };
	readonly run: (visit: Visit) => Promise<void>;
}

const specs: Spec[] = [];

/** Declares a spec; scripts/e2e.mjs runs them in order, each in a clean profile. */
export function spec(
	name: string,
	run: Spec['run'],
	options: { readonly timeoutMs?: number; readonly viewport?: Spec['viewport'] } = {},
): void {
	specs.push({ name, run, timeoutMs: options.timeoutMs ?? 120_000, viewport: options.viewport ?? { width: 1440, height: 900 } });
}

export function declared(): readonly Spec[] {
	return specs;
}

export function check(condition: unknown, message: string): asserts condition {
	if (!condition) throw new Error(message);
}

/** A picture of the page in light and dark, in the folder that PARE_SHOTS names; nothing without it. */
export async function look(page: Page, name: string): Promise<void> {
	const folder = process.env.PARE_SHOTS;
	if (!folder) return;
	for (const colorScheme of ['light', 'dark'] as const) {
		await page.emulateMedia({ colorScheme });
		await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`) });
	}
}

/** Waits until `read` gives something true; says what it waited for when it does not. */
export async function until<T>(what: string, read: () => Promise<T>, timeoutMs = 60_000): Promise<T> {
	const end = Date.now() + timeoutMs;
	let last: unknown;
	for (;;) {
		try {
			const value = await read();
			if (value) return value;
			last = value;
		} catch (error) {
			last = error;
		}
		if (Date.now() > end) throw new Error(`Waited ${timeoutMs / 1000} s for ${what}; last seen: ${String(last)}`);
		await new Promise((resolve) => setTimeout(resolve, 250));
	}
}
