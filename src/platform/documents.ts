import { applyEvent, type StudyEvent } from '../core/study/events.ts';
import { InvalidStudy, parseEvent, parseStudy, studyJson } from '../core/study/schema.ts';
import type { Study } from '../core/study/study.ts';
import type { Folder } from './folder.ts';

/**
 * Studies at rest. A study is a snapshot (study.json) and a journal: one small file per event, written as a whole, so that a crash loses at
 * most the event that was being written. Compaction writes a new snapshot that says up to which entry it goes, then removes those entries;
 * a crash in between repeats entries, which applying twice does not change.
 *
 *     studies/<id>/study.json           { v: 1, upTo, study }
 *     studies/<id>/journal/<n>-<tab>    { at, event }
 *     studies/<id>/summary.json         for the list of recent studies
 */
export interface StudySummary {
	readonly id: string;
	readonly name: string;
	readonly variants: number;
	readonly updatedAt: string;
	readonly modelHash: string;
	/** Model and variants, as far as they are stored. */
	readonly byteLength: number;
}

export interface LoadedStudy {
	readonly study: Study;
	/** Number for the next journal entry. */
	readonly next: number;
	/** Journal entries that could not be read, with reasons; everything else was. */
	readonly damaged: readonly string[];
}

interface Entry {
	readonly at: string;
	readonly event: unknown;
}

const snapshotName = 'study.json';
const summaryName = 'summary.json';
const entryPattern = /^(\d{10})-([A-Za-z0-9]+)\.json$/;

function folderOf(root: Folder, id: string): Folder {
	return root.folder('studies').folder(id);
}

async function json(folder: Folder, name: string): Promise<unknown> {
	const blob = await folder.read(name);
	return blob === undefined ? undefined : JSON.parse(await blob.text());
}

/** Writes a study as a whole: at its start, on import, and when the journal is compacted. */
export async function writeSnapshot(root: Folder, study: Study, upTo: number): Promise<void> {
	const folder = folderOf(root, study.id);
	await folder.write(snapshotName, studyJson({ v: 1, upTo, study }));
	const summary: StudySummary = {
		id: study.id,
		name: study.model.name,
		variants: study.variants.filter((entry) => entry.id !== 'original').length,
		updatedAt: study.updatedAt,
		modelHash: study.model.hash,
		byteLength: studyBytes(study),
	};
	await folder.write(summaryName, studyJson(summary));
}

/** Bytes of the model and of the variants that were written. Files that studies share are counted in each. */
function studyBytes(study: Study): number {
	return study.variants.reduce((sum, variant) => sum + (variant.file ? (variant.sizes?.bytes ?? 0) : 0), study.model.byteLength);
}

/** Appends one event; durable when it resolves. `tab` keeps two writers of one number apart. */
export async function appendEvent(root: Folder, id: string, n: number, tab: string, event: StudyEvent, at: string): Promise<void> {
	await folderOf(root, id)
		.folder('journal')
		.write(`${String(n).padStart(10, '0')}-${tab}.json`, studyJson({ at, event }));
}

/** Snapshot and journal together; undefined where there is no such study. Throws InvalidStudy where the snapshot itself is damaged. */
export async function loadStudy(root: Folder, id: string): Promise<LoadedStudy | undefined> {
	const folder = folderOf(root, id);
	let document: unknown;
	try {
		document = await json(folder, snapshotName);
	} catch (error) {
		throw new InvalidStudy(`The stored study cannot be read: ${error instanceof Error ? error.message : String(error)}`);
	}
	if (document === undefined) return undefined;
	const { v, upTo, study: stored } = document as Record<string, unknown>;
	if (v !== 1 || typeof upTo !== 'number')
		throw new InvalidStudy('The stored study was written by a newer Pare. Update Pare and open it again.');
	let study = parseStudy(stored);
	let next = upTo + 1;
	const damaged: string[] = [];
	const journal = folder.folder('journal');
	for (const name of await journal.files()) {
		const n = Number(entryPattern.exec(name)?.[1] ?? Number.NaN);
		// Chromium keeps what is being written under another name until it is closed; such leftovers are no entries.
		if (!Number.isInteger(n)) continue;
		if (n <= upTo) continue;
		next = Math.max(next, n + 1);
		try {
			const { at, event } = (await json(journal, name)) as Entry;
			study = applyEvent(study, parseEvent(event), typeof at === 'string' ? at : study.updatedAt);
		} catch (error) {
			damaged.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
		}
	}
	return { study, next, damaged };
}

/** Folds the journal into the snapshot. Entries that could not be read stay where they are. */
export async function compactStudy(root: Folder, id: string): Promise<void> {
	const loaded = await loadStudy(root, id);
	if (!loaded || loaded.damaged.length > 0) return;
	const upTo = loaded.next - 1;
	await writeSnapshot(root, loaded.study, upTo);
	const journal = folderOf(root, id).folder('journal');
	for (const name of await journal.files()) {
		const n = Number(entryPattern.exec(name)?.[1] ?? Number.NaN);
		if (n <= upTo) await journal.remove(name);
	}
}

/** Studies that are stored, newest first. One whose summary is damaged is still listed, by its id. */
export async function listStudies(root: Folder): Promise<StudySummary[]> {
	const summaries: StudySummary[] = [];
	const studies = root.folder('studies');
	for (const id of await studies.folders()) {
		let summary: StudySummary | undefined;
		try {
			summary = (await json(studies.folder(id), summaryName)) as StudySummary | undefined;
		} catch {
			// Listed by what is left.
		}
		if (typeof summary?.name === 'string' && typeof summary.updatedAt === 'string' && typeof summary.variants === 'number') {
			summaries.push({ ...summary, id, byteLength: summary.byteLength ?? 0 });
		} else if ((await studies.folder(id).files()).includes(snapshotName)) {
			summaries.push({ id, name: 'Unnamed study', variants: 0, updatedAt: '', modelHash: '', byteLength: 0 });
		}
	}
	return summaries.sort((a, b) => (a.updatedAt < b.updatedAt ? 1 : -1));
}

export async function deleteStudy(root: Folder, id: string): Promise<void> {
	await root.folder('studies').remove(id);
}
