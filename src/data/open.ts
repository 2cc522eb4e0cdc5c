import type { ByteSource } from '../core/bytes/source.ts';
import { elementCount } from '../core/ir/dtype.ts';
import { type Examples, spreadIndices } from '../core/study/examples.ts';
import type { DatasetFacts } from '../core/study/study.ts';
import { arrayExamples, type NamedArray } from './arrays.ts';
import { classCount, mapClasses, parseClassList } from './class-labels.ts';
import { exampleFactsOf } from './content-hash.ts';
import type { DataFile, Dataset, DataTarget, Trial } from './dataset.ts';
import { DataError } from './errors.ts';
import { byName, datasetHash } from './hash.ts';
import { gunzip, looksLikeGzip, looksLikeIdx, openIdx } from './idx.ts';
import { looksLikeNpy, openNpy, type StoredArray } from './npy.ts';
import { type DecodePicture, type Picture, pictureFormat } from './picture.ts';
import { type PictureEntry, pictureExamples } from './pictures.ts';
import { type Preprocessing, pictureInput } from './preprocessing.ts';
import { looksLikeZip, readZip } from './zip.ts';

export interface OpenOptions {
	/** Needed for pictures; see node/codecs.ts and web/codecs.ts. */
	readonly decode?: DecodePicture;
	/** Most examples; default all. Pictures beyond it are not even decoded. */
	readonly limit?: number;
	readonly preprocessing?: Preprocessing;
	/** Runs the original: with labels, the preprocessing is found by trying. */
	readonly trial?: Trial;
	/** The files are the studio's own sample. */
	readonly sample?: boolean;
	readonly signal?: AbortSignal;
	readonly onProgress?: (fraction: number) => void;
}

type Opened = Pick<Dataset, 'n' | 'example' | 'evidence' | 'preview' | 'classNames'> & {
	readonly batchAxes?: Dataset['batchAxes'] | undefined;
	readonly kind: 'pictures' | 'arrays';
	readonly labelled: boolean;
	readonly classes: number | undefined;
	readonly description: string;
	readonly skipped: DatasetFacts['skipped'];
};

/**
 * Opens what people have as examples of a model: .npz and .npy (inputs by name, labels named label, labels or y), IDX files (MNIST), gzipped
 * or not, pictures or a zip of pictures with a folder for each class and an optional classes.txt. Examples are read when asked for.
 * Entries that cannot be read are left out and named in `facts.skipped`. Throws DataError.
 */
export async function openDataset(files: readonly DataFile[], target: DataTarget, options: OpenOptions = {}): Promise<Dataset> {
	if (files.length === 0) throw new DataError('empty', 'No files were given.');
	const sorted = byName(files);
	const name = sorted.length === 1 ? baseName((sorted[0] as DataFile).name) : `${sorted.length} files`;
	const opened = await open(sorted, target, name, options);
	const { kind, labelled, classes, description, skipped, n, evidence, example, preview, batchAxes, classNames } = opened;
	return {
		n,
		evidence,
		example,
		...(preview && { preview }),
		...(batchAxes && { batchAxes }),
		...(classNames && { classNames }),
		exampleFacts: exampleFactsOf(n, example),
		facts: {
			hash: await datasetHash(sorted, { description, n }, options.signal),
			name,
			kind: options.sample ? 'sample' : kind,
			n,
			labelled,
			...(classes !== undefined && { classes }),
			preprocessing: description,
			skipped,
		},
	};
}

