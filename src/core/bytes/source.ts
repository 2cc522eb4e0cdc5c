/** Random access to immutable bytes: a file, a Blob, memory. */
export interface ByteSource {
	readonly size: number;
	/**
	 * Exactly `length` bytes from `at`. Rejects with RangeError outside [0, size]. The result must not be written to. `scratch` is memory that
	 * the caller lends until it reads again with it: a source that copies anyway may give the bytes in it, so that walking a large file
	 * leaves no garbage behind.
	 */
	read(at: number, length: number, scratch?: Uint8Array): Promise<Uint8Array>;
}

/** Where a written model goes, in order. A sink that cannot take all bytes throws (StorageFull where it is space). */
export interface ByteSink {
	write(bytes: Uint8Array): Promise<void>;
}

function checkRange(at: number, length: number, size: number): void {
	if (!(at >= 0 && length >= 0 && at + length <= size)) {
		throw new RangeError(`bytes ${at}..${at + length} lie outside 0..${size}`);
	}
}

export function memorySource(given: Uint8Array): ByteSource {
	// A plain view: Node's Buffer, a subclass, gives from slice() what shares its memory, where a copy is meant.
	const bytes = new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
	return {
		size: bytes.byteLength,
		read: async (at, length) => {
			checkRange(at, length, bytes.byteLength);
			return bytes.subarray(at, at + length);
		},
	};
}

/** A part of another source, seen as a source of its own. */
export function sliceSource(source: ByteSource, start: number, size: number): ByteSource {
	checkRange(start, size, source.size);
	return {
		size,
		read: (at, length, scratch) => {
			checkRange(at, length, size);
			return source.read(start + at, length, scratch);
		},
	};
}

/** What Blob and File offer, stated here so that the core needs no DOM types. */
export interface BlobLike {
	readonly size: number;
	slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/** Bytes of a blob that are fetched together for small reads, and how many such windows are held. */
const WINDOW_BYTES = 1 << 19;
const MOST_WINDOWS = 4;
/** Reads up to this size come out of windows. */
const SMALL_BYTES = 1 << 17;

/**
 * Bytes of a blob. Each read of a blob is a message to another process, and the memory that it came through is held until a collector runs: small
 * reads near one another are fetched together, which saves both.
 */
export function blobSource(blob: BlobLike): ByteSource {
	const fetch = async (at: number, length: number): Promise<Uint8Array> => {
		const bytes = new Uint8Array(await blob.slice(at, at + length).arrayBuffer());
		if (bytes.byteLength !== length) throw new RangeError(`asked for ${length} bytes at ${at}, got ${bytes.byteLength}`);
		return bytes;
	};
	// The one used last stands last.
	const windows = new Map<number, Promise<Uint8Array>>();
	const windowAt = (start: number): Promise<Uint8Array> => {
		const held = windows.get(start);
		windows.delete(start);
		const bytes = held ?? fetch(start, Math.min(WINDOW_BYTES, blob.size - start));
		windows.set(start, bytes);
		// What could not be read may be there the next time.
		if (!held) bytes.catch(() => windows.delete(start));
		if (windows.size > MOST_WINDOWS) windows.delete(windows.keys().next().value as number);
		return bytes;
	};
	return {
		size: blob.size,
		read: async (at, length) => {
			checkRange(at, length, blob.size);
			if (length > SMALL_BYTES) return fetch(at, length);
			const start = at - (at % WINDOW_BYTES);
			const end = at + length;
			const first = await windowAt(start);
			// Copies: a few bytes must not hold a whole window.
			if (end <= start + first.byteLength) return first.slice(at - start, end - start);
			const bytes = new Uint8Array(length);
			const head = first.subarray(at - start);
			bytes.set(head);
			bytes.set((await windowAt(start + WINDOW_BYTES)).subarray(0, length - head.byteLength), head.byteLength);
			return bytes;
		},
	};
}

/** All bytes of a blob, in memory of this program's own: see giveBack. */
export async function ownBytes(blob: BlobLike): Promise<Uint8Array<ArrayBuffer>> {
	const bytes = new Uint8Array(blob.size);
	for (let at = 0; at < blob.size; at += PIECE_BYTES) {
		bytes.set(new Uint8Array(await blob.slice(at, Math.min(at + PIECE_BYTES, blob.size)).arrayBuffer()), at);
	}
	return bytes;
}

const PIECE_BYTES = 1 << 22;

/** A sink of known size: bytes go where they stay. Throws RangeError where more come. */
export class FixedSink implements ByteSink {
	readonly bytes: Uint8Array<ArrayBuffer>;
	#at = 0;

	constructor(byteLength: number) {
		this.bytes = new Uint8Array(byteLength);
	}

	/** Where the next bytes go: a source may read right into it before they are written. Throws RangeError where there is no such room. */
	room(length: number): Uint8Array<ArrayBuffer> {
		checkRange(this.#at, length, this.bytes.byteLength);
		return this.bytes.subarray(this.#at, this.#at + length);
	}

	async write(bytes: Uint8Array): Promise<void> {
		this.bytes.set(bytes, this.#at);
		this.#at += bytes.byteLength;
	}
}

/** Collects what is written, for tests and small models. */
export class MemorySink implements ByteSink {
	readonly #parts: Uint8Array[] = [];
	#size = 0;

	async write(bytes: Uint8Array): Promise<void> {
		this.#parts.push(bytes.slice());
		this.#size += bytes.byteLength;
	}

	get size(): number {
		return this.#size;
	}

	bytes(): Uint8Array<ArrayBuffer> {
		const all = new Uint8Array(this.#size);
		let at = 0;
		for (const part of this.#parts) {
			all.set(part, at);
			at += part.byteLength;
		}
		return all;
	}
}
