import type { Page } from 'playwright-core';
import { seededRandom } from '../src/core/numeric/random.ts';
import type { Study } from '../src/core/study/study.ts';
import { check, until } from './runner.ts';

export interface DrillOptions {
	readonly page: Page;
	readonly address: string;
	readonly kills: number;
	readonly reloads: number;
	readonly seed: number;
	readonly say: (text: string) => void;
}

/** What the page's debug handle gives. */
interface Handle {
	readonly store: {
		getState(): {
			study: Study | undefined;
			jobs: readonly { state: string }[];
			openSample(id: string): Promise<void>;
			runRecipes(recipes: readonly unknown[]): Promise<void>;
		};
	};
	readonly host: { killForTest(kind: string): number };
}

interface Snapshot {
	readonly files: Readonly<Record<string, string>>;
	readonly figures: Readonly<Record<string, string>>;
	readonly failures: readonly string[];
	readonly unfinished: number;
	readonly busy: boolean;
}

/** Reads the study as it stands on the page: files by variant, figures by variant and what they are of. */
function snapshot(page: Page): Promise<Snapshot | undefined> {
	return page.evaluate(() => {
		const state = (globalThis as unknown as { pare?: Handle }).pare?.store.getState();
		const study = state?.study;
		if (!state || !study) return undefined;
		const files: Record<string, string> = {};
		const figures: Record<string, string> = {};
		const failures: string[] = [];
		for (const variant of study.variants) {
			if (variant.file) files[variant.id] = variant.file;
			if (variant.failure) failures.push(`${variant.name}: ${variant.failure.message}`);
		}
		for (const entry of study.evaluations) {
			figures[`evaluation ${entry.variant}`] = JSON.stringify(entry.outputs);
			if (entry.failure) failures.push(`evaluation of ${entry.variant.slice(0, 8)}: ${entry.failure.message}`);
		}
		for (const run of study.runs) {
			// The original's samples grow with each benchmark: that it has figures is what counts.
			const own = run.variant === 'original' ? '' : JSON.stringify(run.samplesMs);
			figures[`run ${run.variant} ${run.target.backend} ${run.target.threads}`] = own;
			if (run.failure && run.target.backend === 'wasm') failures.push(`run of ${run.variant.slice(0, 8)}: ${run.failure.message}`);
		}
		return {
			files,
			figures,
			failures,
			unfinished: study.variants.filter((variant) => variant.id !== 'original' && !variant.file && !variant.failure).length,
			busy: state.jobs.some((job) => job.state === 'queued' || job.state === 'running'),
		};
	});
}

/** Names of stored variants whose bytes do not have the hash that their name says. */
function halfFiles(page: Page): Promise<string[]> {
	return page.evaluate(async () => {
		const wrong: string[] = [];
		const root = await navigator.storage.getDirectory();
		const folder = await (await root.getDirectoryHandle('pare')).getDirectoryHandle('variants', { create: true });
		for await (const [name, handle] of folder.entries()) {
			if (handle.kind !== 'file' || !name.endsWith('.onnx')) continue;
			const bytes = await (await (handle as FileSystemFileHandle).getFile()).arrayBuffer();
			const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
			const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
			if (`${hash}.onnx` !== name) wrong.push(name);
		}
		return wrong;
	});
}

/**
 * A full study of the sample while its workers are killed and its page is reloaded at random moments. Whatever was finished before must
 * be there after, and no file may be visible under a hash that is not its own. The seed gives the same choices again.
 */
export async function drill({ page, address, kills, reloads, seed, say }: DrillOptions): Promise<void> {
	const random = seededRandom(seed);
	const handle = (): Promise<unknown> => page.waitForFunction(() => 'pare' in globalThis);
	await page.goto(`${address}?debug`);
	await handle();
	await page.evaluate(() => (globalThis as unknown as { pare: Handle }).pare.store.getState().openSample('digits'));
	const seenFiles = new Map<string, string>();
	const seenFigures = new Map<string, string>();
	let killed = 0;
	let reloaded = 0;
	let more = 0;
	const look = async (): Promise<Snapshot> => {
		const now = (await until('the study', () => snapshot(page), 30_000)) as Snapshot;
		for (const [id, file] of seenFiles)
			check(now.files[id] === file, `the file of ${id.slice(0, 8)} was lost (${killed} kills, ${reloaded} reloads)`);
		for (const [key, figure] of seenFigures) {
			check(now.figures[key] === figure, `${key} was lost (${killed} kills, ${reloaded} reloads)`);
		}
		for (const [id, file] of Object.entries(now.files)) seenFiles.set(id, file);
		for (const [key, figure] of Object.entries(now.figures)) seenFigures.set(key, figure);
		return now;
	};
	while (killed < kills || reloaded < reloads) {
		await page.waitForTimeout(random.next() * 900);
		const now = await look();
		if (!now.busy) {
			// Nothing left to disturb: another recipe.
			more += 1;
			const ratio = 0.1 + 0.005 * more;
			await page.evaluate(
				(value) =>
					(globalThis as unknown as { pare: Handle }).pare.store.getState().runRecipes([
						{ v: 1, seed: 0, name: `prune ${value.toFixed(3)}`, steps: [{ pass: 'prune-magnitude', options: { ratio: value } }] },
						{
							v: 1,
							seed: 0,
							name: `prune ${value.toFixed(3)} int8`,
							steps: [
								{ pass: 'prune-magnitude', options: { ratio: value } },
								{ pass: 'weight-only', options: { bits: 8 } },
							],
						},
					]),
				ratio,
			);
		}
		const left = kills - killed + reloads - reloaded;
		if (random.next() * left < kills - killed) {
			const kind = ['compress', 'engine', 'disk'][Math.floor(random.next() * 3)] as string;
			killed += await page.evaluate((name) => (globalThis as unknown as { pare: Handle }).pare.host.killForTest(name), kind);
		} else {
			await page.reload();
			await handle();
			reloaded += 1;
			await look();
			const half = await halfFiles(page);
			check(half.length === 0, `half files are visible: ${half.join(', ')}`);
		}
	}
	const end = (await until(
		'the end of the study',
		async () => {
			const now = await look();
			return now.busy ? undefined : now;
		},
		600_000,
	)) as Snapshot;
	check(end.failures.length === 0, `failed: ${end.failures.join('; ')}`);
	check(end.unfinished === 0, `${end.unfinished} variants were never written`);
	const half = await halfFiles(page);
	check(half.length === 0, `half files are visible: ${half.join(', ')}`);
	say(`seed ${seed}: ${killed} workers killed, ${reloaded} reloads; ${seenFiles.size} variants and ${seenFigures.size} figures, none lost`);
}
