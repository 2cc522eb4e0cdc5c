import { zipSync } from 'fflate';
import { memorySource } from '../core/bytes/source.ts';
import type { DataFile } from './dataset.ts';

/** A .npy file as NumPy writes it. */
export function npy(
	descr: string,
	shape: readonly number[],
	data: ArrayBufferView,
	{ fortran = false, version = 1 } = {},
): Uint8Array<ArrayBuffer> {
	const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
	let header = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': ${tuple}, }`;
	const prefix = version === 1 ? 10 : 12;
	header = `${header.padEnd(Math.ceil((prefix + header.length + 1) / 64) * 64 - prefix - 1)}\n`;
	const bytes = new Uint8Array(prefix + header.length + data.byteLength);
	bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
	const view = new DataView(bytes.buffer);
	if (version === 1) view.setUint16(8, header.length, true);
	else view.setUint32(8, header.length, true);
	bytes.set(new TextEncoder().encode(header), prefix);
	bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), prefix + header.length);
	return bytes;
}

export function dataFile(name: string, bytes: Uint8Array): DataFile {
	return { name, source: memorySource(bytes) };
}

export function npz(arrays: Readonly<Record<string, Uint8Array>>, level: 0 | 6 = 6): Uint8Array {
	return zipSync(Object.fromEntries(Object.entries(arrays).map(([name, bytes]) => [`${name}.npy`, bytes])), { level });
}
