import { SESSION_HINT_KEY } from '../core/pass/session-hint.ts';

/** Entries that change speed or precision only; anything else in a file is not obeyed. */
const allowed: ReadonlySet<string> = new Set([
	'session.disable_prepacking',
	'session.disable_quant_qdq',
	'session.disable_double_qdq_remover',
	'session.enable_quant_qdq_cleanup',
	'session.qdqisint8allowed',
	'session.qdq_matmulnbits_accuracy_level',
	'session.enable_dq_matmulnbits_fusion',
	'session.set_denormal_as_zero',
	'session.x64quantprecision',
	'optimization.disable_specified_optimizers',
	'optimization.enable_gelu_approximation',
]);

export interface SessionHints {
	readonly config: Readonly<Record<string, string>>;
	/** Entries of the file that are not obeyed. */
	readonly ignored: readonly string[];
}

const none: SessionHints = { config: {}, ignored: [] };

/** Reads the session entries out of a model's bytes, walking only its top-level fields. Damaged bytes give none: the runtime then says what is wrong. */
export function sessionHints(model: Uint8Array): SessionHints {
	for (const [key, value] of metadataProps(model)) {
		if (key !== SESSION_HINT_KEY) continue;
		let parsed: unknown;
		try {
			parsed = JSON.parse(value);
		} catch {
			return { config: {}, ignored: [`${SESSION_HINT_KEY} (not JSON)`] };
		}
		if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return { config: {}, ignored: [SESSION_HINT_KEY] };
		const config: Record<string, string> = {};
		const ignored: string[] = [];
		for (const [entry, setting] of Object.entries(parsed)) {
			if (allowed.has(entry) && typeof setting === 'string' && setting.length <= 200) config[entry] = setting;
			else ignored.push(entry.slice(0, 100));
		}
		return { config, ignored };
	}
	return none;
}

/** Field numbers of onnx.proto3: ModelProto.metadata_props, StringStringEntryProto.key and value. */
const METADATA_PROPS = 14;

/** metadata_props of a serialized ModelProto, as far as the bytes hold together. */
export function* metadataProps(model: Uint8Array): IterableIterator<readonly [key: string, value: string]> {
	for (const field of fields(model, 0, model.length)) {
		if (field.number !== METADATA_PROPS) continue;
		let key = '';
		let value = '';
		for (const part of fields(model, field.start, field.end)) {
			if (part.number === 1) key = text(model, part.start, part.end);
			if (part.number === 2) value = text(model, part.start, part.end);
		}
		yield [key, value];
	}
}

function text(bytes: Uint8Array, start: number, end: number): string {
	// slice copies: TextDecoder refuses views of shared memory.
	return end - start > 1_000_000 ? '' : new TextDecoder().decode(bytes.slice(start, end));
}

/** Length-delimited fields in [start, end); stops at the first byte that makes no sense. */
function* fields(bytes: Uint8Array, start: number, end: number): IterableIterator<{ number: number; start: number; end: number }> {
	let at = start;
	const varint = (): number => {
		let value = 0;
		for (let scale = 1, count = 0; count < 10; count++, scale *= 128) {
			if (at >= end) return -1;
			const byte = bytes[at++] as number;
			value += (byte & 0x7f) * scale;
			if (byte < 128) return value;
		}
		return -1;
	};
	while (at < end) {
		const tag = varint();
		if (tag <= 0) return;
		const number = Math.floor(tag / 8);
		switch (tag % 8) {
			case 0:
				if (varint() < 0) return;
				break;
			case 1:
				at += 8;
				break;
			case 2: {
				const length = varint();
				if (length < 0 || at + length > end) return;
				yield { number, start: at, end: at + length };
				at += length;
				break;
			}
			case 5:
				at += 4;
				break;
			default:
				return;
		}
	}
}
