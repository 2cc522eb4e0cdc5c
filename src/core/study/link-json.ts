/** Why a link cannot be read. */
export type LinkProblem = 'not-a-link' | 'corrupt' | 'too-large' | 'newer';

/** The one error that reading a link raises; its message is for people. */
export class LinkError extends Error {
	override readonly name = 'LinkError';
	constructor(
		readonly code: LinkProblem,
		message: string,
	) {
		super(message);
	}
}

const maxDepth = 32;
const forbidden = new Set(['__proto__', 'constructor', 'prototype']);

/** JSON.parse for text from strangers: at most 32 levels, no key that could reach a prototype. Throws LinkError. */
export function boundedJson(json: string): unknown {
	let depth = 0;
	let inText = false;
	for (let index = 0; index < json.length; index++) {
		const code = json.charCodeAt(index);
		if (inText) {
			if (code === 0x5c) index++;
			else if (code === 0x22) inText = false;
		} else if (code === 0x22) inText = true;
		else if (code === 0x5b || code === 0x7b) {
			if (++depth > maxDepth) throw new LinkError('corrupt', 'This link is damaged: its data is nested too deeply.');
		} else if (code === 0x5d || code === 0x7d) depth--;
	}
	let data: unknown;
	try {
		data = JSON.parse(json);
	} catch {
		throw new LinkError('corrupt', 'This link is damaged. Copy it again, the whole of it.');
	}
	refuseForbiddenKeys(data);
	return data;
}

function refuseForbiddenKeys(value: unknown): void {
	if (Array.isArray(value)) for (const entry of value) refuseForbiddenKeys(entry);
	else if (typeof value === 'object' && value !== null) {
		for (const [key, entry] of Object.entries(value)) {
			if (forbidden.has(key)) throw new LinkError('corrupt', 'This link is damaged: it has a key that no comparison has.');
			refuseForbiddenKeys(entry);
		}
	}
}
