import { randomBytes } from 'node:crypto';
import { realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Model } from '../core/ir/model.ts';
import { externalLocations } from '../core/onnx/external.ts';
import { readModel } from '../core/onnx/read.ts';
import { planWrite, writePlan } from '../core/onnx/write.ts';
import { filesHash } from '../core/study/identity.ts';
import type { Hash } from '../core/study/study.ts';
import { UsageError, WorkError } from './failure.ts';
import { type FileSink, fileSink, fileSource } from './files.ts';
import { hashedSink } from './hash-file.ts';
import type { Keeper } from './keeper.ts';
import type { ModelFile } from './model-file.ts';

/** Name of the external data file of a variant over 2 GB: part of the written bytes, so the same as in the page. */
const dataBase = 'weights';

export interface WrittenFile {
	/** Name under which it is to stand beside the others. */
	readonly name: string;
	/** Where it lies now. */
	readonly path: string;
	readonly byteLength: number;
	readonly sha256: Hash;
}

/** A variant written to temporary files beside its place. Nothing is at its place before `keep`. */
export interface WrittenVariant {
	readonly files: readonly WrittenFile[];
	readonly byteLength: number;
	/** As in the page: of the .onnx file alone, or of all files. */
	readonly sha256: Hash;
	/** Moves the files to their place. The .onnx file goes last: a model that is there is complete. */
	keep(): Promise<void>;
	/** Removes what `keep` has not moved. */
	discard(): Promise<void>;
}

export interface WriteVariantOptions {
	readonly input: ModelFile;
	/** Path of the .onnx file. */
	readonly out: string;
	readonly signal: AbortSignal;
	readonly onProgress: (fraction: number) => void;
	readonly keeper?: Keeper | undefined;
}

/** Refuses an output path that would do harm, before any work is done. Throws UsageError. */
export async function checkOut(out: string, input: ModelFile): Promise<void> {
	const folder = dirname(resolve(out));
	const there = await stat(folder).catch(() => undefined);
	if (!there?.isDirectory()) throw new UsageError(`The folder of ${out} does not exist.`, 'Make it first.');
	if ((await stat(out).catch(() => undefined))?.isDirectory()) {
		throw new UsageError(`${out} is a folder.`, 'Give the name of the file to write.');
	}
	const target = await realpath(out).catch(() => undefined);
	for (const path of [input.path, ...input.external.map((file) => file.path)]) {
		if (target !== undefined && target === (await realpath(path))) {
			throw new UsageError(`${out} is a file of the model itself.`, 'Write to another name: the original is needed to compare with.');
		}
	}
}

/** Writes a model, tensor by tensor. Throws what writing throws; then nothing is left behind. */
export async function writeVariant(model: Model, { input, out, signal, onProgress, keeper }: WriteVariantOptions): Promise<WrittenVariant> {
	// An untouched model with external data would be written as a reference to files that the variant does not own.
	const keepsFiles = !model.touched && externalLocations(model).length > 0;
	const plan = await planWrite(model, { baseName: dataBase, externalData: keepsFiles ? 'always' : 'auto' });
	const folder = dirname(resolve(out));
	const [, dataFile] = plan.files;
	if (dataFile) await checkDataPlace(join(folder, dataFile.name), out, input);
	const tag = randomBytes(4).toString('hex');
	const places = plan.files.map(({ name }, i) => ({
		name: i === 0 ? basename(out) : name,
		path: join(folder, `.${i === 0 ? basename(out) : name}.${tag}.part`),
	}));
	const discard = async (): Promise<void> => {
		for (const { path } of places) {
			await rm(path, { force: true });
			keeper?.fileEnded(path);
		}
	};
	const sinks: FileSink[] = [];
	try {
		for (const { path } of places) {
			keeper?.fileBegins(path);
			sinks.push(await fileSink(path));
		}
		const [main, data] = await Promise.all(sinks.map(hashedSink));
		if (!main) throw new Error('A plan without files.');
		await writePlan(plan, main, { signal, onProgress, ...(data && { externalSink: data }) });
		const hashes = [await main.finish(), ...(data ? [await data.finish()] : [])];
		for (const sink of sinks) await sink.close();
		const files = places.map(({ name, path }, i): WrittenFile => {
			return { name, path, byteLength: sinks[i]?.size ?? 0, sha256: hashes[i] ?? '' };
		});
		const [first, second] = files as [WrittenFile, WrittenFile?];
		return {
			files,
			byteLength: files.reduce((sum, file) => sum + file.byteLength, 0),
			sha256: await filesHash(first.sha256, second ? [{ path: second.name, hash: second.sha256 }] : []),
			keep: async () => {
				for (const file of [...files].reverse()) await rename(file.path, join(folder, file.name));
			},
			discard,
		};
	} catch (error) {
		for (const sink of sinks) await sink.close().catch(() => {});
		await discard();
		throw error;
	}
}

/** An external data file may only replace the one that belongs to the output it replaces. */
async function checkDataPlace(path: string, out: string, input: ModelFile): Promise<void> {
	if (!(await stat(path).catch(() => undefined))) return;
	const real = await realpath(path);
	const ofInput = (await Promise.all(input.external.map((file) => realpath(file.path)))).includes(real);
	if (!ofInput && (await namesData(out, basename(path)))) return;
	throw new WorkError(
		`The weights go to an external file ${basename(path)}, but ${path} exists already and belongs to something else.`,
		'exists',
		'Write to an empty folder.',
	);
}

async function namesData(out: string, name: string): Promise<boolean> {
	const source = await fileSource(out).catch(() => undefined);
	if (!source) return false;
	try {
		return externalLocations(await readModel(source)).includes(name);
	} catch {
		return false;
	} finally {
		await source.close();
	}
}
