import { blobSource } from '../core/bytes/source.ts';
import { externalFiles } from '../core/onnx/external.ts';
import { readModel } from '../core/onnx/read.ts';
import { sniff as sniffBytes } from '../core/onnx/sniff.ts';
import { InvalidRecipe, parseRecipe } from '../core/pass/recipe.ts';
import { filesHash } from '../core/study/identity.ts';
import { countNonZeros } from '../core/study/non-zeros.ts';
import { studyJson } from '../core/study/schema.ts';
import {
	dropVariantFiles,
	inputsFolder,
	keepFiles,
	keptFiles,
	missingVariants,
	modelFolder,
	sweep,
	variantDataFileName,
	variantDataName,
	variantFileName,
} from '../platform/artifacts.ts';
import { compactStudy, deleteStudy, listStudies, loadStudy, writeSnapshot } from '../platform/documents.ts';
import type { Folder } from '../platform/folder.ts';
import { hasOpfs, opfsRoot } from '../platform/opfs.ts';
import { type ArchiveEntry, holdsStudy, packStudy, unpackStudy } from './archive.ts';
import { hashBlob, openOutput } from './output.ts';
import type { DiskMethods, NamedBlob, SniffedFile } from './protocol.ts';
import { type Call, serve } from './serve.ts';
import { totalBytes } from './sources.ts';
import { compressedSize } from './weigh.ts';

type Args<M extends keyof DiskMethods> = Parameters<DiskMethods[M]>[0];
type Result<M extends keyof DiskMethods> = Promise<ReturnType<DiskMethods[M]>>;

const maxRecipeBytes = 4 * 1024 * 1024;

async function sniff({ files }: Args<'sniff'>): Result<'sniff'> {
	const found: SniffedFile[] = [];
	const labels: number[] = [];
	for (const { name, blob } of files) {
		if (await holdsStudy(blob)) {
			found.push({ kind: 'study' });
			continue;
		}
		const { kind, role, message } = await sniffBytes(blobSource(blob), name);
		switch (role) {
			case 'model':
				found.push({ kind: 'model' });
				break;
			case 'data':
				found.push({ kind: 'inputs' });
				break;
			case 'document':
				found.push({ kind: (await isRecipe(blob)) ? 'recipe' : 'study' });
				break;
			case 'external-data':
				found.push({ kind: 'external', message });
				break;
			case 'none':
				if (kind === 'json') labels.push(found.length);
				found.push({ kind: 'wrong', message });
		}
	}
	// JSON beside examples may hold their labels; alone it is nothing.
	if (found.some((entry) => entry.kind === 'inputs')) for (const index of labels) found[index] = { kind: 'inputs' };
	return found;
}

/** A JSON document with steps is a recipe; any other is taken for a study and refused there with its reason. */
async function isRecipe(blob: Blob): Promise<boolean> {
	if (blob.size > maxRecipeBytes) return false;
	try {
		const json: unknown = JSON.parse(await blob.text());
		return typeof json === 'object' && json !== null && 'steps' in json;
	} catch {
		return false;
	}
}

async function hashModel({ files }: Args<'hashModel'>, call: Call): Result<'hashModel'> {
	const total = totalBytes(files);
	let done = 0;
	const hashed = async (blob: Blob): Promise<string> => {
		const hash = await hashBlob(blob, (fraction) => call.progress((done + fraction * blob.size) / total, 'Hashing'));
		done += blob.size;
		return hash;
	};
	const main = await hashed(files.model);
	const external: { path: string; hash: string }[] = [];
	for (const { name, blob } of files.external) external.push({ path: name, hash: await hashed(blob) });
	return { name: files.name, hash: await filesHash(main, external), byteLength: total };
}

/** Copies into tmp/ with every written length checked, then moves: a half copy is never visible. */
function copier(job: string, total: number, call: Call): (blob: Blob, to: Folder, name: string) => Promise<void> {
	const root = opfsRoot();
	let done = 0;
	return async (blob, to, name) => {
		const tmp = root.folder('tmp').folder(job);
		const output = await openOutput(tmp, name, blob.size);
		try {
			await hashBlob(
				blob,
				(fraction) => call.progress((done + fraction * blob.size) / Math.max(1, total), 'Storing a copy'),
				(bytes) => output.write(bytes),
			);
			await output.finish();
		} catch (error) {
			output.discard();
			await root
				.folder('tmp')
				.remove(job)
				.catch(() => {});
			throw error;
		}
		await tmp.move(name, to, name);
		done += blob.size;
	};
}

async function keep(folder: Folder, files: readonly NamedBlob[], job: string, call: Call): Promise<null> {
	const kept = await keptFiles(folder);
	// Same names and sizes under the same hash: it is there already.
	if (
		kept?.files.length === files.length &&
		kept.files.every((file, index) => file.name === files[index]?.name && file.blob.size === files[index]?.blob.size)
	) {
		return null;
	}
	const total = files.reduce((sum, { blob }) => sum + blob.size, 0);
	await keepFiles(folder, files, copier(job, total, call));
	await opfsRoot().folder('tmp').remove(job);
	return null;
}

async function keepModel({ hash, files, job }: Args<'keepModel'>, call: Call): Result<'keepModel'> {
	return keep(modelFolder(opfsRoot(), hash), [{ name: files.name, blob: files.model }, ...files.external], job, call);
}

