import type { Model } from '../ir/model.ts';

/**
 * Key in a model's metadata_props under which passes leave session config entries of ONNX Runtime that the file wants to be
 * loaded with, as a JSON object of strings, e.g. `{"session.disable_quant_qdq":"1"}`. The engine merges them into
 * LoadOptions.config; other programs may ignore them.
 */
export const SESSION_HINT_KEY = 'pare.session';

/** Only these may be taken from a file: they change speed and memory, never what is read or written. */
const ALLOWED: ReadonlySet<string> = new Set(['session.disable_quant_qdq', 'session.disable_prepacking']);

export function setSessionHint(model: Model, entry: string, value: string): void {
	const entries = { ...sessionHints(model.metadata), [entry]: value };
	model.metadata.set(SESSION_HINT_KEY, JSON.stringify(entries));
}

/** Hints of a file's metadata; unknown entries and damaged JSON are ignored. */
export function sessionHints(metadata: ReadonlyMap<string, string>): Record<string, string> {
	const hints: Record<string, string> = {};
	let parsed: unknown;
	try {
		parsed = JSON.parse(metadata.get(SESSION_HINT_KEY) ?? '{}');
	} catch {
		return hints;
	}
	if (typeof parsed !== 'object' || parsed === null) return hints;
	for (const [entry, value] of Object.entries(parsed)) if (ALLOWED.has(entry) && typeof value === 'string') hints[entry] = value;
	return hints;
}
