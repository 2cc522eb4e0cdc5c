import type { ByteSource } from '../core/bytes/source.ts';
import { DataError } from './errors.ts';

/** Text as ids of a model's vocabulary. */
export interface TextTokenizer {
	/** With special tokens, cut to `most` ids the way the tokenizer is set up: special tokens stay. */
	encode(text: string, most: number): { readonly ids: readonly number[]; readonly typeIds: readonly number[]; readonly cut: boolean };
	/** How the vocabulary writes an id. */
	token(id: number): string | undefined;
	readonly padId: number;
	readonly padTypeId: number;
	readonly padLeft: boolean;
	/** Longest sequence it is set up for; undefined where it does not say. */
	readonly maxLength: number | undefined;
	/** One more than the largest id. */
	readonly vocabulary: number;
}

const largestFile = 128 << 20;

/** Opens a tokenizer.json. Throws DataError: malformed, limit, unsupported. */
export async function openTokenizer(source: ByteSource, name: string): Promise<TextTokenizer> {
	if (source.size > largestFile)
		throw new DataError('limit', `The tokenizer has ${source.size} bytes; at most ${largestFile} are read.`, name);
	let json: Record<string, unknown>;
	try {
		json = JSON.parse(new TextDecoder().decode((await source.read(0, source.size)).slice())) as Record<string, unknown>;
	} catch {
		throw new DataError('malformed', 'The tokenizer is no JSON.', name);
	}
	if (typeof json !== 'object' || json === null || typeof json.model !== 'object' || json.model === null) {
		throw new DataError('malformed', 'The tokenizer has no model: it is no tokenizer.json.', name);
	}
	const settled = { ...json, added_tokens: Array.isArray(json.added_tokens) ? json.added_tokens : [] };
	// Loaded with the first text, not with every page.
	const { Tokenizer } = await import('@huggingface/tokenizers');
	let tokenizer: InstanceType<typeof Tokenizer>;
	try {
		// The second file, tokenizer_config.json, only changes decoding and a few normalizers of old models.
		tokenizer = new Tokenizer(settled, {});
		tokenizer.encode('a');
	} catch (error) {
		throw new DataError('unsupported', `The tokenizer cannot be used: ${error instanceof Error ? error.message : String(error)}`, name);
	}
	const field = (parent: unknown, key: string): unknown =>
		typeof parent === 'object' && parent !== null ? (parent as Record<string, unknown>)[key] : undefined;
	const whole = (value: unknown): number | undefined =>
		typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;
	const { padding, truncation } = json;
	const padId = whole(field(padding, 'pad_id')) ?? tokenizer.token_to_id('[PAD]') ?? tokenizer.token_to_id('<pad>') ?? 0;
	const cutLeft = field(truncation, 'direction') === 'Left';
	const encode = (text: string, special: boolean): { ids: readonly number[]; types: readonly number[] } => {
		const found = tokenizer.encode(text, { add_special_tokens: special, return_token_type_ids: true });
		// Tokenizers without a post-processor give none.
		const types: readonly number[] | undefined = found.token_type_ids;
		return { ids: found.ids, types: types ?? found.ids.map(() => 0) };
	};
	let vocabulary = 0;
	const words = field(json.model, 'vocab');
	if (Array.isArray(words)) vocabulary = words.length;
	else if (typeof words === 'object' && words !== null)
		for (const id of Object.values(words)) if (typeof id === 'number' && id >= vocabulary) vocabulary = id + 1;
	for (const token of settled.added_tokens as unknown[]) vocabulary = Math.max(vocabulary, (whole(field(token, 'id')) ?? -1) + 1);
	return {
		padId,
		padTypeId: whole(field(padding, 'pad_type_id')) ?? 0,
		padLeft: field(padding, 'direction') === 'Left',
		maxLength: whole(field(truncation, 'max_length')),
		vocabulary,
		token: (id) => tokenizer.id_to_token(id),
		encode(text, most) {
			const { ids, types } = encode(text, true);
			if (ids.length <= most) return { ids, typeIds: types, cut: false };
			const plain = encode(text, false).ids;
			const before = specialBefore(ids, plain);
			const after = before === undefined ? 0 : ids.length - before - plain.length;
			const room = most - (before ?? 0) - after;
			if (before === undefined || room < 1) return { ids: ids.slice(0, most), typeIds: types.slice(0, most), cut: true };
			const kept = cutLeft ? plain.slice(plain.length - room) : plain.slice(0, room);
			return {
				ids: [...ids.slice(0, before), ...kept, ...ids.slice(ids.length - after)],
				typeIds: [...types.slice(0, before + room), ...types.slice(types.length - after)],
				cut: true,
			};
		},
	};
}

/** How many special tokens stand in front of the text's own; undefined where those are not in one piece. */
function specialBefore(ids: readonly number[], plain: readonly number[]): number | undefined {
	for (let before = 0; before + plain.length <= ids.length; before++) {
		if (plain.every((id, i) => ids[before + i] === id)) return before;
	}
	return undefined;
}
