import type { Port, TensorData } from '../core/ir/tensor-data.ts';
import { type Example, spreadIndices } from '../core/study/examples.ts';
import type { DatasetFacts } from '../core/study/study.ts';
import type { DataTarget, Evidence, Trial } from './dataset.ts';
import { DataError } from './errors.ts';
import { findNormalization } from './find-normalization.ts';
import type { Picture } from './picture.ts';
import {
	conventionsFor,
	defaultPreprocessing,
	describePreprocessing,
	fitPicture,
	type PictureInput,
	type Preprocessing,
	pictureInput,
	toTensor,
} from './preprocessing.ts';

/** A picture somewhere, with the index of its class where it is known. */
export interface PictureEntry {
	readonly name: string;
	readonly label?: number;
	/** Throws DataError for a damaged one. */
	load(): Promise<Picture>;
}

export interface PictureOptions {
	/** Most pictures; default all. They are spread evenly over the entries. */
	readonly limit?: number;
	/** Given, or found: from labels where `trial` can run the model, else from the input's shape. */
	readonly preprocessing?: Preprocessing;
	readonly trial?: Trial;
	/** Bytes of fitted pictures kept in memory; default 128 MB. The rest is decoded again each time. */
	readonly cacheBytes?: number;
	readonly signal?: AbortSignal | undefined;
	readonly onProgress?: ((fraction: number) => void) | undefined;
}

export interface PictureExamples {
	readonly n: number;
	readonly labelled: boolean;
	readonly batchAxes: Readonly<Record<string, number | null>> | undefined;
	readonly preprocessing: Preprocessing;
	readonly description: string;
	readonly evidence: readonly Evidence[];
	readonly skipped: DatasetFacts['skipped'];
	example(index: number): Promise<Example>;
	preview(index: number): Promise<Picture>;
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

/** Decodes pictures once, leaves out damaged ones by name, and makes them the model's input. */
export async function pictureExamples(
	entries: readonly PictureEntry[],
	target: DataTarget,
	where: string,
	options: PictureOptions = {},
): Promise<PictureExamples> {
	const { port, input } = requirePictureInput(target, where);
	const { signal, trial } = options;
	let preprocessing = options.preprocessing ?? defaultPreprocessing(input);
	const chosen = spreadIndices(entries.length, options.limit ?? entries.length);
	const skipped: { name: string; reason: string }[] = [];
	const good: { readonly entry: PictureEntry; kept: Uint8Array | undefined }[] = [];
	let budget = options.cacheBytes ?? 128_000_000;
	for (const [done, index] of chosen.entries()) {
		signal?.throwIfAborted();
		const entry = entries[index] as PictureEntry;
		try {
			const packed = withoutAlpha(fitPicture(await entry.load(), preprocessing));
			budget -= packed.byteLength;
			good.push({ entry, kept: budget >= 0 ? packed : undefined });
		} catch (error) {
			if (!(error instanceof DataError)) throw error;
			skipped.push({ name: entry.name, reason: error.message });
		}
		options.onProgress?.((done + 1) / chosen.length);
	}
	if (good.length === 0) {
		throw new DataError('empty', `None of its ${entries.length} pictures can be read.`, where, skipped[0]?.reason ?? '');
	}
	const fitted = async (index: number): Promise<Picture> => {
		const item = good[index];
		if (!item) throw new RangeError(`there are ${good.length} pictures, not ${index + 1}`);
		if (item.kept) return withAlpha(item.kept, preprocessing.width, preprocessing.height);
		return fitPicture(await item.entry.load(), preprocessing);
	};
	const evidence: Evidence[] = [];
	if (!options.preprocessing && trial && good.some(({ entry }) => entry.label !== undefined)) {
		const found = await findNormalization({
			candidates: conventionsFor(input.channels).map(([name, normalization]) => ({ name, normalization })),
			labels: good.map(({ entry }) => entry.label),
			output: target.outputs[0]?.name,
			score: async (normalization, index) => {
				signal?.throwIfAborted();
				const tensor = toTensor(await fitted(index), { ...preprocessing, ...normalization });
				return trial({ [port.name]: tensor });
			},
		});
		if (found) {
			preprocessing = { ...preprocessing, ...found.normalization };
			evidence.push(found.evidence);
		}
	}
	const settled = preprocessing;
	const tensorOf = async (index: number): Promise<TensorData> => toTensor(await fitted(index), settled);
	const labelled = good.some(({ entry }) => entry.label !== undefined);
	return {
		n: good.length,
		labelled,
		batchAxes: typeof port.shape[0] === 'number' ? undefined : { [port.name]: 0 },
		preprocessing: settled,
		description: `${describePreprocessing(settled)}${options.preprocessing ? '' : evidence.length > 0 ? ' (found by labels)' : ' (assumed from the input)'}`,
		evidence,
		skipped,
		preview: fitted,
		async example(index) {
			const tensor = await tensorOf(index);
			const { name, label } = (good[index] as (typeof good)[number]).entry;
			return { name, feeds: { [port.name]: tensor }, ...(label !== undefined && { label }) };
		},
	};
}

/** Three bytes a pixel instead of four: what is kept of a picture. */
function withoutAlpha({ width, height, data }: Picture): Uint8Array {
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
