import type { FittedPicture } from './pictures.ts';
import type { Preprocessing } from './preprocessing.ts';

/** Eight bits a channel, RGBA, row by row. */
export interface Picture {
	readonly width: number;
	readonly height: number;
	readonly data: Uint8ClampedArray | Uint8Array;
}

export interface DecodedPicture extends Picture {
	/** `wasm`: the same pixels in every browser and in Node. `browser`: this browser's own decoder. */
	readonly decoder: 'wasm' | 'browser';
}

/** Decodes JPEG, PNG and what else the host can. Throws DataError. */
export type DecodePicture = (bytes: Uint8Array, name: string) => Promise<DecodedPicture>;

export type PictureFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'bmp' | 'avif';

/** The format by its first bytes. */
export function pictureFormat(bytes: Uint8Array): PictureFormat | undefined {
	const starts = (text: string, at = 0): boolean => [...text].every((char, i) => bytes[at + i] === char.charCodeAt(0));
	if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg';
	if (starts('\x89PNG\r\n\x1a\n')) return 'png';
	if (starts('RIFF') && starts('WEBP', 8)) return 'webp';
	if (starts('GIF8')) return 'gif';
	if (starts('BM')) return 'bmp';
	if (starts('ftypavi', 4)) return 'avif';
	return undefined;
}

/** What the head of a picture claims. */
export interface PictureClaim {
	readonly width: number;
	readonly height: number;
	/** Colour components of a JPEG: 1 grey, 3 colours, 4 inks of print. */
	readonly components?: number;
}

/** Width and height that a JPEG or PNG claims, so that a giant one is refused before it is decoded; undefined where they cannot be told. */
export function claimedSize(bytes: Uint8Array): PictureClaim | undefined {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const format = pictureFormat(bytes);
	if (format === 'png' && bytes.length >= 24) return { width: view.getUint32(16), height: view.getUint32(20) };
	if (format !== 'jpeg') return undefined;
	// Walk the segments to the start of frame (ITU T.81, B.2.2).
	for (let at = 2; at + 9 < bytes.length; ) {
		if (bytes[at] !== 0xff) return undefined;
		const marker = bytes[at + 1] as number;
		if (marker === 0xff) {
			at += 1;
			continue;
		}
		if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
			return { height: view.getUint16(at + 5), width: view.getUint16(at + 7), components: view.getUint8(at + 9) };
		}
		at += 2 + view.getUint16(at + 2);
	}
	return undefined;
}

/** Decodes, resizes and cuts; see fitPacked. `parallel`: how many may be asked for at the same time. Throws DataError. */
export interface FitPicture {
	(bytes: Uint8Array, name: string, preprocessing: Preprocessing): Promise<FittedPicture>;
	readonly parallel: number;
}
