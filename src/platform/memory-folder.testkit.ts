import { type Folder, StorageFull } from './folder.ts';

/** A folder in memory for tests. `quota.bytes` limits what all its folders hold together. */
export class MemoryFolder implements Folder {
	readonly #files = new Map<string, Blob>();
	readonly #folders = new Map<string, MemoryFolder>();

	constructor(readonly quota: { bytes: number } = { bytes: Number.POSITIVE_INFINITY }) {}

	async read(name: string): Promise<Blob | undefined> {
		return this.#files.get(name);
	}

	async write(name: string, content: string | Blob): Promise<void> {
		const blob = typeof content === 'string' ? new Blob([content]) : content;
		if (blob.size > this.quota.bytes) throw new StorageFull('the storage is full');
		this.quota.bytes -= blob.size - (this.#files.get(name)?.size ?? 0);
		this.#files.set(name, blob);
	}

	async remove(name: string): Promise<void> {
		this.quota.bytes += this.#files.get(name)?.size ?? 0;
		this.#files.delete(name);
		this.#folders.delete(name);
	}

	async files(): Promise<string[]> {
		return [...this.#files.keys()].sort();
	}

	async folders(): Promise<string[]> {
		return [...this.#folders.keys()].sort();
	}

	folder(name: string): MemoryFolder {
		let found = this.#folders.get(name);
		if (!found) {
			found = new MemoryFolder(this.quota);
			this.#folders.set(name, found);
		}
		return found;
	}

	async move(name: string, to: Folder, newName: string): Promise<void> {
		const blob = this.#files.get(name);
		if (!blob) throw new DOMException('no such file', 'NotFoundError');
		await to.write(newName, blob);
		await this.remove(name);
	}
}