async function open(files: readonly DataFile[], target: DataTarget, name: string, options: OpenOptions): Promise<Opened> {
	const arrays: NamedArray[] = [];
	const idx: NamedArray[] = [];
	const pictures: RawEntry[] = [];
	const skipped: { name: string; reason: string }[] = [];
	let classes: string[] | undefined;
	const take = async (entry: RawEntry, head: Uint8Array): Promise<void> => {
		if (looksLikeNpy(head)) {
			arrays.push({ name: baseName(entry.name).replace(/\.npy$/i, ''), array: await openNpy(await entry.source(), entry.name) });
		} else if (looksLikeIdx(head)) {
			idx.push({ name: baseName(entry.name), array: await openIdx(await entry.source(), entry.name) });
		} else if (pictureFormat(head)) pictures.push(entry);
		else if (/(^|[\\/])(classes|labels)\.txt$/i.test(entry.name))
			classes = parseClassList(new TextDecoder().decode((await entry.bytes()).slice()));
		else if (/\.(jpe?g|png|webp|bmp|gif|avif)$/i.test(entry.name))
			skipped.push({ name: entry.name, reason: 'The file is not the picture that its name says.' });
		else if (!/(^|[\\/])(\.|__MACOSX|Thumbs\.db)/i.test(entry.name) && !/\.(txt|md|json|csv)$/i.test(entry.name)) {
			skipped.push({ name: entry.name, reason: 'The file is neither a picture nor an array.' });
		}
	};
	for (const file of files) {
		options.signal?.throwIfAborted();
		const head = await file.source.read(0, Math.min(64, file.source.size));
		if (looksLikeZip(head)) await openArchive(file, take, skipped);
		else if (looksLikeGzip(head)) {
			const source = await gunzip(file.source, file.name);
			const entry = rawEntry(file.name.replace(/\.gz$/i, ''), source);
			await take(entry, await source.read(0, Math.min(64, source.size)));
		} else await take(rawEntry(file.name, file.source), head);
	}
	if (idx.length > 0 && arrays.length === 0 && pictures.length === 0) return openIdxPair(idx, target, name, options, skipped);
	if (arrays.length > 0) {
		const examples = await arrayExamples(arrays, target, name);
		const limited = limit(examples, options.limit);
		const { notes } = examples;
		return {
			...limited,
			kind: 'arrays',
			labelled: examples.labelled,
			classes: examples.classes,
			description: notes.length > 0 ? `as given; ${notes.join('; ')}` : 'as given',
			skipped,
			evidence: [],
		};
	}
	if (pictures.length > 0) return openPictures(pictures, classes, target, name, options, skipped);
	throw new DataError(
		'unsupported',
		skipped.length > 0
			? `It holds nothing that can be read: ${(skipped[0] as { name: string }).name} is neither a picture nor an array.`
			: 'It holds no examples.',
		name,
		'Give pictures (JPEG, PNG, or a zip of them), .npy, .npz or IDX files.',
	);
}

/** A file, wherever it lies. */
interface RawEntry {
	readonly name: string;
	bytes(): Promise<Uint8Array>;
	source(): Promise<ByteSource>;
}

function rawEntry(name: string, source: ByteSource): RawEntry {
	return { name, bytes: () => source.read(0, source.size), source: async () => source };
}

async function openArchive(
	file: DataFile,
	take: (entry: RawEntry, head: Uint8Array) => Promise<void>,
	skipped: { name: string; reason: string }[],
): Promise<void> {
	for (const entry of await readZip(file.source, file.name)) {
		try {
			await take(entry, await entry.head(64));
		} catch (error) {
			if (!(error instanceof DataError) || error.code === 'limit') throw error;
			skipped.push({ name: entry.name, reason: error.message });
		}
	}
}

async function openPictures(
	entries: readonly RawEntry[],
	classes: readonly string[] | undefined,
	target: DataTarget,
	name: string,
	options: OpenOptions,
	skipped: readonly { name: string; reason: string }[],
): Promise<Opened> {
	const { decode } = options;
	if (!decode) throw new DataError('unsupported', 'Pictures cannot be decoded here.', name);
	const sorted = byName(entries);
	const folders = sorted.map(({ name: path }) => path.split(/[\\/]/).at(-2) ?? '');
	const outputs = classCount(target);
	const mapping = outputs === undefined ? undefined : mapClasses(folders, classes, outputs);
	let browserDecoded = 0;
	const list = sorted.map((entry, i): PictureEntry => {
		const label = mapping?.indices.get(folders[i] as string);
		return {
			name: entry.name,
			...(label !== undefined && { label }),
			load: async () => {
				const picture = await decode(await entry.bytes(), entry.name);
				if (picture.decoder === 'browser') browserDecoded += 1;
				return picture;
			},
		};
	});
	const examples = await pictureExamples(list, target, name, options);
	const notes = [
		examples.description,
		mapping?.note,
		browserDecoded > 0 && 'some decoded by this browser: pixels may differ elsewhere',
	].filter(Boolean);
	return {
		...examples,
		kind: 'pictures',
		classes: mapping && mapping.indices.size > 0 ? new Set(mapping.indices.values()).size : undefined,
		...(mapping?.names && { classNames: mapping.names }),
		description: notes.join('; '),
		skipped: [...skipped, ...examples.skipped],
	};
}

