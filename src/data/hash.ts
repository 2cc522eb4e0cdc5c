import { createSHA256 } from 'hash-wasm';
import type { Hash } from '../core/study/study.ts';
import type { DataFile } from './dataset.ts';

const CHUNK = 1 << 22;

/** SHA-256 of the files' contents, in the order of their names, and of what is done to them. Reads each file once, in chunks. */
export async function datasetHash(files: readonly DataFile[], treatment: unknown, signal?: AbortSignal): Promise<Hash> {
	const hasher = await createSHA256();
	hasher.init();
	for (const { source } of byName(files)) {
		hasher.update(`${source.size}\n`);
		for (let at = 0; at < source.size; at += CHUNK) {
			signal?.throwIfAborted();
			hasher.update(await source.read(at, Math.min(CHUNK, source.size - at)));
		}
	}
	hasher.update(JSON.stringify(treatment));
	return hasher.digest('hex');
}

/** Sorted by code units: the same on every machine, whatever its language. */
export function byName<T extends { readonly name: string }>(items: readonly T[]): T[] {
	return [...items].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
