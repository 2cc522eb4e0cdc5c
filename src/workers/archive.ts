import { Zip, ZipPassThrough } from 'fflate';
import { parseStudy, studyJson } from '../core/study/schema.ts';
import type { Study } from '../core/study/study.ts';
import type { OpfsFolder } from '../platform/opfs.ts';
import { openOutput } from './output.ts';
import type { NamedBlob } from './protocol.ts';

/** The document inside a packed study; the files beside it are named by their hash. */
export const studyEntryName = 'study.json';
const chunkBytes = 4 * 1024 * 1024;
/** Without zip64 an archive ends at 4 GiB. */
const maxArchiveBytes = 0xffffffff - 16 * 1024 * 1024;
const maxEntries = 10_000;
const maxDocumentBytes = 256 * 1024 * 1024;
const maxRatio = 200;

export class ArchiveError extends Error {
	override readonly name = 'ArchiveError';
	readonly code = 'archive';
	constructor(
		message: string,
		readonly advice = '',
	) {
		super(message);
	}
}

/** A zip of a study and its files, stored without compression: weights hardly shrink and are read back as slices. */
export async function packStudy(
	study: Study,
	entries: readonly NamedBlob[],
	folder: OpfsFolder | undefined,
	onProgress: (fraction: number) => void,
): Promise<Blob> {
	const document = new Blob([studyJson(study)]);
	const all: NamedBlob[] = [{ name: studyEntryName, blob: document }, ...entries];
	const total = all.reduce((sum, { blob }) => sum + blob.size, 0);
	if (total > maxArchiveBytes) {
		throw new ArchiveError(
			`Model files of ${(total / 1e9).toFixed(1)} GB do not fit into one zip (at most 4.2 GB).`,
			'Export the study without files and download the variants you need one by one.',
		);
	}
	const output = await openOutput(folder, 'study.zip', total);
	try {
		const chunks: Uint8Array[] = [];
		let failed: Error | undefined;
		const zip = new Zip((error, chunk) => {
			if (error) failed = error;
			else if (chunk.byteLength > 0) chunks.push(chunk);
		});
		const drain = async (): Promise<void> => {
			if (failed) throw failed;
			for (const chunk of chunks.splice(0)) await output.write(chunk);
		};
		let done = 0;
		for (const { name, blob } of all) {
			const entry = new ZipPassThrough(name);
			// The same study gives the same archive.
			entry.mtime = new Date(1980, 0, 1);
			zip.add(entry);
			for (let at = 0; at < blob.size; at += chunkBytes) {
				const bytes = new Uint8Array(await blob.slice(at, at + chunkBytes).arrayBuffer());
				entry.push(bytes, at + bytes.byteLength >= blob.size);
				done += bytes.byteLength;
				await drain();
				onProgress(done / total);
			}
			if (blob.size === 0) entry.push(new Uint8Array(0), true);
			await drain();
		}
		zip.end();
		await drain();
		const finished = await output.finish();
		if (finished.blob) return finished.blob;
		const stored = await folder?.read('study.zip');
		if (!stored) throw new ArchiveError('The zip could not be read back.');
		return stored;
	} catch (error) {
		output.discard();
		throw error;
	}
}

export interface ArchiveEntry {
	readonly name: string;
	/** Content; for stored entries a slice of the archive. */
	content(): Promise<Blob>;
	readonly byteLength: number;
}

