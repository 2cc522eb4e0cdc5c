import type { ByteSource } from '../core/bytes/source.ts';
import type { Model } from '../core/ir/model.ts';
import { externalFiles } from '../core/onnx/external.ts';
import { readModel } from '../core/onnx/read.ts';
import type { Hash } from '../core/study/study.ts';
import { keptNames, modelFolder } from '../platform/artifacts.ts';
import { hasOpfs, opfsRoot } from '../platform/opfs.ts';

export interface KeptModel {
	readonly model: Model;
	/** Lets the files go; the model's weights cannot be read any more. */
	close(): void;
}

/**
 * The stored copy of a model, read through the file system's synchronous handles: Blobs come through the browser's own process, at a
 * fifth of the speed or less. undefined where the copy is not complete yet, or cannot be opened (another tab removes it).
 */
export async function openKept(hash: Hash): Promise<KeptModel | undefined> {
	if (!(await hasOpfs())) return undefined;
	const folder = modelFolder(opfsRoot(), hash);
	const handles: FileSystemSyncAccessHandle[] = [];
	const close = (): void => {
		for (const handle of handles.splice(0)) handle.close();
	};
	try {
		const names = await keptNames(folder);
		if (!names) return undefined;
		const directory = await opfsRoot().folder('models').folder(hash).handle();
		const sources: { name: string; source: ByteSource }[] = [];
		for (const { name, byteLength, stored } of names) {
			const file = (await directory.getFileHandle(stored)) as FileSystemFileHandle & SharedReading;
			const handle = await file.createSyncAccessHandle({ mode: 'read-only' });
			handles.push(handle);
			if (handle.getSize() !== byteLength) throw new RangeError(`${name} is not whole`);
			sources.push({ name, source: handleSource(handle, byteLength) });
		}
		const [main, ...external] = sources;
		if (!main) return undefined;
		return { model: await readModel(main.source, { external: externalFiles(external) }), close };
	} catch {
		close();
		return undefined;
	}
}

/** Several may read at once (File System Standard, FileSystemSyncAccessHandleMode); not in TypeScript's library yet. */
interface SharedReading {
	createSyncAccessHandle(options: { mode: 'read-only' }): Promise<FileSystemSyncAccessHandle>;
}

function handleSource(handle: FileSystemSyncAccessHandle, size: number): ByteSource {
	return {
		size,
		read: async (at, length, scratch) => {
			if (!(at >= 0 && length >= 0 && at + length <= size)) throw new RangeError(`bytes ${at}..${at + length} lie outside 0..${size}`);
			const bytes = scratch && scratch.byteLength >= length ? scratch.subarray(0, length) : new Uint8Array(length);
			const got = handle.read(bytes, { at });
			if (got !== length) throw new RangeError(`asked for ${length} bytes at ${at}, got ${got}`);
			return bytes;
		},
	};
}
