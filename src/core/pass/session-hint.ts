import type { Model } from '../ir/model.ts';

/**
 * Key in a model's metadata_props under which passes leave session config entries of ONNX Runtime that the file wants to be
 * loaded with, as a JSON object of strings, e.g. `{"session.disable_quant_qdq":"1"}`. The engine reads them (engine/hints.ts)
 * and obeys those that only change speed or precision; other programs may ignore them.
 */
export const SESSION_HINT_KEY = 'pare.session';

/** Adds one entry, keeping those that are there. A value under the key that is no JSON object is replaced. */
export function setSessionHint(model: Model, entry: string, value: string): void {
	let entries: object = {};
	try {
		const parsed: unknown = JSON.parse(model.metadata.get(SESSION_HINT_KEY) ?? '{}');
		if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) entries = parsed;
	} catch {
		// Not ours: written anew below.
	}
	model.metadata.set(SESSION_HINT_KEY, JSON.stringify({ ...entries, [entry]: value }));
}
