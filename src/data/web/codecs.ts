import jpegWasm from '@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm?url';
import pngWasm from '@jsquash/png/codec/pkg/squoosh_png_bg.wasm?url';
import { attentiveJpeg, type Codecs, decodeWith, type StartJpeg } from '../codecs.ts';
import type { DecodePicture, Picture } from '../picture.ts';

let codecs: Promise<Codecs> | undefined;

/**
 * What the codecs put their pixels in. The browser's own class holds them until a collector finds it, whatever becomes of its data: sixty
 * megabytes for a few hundred pictures.
 */
class Pixels implements Picture {
	constructor(
		readonly data: Uint8ClampedArray,
		readonly width: number,
		readonly height: number,
	) {}
}

async function start(): Promise<Codecs> {
	const [jpeg, png] = await Promise.all([import('@jsquash/jpeg/decode.js'), import('@jsquash/png/decode.js')]);
	// This worker makes no other pictures.
	Object.assign(globalThis, { ImageData: Pixels });
	const attentive = attentiveJpeg();
	await (jpeg.init as StartJpeg)(await WebAssembly.compileStreaming(fetch(jpegWasm)), attentive.options);
	await png.init(await WebAssembly.compileStreaming(fetch(pngWasm)));
	return { jpeg: attentive.decoder((bytes) => jpeg.default(bytes)), png: (bytes) => png.default(bytes), other: decodeByBrowser };
}

/** Pixels may differ between browsers: colour profiles and chroma upsampling are theirs. */
async function decodeByBrowser(bytes: ArrayBuffer): Promise<Picture> {
	const bitmap = await createImageBitmap(new Blob([bytes]), { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
	const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
	const context = canvas.getContext('2d');
	if (!context) throw new Error('this browser gives no canvas');
	context.drawImage(bitmap, 0, 0);
	bitmap.close();
	return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** JPEG and PNG by the same WebAssembly codecs as in Node, WebP and others by the browser. */
export const decodePicture: DecodePicture = async (bytes, name) => {
	codecs ??= start();
	return decodeWith(await codecs, bytes, name);
};
