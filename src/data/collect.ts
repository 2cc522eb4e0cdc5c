import type { ByteSource } from '../core/bytes/source.ts';
import type { NamedArray } from './arrays.ts';
import { parseClassJson, parseClassList } from './class-labels.ts';
import type { DataFile } from './dataset.ts';
import { DataError } from './errors.ts';
import { gunzip, looksLikeGzip, looksLikeIdx, openIdx } from './idx.ts';
import { looksLikeNpy, openNpy } from './npy.ts';
import { pictureFormat } from './picture.ts';
import { hostileName, SkippedEntries, shownName } from './skipped.ts';
import { looksLikeTokenizer } from './tokenizer-file.ts';
import { looksLikeWav } from './wav.ts';
import { looksLikeZip, readZip } from './zip.ts';

/** A file, wherever it lies: dropped, in a folder, or in an archive. Its name is shown and matched, never used as a path. */
export interface Entry {
	readonly name: string;
	bytes(): Promise<Uint8Array>;
	source(): Promise<ByteSource>;
}

/** What was given, sorted by what it is. */
export interface Collection {
	readonly arrays: NamedArray[];
	readonly idx: NamedArray[];
	readonly pictures: Entry[];
	readonly sounds: Entry[];
	/** CSV and TSV. */
	readonly tables: Entry[];
	/** JSON, and JSON lines. */
	readonly documents: Entry[];
	/** Plain text that is no list of classes. */
	readonly texts: Entry[];
	tokenizer: Entry | undefined;
	/** Lines of classes.txt. */
	classes: readonly string[] | undefined;
	readonly skipped: SkippedEntries;
}

const headBytes = 512;
const longestClassList = 32 << 20;
const pictureEnding = /\.(jpe?g|png|webp|bmp|gif|avif)$/i;

/** Looks at the first bytes of every file and entry. Damaged entries and hostile names are left out by name. Throws DataError where a file as a whole cannot be read. */
export async function collect(files: readonly DataFile[], signal?: AbortSignal): Promise<Collection> {
	const found: Collection = {
		arrays: [],
		idx: [],
		pictures: [],
		sounds: [],
		tables: [],
		documents: [],
		texts: [],
		tokenizer: undefined,
		classes: undefined,
		skipped: new SkippedEntries(),
	};
	for (const file of files) {
		signal?.throwIfAborted();
		const head = await file.source.read(0, Math.min(headBytes, file.source.size));
		try {
			if (looksLikeZip(head)) await openArchive(file, found, signal);
			else if (looksLikeGzip(head)) {
				const source = await gunzip(file.source, file.name);
				await take(found, plainEntry(file.name.replace(/\.gz$/i, ''), source), await source.read(0, Math.min(headBytes, source.size)));
			} else await take(found, plainEntry(file.name, file.source), head);
		} catch (error) {
			// One bad file among many is a bad entry; alone it is all there is to say.
			if (!(error instanceof DataError) || files.length === 1) throw error;
			found.skipped.add(file.name, error.message);
		}
	}
	return found;
}

