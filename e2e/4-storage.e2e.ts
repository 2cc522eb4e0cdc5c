import { drill } from './drill.ts';
import { check, spec, until } from './runner.ts';

const minute = 60_000;

spec(
	'workers killed and pages reloaded at random moments lose nothing',
	async ({ page, address, say }) => {
		await drill({ page, address, kills: 12, reloads: 4, seed: 20_26, say });
	},
	{ timeoutMs: 6 * minute },
);

spec(
	'a full storage is said, breaks nothing, and ends when there is room again',
	async ({ page, address, cdp, say }) => {
		const session = await cdp();
		const origin = new URL(address).origin;
		await page.goto(`${address}?debug`);
		await page.waitForFunction(() => 'pare' in globalThis);
		interface State {
			study?: { id: string; variants: { id: string; file?: string; failure?: { code: string } }[]; runs: unknown[] };
			jobs: { state: string }[];
			kept: { model: string };
			openFiles(files: readonly File[]): Promise<void>;
			runRecipes(recipes: readonly unknown[]): Promise<void>;
			rerun(id: string): Promise<void>;
		}
		type Page = { pare: { store: { getState(): State } } };
		const state = <T>(read: (state: State) => T): Promise<T> =>
			page.evaluate(`(${read.toString()})(globalThis.pare.store.getState())`) as Promise<T>;
		await page.evaluate(async () => {
			const model = await (await fetch('samples/digits/digits.onnx')).blob();
			await (globalThis as unknown as Page).pare.store.getState().openFiles([new File([model], 'digits.onnx')]);
		});
		await until('the stored copy of the model', () => state((now) => now.kept.model === 'kept'));
		// Room for two variants of 2.2 MB; the service worker's store of the studio itself counts too and must be complete.
		await page.evaluate(() => navigator.serviceWorker.ready);
		const used = (await until('a steady use of storage', async () => {
			const first = await page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
			await page.waitForTimeout(1500);
			const second = await page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
			return first === second ? second : undefined;
		})) as number;
		await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: used + 5_500_000 });
		await page.evaluate(
			(recipes) => (globalThis as unknown as Page).pare.store.getState().runRecipes(recipes),
			[0.1, 0.2, 0.3, 0.4, 0.5].map((ratio) => ({
				v: 1,
				seed: 0,
				name: `prune ${ratio}`,
				steps: [{ pass: 'prune-magnitude', options: { ratio } }],
			})),
		);
		const codes = (await until(
			'the full storage',
			async () => {
				const found = await state((now) =>
					(now.study?.variants ?? []).map((variant) => variant.failure?.code ?? (variant.file ? 'written' : '')),
				);
				const busy = await state((now) => now.jobs.some((job) => job.state === 'queued' || job.state === 'running'));
				return found.length > 1 && !busy && found.includes('storage-full') ? found : undefined;
			},
			3 * minute,
		)) as string[];
		check(
			codes.slice(1).every((code) => code === 'storage-full' || code === 'written'),
			`unexpected ends: ${codes.join()}`,
		);
		say(`${codes.filter((code) => code === 'written').length} written, ${codes.filter((code) => code === 'storage-full').length} refused`);
		await session.send('Storage.overrideQuotaForOrigin', { origin });
		await page.reload();
		await page.waitForFunction(() => 'pare' in globalThis);
		await until('the study', () => state((now) => now.study !== undefined));
		const before = codes.filter((code) => code === 'written').length;
		const still = await state((now) => (now.study?.variants ?? []).filter((variant) => variant.file).length);
		check(still === before, `${before} variants were written, ${still} are there after a reload`);
		const refused = await state((now) => (now.study?.variants ?? []).filter((variant) => variant.failure).map((variant) => variant.id));
		for (const id of refused) {
			await page.evaluate((variant) => (globalThis as unknown as Page).pare.store.getState().rerun(variant), id);
		}
		await until(
			'all variants',
			() => state((now) => (now.study?.variants ?? []).slice(1).every((variant) => variant.file !== undefined && !variant.failure)),
			3 * minute,
		);
	},
	{ timeoutMs: 8 * minute },
);

spec(
	'two tabs on one study: the second shows it and can take over',
	async ({ page, context, address }) => {
		await page.goto(`${address}?debug`);
		await page.waitForFunction(() => 'pare' in globalThis);
		interface State {
			study?: { id: string };
			readOnly: boolean;
			jobs: { state: string }[];
			openSample(id: string): Promise<void>;
			openStudy(id: string): Promise<void>;
			cancelAll(): void;
			takeOver(): void;
		}
		type Page = { pare: { store: { getState(): State } } };
		await page.evaluate(() => (globalThis as unknown as Page).pare.store.getState().openSample('silero-vad'));
		const id = await page.evaluate(() => {
			const now = (globalThis as unknown as Page).pare.store.getState();
			now.cancelAll();
			return now.study?.id ?? '';
		});
		check(id !== '', 'the sample did not open');
		const second = await context.newPage();
		await second.goto(`${address}?debug`);
		await second.waitForFunction(() => 'pare' in globalThis);
		await second.evaluate((study) => (globalThis as unknown as Page).pare.store.getState().openStudy(study), id);
		const readOnly = (tab: typeof page): Promise<boolean> =>
			tab.evaluate(() => (globalThis as unknown as Page).pare.store.getState().readOnly);
		check(await readOnly(second), 'the second tab may write');
		check(!(await readOnly(page)), 'the first tab may not write');
		await second.evaluate(() => (globalThis as unknown as Page).pare.store.getState().takeOver());
		await until('the change of hands', async () => (await readOnly(page)) && !(await readOnly(second)));
	},
	{ timeoutMs: 3 * minute },
);
