import { Inflate } from 'fflate';
import { type ByteSource, memorySource, sliceSource } from '../core/bytes/source.ts';
import { DataError } from './errors.ts';

export interface ZipLimits {
	/** default 200,000 */
	readonly entries?: number;
	/** Inflated bytes of all entries together; default 16 GB. */
	readonly totalBytes?: number;
	/** Inflated bytes of one entry; default 2 GB. */
	readonly entryBytes?: number;
	/** Inflated over stored bytes of one entry, for entries over 10 MB (a small mask of ones packs well); default 200. */
	readonly ratio?: number;
}

/** A file in an archive. Its name is only ever shown and matched, never used as a path. */
export interface ZipEntry {
	readonly name: string;
	readonly byteLength: number;
	/** The first bytes, without unpacking the rest and unchecked. */
	head(length: number): Promise<Uint8Array>;
	/** Inflates the entry and checks its CRC. Throws DataError. */
	bytes(): Promise<Uint8Array>;
	/** Random access where the entry is stored as it is; inflated whole otherwise. */
	source(): Promise<ByteSource>;
}

const EOCD = 0x06054b50;
const EOCD64_LOCATOR = 0x07064b50;
const EOCD64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;

export function looksLikeZip(bytes: Uint8Array): boolean {
	return bytes[0] === 0x50 && bytes[1] === 0x4b && (bytes[2] === 3 || bytes[2] === 5);
}

/**
 * Reads the table of contents of a zip (PKWARE APPNOTE 6.3; stored and deflated entries, zip64); entries are inflated when asked for, so
 * an archive larger than memory passes. Folders are left out. Throws DataError: malformed, limit, unsupported.
 */
