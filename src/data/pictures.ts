import { giveBack } from '../core/bytes/give-back.ts';
import type { Port, TensorData } from '../core/ir/tensor-data.ts';
import { type Example, type ExampleFacts, spreadIndices } from '../core/study/examples.ts';
import type { Labels } from '../core/study/task.ts';
import { hashPieces } from './content-hash.ts';
import type { DataTarget, Evidence } from './dataset.ts';
import { DataError } from './errors.ts';
import { findNormalization } from './find-normalization.ts';
import type { Picture } from './picture.ts';
import {
	conventionsFor,
	defaultPreprocessing,
	describePreprocessing,
	type PictureInput,
	type Preprocessing,
	pictureInput,
	toTensor,
} from './preprocessing.ts';
import type { ReaderOptions } from './reader.ts';
import type { SkippedEntries } from './skipped.ts';
import { spareMemory } from './spare-memory.ts';

/** A picture resized and cut, three bytes a pixel: what is kept of it. */
export interface FittedPicture {
	readonly pixels: Uint8Array;
	/** Decoded by the browser, not by the codecs that every host shares. */
	readonly byBrowser: boolean;
}

/** A picture somewhere, with what is right for it where that is known. */
export interface PictureEntry {
	readonly name: string;
	readonly labels?: Labels | undefined;
	/** Decodes, resizes and cuts. Throws DataError for a damaged one. */
	fit(preprocessing: Preprocessing): Promise<FittedPicture>;
}

export interface PictureOptions extends ReaderOptions {
	/** Bytes of fitted pictures kept in memory; default 64 MB. The rest is decoded again each time. */
	readonly cacheBytes?: number;
	/** Pictures that are fitted at the same time: as many as there are decoders, and one. default 1 */
	readonly parallel?: number | undefined;
	/** Every entry was readable when the set was opened before: each is decoded when it is asked for, none beforehand. */
	readonly readable?: boolean | undefined;
}

export interface PictureExamples {
	readonly n: number;
	/** Entries in the set, before it is limited to fewer. */
	readonly available: number;
	readonly labelled: boolean;
	readonly batchAxes: Readonly<Record<string, number | null>> | undefined;
	readonly preprocessing: Preprocessing;
	readonly description: string;
	readonly evidence: readonly Evidence[];
	exampleFacts(signal?: AbortSignal, onProgress?: (fraction: number) => void): Promise<readonly ExampleFacts[]>;
	example(index: number): Promise<Example>;
	/** With `as`, resized and cut by that instead. */
	preview(index: number, as?: Preprocessing): Promise<Picture>;
}

/** The one input that takes pictures. Throws DataError where there is none, or others beside it. */
export function requirePictureInput(target: DataTarget, where: string): { readonly port: Port; readonly input: PictureInput } {
	const [port, ...others] = target.inputs;
	const input = port && pictureInput(port);
	if (!port || !input || others.length > 0) {
		const takes = target.inputs
			.map(({ name, dtype, shape }) => `"${name}" ${dtype}[${shape.map((dim) => dim ?? '?').join(', ')}]`)
			.join(', ');
		throw new DataError(
			'mismatch',
			`Pictures do not fit this model: it takes ${takes}.`,
			where,
			'Give its inputs as arrays: a .npz with an array for each input.',
		);
	}
	return { port, input };
}

interface Good {
	readonly entry: PictureEntry;
	/** SHA-256 of its pixels, once they were decoded. */
	contentHash: string | undefined;
	kept: Uint8Array | undefined;
}

/**
 * Decodes every picture once, leaves out damaged ones by name, and makes the others the model's input when they are asked for. A set that is
 * known to be readable is decoded picture by picture as they are asked for.
 */
