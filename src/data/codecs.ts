import { DataError } from './errors.ts';
import { claimedSize, type DecodedPicture, jpegEnds, type Picture, pictureFormat } from './picture.ts';

/** WebAssembly decoders of one host. */
export interface Codecs {
	readonly jpeg: (bytes: ArrayBuffer) => Promise<Picture>;
	readonly png: (bytes: ArrayBuffer) => Promise<Picture>;
	/** The host's own decoder for the rest. */
	readonly other?: (bytes: ArrayBuffer) => Promise<Picture>;
}

/** How the JPEG codec starts; its type declarations leave the second argument out. */
export type StartJpeg = (
	module: WebAssembly.Module,
	options: { readonly print: () => void; readonly printErr: () => void },
) => Promise<void>;

/** The codec's remarks on damaged files go nowhere: what is wrong comes as an error. */
export const quiet = { print: () => {}, printErr: () => {} } as const;

/** 100 megapixels: 400 MB once decoded. */
const mostPixels = 100_000_000;

/** Decodes by format; a picture that claims to be huge is refused before it is unpacked. Throws DataError. */
export async function decodeWith(codecs: Codecs, bytes: Uint8Array, name: string): Promise<DecodedPicture> {
	const format = pictureFormat(bytes);
	if (!format) throw new DataError('unsupported', 'The file is not a picture that can be read.', name);
	const claimed = claimedSize(bytes);
	if (claimed && claimed.width * claimed.height > mostPixels) {
		throw new DataError('limit', `The picture claims ${claimed.width} x ${claimed.height} pixels.`, name);
	}
	const codec = format === 'jpeg' ? codecs.jpeg : format === 'png' ? codecs.png : codecs.other;
	if (!codec) {
		throw new DataError('unsupported', `${format.toUpperCase()} pictures are not read here.`, name, 'Convert them to JPEG or PNG.');
	}
	// The codec fills what is missing with grey and says nothing.
	if (format === 'jpeg' && !jpegEnds(bytes)) throw new DataError('malformed', 'The picture is damaged: it is cut short.', name);
	let picture: Picture;
	try {
		picture = await codec(bytes.slice().buffer);
	} catch (error) {
		// A codec that stops in the middle says where in itself, which tells nobody anything.
		const reason = error instanceof Error && !/unwrap|unreachable|panic|RuntimeError/i.test(error.message) ? `: ${error.message}` : '';
		throw new DataError('malformed', `The picture is damaged and cannot be decoded${reason.replace(/\.$/, '')}.`, name);
	}
	if (!(picture.width > 0 && picture.height > 0)) throw new DataError('malformed', 'The picture is empty.', name);
	return {
		width: picture.width,
		height: picture.height,
		data: picture.data,
		decoder: format === 'jpeg' || format === 'png' ? 'wasm' : 'browser',
	};
}
