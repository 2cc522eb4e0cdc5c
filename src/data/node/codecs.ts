import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import decodeJpeg, { init as initJpeg } from '@jsquash/jpeg/decode.js';
import decodePng, { init as initPng } from '@jsquash/png/decode.js';
import { attentiveJpeg, type Codecs, decodeWith, type StartJpeg } from '../codecs.ts';
import type { DecodePicture } from '../picture.ts';

const require = createRequire(import.meta.url);

async function compile(path: string): Promise<WebAssembly.Module> {
	return WebAssembly.compile(await readFile(require.resolve(path)));
}

let codecs: Promise<Codecs> | undefined;

async function start(): Promise<Codecs> {
	const attentive = attentiveJpeg();
	await (initJpeg as StartJpeg)(await compile('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm'), attentive.options);
	await initPng(await compile('@jsquash/png/codec/pkg/squoosh_png_bg.wasm'));
	return { jpeg: attentive.decoder((bytes) => decodeJpeg(bytes)), png: (bytes) => decodePng(bytes) };
}

/** JPEG and PNG by the same WebAssembly codecs as in the page. */
export const decodePicture: DecodePicture = async (bytes, name) => {
	codecs ??= start();
	return decodeWith(await codecs, bytes, name);
};
