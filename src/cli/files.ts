import { type FileHandle, open } from 'node:fs/promises';
import type { ByteSink, ByteSource } from '../core/bytes/source.ts';

/** A file read where it lies; close it when nothing reads it any more. */
export interface FileSource extends ByteSource {
	close(): Promise<void>;
}

export interface FileSink extends ByteSink {
	/** Bytes written so far. */
	readonly size: number;
	/** Flushes to the disk and closes. */
	close(): Promise<void>;
}

/** Opens a file for random reading. Rejects with Node's error where it cannot be opened. */
export async function fileSource(path: string): Promise<FileSource> {
	const file = await open(path, 'r');
	const { size } = await file.stat();
	return {
		size,
		read: async (at, length, scratch) => {
			if (!(at >= 0 && length >= 0 && at + length <= size)) throw new RangeError(`bytes ${at}..${at + length} lie outside 0..${size}`);
			const bytes = scratch && scratch.byteLength >= length ? scratch.subarray(0, length) : new Uint8Array(length);
			await readFully(file, bytes, at);
			return bytes;
		},
		close: () => file.close(),
	};
}

/** One read call gives at most 2 GiB, and may give less than asked for. */
async function readFully(file: FileHandle, into: Uint8Array, at: number): Promise<void> {
	for (let done = 0; done < into.byteLength; ) {
		const { bytesRead } = await file.read(into, done, Math.min(into.byteLength - done, 2 ** 30), at + done);
		if (bytesRead === 0) throw new RangeError(`the file became shorter while it was read: no bytes at ${at + done}`);
		done += bytesRead;
	}
}

/** Creates or empties a file and writes in order. A full disk rejects with Node's ENOSPC. */
export async function fileSink(path: string): Promise<FileSink> {
	const file = await open(path, 'w');
	let size = 0;
	return {
		get size() {
			return size;
		},
		write: async (bytes) => {
			for (let done = 0; done < bytes.byteLength; ) {
				const { bytesWritten } = await file.write(bytes, done, Math.min(bytes.byteLength - done, 2 ** 30), size);
				done += bytesWritten;
				size += bytesWritten;
			}
		},
		close: async () => {
			await file.sync();
			await file.close();
		},
	};
}