export async function pictureExamples(
	entries: readonly PictureEntry[],
	target: DataTarget,
	where: string,
	skipped: SkippedEntries,
	options: PictureOptions = {},
): Promise<PictureExamples> {
	const { port, input } = requirePictureInput(target, where);
	const { signal, trial, settings } = options;
	let preprocessing = settings?.preprocessing ?? defaultPreprocessing(input);
	checkFits(preprocessing, input, port, where);
	const sized = preprocessing;
	const chosen = spreadIndices(entries.length, options.limit ?? entries.length);
	const good: Good[] = [];
	let budget = options.cacheBytes ?? 64_000_000;
	const keep = (pixels: Uint8Array): Uint8Array | undefined => {
		budget -= pixels.byteLength;
		return budget >= 0 ? pixels : undefined;
	};
	if (options.readable) {
		for (const index of chosen) good.push({ entry: entries[index] as PictureEntry, contentHash: undefined, kept: undefined });
	}
	const results = inOrder(options.readable ? [] : chosen, options.parallel ?? 1, async (index) => {
		signal?.throwIfAborted();
		const entry = entries[index] as PictureEntry;
		try {
			return { entry, fitted: await entry.fit(sized) };
		} catch (error) {
			if (!(error instanceof DataError)) throw error;
			return { entry, error };
		}
	});
	let done = 0;
	for await (const { entry, fitted, error } of results) {
		if (fitted) {
			good.push({ entry, contentHash: await hashPieces([fitted.pixels]), kept: keep(fitted.pixels) });
		} else skipped.add(entry.name, error?.message ?? '');
		done += 1;
		options.onProgress?.(done / chosen.length);
	}
	if (good.length === 0) {
		throw new DataError('empty', `None of its ${entries.length} pictures can be read.`, where, skipped.facts().skipped[0]?.reason ?? '');
	}
	const pixelsOf = async (item: Good, as: Preprocessing): Promise<Uint8Array> => {
		if (as !== sized) return (await item.entry.fit(as)).pixels;
		if (item.kept) return item.kept;
		const { pixels } = await item.entry.fit(as);
		// What was decoded beforehand has had its chance to be kept.
		if (options.readable) item.kept ??= keep(pixels);
		return pixels;
	};
	const fitted = async (index: number, as = sized): Promise<Picture> => {
		const item = good[index];
		if (!item) throw new RangeError(`there are ${good.length} pictures, not ${index + 1}`);
		return withAlpha(await pixelsOf(item, as), as.width, as.height);
	};
	const tensorOf = async (index: number, as: Preprocessing): Promise<TensorData> => {
		const picture = await fitted(index);
		const tensor = toTensor(picture, as);
		giveBack(picture.data);
		return tensor;
	};
	const exampleFacts: PictureExamples['exampleFacts'] = async (own, onProgress) => {
		const unknown = good.filter(({ contentHash }) => contentHash === undefined);
		let hashed = 0;
		for await (const { item, pixels } of inOrder(unknown, options.parallel ?? 1, async (item) => {
			own?.throwIfAborted();
			return { item, pixels: await pixelsOf(item, sized) };
		})) {
			item.contentHash = await hashPieces([pixels]);
			hashed += 1;
			onProgress?.(hashed / unknown.length);
		}
		return good.map(({ entry, contentHash }) => ({
			name: entry.name,
			contentHash: contentHash ?? '',
			...(entry.labels?.label !== undefined && { label: entry.labels.label }),
		}));
	};
	const evidence: Evidence[] = [];
	const classed = good.some(({ entry }) => entry.labels?.label !== undefined);
	if (!settings?.preprocessing && trial && classed) {
		const found = await findNormalization({
			candidates: conventionsFor(input.channels).map(([name, normalization]) => ({ name, normalization })),
			labels: good.map(({ entry }) => entry.labels?.label),
			output: target.outputs[0]?.name,
			score: async (normalization, index) => {
				signal?.throwIfAborted();
				const tensor = await tensorOf(index, { ...preprocessing, ...normalization });
				const outputs = await trial({ [port.name]: tensor });
				spareMemory.keep(tensor.data);
				return outputs;
			},
		});
		if (found) {
			preprocessing = { ...preprocessing, ...found.normalization };
			evidence.push(found.evidence);
		}
	}
	const settled = preprocessing;
	const origin = settings?.preprocessing ? '' : evidence.length > 0 ? ' (found by labels)' : ' (assumed from the input)';
	return {
		n: good.length,
		available: entries.length,
		labelled: good.some(({ entry }) => entry.labels !== undefined),
		batchAxes: typeof port.shape[0] === 'number' ? undefined : { [port.name]: 0 },
		preprocessing: settled,
		description: `${describePreprocessing(settled)}${origin}`,
		evidence,
		exampleFacts,
		preview: (index, as) => fitted(index, as),
		async example(index) {
			let tensor: TensorData | undefined = await tensorOf(index, settled);
			const feeds = { [port.name]: tensor };
			const { name, labels } = (good[index] as Good).entry;
			const release = (): void => {
				spareMemory.keep(tensor?.data);
				// Asked twice, it may be another example's by then.
				tensor = undefined;
			};
			return { name, feeds, ...labels, release };
		},
	};
}

/** Preprocessing that a person or a file gives may be for another model. */
function checkFits({ width, height, layout, colour, dtype }: Preprocessing, input: PictureInput, port: Port, where: string): void {
	const wrong =
		(input.width !== undefined && input.width !== width) ||
		(input.height !== undefined && input.height !== height) ||
		input.layout !== layout ||
		(input.channels === 1) !== (colour === 'grey') ||
		input.dtype !== dtype;
	if (!wrong) return;
	throw new DataError(
		'mismatch',
		`The preprocessing gives ${dtype} ${layout.toUpperCase()} of ${width} x ${height} in ${colour === 'grey' ? 'grey' : 'three colours'}; the input "${port.name}" is ${port.dtype}[${port.shape.map((dim) => dim ?? '?').join(', ')}].`,
		where,
		'Change the preprocessing, or let it be found.',
	);
}

/** Results in order, with so many under way at a time. */
export async function* inOrder<T, R>(items: readonly T[], parallel: number, work: (item: T) => Promise<R>): AsyncIterableIterator<R> {
	const running: Promise<R>[] = [];
	let next = 0;
	try {
		while (next < items.length || running.length > 0) {
			while (running.length < parallel && next < items.length) {
				running.push(work(items[next] as T));
				next += 1;
			}
			yield await (running.shift() as Promise<R>);
		}
	} finally {
		// What is still under way when the rest is given up fails into nothing.
		for (const left of running) left.catch(() => {});
	}
}

/** Three bytes a pixel instead of four. */
export function withoutAlpha({ width, height, data }: Picture): Uint8Array {
	const packed = new Uint8Array(width * height * 3);
	for (let from = 0, to = 0; to < packed.length; from += 4, to += 3) {
		packed[to] = data[from] as number;
		packed[to + 1] = data[from + 1] as number;
		packed[to + 2] = data[from + 2] as number;
	}
	return packed;
}

function withAlpha(packed: Uint8Array, width: number, height: number): Picture {
	const data = new Uint8ClampedArray(width * height * 4);
	for (let from = 0, to = 0; from < packed.length; from += 3, to += 4) {
		data[to] = packed[from] as number;
		data[to + 1] = packed[from + 1] as number;
		data[to + 2] = packed[from + 2] as number;
		data[to + 3] = 255;
	}
	return { width, height, data };
}
