import type { ByteSource } from '../core/bytes/source.ts';

/** Reads small pieces through a few kept pages: a row or a line at a time costs no read of its own. */
export function pagedSource(source: ByteSource, pageBytes = 1 << 18, keptPages = 8): ByteSource {
	const pages = new Map<number, Promise<Uint8Array>>();
	const page = (index: number): Promise<Uint8Array> => {
		let found = pages.get(index);
		if (found) pages.delete(index);
		else {
			const at = index * pageBytes;
			found = source.read(at, Math.min(pageBytes, source.size - at));
			found.catch(() => pages.delete(index));
		}
		// Last used, last dropped.
		pages.set(index, found);
		if (pages.size > keptPages) pages.delete(pages.keys().next().value as number);
		return found;
	};
	return {
		size: source.size,
		read: async (at, length) => {
			if (at < 0 || length < 0 || at + length > source.size)
				throw new RangeError(`bytes ${at}..${at + length} lie outside 0..${source.size}`);
			if (length > pageBytes) return source.read(at, length);
			const result = new Uint8Array(length);
			for (let done = 0; done < length; ) {
				const index = Math.floor((at + done) / pageBytes);
				const offset = at + done - index * pageBytes;
				const piece = (await page(index)).subarray(offset, offset + length - done);
				result.set(piece, done);
				done += piece.length;
			}
			return result;
		},
	};
}
