import type { DecodePicture } from './picture.ts';
import { type FittedPicture, withoutAlpha } from './pictures.ts';
import { fitPicture, type Preprocessing } from './preprocessing.ts';

/** Decodes, resizes and cuts one picture: the work that may be done in a worker of its own. Throws DataError. */
export async function fitPacked(
	decode: DecodePicture,
	bytes: Uint8Array,
	name: string,
	preprocessing: Preprocessing,
): Promise<FittedPicture> {
	const picture = await decode(bytes, name);
	return { pixels: withoutAlpha(fitPicture(picture, preprocessing)), byBrowser: picture.decoder === 'browser' };
}
