import { giveBack } from '../core/bytes/give-back.ts';
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
	const fitted = fitPicture(picture, preprocessing);
	const pixels = withoutAlpha(fitted);
	// Megabytes a picture, in the hundreds: more than a collector keeps up with.
	giveBack(picture.data);
	giveBack(fitted.data);
	return { pixels, byBrowser: picture.decoder === 'browser' };
}
