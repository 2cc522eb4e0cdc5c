import { elementCount, isFloat } from '../core/ir/dtype.ts';
import type { Port, TensorData } from '../core/ir/tensor-data.ts';
import { convert } from '../core/numeric/convert.ts';
import { type Example, spreadIndices } from '../core/study/examples.ts';
import type { Dataset, DataTarget } from './dataset.ts';
import { DataError } from './errors.ts';
import { type LabelReader, LabelSurvey, readLabels } from './label-column.ts';
import type { ReaderOptions } from './reader.ts';
import type { SkippedEntries } from './skipped.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** Texts at rest, each with the cells of its label. */
export interface TextRecords {
	readonly n: number;
	record(index: number): Promise<{ readonly name: string; readonly text: string; readonly labels: readonly string[] }>;
}

export interface TextExamples extends Pick<Dataset, 'n' | 'example' | 'source'> {
	readonly batchAxes: Dataset['batchAxes'] | undefined;
	readonly labels: LabelReader;
	/** Entries in the set, before it is limited to fewer. */
	readonly available: number;
	readonly description: string;
}

type Role = 'ids' | 'mask' | 'types' | 'positions';

/** What an input of a text model holds, by its name. */
function roleOf(port: Port, only: boolean): Role | undefined {
	if (port.dtype === 'string' || port.shape.length === 0 || port.shape.length > 2) return undefined;
	if (/mask/i.test(port.name)) return 'mask';
	if (isFloat(port.dtype)) return undefined;
	if (/token_?type|segment/i.test(port.name)) return 'types';
	if (/position/i.test(port.name)) return 'positions';
	return /ids?\b|ids?[_.:]|input|token/i.test(port.name) || only ? 'ids' : undefined;
}

/** Whether a model takes token ids. */
export function takesTokens(target: DataTarget): boolean {
	return target.inputs.some((port) => roleOf(port, target.inputs.length === 1) === 'ids');
}

/** Ids of a set are padded to a multiple of this, so that examples can be joined into batches. */
const padTo = 8;
/** Longest sequence where neither model nor tokenizer says one. */
const usualLongest = 512;

/**
 * Lines of text as examples of a model that takes token ids, with masks, token types and positions where it asks for them. Where the model
 * takes a mask, all are padded to the longest of the set (a multiple of 8); without one each keeps its own length. Texts are tokenized
 * when asked for. Throws DataError `mismatch`.
 */
