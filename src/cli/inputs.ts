import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import type { ByteSource } from '../core/bytes/source.ts';
import type { Model } from '../core/ir/model.ts';
import type { DataSettings } from '../core/study/data-settings.ts';
import type { DataFile, Dataset, DataTarget, Trial } from '../data/dataset.ts';
import { idLimits } from '../data/id-limits.ts';
import { decodePicture } from '../data/node/codecs.ts';
import { openDataset } from '../data/open.ts';
import { syntheticDataset } from '../data/synthetic.ts';
import type { Engine, ModelBytes } from '../engine/port.ts';
import { InputError } from './failure.ts';
import { fileSource } from './files.ts';
import { unreadable } from './model-file.ts';
import type { Terminal } from './terminal.ts';

export interface InputsOptions {
	readonly engine: Engine;
	/** The model that the inputs are for, and its bytes for the runtime. */
	readonly model: Model;
	readonly bytes: () => Promise<ModelBytes>;
	/** Files or folders; empty: synthetic inputs. */
	readonly data: readonly string[];
	/** Most examples; default: all that are given, or 16 synthetic ones. */
	readonly limit?: number | undefined;
	/** What was chosen about the data; the rest is found. */
	readonly settings?: DataSettings;
	readonly signal: AbortSignal;
	readonly terminal: Terminal;
}

const seed = 1;
const syntheticCount = 16;

/** Examples for a model, out of the person's files or made up. Throws InputError, DataError, and EngineError where the model does not load. */
export async function openInputs(options: InputsOptions): Promise<Dataset> {
	const { engine, model, data, signal, terminal } = options;
	terminal.progress(0, 'Loading the model');
	const session = await engine.load(await options.bytes());
	try {
		const target: DataTarget = { inputs: session.inputs, outputs: session.outputs, idLimits: idLimits(model) };
		const trial: Trial = (feeds) => session.run(feeds);
		const limit = options.limit === undefined ? {} : { limit: options.limit };
		terminal.progress(0.5, data.length > 0 ? 'Opening the inputs' : 'Making synthetic inputs');
		if (data.length === 0) return await syntheticDataset(target, { seed, n: options.limit ?? syntheticCount, trial, signal });
		return await openDataset(await dataFiles(data), target, {
			decode: decodePicture,
			trial,
			signal,
			...limit,
			...(options.settings && { settings: options.settings }),
			onProgress: (fraction) => terminal.progress(fraction, 'Reading the inputs'),
		});
	} finally {
		await session.release();
	}
}

/** Files as given, folders with all they hold. */
async function dataFiles(paths: readonly string[]): Promise<DataFile[]> {
	const files: DataFile[] = [];
	for (const path of paths) {
		try {
			if ((await stat(path)).isDirectory()) {
				for (const inner of await walk(path)) files.push({ name: relative(path, inner), source: await lazySource(inner) });
			} else files.push({ name: basename(path), source: await lazySource(path) });
		} catch (error) {
			throw unreadable(path, error);
		}
	}
	if (files.length === 0) throw new InputError(`${paths.join(', ')} holds no files.`, 'empty');
	return files;
}

async function walk(folder: string): Promise<string[]> {
	const entries = await readdir(folder, { withFileTypes: true, recursive: true });
	return entries
		.filter((entry) => entry.isFile())
		.map((entry) => join(entry.parentPath ?? entry.path, entry.name))
		.sort();
}

/** A file that is open only while it is read: a folder may hold more pictures than a process may open files. */
async function lazySource(path: string): Promise<ByteSource> {
	const { size } = await stat(path);
	return {
		size,
		read: async (at, length) => {
			const source = await fileSource(path);
			try {
				return await source.read(at, length);
			} finally {
				await source.close();
			}
		},
	};
}