/** Entries of a zip by its central directory (APPNOTE.TXT 4.3). Sizes, counts and ratios are bounded; names are never used as paths. */
export async function readArchive(blob: Blob): Promise<ArchiveEntry[]> {
	const broken = (): ArchiveError => new ArchiveError('The zip is damaged or cut short.', 'Export the study again.');
	const tail = new DataView(await blob.slice(Math.max(0, blob.size - 65_557)).arrayBuffer());
	let end = tail.byteLength - 22;
	while (end >= 0 && tail.getUint32(end, true) !== 0x06054b50) end -= 1;
	if (end < 0) throw broken();
	const count = tail.getUint16(end + 10, true);
	const size = tail.getUint32(end + 12, true);
	const start = tail.getUint32(end + 16, true);
	if (count > maxEntries || start + size > blob.size) throw broken();
	const directory = new Uint8Array(await blob.slice(start, start + size).arrayBuffer());
	const view = new DataView(directory.buffer);
	const entries: ArchiveEntry[] = [];
	let at = 0;
	for (let index = 0; index < count; index += 1) {
		if (at + 46 > view.byteLength || view.getUint32(at, true) !== 0x02014b50) throw broken();
		const method = view.getUint16(at + 10, true);
		const packed = view.getUint32(at + 20, true);
		const byteLength = view.getUint32(at + 24, true);
		const nameLength = view.getUint16(at + 28, true);
		const header = view.getUint32(at + 42, true);
		const name = new TextDecoder().decode(directory.subarray(at + 46, at + 46 + nameLength));
		at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
		entries.push({ name, byteLength, content: () => contentOf(blob, { name, method, packed, byteLength, header }) });
	}
	return entries;
}

async function contentOf(
	blob: Blob,
	entry: { name: string; method: number; packed: number; byteLength: number; header: number },
): Promise<Blob> {
	const local = new DataView(await blob.slice(entry.header, entry.header + 30).arrayBuffer());
	if (local.byteLength < 30 || local.getUint32(0, true) !== 0x04034b50) throw new ArchiveError(`${entry.name} in the zip is damaged.`);
	const from = entry.header + 30 + local.getUint16(26, true) + local.getUint16(28, true);
	const bytes = blob.slice(from, from + entry.packed);
	if (bytes.size !== entry.packed) throw new ArchiveError('The zip is cut short.');
	if (entry.method === 0) return bytes;
	if (entry.method !== 8)
		throw new ArchiveError(`${entry.name} in the zip is compressed in a way that is not read (method ${entry.method}).`);
	if (entry.byteLength > Math.max(1, entry.packed) * maxRatio)
		throw new ArchiveError(`${entry.name} in the zip unpacks to far more than it holds.`);
	const reader = bytes.stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
	const parts: Uint8Array<ArrayBuffer>[] = [];
	let read = 0;
	for (;;) {
		const { done, value } = await reader.read();
		if (done) break;
		read += value.byteLength;
		// The stated size is a promise that hostile archives break.
		if (read > entry.byteLength) throw new ArchiveError(`${entry.name} in the zip is larger than it says.`);
		parts.push(value);
	}
	return new Blob(parts);
}

/** Whether a blob is a zip with a study in it. */
export async function holdsStudy(blob: Blob): Promise<boolean> {
	const magic = new Uint8Array(await blob.slice(0, 4).arrayBuffer());
	if (magic[0] !== 0x50 || magic[1] !== 0x4b) return false;
	try {
		return (await readArchive(blob)).some(({ name }) => name === studyEntryName);
	} catch {
		return false;
	}
}

/** A study from JSON text or from a packed zip, with the files beside it. */
export async function unpackStudy(blob: Blob): Promise<{ study: Study; entries: readonly ArchiveEntry[] }> {
	const magic = new Uint8Array(await blob.slice(0, 4).arrayBuffer());
	let document = blob;
	let entries: readonly ArchiveEntry[] = [];
	if (magic[0] === 0x50 && magic[1] === 0x4b) {
		entries = await readArchive(blob);
		const entry = entries.find(({ name }) => name === studyEntryName);
		if (!entry) throw new ArchiveError('The zip holds no study.', 'A study exported by Pare has study.json in it.');
		if (entry.byteLength > maxDocumentBytes) throw new ArchiveError('The study in the zip is too large.');
		document = await entry.content();
	}
	if (document.size > maxDocumentBytes) throw new ArchiveError('The study is too large.');
	let json: unknown;
	try {
		json = JSON.parse(await document.text());
	} catch (error) {
		throw new ArchiveError(`Not a study: the file is no valid JSON. ${error instanceof Error ? error.message : ''}`);
	}
	return { study: parseStudy(json), entries };
}