export async function textExamples(
	records: TextRecords,
	tokenizer: TextTokenizer,
	target: DataTarget,
	where: string,
	classes: readonly string[] | undefined,
	skipped: SkippedEntries,
	options: ReaderOptions,
): Promise<TextExamples> {
	const only = target.inputs.length === 1;
	const roles = target.inputs.map((port) => ({ port, role: roleOf(port, only) }));
	const strange = roles.find(({ role }) => role === undefined)?.port;
	const ids = roles.find(({ role }) => role === 'ids')?.port;
	if (strange || !ids) {
		throw new DataError(
			'mismatch',
			strange
				? `Text does not say what the input "${strange.name}" ${strange.dtype}[${strange.shape.map((dim) => dim ?? '?').join(', ')}] should hold.`
				: 'The model has no input for token ids.',
			where,
			'Give its inputs as arrays: a .npz with an array for each input.',
		);
	}
	const table = target.idLimits?.[ids.name];
	if (table !== undefined && tokenizer.vocabulary > table) {
		throw new DataError(
			'mismatch',
			`The tokenizer has ${tokenizer.vocabulary} ids, the model's table only ${table}: they do not belong together.`,
			where,
			'Give the tokenizer.json of this model.',
		);
	}
	const fixed = fixedLength(roles.map(({ port }) => port));
	const masked = roles.some(({ role }) => role === 'mask');
	const most = fixed ?? tokenizer.maxLength ?? usualLongest;
	let longest = 1;
	let cut = 0;
	const good: number[] = [];
	const survey = new LabelSurvey();
	const chosen = spreadIndices(records.n, options.limit ?? records.n);
	for (const [done, index] of chosen.entries()) {
		if (done % 200 === 0) {
			options.signal?.throwIfAborted();
			options.onProgress?.(done / chosen.length);
		}
		const { name, text, labels } = await records.record(index);
		if (text.trim() === '') {
			skipped.add(name, 'It holds no text.');
			continue;
		}
		if (text.includes('\ufffd')) {
			skipped.add(name, 'Its text is damaged: it is no UTF-8.');
			continue;
		}
		const found = encodeOr(tokenizer, text, most);
		if (!found) {
			skipped.add(name, 'The tokenizer makes nothing of it.');
			continue;
		}
		if (labels.length > 0) {
			if (labels.includes('')) {
				skipped.add(name, 'It has no label.');
				continue;
			}
			survey.add(labels);
		}
		if (found.cut) cut += 1;
		longest = Math.max(longest, found.ids.length);
		good.push(index);
	}
	const reader = readLabels(survey, target, [], classes, options.settings?.classMapping);
	let kept = good;
	if (reader.kind !== undefined) {
		kept = [];
		for (const index of good) {
			const { name, labels } = await records.record(index);
			if (labels.length > 0 && reader.read(labels)) kept.push(index);
			else skipped.add(name, labels.length === 0 ? 'It has no label.' : `Its label "${labels.join(', ')}" stands for no output.`);
		}
	}
	if (kept.length === 0)
		throw new DataError('empty', `None of its ${records.n} texts can be used.`, where, skipped.facts().skipped[0]?.reason ?? '');
	const length = fixed ?? (masked ? Math.min(most, Math.ceil(longest / padTo) * padTo) : undefined);
	const notes = [
		length === undefined
			? 'tokenized, each at its own length'
			: `tokenized, ${fixed === undefined ? 'padded' : 'cut and padded'} to ${length}`,
		cut > 0 && `${cut} longer than ${most} cut`,
		fixed !== undefined && !masked && 'the model takes no mask: padding is part of what it sees',
		reader.note,
	];
	return {
		n: kept.length,
		available: records.n,
		async source(index) {
			const { text } = await records.record(kept[index] ?? -1);
			return { kind: 'text', text, tokens: tokenizer.encode(text, most).ids.map((id) => tokenizer.token(id) ?? String(id)) };
		},
		labels: reader,
		description: notes.filter(Boolean).join('; '),
		batchAxes: roles.every(({ port }) => port.shape.length === 2 && typeof port.shape[0] !== 'number')
			? Object.fromEntries(roles.map(({ port }) => [port.name, 0]))
			: undefined,
		async example(index): Promise<Example> {
			const at = kept[index];
			if (at === undefined) throw new RangeError(`there are ${kept.length} texts, not ${index + 1}`);
			const { name, text, labels } = await records.record(at);
			const found = tokenizer.encode(text, most);
			return {
				name: `${name}: ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`,
				feeds: Object.fromEntries(
					roles.map(({ port, role }) => [port.name, tensorOf(port, role as Role, found, length ?? found.ids.length, tokenizer)]),
				),
				...reader.read(labels),
			};
		},
	};
}

function encodeOr(tokenizer: TextTokenizer, text: string, most: number): ReturnType<TextTokenizer['encode']> | undefined {
	try {
		const found = tokenizer.encode(text, most);
		return found.ids.length > 0 ? found : undefined;
	} catch {
		return undefined;
	}
}

/** Length of sequence that the model has fixed. */
function fixedLength(ports: readonly Port[]): number | undefined {
	for (const { shape } of ports) {
		const last = shape.at(-1);
		if (typeof last === 'number' && (shape.length === 2 || last > 1)) return last;
	}
	return undefined;
}

function tensorOf(
	port: Port,
	role: Role,
	{ ids, typeIds }: { readonly ids: readonly number[]; readonly typeIds: readonly number[] },
	length: number,
	tokenizer: TextTokenizer,
): TensorData {
	const values = new Int32Array(length);
	const start = tokenizer.padLeft ? length - ids.length : 0;
	if (role === 'ids') values.fill(tokenizer.padId);
	if (role === 'types') values.fill(tokenizer.padTypeId);
	for (let i = 0; i < length; i++) {
		const own = i - start;
		const inside = own >= 0 && own < ids.length;
		if (role === 'positions') values[i] = Math.max(0, own);
		else if (inside) values[i] = role === 'ids' ? (ids[own] as number) : role === 'mask' ? 1 : (typeIds[own] ?? 0);
	}
	const dims = port.shape.length === 2 ? [1, length] : [length];
	if (elementCount(dims) !== length) throw new RangeError('a text has one row');
	return { dtype: port.dtype, dims, data: convert(values, 'int32', port.dtype) };
}