/** MNIST's pair: pictures [N, H, W], and labels [N] where they are given. */
async function openIdxPair(
	files: readonly NamedArray[],
	target: DataTarget,
	name: string,
	options: OpenOptions,
	skipped: readonly { name: string; reason: string }[],
): Promise<Opened> {
	const images = files.find(({ array }) => array.shape.length >= 2);
	const labels = files.find(({ array }) => array.shape.length === 1);
	if (!images) throw new DataError('mismatch', 'The IDX files hold labels only.', name, 'Drop the pictures with them.');
	const { array } = images;
	const n = array.shape[0] as number;
	const usable = labels && labels.array.shape[0] === n ? labels : undefined;
	const notes = labels && !usable ? [`labels left out: ${labels.array.shape[0]} for ${n} examples`] : [];
	const port = target.inputs[0];
	if (!port || !pictureInput(port) || array.shape.length !== 3 || array.dtype !== 'uint8') {
		const named: NamedArray[] = [{ name: images.name, array: flattenFor(array, port?.shape.length ?? 0) }];
		if (usable) named.push({ name: 'labels', array: usable.array });
		const examples = await arrayExamples(named, target, name);
		return {
			...limit(examples, options.limit),
			kind: 'arrays',
			labelled: examples.labelled,
			classes: examples.classes,
			description: ['as given', ...examples.notes, ...notes].join('; '),
			skipped,
			evidence: [],
		};
	}
	const [, height, width] = array.shape as [number, number, number];
	const classes = usable ? ((await usable.array.read(0, n)) as ArrayLike<number>) : undefined;
	const entries = Array.from({ length: n }, (_, i): PictureEntry => {
		const label = classes?.[i];
		return {
			name: `${images.name} #${i}`,
			...(label !== undefined && { label }),
			load: async () => greyPicture((await array.read(i * width * height, width * height)) as Uint8Array, width, height),
		};
	});
	const examples = await pictureExamples(entries, target, name, options);
	return {
		...examples,
		kind: 'pictures',
		classes: classes && new Set(Array.from(classes)).size,
		description: [examples.description, ...notes].join('; '),
		skipped: [...skipped, ...examples.skipped],
	};
}

/** Pictures as rows of numbers, for models that take a vector. */
function flattenFor(array: StoredArray, rank: number): StoredArray {
	if (rank !== 2 || array.shape.length <= 2) return array;
	return { ...array, shape: [array.shape[0] as number, elementCount(array.shape.slice(1))] };
}

function greyPicture(grey: Uint8Array, width: number, height: number): Picture {
	const data = new Uint8ClampedArray(width * height * 4);
	for (let i = 0; i < grey.length; i++) {
		const value = grey[i] as number;
		data[4 * i] = value;
		data[4 * i + 1] = value;
		data[4 * i + 2] = value;
		data[4 * i + 3] = 255;
	}
	return { width, height, data };
}

/** At most so many examples, spread evenly. */
function limit(
	examples: Pick<Examples, 'n' | 'example'> & { readonly batchAxes?: Examples['batchAxes'] | undefined },
	most: number | undefined,
): Pick<Opened, 'n' | 'example' | 'batchAxes'> {
	const chosen = most === undefined || most >= examples.n ? undefined : spreadIndices(examples.n, most);
	const n = chosen?.length ?? examples.n;
	const axes = examples.batchAxes && { batchAxes: examples.batchAxes };
	return { n, ...axes, example: (index) => examples.example(chosen?.[index] ?? index) };
}

const baseName = (name: string): string => name.split(/[\\/]/).at(-1) ?? name;
