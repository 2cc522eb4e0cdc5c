import { zlibSync } from 'fflate';
import { seededRandom } from '../core/numeric/random.ts';
import { crc32 } from './zip.ts';

/** A PNG of noise: 8 bits, RGB. */
export function png(width: number, height: number, seed: number): Uint8Array {
	const random = seededRandom(seed);
	const raw = new Uint8Array(height * (1 + 3 * width));
	for (let y = 0; y < height; y++) for (let x = 1; x <= 3 * width; x++) raw[y * (1 + 3 * width) + x] = random.below(256);
	const header = new Uint8Array(13);
	const view = new DataView(header.buffer);
	view.setUint32(0, width);
	view.setUint32(4, height);
	header.set([8, 2, 0, 0, 0], 8);
	return Uint8Array.from([
		137,
		80,
		78,
		71,
		13,
		10,
		26,
		10,
		...chunk('IHDR', header),
		...chunk('IDAT', zlibSync(raw)),
		...chunk('IEND', new Uint8Array(0)),
	]);
}

function chunk(kind: string, data: Uint8Array): Uint8Array {
	const bytes = new Uint8Array(12 + data.length);
	const view = new DataView(bytes.buffer);
	view.setUint32(0, data.length);
	bytes.set(new TextEncoder().encode(kind), 4);
	bytes.set(data, 8);
	view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
	return bytes;
}

/** The start of a bitmap: a format that only browsers read here. */
export function bmp(): Uint8Array {
	return Uint8Array.of(0x42, 0x4d, ...new Uint8Array(60));
}
