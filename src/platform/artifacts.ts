import type { Hash, Study } from '../core/study/study.ts';
import { listStudies, loadStudy } from './documents.ts';
import type { Folder } from './folder.ts';

/**
 * Heavy files, named by their hash and shared by all studies:
 *
 *     models/<hash>/model.onnx, files.json, data-<n>    a model with its external data, as dropped
 *     variants/<hash>.onnx, <hash>.data                 a written variant; .data where it passes 2 GB
 *     studies/<id>/inputs/files.json, <n>               inputs of a study
 *     studies/<id>/answers/<model and data>/<n>         outputs of the original, and of variants whose evaluation is not finished
 *     tmp/<job>/                                        being written; nothing reads from here
 */
export interface StoredFiles {
	/** Files in the order in which they were dropped, under the names they had. */
	readonly files: readonly { readonly name: string; readonly blob: Blob }[];
}

/** A kept file: the name it had, and its name in the folder. */
export interface Listing {
	readonly name: string;
	readonly byteLength: number;
	readonly stored: string;
}

const listingName = 'files.json';

/** Name of the external data file that a variant over 2 GB names in its tensors. */
export const variantDataName = 'weights.data';

export function variantFileName(hash: Hash): string {
	return `${hash}.onnx`;
}

export function variantDataFileName(hash: Hash): string {
	return `${hash}.data`;
}

/** Keeps dropped files under a folder; the listing is written last, so that a half copy is never taken for a whole one. */
export async function keepFiles(
	folder: Folder,
	files: readonly { readonly name: string; readonly blob: Blob }[],
	copy: (blob: Blob, to: Folder, name: string) => Promise<void>,
): Promise<void> {
	const listing: Listing[] = [];
	for (const [index, { name, blob }] of files.entries()) {
		const stored = `${index}`;
		await copy(blob, folder, stored);
		listing.push({ name, byteLength: blob.size, stored });
	}
	await folder.write(listingName, JSON.stringify(listing));
}

/** What was kept in a folder, under which name there; undefined where nothing was, or not completely. */
export async function keptNames(folder: Folder): Promise<readonly Listing[] | undefined> {
	const blob = await folder.read(listingName);
	if (!blob) return undefined;
	try {
		return JSON.parse(await blob.text()) as readonly Listing[];
	} catch {
		return undefined;
	}
}

/** Files that were kept, or undefined where they were not (or not completely). */
export async function keptFiles(folder: Folder): Promise<StoredFiles | undefined> {
	const listing = await keptNames(folder);
	if (!listing) return undefined;
	const files: { name: string; blob: Blob }[] = [];
	for (const { name, byteLength, stored } of listing) {
		const content = await folder.read(stored);
		if (content?.size !== byteLength) return undefined;
		files.push({ name, blob: content });
	}
	return { files };
}

export function modelFolder(root: Folder, hash: Hash): Folder {
	return root.folder('models').folder(hash);
}

export function inputsFolder(root: Folder, studyId: string): Folder {
	return root.folder('studies').folder(studyId).folder('inputs');
}

/** What an evaluation has gathered, of a model (its id) on a data set. */
export function answersFolder(root: Folder, studyId: string, model: string, dataset: Hash): Folder {
	return root.folder('studies').folder(studyId).folder('answers').folder(answersName(model, dataset));
}

/** Removes what evaluations of a study have gathered on other data sets, and of this model if one is named. */
export async function dropAnswers(root: Folder, studyId: string, dataset: Hash, model?: string): Promise<void> {
	const all = root.folder('studies').folder(studyId).folder('answers');
	const own = model === undefined ? undefined : answersName(model, dataset);
	for (const name of await all.folders()) if (name === own || !name.endsWith(answersName('', dataset))) await all.remove(name);
}

function answersName(model: string, dataset: Hash): string {
	return `${model.slice(0, 32)}-${dataset.slice(0, 32)}`;
}

/** A variant's file and, where it passes 2 GB, its external data. undefined where it is not stored. */
export async function variantFiles(root: Folder, hash: Hash): Promise<{ model: Blob; data: Blob | undefined } | undefined> {
	const variants = root.folder('variants');
	const model = await variants.read(variantFileName(hash));
	return model && { model, data: await variants.read(variantDataFileName(hash)) };
}

/** Variants of a study whose file is not stored any more. */
export async function missingVariants(root: Folder, study: Study): Promise<Hash[]> {
	const stored = new Set(await root.folder('variants').files());
	return study.variants.flatMap((variant) => (variant.file && !stored.has(variantFileName(variant.file)) ? [variant.file] : []));
}

/**
 * Removes what no study names any more, and everything under tmp/. Only to be called while no other tab is open (see locks.ts): a tab may
 * be about to name a file that it has just written. A study that cannot be read keeps all files, for a later version may read it.
 */
export async function sweep(root: Folder): Promise<{ removed: number }> {
	await root.remove('tmp');
	const referenced = await referencedFiles(root);
	if (!referenced) return { removed: 0 };
	let removed = 0;
	const variants = root.folder('variants');
	for (const name of await variants.files()) {
		if (referenced.has(name.slice(0, 64))) continue;
		await variants.remove(name);
		removed += 1;
	}
	const models = root.folder('models');
	for (const hash of await models.folders()) {
		if (referenced.has(hash)) continue;
		await models.remove(hash);
		removed += 1;
	}
	return { removed };
}

/** Removes files of variants that the person has dropped, unless another study names them. */
export async function dropVariantFiles(root: Folder, hashes: readonly Hash[]): Promise<{ removed: number }> {
	const referenced = await referencedFiles(root);
	if (!referenced) return { removed: 0 };
	const variants = root.folder('variants');
	let removed = 0;
	for (const hash of hashes) {
		if (referenced.has(hash)) continue;
		await variants.remove(variantFileName(hash));
		await variants.remove(variantDataFileName(hash));
		removed += 1;
	}
	return { removed };
}

async function referencedFiles(root: Folder): Promise<Set<Hash> | undefined> {
	const referenced = new Set<Hash>();
	for (const { id } of await listStudies(root)) {
		try {
			const loaded = await loadStudy(root, id);
			if (!loaded) continue;
			// A damaged entry may have named a file.
			if (loaded.damaged.length > 0) return undefined;
			referenced.add(loaded.study.model.hash);
			for (const variant of loaded.study.variants) if (variant.file) referenced.add(variant.file);
		} catch {
			return undefined;
		}
	}
	return referenced;
}
