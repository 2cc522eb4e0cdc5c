import type { ByteSource } from '../bytes/source.ts';
import type { FileKind } from './sniff-kinds.ts';

/** End of central directory with the longest comment (APPNOTE.TXT 4.3.16), and as much of the directory as is looked at. */
const TAIL_BYTES = 65_557;
const DIRECTORY_BYTES = 256 * 1024;

/** Tells archives apart by the names of their entries; nothing is unpacked. */
export async function sniffZip(source: ByteSource, head: Uint8Array): Promise<FileKind> {
	const names = (await directoryNames(source)) ?? localNames(head);
	const has = (pattern: RegExp): boolean => names.some((name) => pattern.test(name));
	if (has(/(^|\/)data\.pkl$/)) return has(/(^|\/)(code\/|constants\.pkl)/) ? 'torchscript' : 'pytorch';
	if (has(/^word\/|^xl\/|^ppt\//)) return 'office';
	if (has(/^META-INF\/MANIFEST\.MF$/)) return 'jar';
	if (has(/^(config|metadata)\.json$/) && has(/\.h5$/)) return 'keras';
	if (has(/\.mlmodelc?$|\.mlpackage\/|^Data\/com\.apple\.CoreML\//)) return 'mlpackage';
	if (names.length > 0 && names.every((name) => name.endsWith('.npy'))) return 'npz';
	if (has(/(^|\/)saved_model\.pb$/)) return 'savedmodel-zip';
	if (has(/\.onnx$/)) return 'onnx-zip';
	if (names.length > 0 && !has(/\.(png|jpe?g|webp|gif|bmp|npy|npz|csv|txt|wav)$/i)) return 'zip-other';
	return 'zip';
}

async function directoryNames(source: ByteSource): Promise<string[] | undefined> {
	const length = Math.min(TAIL_BYTES, source.size);
	const tail = await source.read(source.size - length, length);
	const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
	for (let at = tail.byteLength - 22; at >= 0; at--) {
		if (view.getUint32(at, true) !== 0x06054b50) continue;
		const size = view.getUint32(at + 12, true);
		const offset = view.getUint32(at + 16, true);
		if (offset + size > source.size) return undefined;
		return entryNames(await source.read(offset, Math.min(size, DIRECTORY_BYTES)));
	}
	return undefined;
}

function entryNames(directory: Uint8Array): string[] {
	const view = new DataView(directory.buffer, directory.byteOffset, directory.byteLength);
	const names: string[] = [];
	let at = 0;
	while (at + 46 <= directory.byteLength && view.getUint32(at, true) === 0x02014b50) {
		const length = view.getUint16(at + 28, true);
		names.push(latin(directory.subarray(at + 46, at + 46 + length)));
		at += 46 + length + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
	}
	return names;
}

/** The first entry alone, for archives that are cut short. */
function localNames(head: Uint8Array): string[] {
	if (head.byteLength < 30) return [];
	const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
	return [latin(head.subarray(30, 30 + view.getUint16(26, true)))];
}

function latin(bytes: Uint8Array): string {
	return [...bytes].map((byte) => String.fromCharCode(byte)).join('');
}