async function take(found: Collection, entry: Entry, head: Uint8Array): Promise<void> {
	const { name } = entry;
	const hostile = hostileName(name);
	if (hostile) {
		found.skipped.add(name, hostile);
		return;
	}
	if (looksLikeNpy(head)) {
		found.arrays.push({ name: baseName(name).replace(/\.npy$/i, ''), array: await openNpy(await entry.source(), shownName(name)) });
	} else if (looksLikeIdx(head)) found.idx.push({ name: baseName(name), array: await openIdx(await entry.source(), shownName(name)) });
	else if (looksLikeWav(head)) found.sounds.push(entry);
	else if (pictureFormat(head) && !/\.(csv|tsv|txt|jsonl?|md)$/i.test(name)) found.pictures.push(entry);
	else if (/(^|[\\/])(\.|__MACOSX|Thumbs\.db|desktop\.ini$)/i.test(name)) return;
	else if (pictureEnding.test(name)) found.skipped.add(name, 'The file is not the picture that its name says.');
	else if (/\.wav$/i.test(name)) found.skipped.add(name, 'The file is not the sound that its name says.');
	else if (/\.np[yz]$/i.test(name)) found.skipped.add(name, 'The file is not the array that its name says.');
	else if (/(^|[\\/])(classes|class[_-]?names|synsets?|labels)\.txt$/i.test(name)) {
		const source = await entry.source();
		if (source.size > longestClassList) throw new DataError('limit', `The list of classes has ${source.size} bytes.`, name);
		const list = parseClassList(new TextDecoder().decode((await source.read(0, source.size)).slice()));
		// "a.jpg 3" on each line: labels of entries, not names of classes.
		if (list.some((line) => new RegExp(`${pictureEnding.source.slice(0, -1)}|\\.wav`, 'i').test(line))) found.texts.push(entry);
		else found.classes = list;
	} else if (/\.json$/i.test(name)) {
		const text = new TextDecoder().decode(head.slice());
		if (looksLikeTokenizer(name, text)) found.tokenizer = entry;
		else if (classDocument.test(name)) await takeClassDocument(found, entry);
		else if (!/(^|[\\/])(special_tokens_map|tokenizer_config|config|package|metadata|generation_config|vocab)\.json$/i.test(name))
			found.documents.push(entry);
	} else if (/\.(jsonl|ndjson)$/i.test(name)) found.documents.push(entry);
	else if (/\.(csv|tsv|tab)$/i.test(name)) found.tables.push(entry);
	else if (/\.(txt|text)$/i.test(name)) {
		if (!/(^|[\\/])(readme|licen[cs]e|notice)[^\\/]*$/i.test(name)) found.texts.push(entry);
	} else if (!/\.(md|html?|pdf|ya?ml)$/i.test(name))
		found.skipped.add(name, 'The file is neither a picture nor an array, nor a sound, a table or text.');
}

/** Tools save the order of outputs under these names. */
const classDocument =
	/(^|[\\/])(class_?to_?idx|idx_?to_?class|class_?(indices|index|names|list)|classes|id2label|label2id|imagenet_class_index)\.json$/i;

/** A list of classes in JSON, or labels of entries under the name of one. */
async function takeClassDocument(found: Collection, entry: Entry): Promise<void> {
	const source = await entry.source();
	if (source.size > longestClassList) throw new DataError('limit', `The list of classes has ${source.size} bytes.`, entry.name);
	const list = parseClassJson(new TextDecoder().decode((await source.read(0, source.size)).slice()));
	const ofEntries = list?.some((name) => pictureEnding.test(name) || /\.wav$/i.test(name)) ?? true;
	if (list && !ofEntries) found.classes ??= list;
	else found.documents.push(entry);
}

function plainEntry(name: string, source: ByteSource): Entry {
	return { name, bytes: () => source.read(0, source.size), source: async () => source };
}

async function openArchive(file: DataFile, found: Collection, signal: AbortSignal | undefined): Promise<void> {
	for (const entry of await readZip(file.source, file.name)) {
		signal?.throwIfAborted();
		try {
			const hostile = hostileName(entry.name);
			if (hostile) found.skipped.add(entry.name, hostile);
			else {
				const head = await entry.head(headBytes);
				if (looksLikeZip(head) && !/\.(docx|xlsx|npz)$/i.test(entry.name))
					found.skipped.add(entry.name, 'An archive inside of an archive is not opened.');
				else await take(found, entry, head);
			}
		} catch (error) {
			if (!(error instanceof DataError)) throw error;
			found.skipped.add(entry.name, error.message);
		}
	}
}

export const baseName = (name: string): string => name.split(/[\\/]/).at(-1) ?? name;

/** The folders around an entry, the outermost first. */
export const foldersOf = (name: string): readonly string[] => name.split(/[\\/]/).slice(0, -1);

/** The folder that an entry lies in. */
export const folderName = (name: string): string => name.split(/[\\/]/).at(-2) ?? '';