export async function readZip(source: ByteSource, name: string, limits: ZipLimits = {}): Promise<ZipEntry[]> {
	const { entries: mostEntries = 200_000, totalBytes = 16e9, entryBytes = 2e9, ratio = 200 } = limits;
	const { at, size, count } = await findDirectory(source, name);
	if (count > mostEntries) throw new DataError('limit', `The archive claims ${count} entries; at most ${mostEntries} are read.`, name);
	if (size > 512e6 || at + size > source.size) throw new DataError('malformed', 'The table of contents of the archive is damaged.', name);
	const directory = await source.read(at, size);
	const view = new DataView(directory.buffer, directory.byteOffset, directory.byteLength);
	const found: ZipEntry[] = [];
	let total = 0;
	const spans: { readonly from: number; readonly to: number; overlaps: boolean }[] = [];
	let offset = 0;
	for (let index = 0; index < count; index++) {
		if (offset + 46 > size || view.getUint32(offset, true) !== CENTRAL) {
			throw new DataError('malformed', `The table of contents of the archive is damaged at entry ${index + 1} of ${count}.`, name);
		}
		const flags = view.getUint16(offset + 8, true);
		const method = view.getUint16(offset + 10, true);
		const crc = view.getUint32(offset + 16, true);
		const nameLength = view.getUint16(offset + 28, true);
		const extraLength = view.getUint16(offset + 30, true);
		const commentLength = view.getUint16(offset + 32, true);
		const end = offset + 46 + nameLength + extraLength + commentLength;
		if (end > size)
			throw new DataError('malformed', `The table of contents of the archive is damaged at entry ${index + 1} of ${count}.`, name);
		const entryName = new TextDecoder(flags & 0x800 ? 'utf-8' : 'latin1').decode(directory.slice(offset + 46, offset + 46 + nameLength));
		const sizes = zip64Sizes(view, offset, nameLength, extraLength);
		offset = end;
		if (entryName.endsWith('/')) continue;
		const refused = tooLarge(sizes, entryBytes, ratio, entryName);
		if (!refused) total += sizes.inflated;
		if (total > totalBytes)
			throw new DataError('limit', `The archive holds more than ${(totalBytes / 1e9).toFixed(1)} GB once unpacked.`, name);
		// Filled once all entries are known: bytes that two entries claim are how small archives unpack to petabytes.
		const span = { from: sizes.localAt, to: sizes.localAt + 30 + nameLength + sizes.stored, overlaps: false };
		spans.push(span);
		const check = (): void => {
			if (refused) throw refused;
			if (span.overlaps) throw new DataError('malformed', 'Its bytes overlap with those of another entry.', entryName);
		};
		const where = (): Promise<number> => dataStart(source, sizes.localAt, sizes.stored, entryName);
		const bytes = async (): Promise<Uint8Array> => {
			check();
			if (flags & 1) throw new DataError('unsupported', 'The entry is encrypted.', entryName);
			if (method !== 0 && method !== 8)
				throw new DataError('unsupported', `The entry is packed with method ${method}; only deflate is read.`, entryName);
			const start = await where();
			const unpacked =
				method === 0
					? await source.read(start, sizes.stored)
					: await inflate(sliceSource(source, start, sizes.stored), sizes.inflated, entryName);
			if (unpacked.byteLength !== sizes.inflated || crc32(unpacked) !== crc) {
				throw new DataError('malformed', 'The entry is damaged: its checksum is wrong.', entryName);
			}
			return unpacked;
		};
		found.push({
			name: entryName,
			byteLength: sizes.inflated,
			bytes,
			head: async (length) => {
				check();
				if ((method !== 0 && method !== 8) || flags & 1) return (await bytes()).subarray(0, length);
				const start = await where();
				if (method === 0) return source.read(start, Math.min(length, sizes.stored));
				const most = Math.min(sizes.stored, 1024 + 2 * length + largestStoredBlock);
				const first = Math.min(most, 1024 + 2 * length);
				const head = inflateStart(await source.read(start, first), length, entryName);
				if (head.byteLength >= Math.min(length, sizes.inflated) || first === most) return head;
				// What does not shrink (a JPEG, noise) is packed as blocks as they are, which come out only whole.
				return inflateStart(await source.read(start, most), length, entryName);
			},
			source: async () => {
				check();
				if (method !== 0 || flags & 1) return memorySource(await bytes());
				return sliceSource(source, await where(), sizes.stored);
			},
		});
	}
	spans.sort((one, other) => one.from - other.from);
	spans.forEach((span, i) => {
		const next = spans[i + 1];
		if (next && span.to > next.from) span.overlaps = true;
	});
	return found;
}

/** Why an entry is not unpacked; the others are. */
function tooLarge(
	{ inflated, stored }: { readonly inflated: number; readonly stored: number },
	entryBytes: number,
	ratio: number,
	name: string,
): DataError | undefined {
	if (inflated > entryBytes) return new DataError('limit', `The entry unpacks to more than ${(entryBytes / 1e9).toFixed(1)} GB.`, name);
	if (inflated <= 10_000_000 || inflated <= ratio * Math.max(1, stored)) return undefined;
	return new DataError('limit', `The entry unpacks to more than ${ratio} times its size: it looks like a zip bomb.`, name);
}

/** Finds the end of central directory record, which may be followed by a comment. */
async function findDirectory(source: ByteSource, name: string): Promise<{ at: number; size: number; count: number }> {
	const length = Math.min(source.size, 22 + 0xffff);
	const tail = length < 22 ? new Uint8Array(0) : await source.read(source.size - length, length);
	const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
	for (let at = tail.length - 22; at >= 0; at--) {
		if (view.getUint32(at, true) !== EOCD) continue;
		const record = { count: view.getUint16(at + 10, true), size: view.getUint32(at + 12, true), at: view.getUint32(at + 16, true) };
		if (at >= 20 && view.getUint32(at - 20, true) === EOCD64_LOCATOR) {
			const wide = Number(view.getBigUint64(at - 20 + 8, true));
			if (wide + 56 <= source.size) {
				const bytes = await source.read(wide, 56);
				const record64 = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
				if (record64.getUint32(0, true) === EOCD64) {
					return {
						count: Number(record64.getBigUint64(32, true)),
						size: Number(record64.getBigUint64(40, true)),
						at: Number(record64.getBigUint64(48, true)),
					};
				}
			}
		}
		return record;
	}
	throw new DataError(
		'malformed',
		'The archive has no table of contents: it is cut short or not a zip.',
		name,
		'Copy or download it again.',
	);
}

