import { type Comparison, decodeComparison, encodeComparison, LinkError, linkVersion } from '../core/study/link.ts';
import type { Study } from '../core/study/study.ts';

/**
 * A comparison in the hash of an address: `#c=<version>.<texts>.<figures>`, both base64url
 * of raw deflate. The part after `#` is never sent
 * to a server. Reading is bounded: 32 kB of text, 1 MB unpacked; every failure is a LinkError.
 */
export const maxLinkCharacters = 32_000;
const maxUnpackedBytes = 1_000_000;

/** `#c=…` for this study. Throws LinkError 'too-large' when it would be too long to be read again. */
export async function comparisonHash(study: Study): Promise<string> {
	const { version, json, figures } = encodeComparison(study);
	const pack = async (part: string | Uint8Array<ArrayBuffer>): Promise<string> =>
		toBase64Url(await collect(new Blob([part]).stream().pipeThrough(new CompressionStream('deflate-raw')), Number.POSITIVE_INFINITY));
	const hash = `#c=${version}.${await pack(json)}.${await pack(figures)}`;
	if (hash.length > maxLinkCharacters) {
		throw new LinkError(
			'too-large',
			`This comparison is too large for a link (${hash.length} characters). Export the study as a file instead.`,
		);
	}
	return hash;
}

/** The whole address that shows this comparison, on the page we are on. */
export async function comparisonLink(study: Study, page: string = location.href): Promise<string> {
	const url = new URL(page);
	url.hash = '';
	url.search = '';
	return `${url.href}${await comparisonHash(study)}`;
}

/** Does this hash claim to be a comparison? */
export function isComparisonHash(hash: string): boolean {
	return /^#?c=/.test(hash);
}

/** The comparison in a hash, read-only. Throws LinkError and nothing else; fetches and runs nothing. */
export async function readComparison(hash: string): Promise<Study> {
	if (hash.length > maxLinkCharacters) throw new LinkError('too-large', 'This link is longer than any that Pare makes.');
	const found = /^#?c=(\d{1,4})\.([A-Za-z0-9_.-]*)$/.exec(hash.trim());
	if (!found) {
		throw isComparisonHash(hash)
			? new LinkError('corrupt', 'This link is damaged. Copy it again, the whole of it.')
			: new LinkError('not-a-link', 'This is not a link to a comparison.');
	}
	const version = Number(found[1]);
	if (version > linkVersion) {
		throw new LinkError(
			'newer',
			`This link was made by a newer Pare (link format ${version}; this one reads format ${linkVersion}). Update Pare and open the link again.`,
		);
	}
	const [texts = '', figures = ''] = (found[2] ?? '').split('.');
	let comparison: Omit<Comparison, 'version'>;
	try {
		const unpack = (part: string): Promise<Uint8Array<ArrayBuffer>> =>
			collect(new Blob([fromBase64Url(part)]).stream().pipeThrough(new DecompressionStream('deflate-raw')), maxUnpackedBytes);
		comparison = { json: new TextDecoder('utf-8', { fatal: true }).decode(await unpack(texts)), figures: await unpack(figures) };
	} catch (error) {
		if (error instanceof LinkError) throw error;
		throw new LinkError('corrupt', 'This link is damaged. Copy it again, the whole of it.');
	}
	return decodeComparison(comparison);
}

/** All bytes of a stream; stops reading as soon as there are more than `limit`. */
async function collect(stream: ReadableStream<Uint8Array>, limit: number): Promise<Uint8Array<ArrayBuffer>> {
	const reader = stream.getReader();
	const parts: Uint8Array[] = [];
	let length = 0;
	for (;;) {
		const { done, value } = await reader.read();
		if (done) break;
		length += value.length;
		if (length > limit) {
			await reader.cancel().catch(() => {});
			throw new LinkError('too-large', 'This link unpacks to more than any comparison needs.');
		}
		parts.push(value);
	}
	const all = new Uint8Array(length);
	let at = 0;
	for (const part of parts) {
		all.set(part, at);
		at += part.length;
	}
	return all;
}

function toBase64Url(bytes: Uint8Array): string {
	let text = '';
	for (const byte of bytes) text += String.fromCharCode(byte);
	return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
	const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
	const bytes = new Uint8Array(plain.length);
	for (let index = 0; index < plain.length; index++) bytes[index] = plain.charCodeAt(index);
	return bytes;
}
