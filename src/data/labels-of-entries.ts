import type { ClassMapping } from '../core/study/data-settings.ts';
import type { LabelKind, Labels } from '../core/study/task.ts';
import { classCount, classLookup, mapClasses, mappingFacts } from './class-labels.ts';
import { type Collection, type Entry, folderName, foldersOf } from './collect.ts';
import { openCsv } from './csv.ts';
import type { DataTarget } from './dataset.ts';
import { entryKey, matchEntries } from './entry-matching.ts';
import { DataError } from './errors.ts';
import { LabelSurvey, readLabels } from './label-column.ts';
import { type LabelFile, readLabelJson, readLabelLines, readLabelTable } from './label-file.ts';
import type { ReaderOptions } from './reader.ts';

/** Labels of pictures or sounds, from a file that names them or from their folders. */
export interface EntryLabels {
	readonly kind: LabelKind | undefined;
	readonly classes: number | undefined;
	readonly names: readonly string[] | undefined;
	readonly mapping: ClassMapping | undefined;
	readonly note: string | undefined;
	/** Entries that stay: with their label where the set has labels. */
	readonly entries: readonly { readonly entry: Entry; readonly labels?: Labels }[];
}

/**
 * Finds the labels of entries. In a set with labels, an entry without one is a bad entry: left out by name, as is a label whose entry is not
 * there. Throws DataError where a label file as a whole cannot be read.
 */
export async function labelsOfEntries(
	entries: readonly Entry[],
	found: Collection,
	target: DataTarget,
	options: ReaderOptions,
): Promise<EntryLabels> {
	const file = await findLabelFile(entries, found, options.signal);
	return file ? fromFile(entries, file, found, target, options) : fromFolders(entries, found, target, options);
}

async function findLabelFile(
	entries: readonly Entry[],
	found: Collection,
	signal: AbortSignal | undefined,
): Promise<LabelFile | undefined> {
	const known = new Set(entries.map(({ name }) => entryKey(name)));
	let chosen: LabelFile | undefined;
	for (const entry of [...found.tables, ...found.documents, ...found.texts]) {
		if (chosen) {
			if (found.tables.includes(entry)) found.skipped.add(entry.name, `Only one file of labels is read: ${chosen.name}.`);
			continue;
		}
		try {
			const source = await entry.source();
			const file = found.tables.includes(entry)
				? await readLabelTable(await openCsv(source, entry.name, signal), entry.name, known)
				: found.documents.includes(entry)
					? await readLabelJson(source, entry.name, known)
					: source.size < 256 << 20
						? readLabelLines(new TextDecoder().decode((await entry.bytes()).slice()), entry.name, known)
						: undefined;
			if (file && [...file.entries.keys()].some((key) => known.has(entryKey(key)))) chosen = file;
			else if (found.tables.includes(entry)) found.skipped.add(entry.name, 'The table names none of the files that are there.');
		} catch (error) {
			if (!(error instanceof DataError)) throw error;
			found.skipped.add(entry.name, error.message);
		}
	}
	return chosen;
}

function fromFile(
	entries: readonly Entry[],
	file: LabelFile,
	found: Collection,
	target: DataTarget,
	{ settings }: ReaderOptions,
): EntryLabels {
	const survey = new LabelSurvey();
	const matched = matchEntries(
		entries.map(({ name }) => name),
		file.entries.keys(),
	);
	for (const { key } of matched) if (key !== undefined) survey.add(file.entries.get(key) ?? []);
	const reader = readLabels(survey, target, file.columns, found.classes, settings?.classMapping);
	for (const { name, reason } of file.bad) found.skipped.add(name, reason);
	const kept: { entry: Entry; labels?: Labels }[] = [];
	const seen = new Set<string>();
	for (const [i, entry] of entries.entries()) {
		const { key, ambiguous } = matched[i] ?? {};
		if (reader.kind === undefined) {
			kept.push({ entry });
			continue;
		}
		const cells = key === undefined ? undefined : file.entries.get(key);
		const labels = cells && reader.read(cells);
		if (labels) kept.push({ entry, labels });
		else found.skipped.add(entry.name, whyNot(file.name, cells, ambiguous));
		if (key !== undefined) seen.add(key);
	}
	if (reader.kind !== undefined) {
		const there = new Set(entries.map(({ name }) => entryKey(name)));
		for (const key of file.entries.keys()) {
			// One whose name is there, in another folder, is told of at the entry.
			if (!seen.has(key) && !there.has(entryKey(key))) found.skipped.add(key, `${file.name} names it, and it is not there.`);
		}
	}
	return {
		kind: reader.kind,
		classes: reader.classes,
		names: reader.names,
		mapping: reader.mapping,
		note: `labels from ${file.name}${reader.note === '' ? '' : `: ${reader.note}`}`,
		entries: kept,
	};
}

/** The folder of each entry that stands for its class: the nearest around it that is known as one, else the one that it lies in. */
function classFolders(
	entries: readonly Entry[],
	classes: readonly string[] | undefined,
	given: ClassMapping['classes'] | undefined,
): readonly string[] {
	const chosen = given && new Set(given.map(({ name }) => name));
	const lookup = classes && classLookup(classes);
	const known = (folder: string): boolean => (chosen ? chosen.has(folder) : lookup?.(folder) !== undefined);
	return entries.map(({ name }) => foldersOf(name).findLast(known) ?? folderName(name));
}

function whyNot(file: string, cells: readonly string[] | undefined, ambiguous: true | undefined): string {
	if (cells) return `Its label "${cells.join(', ').slice(0, 80)}" stands for no output.`;
	if (ambiguous) return `${file} does not tell it from others of that name: give the folders too.`;
	return `${file} gives it no label.`;
}

function fromFolders(entries: readonly Entry[], found: Collection, target: DataTarget, { settings }: ReaderOptions): EntryLabels {
	const outputs = classCount(target);
	const folders = classFolders(entries, found.classes, settings?.classMapping);
	const mapped = outputs === undefined ? undefined : mapClasses(folders, found.classes, outputs, settings?.classMapping);
	const labelled = mapped !== undefined && mapped.indices.size > 0;
	const kept: { entry: Entry; labels?: Labels }[] = [];
	for (const [i, entry] of entries.entries()) {
		const label = mapped?.indices.get(folders[i] as string);
		if (label !== undefined) kept.push({ entry, labels: { label } });
		else if (labelled) found.skipped.add(entry.name, `It has no label: its folder "${folders[i]}" stands for no output.`);
		else kept.push({ entry });
	}
	return {
		kind: labelled ? 'class' : undefined,
		classes: labelled ? new Set(mapped.indices.values()).size : undefined,
		names: labelled ? mapped.names : undefined,
		mapping: mapped && mappingFacts(mapped),
		note: mapped?.note,
		entries: kept,
	};
}
