import { type FileHandle, open } from 'node:fs/promises';
import type { ByteSource } from '../../core/bytes/source.ts';
import type { DataFile } from '../dataset.ts';

/** A file on disk as data, read by position. Close it when the data set is done with. */
export async function openDataFile(path: string, name = path): Promise<DataFile & { close(): Promise<void> }> {
	const handle: FileHandle = await open(path, 'r');
	const { size } = await handle.stat();
	const source: ByteSource = {
		size,
		read: async (at, length) => {
			if (at < 0 || length < 0 || at + length > size) throw new RangeError(`bytes ${at}..${at + length} lie outside 0..${size}`);
			const bytes = new Uint8Array(length);
			const { bytesRead } = await handle.read(bytes, 0, length, at);
			if (bytesRead !== length) throw new RangeError(`asked for ${length} bytes at ${at}, got ${bytesRead}`);
			return bytes;
		},
	};
	return { name, source, close: () => handle.close() };
}