async function keepInputs({ study, files, job }: Args<'keepInputs'>, call: Call): Result<'keepInputs'> {
	const folder = inputsFolder(opfsRoot(), study);
	// Other inputs may have the same names and sizes: the old listing goes first, so that a half copy is not taken for either.
	await folder.remove('files.json');
	return keep(folder, files, job, call);
}

async function weigh({ blob, data }: Args<'weigh'>, call: Call): Result<'weigh'> {
	const whole = data ? new Blob([blob, data]) : blob;
	const gzip = await compressedSize(whole, 'gzip', (fraction) => call.progress(fraction * 0.4, 'Size as transferred'));
	const brotli = await compressedSize(whole, 'brotli', (fraction) => call.progress(0.4 + fraction * 0.5, 'Size as transferred'));
	const model = await readModel(blobSource(blob), {
		...(data && { external: externalFiles([{ name: variantDataName, source: blobSource(data) }]) }),
	});
	const nonZeros = await countNonZeros(model);
	return { ...(gzip !== undefined && { gzip }), ...(brotli !== undefined && { brotli }), nonZeros };
}

async function unpack({ file, job }: Args<'unpack'>, call: Call): Result<'unpack'> {
	const { study, entries } = await unpackStudy(file.blob);
	if (!(await hasOpfs())) return { study, files: 0 };
	const root = opfsRoot();
	const variants = root.folder('variants');
	const stored = new Set(await variants.files());
	const byName = new Map(entries.map((entry) => [entry.name, entry]));
	let files = 0;
	for (const [index, variant] of study.variants.entries()) {
		call.progress(index / study.variants.length, 'Storing the files');
		if (!variant.file || stored.has(variantFileName(variant.file))) continue;
		const main = byName.get(variantFileName(variant.file));
		const data = byName.get(variantDataFileName(variant.file));
		if (main && (await storeVerified(root, variant.file, main, data, job))) files += 1;
	}
	await root.folder('tmp').remove(job);
	return { study, files };
}

/** Stores a variant out of an archive if its bytes have the hash that the study names; anything else is left out. */
async function storeVerified(
	root: ReturnType<typeof opfsRoot>,
	hash: string,
	main: ArchiveEntry,
	data: ArchiveEntry | undefined,
	job: string,
): Promise<boolean> {
	const tmp = root.folder('tmp').folder(job);
	const variants = root.folder('variants');
	const write = async (entry: ArchiveEntry, name: string): Promise<string> => {
		const content = await entry.content();
		const output = await openOutput(tmp, name, content.size);
		try {
			await hashBlob(content, undefined, (bytes) => output.write(bytes));
			return (await output.finish()).hash;
		} catch (error) {
			output.discard();
			throw error;
		}
	};
	const mainHash = await write(main, 'model');
	const dataHash = data && (await write(data, 'data'));
	if ((await filesHash(mainHash, dataHash ? [{ path: variantDataName, hash: dataHash }] : [])) !== hash) return false;
	if (data) await tmp.move('data', variants, variantDataFileName(hash));
	await tmp.move('model', variants, variantFileName(hash));
	return true;
}

async function readRecipe({ file }: Args<'readRecipe'>): Result<'readRecipe'> {
	if (file.blob.size > maxRecipeBytes) throw new InvalidRecipe('Not a recipe: the file is far too large.');
	let json: unknown;
	try {
		json = JSON.parse(await file.blob.text());
	} catch {
		throw new InvalidRecipe('Not a recipe: the file is no valid JSON.');
	}
	return parseRecipe(json);
}

serve({
	sniff,
	hashModel,
	hash: ({ blob }: Args<'hash'>) => hashBlob(blob),
	keepModel,
	keepInputs,
	weigh,
	loadStudy: async ({ id }: Args<'loadStudy'>): Result<'loadStudy'> => {
		const root = opfsRoot();
		const loaded = await loadStudy(root, id);
		return loaded ? { ...loaded, missing: await missingVariants(root, loaded.study) } : null;
	},
	saveStudy: async ({ study }: Args<'saveStudy'>): Result<'saveStudy'> => {
		await writeSnapshot(opfsRoot(), study, 0);
		return null;
	},
	compact: async ({ id }: Args<'compact'>): Result<'compact'> => {
		await compactStudy(opfsRoot(), id);
		return null;
	},
	list: () => listStudies(opfsRoot()),
	remove: async ({ id }: Args<'remove'>): Result<'remove'> => {
		await deleteStudy(opfsRoot(), id);
		return null;
	},
	sweep: () => sweep(opfsRoot()),
	dropFiles: ({ hashes }: Args<'dropFiles'>) => dropVariantFiles(opfsRoot(), hashes),
	clear: async (): Result<'clear'> => {
		const root = opfsRoot();
		for (const name of await root.folders()) await root.remove(name);
		return null;
	},
	studyDocument: async ({ study }: Args<'studyDocument'>): Result<'studyDocument'> =>
		new Blob([studyJson(study, '\t')], { type: 'application/json' }),
	pack: async ({ study, entries, job }: Args<'pack'>, call: Call): Result<'pack'> => {
		const folder = (await hasOpfs()) ? opfsRoot().folder('tmp').folder(job) : undefined;
		return packStudy(study, entries, folder, (fraction) => call.progress(fraction, 'Packing'));
	},
	unpack,
	readRecipe,
});
