import { createSHA256, type IHasher } from 'hash-wasm';
import type { ByteSink } from '../core/bytes/source.ts';
import type { Hash } from '../core/study/study.ts';
import { isQuotaError, StorageFull } from '../platform/folder.ts';
import { fullError, type OpfsFolder } from '../platform/opfs.ts';

/** Small writes are gathered: OPFS takes 4 MiB pieces several times faster than 64 KiB ones. */
const pieceBytes = 4 * 1024 * 1024;

export interface FinishedOutput {
	readonly hash: Hash;
	readonly byteLength: number;
	/** The content, where it went to memory for want of a file system. */
	readonly blob: Blob | undefined;
}

/** A file being written: hashed as it goes. Nothing counts until `finish`; `discard` leaves nothing behind. */
export interface Output extends ByteSink {
	finish(): Promise<FinishedOutput>;
	discard(): void;
}

type Store = (piece: Uint8Array<ArrayBuffer>) => void;

abstract class HashedOutput implements Output {
	readonly #piece = new Uint8Array(pieceBytes);
	#used = 0;
	#byteLength = 0;

	constructor(private readonly hasher: IHasher) {
		hasher.init();
	}

	protected abstract store(piece: Uint8Array): Promise<void>;
	protected abstract close(): Blob | undefined;
	abstract discard(): void;

	async write(bytes: Uint8Array): Promise<void> {
		this.#byteLength += bytes.byteLength;
		if (bytes.byteLength >= pieceBytes) {
			await this.#flush();
			await this.#send(bytes);
			return;
		}
		if (this.#used + bytes.byteLength > pieceBytes) await this.#flush();
		this.#piece.set(bytes, this.#used);
		this.#used += bytes.byteLength;
	}

	async #flush(): Promise<void> {
		if (this.#used === 0) return;
		await this.#send(this.#piece.subarray(0, this.#used));
		this.#used = 0;
	}

	async #send(bytes: Uint8Array): Promise<void> {
		this.hasher.update(bytes);
		await this.store(bytes);
	}

	async finish(): Promise<FinishedOutput> {
		await this.#flush();
		const blob = this.close();
		return { hash: this.hasher.digest('hex'), byteLength: this.#byteLength, blob };
	}
}

class FileOutput extends HashedOutput {
	#at = 0;
	#open = true;

	constructor(
		private readonly handle: FileSystemSyncAccessHandle,
		hasher: IHasher,
		private readonly expectedBytes: number,
	) {
		super(hasher);
	}

	protected async store(piece: Uint8Array): Promise<void> {
		let written: number;
		try {
			written = this.handle.write(piece as Uint8Array<ArrayBuffer>, { at: this.#at });
		} catch (error) {
			throw isQuotaError(error) ? await fullError(this.expectedBytes, error) : error;
		}
		// Over quota write() does not throw: it answers with another length, seen negative as unsigned (4294967288).
		if (written !== piece.byteLength) throw await fullError(this.expectedBytes);
		this.#at += written;
	}

	protected close(): undefined {
		this.handle.flush();
		const size = this.handle.getSize();
		this.#shut();
		if (size !== this.#at) throw new StorageFull(`The file has ${size} bytes after writing ${this.#at}.`);
	}

	discard(): void {
		this.#shut();
	}

	#shut(): void {
		if (!this.#open) return;
		this.#open = false;
		this.handle.close();
	}
}

class MemoryOutput extends HashedOutput {
	#parts: Blob[] = [];
	readonly #store: Store = (piece) => this.#parts.push(new Blob([piece]));

	protected async store(piece: Uint8Array): Promise<void> {
		this.#store(piece as Uint8Array<ArrayBuffer>);
	}

	protected close(): Blob {
		return new Blob(this.#parts);
	}

	discard(): void {
		this.#parts = [];
	}
}

/** Opens a file for writing in `folder`, or in memory where there is none. `expectedBytes` is said when the storage is full. */
export async function openOutput(folder: OpfsFolder | undefined, name: string, expectedBytes: number): Promise<Output> {
	const hasher = await createSHA256();
	if (!folder) return new MemoryOutput(hasher);
	try {
		const file = await (await folder.handle()).getFileHandle(name, { create: true });
		const handle = await file.createSyncAccessHandle();
		handle.truncate(0);
		return new FileOutput(handle, hasher, expectedBytes);
	} catch (error) {
		throw isQuotaError(error) ? await fullError(expectedBytes, error) : error;
	}
}

/** SHA-256 of a blob in chunks, so that its size does not matter. */
export async function hashBlob(
	blob: Blob,
	onProgress?: (fraction: number) => void,
	onChunk?: (bytes: Uint8Array) => Promise<void>,
): Promise<Hash> {
	const hasher = await createSHA256();
	hasher.init();
	const chunkBytes = 2 * pieceBytes;
	// The next chunk is read while this one is hashed.
	const read = (at: number): Promise<ArrayBuffer> | undefined =>
		at < blob.size ? blob.slice(at, at + chunkBytes).arrayBuffer() : undefined;
	let next = read(0);
	for (let at = 0; at < blob.size; at += chunkBytes) {
		const bytes = new Uint8Array((await next) as ArrayBuffer);
		next = read(at + chunkBytes);
		hasher.update(bytes);
		await onChunk?.(bytes);
		onProgress?.(Math.min(1, (at + bytes.byteLength) / blob.size));
	}
	return hasher.digest('hex');
}
