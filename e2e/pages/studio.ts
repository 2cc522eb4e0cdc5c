import type { Page } from 'playwright-core';
import { check, until } from '../runner.ts';

/** The studio as a person finds it: by roles and names. */
export class Studio {
	constructor(
		readonly page: Page,
		readonly address: string,
	) {}

	async open(path = ''): Promise<void> {
		await this.page.goto(`${this.address}${path}`);
		await this.page.getByRole('button', { name: 'Open a model…' }).or(this.table()).first().waitFor();
	}

	table() {
		return this.page.getByRole('region', { name: 'Variants', exact: true });
	}

	sample(name: 'Digits classifier' | 'Silero VAD') {
		return this.page.getByRole('button', { name });
	}

	rows() {
		return this.table().locator('tbody tr');
	}

	/** Rows that are finished: figures in them, and no work left in the job bar. */
	async finishedRows(): Promise<string[]> {
		const busy = async (): Promise<boolean> => (await this.page.getByRole('complementary', { name: 'Work in progress' }).count()) > 0;
		if (await busy()) return [];
		const rows = (await this.rows().allInnerTexts()).map((text) => text.replace(/\s+/g, ' ').trim());
		// Work may have begun between the two looks.
		return (await busy()) ? [] : rows;
	}

	async untilDone(atLeast: number, timeoutMs: number): Promise<string[]> {
		return until(
			`${atLeast} measured rows`,
			async () => {
				const rows = await this.finishedRows();
				return rows.length >= atLeast ? rows : undefined;
			},
			timeoutMs,
		) as Promise<string[]>;
	}

	/** Drops files made of these bytes anywhere on the page. */
	async drop(files: readonly { readonly name: string; readonly bytes: Uint8Array }[]): Promise<void> {
		await this.page.evaluate(
			(list) => {
				const transfer = new DataTransfer();
				for (const { name, data } of list) transfer.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name));
				for (const type of ['dragenter', 'dragover', 'drop']) {
					document.body.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }));
				}
			},
			files.map(({ name, bytes }) => ({ name, data: Buffer.from(bytes).toString('base64') })),
		);
	}

	/** The page opened, and these files dropped on it. */
	async openWith(files: readonly { readonly name: string; readonly bytes: Uint8Array }[]): Promise<void> {
		await this.open();
		await this.drop(files);
	}

	/** Until a variant shows a top-1 that begins so, in percent. */
	async untilTop1(share: string): Promise<void> {
		await until(
			`top-1 of ${share}`,
			async () => (await this.table().allInnerTexts()).join().replace(/\s+/g, ' ').includes(share) || undefined,
			60_000,
		);
	}

	async offlineReady(): Promise<void> {
		await until(
			'the service worker to hold everything',
			() =>
				this.page.evaluate(async () => {
					const registration = await navigator.serviceWorker.getRegistration();
					return registration?.active?.state === 'activated' && navigator.serviceWorker.controller !== null;
				}),
			60_000,
		);
	}

	async noSidewaysScroll(): Promise<void> {
		const { content, view } = await this.page.evaluate(() => ({
			content: document.documentElement.scrollWidth,
			view: document.documentElement.clientWidth,
		}));
		check(content <= view, `the page is ${content} px wide in a window of ${view} px`);
	}
}
