import { readFile } from 'node:fs/promises';
import type { ModelBytes } from '../engine/port.ts';

/** Largest model, all files together, that the runtime is asked to run: its heap of 4 GiB holds the file and what it makes of it. */
export const runnableBytes = 1_800_000_000;

/** Files of a model as the runtime takes them; read when asked for, so that they are held no longer than needed. */
export function modelBytes(
	path: string,
	external: readonly { readonly location: string; readonly path: string }[],
): () => Promise<ModelBytes> {
	return async () => {
		const model = await readBytes(path);
		if (external.length === 0) return { model };
		const externalData: { path: string; data: Uint8Array }[] = [];
		for (const file of external) externalData.push({ path: file.location, data: await readBytes(file.path) });
		return { model, externalData };
	};
}

async function readBytes(path: string): Promise<Uint8Array> {
	const bytes = await readFile(path);
	return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
