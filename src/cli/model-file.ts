import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import type { Model } from '../core/ir/model.ts';
import { MissingData } from '../core/onnx/errors.ts';
import { externalFiles, externalLocations, missingExternalData } from '../core/onnx/external.ts';
import { readModel } from '../core/onnx/read.ts';
import { assertOnnx } from '../core/onnx/sniff.ts';
import { InputError } from './failure.ts';
import { type FileSource, fileSource } from './files.ts';

/** A model on the disk: the .onnx file and the files of weights beside it. Close it when nothing reads its weights any more. */
export interface ModelFile {
	readonly path: string;
	/** Name without folders. */
	readonly name: string;
	readonly model: Model;
	readonly source: FileSource;
	/** Files that the model keeps weights in, as found, under the names the model gives them. */
	readonly external: readonly { readonly location: string; readonly path: string; readonly source: FileSource }[];
	/** All files together. */
	readonly byteLength: number;
	close(): Promise<void>;
}

export interface OpenOptions {
	/** Throw MissingData where weights are not beside the model; else they are only missing when they are asked for. */
	readonly whole?: boolean | undefined;
	readonly signal?: AbortSignal | undefined;
	readonly onProgress?: ((fraction: number) => void) | undefined;
}

/** Opens a file for reading; what is wrong with the path is said in words. Throws InputError. */
export async function openFile(path: string): Promise<FileSource> {
	try {
		if ((await stat(path)).isDirectory()) throw new InputError(`${path} is a folder, not a file.`, 'unreadable');
		return await fileSource(path);
	} catch (error) {
		if (error instanceof InputError) throw error;
		throw unreadable(path, error);
	}
}

export function unreadable(path: string, error: unknown): InputError {
	const code = (error as { code?: unknown } | null)?.code;
	const why =
		code === 'ENOENT' || code === 'ENOTDIR'
			? `There is no file ${path}.`
			: code === 'EACCES' || code === 'EPERM'
				? `Not allowed to read ${path}.`
				: `${path} cannot be read${typeof code === 'string' ? ` (${code})` : ''}.`;
	return new InputError(why, 'unreadable', '', { cause: error });
}

/** Reads the structure of a model; weights stay in their files. Throws InputError and ModelError. */
export async function openModel(path: string, { whole, signal, onProgress }: OpenOptions = {}): Promise<ModelFile> {
	const name = basename(path);
	const opened: FileSource[] = [];
	const close = async (): Promise<void> => {
		for (const source of opened.splice(0)) await source.close();
	};
	try {
		const source = await openFile(path);
		opened.push(source);
		await assertOnnx(source, name);
		const read = { signal, onProgress };
		let model = await readModel(source, read);
		const external: { location: string; path: string; source: FileSource }[] = [];
		for (const location of externalLocations(model)) {
			const found = await besideModel(path, location);
			if (!found) continue;
			const data = await openFile(found);
			opened.push(data);
			external.push({ location, path: found, source: data });
		}
		if (external.length > 0) {
			const lookup = externalFiles(external.map((file) => ({ name: file.location, source: file.source })));
			model = await readModel(source, { ...read, external: lookup });
		}
		const missing = whole ? missingExternalData(model) : [];
		if (missing.length > 0) {
			throw new MissingData(`${name} keeps weights in ${missing.map((file) => `"${file}"`).join(', ')}, which is not beside it.`, missing);
		}
		const byteLength = external.reduce((sum, file) => sum + file.source.size, source.size);
		return { path, name, model, source, external, byteLength, close };
	} catch (error) {
		await close();
		throw error;
	}
}

/**
 * Where the file is that a model names as its weights, or undefined. The name comes out of a foreign file, so it may only lead to
 * something inside the model's own folder; a link is followed where it ends there, or beside what the model itself is a link to (as
 * download caches lay files out).
 */
async function besideModel(modelPath: string, location: string): Promise<string | undefined> {
	const parts = location.split('/');
	if (location.includes('\\') || location.includes('\0') || /^[a-z]:/i.test(location)) return undefined;
	if (parts.some((part) => part === '' || part === '.' || part === '..')) return undefined;
	const folder = dirname(resolve(modelPath));
	try {
		const path = join(folder, ...parts);
		const real = await realpath(path);
		if (!(await stat(real)).isFile()) return undefined;
		const homes = [await realpath(folder), dirname(await realpath(modelPath))];
		return homes.some((home) => real.startsWith(home.endsWith(sep) ? home : home + sep)) ? path : undefined;
	} catch {
		return undefined;
	}
}
