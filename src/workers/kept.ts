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

const PIECE_BYTES = 1 << 20;

/**
 * The bytes pass through one piece of memory: what a handle has read into is held by the browser until a collector comes by, even where it was
 * given back (see giveBack). So what comes out is this program's own.
 */
function handleSource(handle: FileSystemSyncAccessHandle, size: number): ByteSource {
	const piece = new Uint8Array(Math.min(PIECE_BYTES, size));
	return {
		size,
		read: async (at, length, scratch) => {
			if (!(at >= 0 && length >= 0 && at + length <= size)) throw new RangeError(`bytes ${at}..${at + length} lie outside 0..${size}`);
			const bytes = scratch && scratch.byteLength >= length ? scratch.subarray(0, length) : new Uint8Array(length);
			for (let done = 0; done < length; done += piece.byteLength) {
				const part = piece.subarray(0, Math.min(piece.byteLength, length - done));
				const got = handle.read(part, { at: at + done });
				if (got !== part.byteLength) throw new RangeError(`asked for ${part.byteLength} bytes at ${at + done}, got ${got}`);
				bytes.set(part, done);
			}
			return bytes;
		},
	};
}