function zip64Sizes(
	view: DataView,
	offset: number,
	nameLength: number,
	extraLength: number,
): { stored: number; inflated: number; localAt: number } {
	let stored = view.getUint32(offset + 20, true);
	let inflated = view.getUint32(offset + 24, true);
	let localAt = view.getUint32(offset + 42, true);
	let at = offset + 46 + nameLength;
	const end = at + extraLength;
	while (at + 4 <= end) {
		const id = view.getUint16(at, true);
		const size = view.getUint16(at + 2, true);
		let field = at + 4;
		const stop = Math.min(end, field + size);
		const wide = (value: number): number => {
			if (value !== 0xffffffff || field + 8 > stop) return value;
			const big = Number(view.getBigUint64(field, true));
			field += 8;
			return big;
		};
		if (id === 1) {
			inflated = wide(inflated);
			stored = wide(stored);
			localAt = wide(localAt);
		}
		at += 4 + size;
	}
	return { stored, inflated, localAt };
}

async function dataStart(source: ByteSource, localAt: number, stored: number, name: string): Promise<number> {
	const damaged = (): never => {
		throw new DataError('malformed', 'The archive is damaged where the entry should start.', name);
	};
	if (localAt + 30 > source.size) return damaged();
	const head = await source.read(localAt, 30);
	const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
	if (view.getUint32(0, true) !== LOCAL) return damaged();
	const start = localAt + 30 + view.getUint16(26, true) + view.getUint16(28, true);
	if (start + stored > source.size) return damaged();
	return start;
}

/** Inflates in pieces, so that an entry that lies about its size is stopped at it. */
async function inflate(source: ByteSource, expected: number, name: string): Promise<Uint8Array> {
	const result = new Uint8Array(expected);
	let filled = 0;
	let excess = false;
	const inflater = new Inflate((chunk) => {
		if (filled + chunk.length > expected) excess = true;
		else {
			result.set(chunk, filled);
			filled += chunk.length;
		}
	});
	const piece = 1 << 16;
	try {
		for (let at = 0; at < source.size && !excess; at += piece) {
			const length = Math.min(piece, source.size - at);
			// The inflater keeps what it is given.
			inflater.push((await source.read(at, length)).slice(), at + length === source.size);
		}
	} catch {
		throw new DataError('malformed', 'The entry is damaged and cannot be unpacked.', name);
	}
	if (excess || filled !== expected)
		throw new DataError('malformed', 'The entry does not unpack to the size that the archive states.', name);
	return result;
}

function inflateStart(stored: Uint8Array, length: number, name: string): Uint8Array {
	const parts: number[] = [];
	const inflater = new Inflate((chunk) => {
		for (let i = 0; i < chunk.length && parts.length < length; i++) parts.push(chunk[i] as number);
	});
	try {
		inflater.push(stored.slice());
	} catch {
		throw new DataError('malformed', 'The entry is damaged and cannot be unpacked.', name);
	}
	return Uint8Array.from(parts);
}

/** Bytes of a block that is not compressed, at most, with its header (RFC 1951, 3.2.4). */
const largestStoredBlock = 65_540;

const crcTable = new Uint32Array(256).map((_, byte) => {
	let crc = byte;
	for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
	return crc;
});

/** CRC-32 of ISO 3309, as zip uses it. */
export function crc32(bytes: Uint8Array): number {
	let crc = 0xffffffff;
	for (let i = 0; i < bytes.length; i++) crc = (crcTable[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
	return (crc ^ 0xffffffff) >>> 0;
}
