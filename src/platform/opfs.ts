import { type Folder, isMissing, isQuotaError, StorageBroken, StorageFull } from './folder.ts';

/** Files of this program lie under one folder, so that clearing touches nothing else of the origin. */
const rootName = 'pare';

/** Whether this browser has the private file system (it is absent in some private windows). */
export async function hasOpfs(): Promise<boolean> {
	try {
		await navigator.storage.getDirectory();
		return true;
	} catch {
		return false;
	}
}

/** The program's folder in the origin's private file system. */
export function opfsRoot(): OpfsFolder {
	return new OpfsFolder(async () => {
		// Looked up once: it is made here and never removed, only what lies in it is.
		top ??= navigator.storage.getDirectory().then((directory) => directory.getDirectoryHandle(rootName, { create: true }));
		try {
			return await top;
		} catch (error) {
			top = undefined;
			throw error;
		}
	});
}

let top: Promise<FileSystemDirectoryHandle> | undefined;

type Open = (create: boolean) => Promise<FileSystemDirectoryHandle>;

export class OpfsFolder implements Folder {
	constructor(private readonly open: Open) {}

	/** The browser's own handle, for writing through a sync access handle. */
	handle(): Promise<FileSystemDirectoryHandle> {
		return this.open(true);
	}

	async read(name: string): Promise<Blob | undefined> {
		try {
			return await (await (await this.open(false)).getFileHandle(name)).getFile();
		} catch (error) {
			if (isMissing(error)) return undefined;
			throw error;
		}
	}

	async write(name: string, content: string | Blob): Promise<void> {
		const byteLength = typeof content === 'string' ? content.length : content.size;
		await refusing(byteLength, async () => {
			const file = await (await this.open(true)).getFileHandle(name, { create: true });
			// Written beside the old content and swapped in by close(): a crash in between leaves the old file.
			const writable = await file.createWritable();
			try {
				await writable.write(content);
				await writable.close();
			} catch (error) {
				await writable.abort().catch(() => {});
				throw error;
			}
			if (byteLength > 0 && (await file.getFile()).size === 0) throw new StorageFull('The browser stored nothing of a file.');
		});
	}

	async remove(name: string): Promise<void> {
		try {
			await (await this.open(false)).removeEntry(name, { recursive: true });
		} catch (error) {
			if (!isMissing(error)) throw error;
		}
	}

	files(): Promise<string[]> {
		return this.#names('file');
	}

	folders(): Promise<string[]> {
		return this.#names('directory');
	}

	async #names(kind: 'file' | 'directory'): Promise<string[]> {
		const names: string[] = [];
		try {
			for await (const [name, entry] of (await this.open(false)).entries()) if (entry.kind === kind) names.push(name);
		} catch (error) {
			if (!isMissing(error)) throw error;
		}
		return names.sort();
	}

	folder(name: string): OpfsFolder {
		return new OpfsFolder(async (create) => (await this.open(create)).getDirectoryHandle(name, { create }));
	}

	async move(name: string, to: Folder, newName: string): Promise<void> {
		if (!(to instanceof OpfsFolder)) throw new StorageBroken('Files cannot move between storages.');
		const file = (await (await this.open(false)).getFileHandle(name)) as Movable;
		const target = await to.open(true);
		await refusing(0, async () => {
			await to.remove(newName);
			await file.move(target, newName);
		});
	}
}

/** FileSystemFileHandle.move: in every engine for OPFS, not in TypeScript's library yet. */
interface Movable extends FileSystemFileHandle {
	move(parent: FileSystemDirectoryHandle, name: string): Promise<void>;
}

async function refusing(byteLength: number, work: () => Promise<void>): Promise<void> {
	try {
		await work();
	} catch (error) {
		if (error instanceof StorageFull) throw error;
		if (isQuotaError(error)) throw await fullError(byteLength, error);
		throw new StorageBroken(`The browser's storage failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
	}
}

/** States what was to be written and what the browser says is used. */
export async function fullError(byteLength: number, cause?: unknown): Promise<StorageFull> {
	const usage = await usedStorage();
	const needed = byteLength > 0 ? `${megabytes(byteLength)} could not be written: ` : '';
	const used = usage
		? ` This site uses ${megabytes(usage.usedBytes)} of about ${megabytes(usage.quotaBytes)} that the browser grants.`
		: '';
	return new StorageFull(
		`${needed}the storage is full.${used}`,
		cause instanceof Error ? `${cause.name}: ${cause.message}` : '',
		cause === undefined ? undefined : { cause },
	);
}

/** What the browser says of this site's storage. An estimate: never believed, only shown. */
export async function usedStorage(): Promise<{ usedBytes: number; quotaBytes: number } | undefined> {
	try {
		const { usage = 0, quota = 0 } = await navigator.storage.estimate();
		return { usedBytes: usage, quotaBytes: quota };
	} catch {
		return undefined;
	}
}

/** Asks, from a page (workers cannot), the browser not to drop this site's files under pressure. It may say no; nothing depends on it. */
export async function askToPersist(): Promise<boolean> {
	try {
		return (
			(await navigator.storage.persisted()) || (await (navigator.storage as StorageManager & { persist(): Promise<boolean> }).persist())
		);
	} catch {
		return false;
	}
}

function megabytes(bytes: number): string {
	return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
