import { giveBack } from '../core/bytes/give-back.ts';
import { DataError } from './errors.ts';
import { claimedSize, type DecodedPicture, type Picture, pictureFormat } from './picture.ts';

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
	options: { readonly print: () => void; readonly printErr: (remark: string) => void },
) => Promise<void>;

/** Bytes between the end of the picture and its end marker that some cameras leave; more than that is a hole in the data. */
const mostStrayBytes = 64;

/** Whether a remark of the codec says that pixels are missing: it fills them with grey, and goes on. */
function tellsDamage(remark: string): boolean {
	const stray = /(\d+) extraneous bytes before marker 0x([0-9a-f]+)/.exec(remark);
	if (stray) return stray[2] === 'd9' && Number(stray[1]) > mostStrayBytes;
	return /premature end|corrupt jpeg data|invalid|bogus/i.test(remark);
}

/** A JPEG codec whose remarks on damaged files become errors; nothing goes to the console. One picture at a time, so that each gets its own. */
export function attentiveJpeg(): {
	readonly options: Parameters<StartJpeg>[1];
	decoder(decode: (bytes: ArrayBuffer) => Promise<Picture>): Codecs['jpeg'];
} {
	const remarks: string[] = [];
	let last: Promise<unknown> = Promise.resolve();
	return {
		options: { print: () => {}, printErr: (remark) => remarks.push(remark) },
		decoder: (decode) => (bytes) => {
			const next = last.then(async () => {
				remarks.length = 0;
				const picture = await decode(bytes);
				const damage = remarks.find(tellsDamage);
				if (damage !== undefined) throw new Error(damage);
				return picture;
			});
			last = next.catch(() => {});
			return next;
		},
	};
}

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
	if (format === 'jpeg' && claimed?.components === 4) {
		throw new DataError('unsupported', 'The picture is in CMYK, the inks of print, which is not read.', name, 'Convert it to RGB.');
	}
	const codec = format === 'jpeg' ? codecs.jpeg : format === 'png' ? codecs.png : codecs.other;
	if (!codec) {
		throw new DataError('unsupported', `${format.toUpperCase()} pictures are not read here.`, name, 'Convert them to JPEG or PNG.');
	}
	let picture: Picture;
	const own = bytes.slice();
	try {
		picture = await codec(own.buffer);
	} catch (error) {
		// A codec that stops in the middle says where in itself, which tells nobody anything.
		const reason = error instanceof Error && !/unwrap|unreachable|panic|RuntimeError/i.test(error.message) ? `: ${error.message}` : '';
		throw new DataError('malformed', `The picture is damaged${reason.replace(/\.$/, '')}.`, name);
	}
	giveBack(own);
	if (!(picture.width > 0 && picture.height > 0)) throw new DataError('malformed', 'The picture is empty.', name);
	return {
		width: picture.width,
		height: picture.height,
		data: picture.data,
		decoder: format === 'jpeg' || format === 'png' ? 'wasm' : 'browser',
	};
}
