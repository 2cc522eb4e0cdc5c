import { createSHA256 } from 'hash-wasm';
import type { ByteSink, ByteSource } from '../core/bytes/source.ts';
import { filesHash } from '../core/study/identity.ts';
import type { Hash } from '../core/study/study.ts';
import type { FileSink } from './files.ts';
import type { ModelFile } from './model-file.ts';

const chunkBytes = 8 * 1024 * 1024;
const pieceBytes = 1024 * 1024;

/** SHA-256 of a file, in chunks. */
export async function hashSource(source: ByteSource, signal?: AbortSignal): Promise<Hash> {
	const hasher = await createSHA256();
	hasher.init();
	for (let at = 0; at < source.size; at += chunkBytes) {
		signal?.throwIfAborted();
		hasher.update(await source.read(at, Math.min(chunkBytes, source.size - at)));
	}
	return hasher.digest('hex');
}

/** What identifies a model: see filesHash. */
export async function hashModel(file: Pick<ModelFile, 'source' | 'external'>, signal?: AbortSignal): Promise<Hash> {
	const external: { path: string; hash: Hash }[] = [];
	for (const { location, source } of file.external) external.push({ path: location, hash: await hashSource(source, signal) });
	return filesHash(await hashSource(file.source, signal), external);
}

/** A sink that hashes what it passes on, and gathers small writes. */
export interface HashedSink extends ByteSink {
	/** Writes what is gathered, and gives the hash of everything. The file stays open. */
	finish(): Promise<Hash>;
}

export async function hashedSink(sink: FileSink): Promise<HashedSink> {
	const hasher = await createSHA256();
	hasher.init();
	const piece = new Uint8Array(pieceBytes);
	let used = 0;
	const flush = async (): Promise<void> => {
		if (used === 0) return;
		const bytes = piece.subarray(0, used);
		hasher.update(bytes);
		await sink.write(bytes);
		used = 0;
	};
	return {
		write: async (bytes) => {
			if (used + bytes.byteLength > pieceBytes) await flush();
			if (bytes.byteLength >= pieceBytes) {
				hasher.update(bytes);
				await sink.write(bytes);
				return;
			}
			piece.set(bytes, used);
			used += bytes.byteLength;
		},
		finish: async () => {
			await flush();
			return hasher.digest('hex');
		},
	};
}
