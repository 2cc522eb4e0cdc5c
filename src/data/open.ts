import { elementCount, isFloat } from '../core/ir/dtype.ts';
import type { TensorData } from '../core/ir/tensor-data.ts';
import type { DataSettings } from '../core/study/data-settings.ts';
import { type Examples, spreadIndices } from '../core/study/examples.ts';
import type { DataKind, DatasetFacts } from '../core/study/study.ts';
import type { LabelKind } from '../core/study/task.ts';
import { arrayExamples, type NamedArray } from './arrays.ts';
import { baseName, type Collection, collect } from './collect.ts';
import { exampleFactsOf } from './content-hash.ts';
import { openCsv } from './csv.ts';
import type { DataFile, Dataset, DataTarget, Trial } from './dataset.ts';
import { DataError } from './errors.ts';
import { fitPacked } from './fit.ts';
import { byName, datasetHash } from './hash.ts';
import { labelsOfEntries } from './labels-of-entries.ts';
import { withoutExamples } from './leave-out.ts';
import type { StoredArray } from './npy.ts';
import type { DecodePicture, FitPicture } from './picture.ts';
import { type FittedPicture, type PictureEntry, type PictureExamples, pictureExamples } from './pictures.ts';
import { describePreprocessing, type Preprocessing, pictureInput } from './preprocessing.ts';
import type { SkippedEntries } from './skipped.ts';
import { soundExamples } from './sound.ts';
import { tableExamples } from './table.ts';
import { takesTokens, textExamples } from './text.ts';
import { readTexts } from './text-records.ts';
import { openTokenizer } from './tokenizer.ts';
import { openWav } from './wav.ts';

export interface OpenOptions {
	/** Needed for pictures; see node/codecs.ts and web/codecs.ts. */
	readonly decode?: DecodePicture;
	/** Decodes and resizes elsewhere, beside what runs here; takes the place of `decode`. */
	readonly fit?: FitPicture;
	/** Most examples; default all. Pictures beyond it are not even decoded. */
	readonly limit?: number;
	/** What a person chose; the rest is found or proposed. */
	readonly settings?: DataSettings;
	/** The same as settings.preprocessing. */
	readonly preprocessing?: Preprocessing;
	/** Runs the original: with labels, the preprocessing is found by trying; a state is carried through sound. */
	readonly trial?: Trial;
	/** The files are the studio's own sample. */
	readonly sample?: boolean;
	/** Bytes of fitted pictures kept in memory; default 64 MB. */
	readonly cacheBytes?: number;
	/** The same files were opened before and every picture could be read: none is decoded before it is asked for. */
	readonly readable?: boolean;
	readonly signal?: AbortSignal;
	readonly onProgress?: (fraction: number) => void;
}

interface Opened extends Pick<Dataset, 'n' | 'example' | 'evidence' | 'preview' | 'source' | 'classNames'> {
	readonly batchAxes?: Dataset['batchAxes'] | undefined;
	readonly exampleFacts?: Dataset['exampleFacts'];
	readonly kind: DataKind;
	readonly available: number;
	readonly labelKind: LabelKind | undefined;
	readonly classes: number | undefined;
	readonly mapping?: DatasetFacts['mapping'] | undefined;
	readonly picture?: Preprocessing;
	readonly description: string;
	/** What is done to the examples, without who chose it: what tells one treatment from another. default: the description */
	readonly treatment?: string;
}

/**
 * Opens what people have as examples of a model: .npz and .npy (inputs by name, labels named label, labels or y), IDX files (MNIST), gzipped
 * or not, pictures or sounds with a folder for each class or a file of labels, tables of features, lines of text with a tokenizer.json; loose,
 * in a folder, or in a zip, with an optional classes.txt. Examples are read when asked for. Entries that cannot be read are left out and named
 * in `facts.skipped`. Throws DataError.
 */
export async function openDataset(files: readonly DataFile[], target: DataTarget, options: OpenOptions = {}): Promise<Dataset> {
	if (files.length === 0) throw new DataError('empty', 'No files were given.');
	const sorted = byName(files);
	const name = sorted.length === 1 ? baseName((sorted[0] as DataFile).name) : `${sorted.length} files`;
	const settings: DataSettings = { ...options.settings, ...(options.preprocessing && { preprocessing: options.preprocessing }) };
	const found = await collect(sorted, options.signal);
	const all = await open(found, target, name, { ...options, settings });
	const complete = { ...all, exampleFacts: all.exampleFacts ?? exampleFactsOf(all.n, all.example) };
	const opened = await withoutExamples(complete, settings.leftOut, name, options.signal);
	const { kind, labelKind, classes, mapping, picture, description, n, evidence, example, preview, source, batchAxes, classNames } = opened;
	return {
		n,
		evidence,
		example,
		...(preview && { preview }),
		...(source && { source }),
		...(batchAxes && { batchAxes }),
		...(classNames && { classNames }),
		exampleFacts: opened.exampleFacts,
		facts: {
			hash: await datasetHash(
				sorted,
				{
					treatment: opened.treatment ?? description,
					n,
					...(mapping && { classes: mapping.classes }),
					...(n < all.n && { leftOut: [...(settings.leftOut ?? [])].sort() }),
				},
				options.signal,
			),
			name,
			kind: options.sample ? 'sample' : kind,
			n,
			...(opened.available > all.n && { available: opened.available }),
			...(all.n > n && { leftOutCount: all.n - n }),
			labelled: labelKind !== undefined,
			...(labelKind && { labelKind }),
			...(classes !== undefined && { classes }),
			...(mapping && { mapping: { ...mapping, classes: mapping.classes.slice(0, 10_000) } }),
			preprocessing: description,
			...(picture && { picture }),
			...(evidence.length > 0 && { evidence }),
			...(Object.keys(settings).length > 0 && { settings }),
			...found.skipped.facts(),
		},
	};
}

type Settled = OpenOptions & { readonly settings: DataSettings };

async function open(found: Collection, target: DataTarget, name: string, options: Settled): Promise<Opened> {
	if (found.idx.length > 0 && found.arrays.length === 0 && found.pictures.length === 0) return openIdxPair(found, target, name, options);
	if (found.arrays.length > 0) return openArrays(found.arrays, found, target, name, options, []);
	if (found.pictures.length > 0) return openPictures(found, target, name, options);
	if (found.sounds.length > 0) return openSounds(found, target, name, options);
	const written = found.texts.length + found.tables.length + found.documents.length;
	if (written > 0 && (found.tokenizer || takesTokens(target))) return openTexts(found, target, name, options);
	const [table] = [...found.tables, ...found.texts];
	if (table) {
		if (found.tables.length + found.texts.length > 1) {
			for (const other of [...found.tables, ...found.texts].slice(1))
				found.skipped.add(other.name, `Only one table is read: ${table.name}.`);
		}
		const csv = await openCsv(await table.source(), table.name, options.signal);
		const examples = await tableExamples(csv, target, baseName(table.name), found.classes, found.skipped, options);
		const { labels } = examples;
		return {
			...examples,
			kind: 'table',
			evidence: [],
			labelKind: labels.kind,
			classes: labels.classes,
			mapping: labels.mapping,
			...(labels.names && { classNames: labels.names }),
		};
	}
	const [first] = found.skipped.facts().skipped;
	throw new DataError(
		'unsupported',
		first ? `It holds nothing that can be read. ${first.name}: ${first.reason}` : 'It holds no examples.',
		name,
		'Give pictures (JPEG, PNG, or a zip of them), .npy, .npz, IDX, CSV or .wav files, or text with a tokenizer.json.',
	);
}

async function openArrays(
	arrays: readonly NamedArray[],
	{ classes, skipped }: Collection,
	target: DataTarget,
	name: string,
	{ limit: most, settings, signal }: Settled,
	notes: readonly string[],
): Promise<Opened> {
	let examples: Awaited<ReturnType<typeof arrayExamples>>;
	try {
		examples = await arrayExamples(arrays, target, name, { classes, given: settings.classMapping });
	} catch (error) {
		// An array that cannot be read may be the very one that is missing.
		const [bad] = skipped.facts().skipped;
		if (!(error instanceof DataError) || error.code !== 'mismatch' || !bad) throw error;
		throw new DataError('mismatch', `${error.message} ${bad.name} was left out: ${bad.reason}`, error.where, error.advice);
	}
	const all = [...examples.notes, ...notes];
	const chosen = limit(examples, most);
	const floats = arrays.some(({ array }) => isFloat(array.dtype));
	return {
		...(floats ? await withoutNaN(chosen, name, skipped, signal) : chosen),
		available: examples.n,
		kind: 'arrays',
		labelKind: examples.labelKind,
		classes: examples.classes,
		mapping: examples.mapping,
		...(examples.classNames && { classNames: examples.classNames }),
		description: all.length > 0 ? `as given; ${all.join('; ')}` : 'as given',
		evidence: [],
	};
}

/** Leaves out examples that hold a value that is no number, by name: a model's answer to it means nothing. Infinities stay: masks are made of them. */
async function withoutNaN(
	examples: Pick<Opened, 'n' | 'example' | 'batchAxes'>,
	where: string,
	skipped: SkippedEntries,
	signal: AbortSignal | undefined,
): Promise<Pick<Opened, 'n' | 'example' | 'batchAxes'>> {
	const good: number[] = [];
	for (let index = 0; index < examples.n; index++) {
		if (index % 100 === 0) signal?.throwIfAborted();
		const { name, feeds } = await examples.example(index);
		const bad = Object.keys(feeds).find((input) => holdsNaN(feeds[input] as TensorData));
		if (bad === undefined) good.push(index);
		else skipped.add(name, `Input "${bad}" holds a value that is no number (NaN).`);
	}
	if (good.length === examples.n) return examples;
	if (good.length === 0) throw new DataError('empty', `All of its ${examples.n} examples hold values that are no numbers (NaN).`, where);
	return {
		...examples,
		n: good.length,
		example: (index) => {
			const at = good[index];
			if (at === undefined) throw new RangeError(`there are ${good.length} examples, not ${index + 1}`);
			return examples.example(at);
		},
	};
}

function holdsNaN({ dtype, data }: TensorData): boolean {
	if (data instanceof Float32Array || data instanceof Float64Array) return data.some(Number.isNaN);
	if (dtype === 'float16' && data instanceof Uint16Array) return data.some((bits) => (bits & 0x7fff) > 0x7c00);
	return false;
}

/** How this host makes pictures of a size out of files. */
function fitter({ fit, decode }: OpenOptions, name: string): FitPicture {
	if (fit) return fit;
	if (!decode) throw new DataError('unsupported', 'Pictures cannot be decoded here.', name);
	return Object.assign((bytes: Uint8Array, entry: string, how: Preprocessing) => fitPacked(decode, bytes, entry, how), { parallel: 1 });
}

async function openPictures(found: Collection, target: DataTarget, name: string, options: Settled): Promise<Opened> {
	const prepare = fitter(options, name);
	const labels = await labelsOfEntries(byName(found.pictures), found, target, options);
	let byBrowser = 0;
	const list = labels.entries.map(
		({ entry, labels: own }): PictureEntry => ({
			name: entry.name,
			labels: own,
			fit: async (preprocessing) => {
				const fitted = await prepare(await entry.bytes(), entry.name, preprocessing);
				if (fitted.byBrowser) byBrowser += 1;
				return fitted;
			},
		}),
	);
	const examples = await pictureExamples(list, target, name, found.skipped, { ...options, parallel: prepare.parallel });
	const notes = [labels.note, byBrowser > 0 && 'some decoded by this browser: pixels may differ elsewhere'];
	return {
		...picturesOpened(examples, notes),
		labelKind: labels.kind,
		classes: labels.classes,
		mapping: labels.mapping,
		...(labels.names && { classNames: labels.names }),
	};
}

function picturesOpened(examples: PictureExamples, notes: readonly (string | false | undefined)[]): Omit<Opened, 'labelKind' | 'classes'> {
	return {
		n: examples.n,
		available: examples.available,
		example: examples.example,
		preview: examples.preview,
		evidence: examples.evidence,
		batchAxes: examples.batchAxes,
		exampleFacts: examples.exampleFacts,
		kind: 'pictures',
		picture: examples.preprocessing,
		treatment: describePreprocessing(examples.preprocessing),
		description: [examples.description, ...notes].filter(Boolean).join('; '),
	};
}

async function openSounds(found: Collection, target: DataTarget, name: string, options: Settled): Promise<Opened> {
	const labels = await labelsOfEntries(byName(found.sounds), found, target, options);
	const examples = await soundExamples(
		labels.entries.map(({ entry, labels: own }) => ({
			name: entry.name,
			...(own && { labels: own }),
			open: async () => openWav(await entry.source(), entry.name),
		})),
		target,
		name,
		found.skipped,
		options,
	);
	return {
		...examples,
		kind: 'sound',
		evidence: [],
		description: [examples.description, labels.note].filter(Boolean).join('; '),
		labelKind: labels.kind,
		classes: labels.classes,
		mapping: labels.mapping,
		...(labels.names && { classNames: labels.names }),
	};
}

async function openTexts(found: Collection, target: DataTarget, name: string, options: Settled): Promise<Opened> {
	if (!found.tokenizer) {
		throw new DataError(
			'mismatch',
			'The model takes token ids, and nothing says how words become ids.',
			name,
			'Give the tokenizer.json of the model with the text, or its inputs as a .npz.',
		);
	}
	const tokenizer = await openTokenizer(await found.tokenizer.source(), found.tokenizer.name);
	const records = await readTexts(found, options);
	const examples = await textExamples(records, tokenizer, target, name, found.classes, found.skipped, options);
	const { labels } = examples;
	return {
		...examples,
		description: [examples.description, records.note].filter((text) => text !== '').join('; '),
		kind: 'text',
		evidence: [],
		labelKind: labels.kind,
		classes: labels.classes,
		mapping: labels.mapping,
		...(labels.names && { classNames: labels.names }),
	};
}

/** MNIST's pair: pictures [N, H, W], and labels [N] where they are given. */
async function openIdxPair(found: Collection, target: DataTarget, name: string, options: Settled): Promise<Opened> {
	const images = found.idx.find(({ array }) => array.shape.length >= 2);
	const labels = found.idx.find(({ array }) => array.shape.length === 1);
	if (!images) throw new DataError('mismatch', 'The IDX files hold labels only.', name, 'Drop the pictures with them.');
	const { array } = images;
	const n = array.shape[0] as number;
	const usable = labels && labels.array.shape[0] === n ? labels : undefined;
	const notes = labels && !usable ? [`labels left out: ${labels.array.shape[0]} for ${n} examples`] : [];
	const port = target.inputs[0];
	if (!port || !pictureInput(port) || array.shape.length !== 3 || array.dtype !== 'uint8') {
		const named: NamedArray[] = [{ name: images.name, array: flattenFor(array, port?.shape.length ?? 0) }];
		if (usable) named.push({ name: 'labels', array: usable.array });
		return openArrays(named, found, target, name, options, notes);
	}
	const [, height, width] = array.shape as [number, number, number];
	const classes = usable ? ((await usable.array.read(0, n)) as ArrayLike<number>) : undefined;
	const entries = Array.from({ length: n }, (_, i): PictureEntry => {
		const label = classes?.[i];
		return {
			name: `${images.name} #${i}`,
			labels: label === undefined ? undefined : { label },
			fit: async (preprocessing): Promise<FittedPicture> =>
				fitPacked(
					async () => greyPicture((await array.read(i * width * height, width * height)) as Uint8Array, width, height),
					new Uint8Array(0),
					'',
					preprocessing,
				),
		};
	});
	const examples = await pictureExamples(entries, target, name, found.skipped, options);
	return {
		...picturesOpened(examples, notes),
		labelKind: classes ? 'class' : undefined,
		classes: classes && new Set(Array.from(classes)).size,
	};
}

/** Pictures as rows of numbers, for models that take a vector. */
function flattenFor(array: StoredArray, rank: number): StoredArray {
	if (rank !== 2 || array.shape.length <= 2) return array;
	return { ...array, shape: [array.shape[0] as number, elementCount(array.shape.slice(1))] };
}

function greyPicture(grey: Uint8Array, width: number, height: number) {
	const data = new Uint8ClampedArray(width * height * 4);
	for (let i = 0; i < grey.length; i++) data.fill(grey[i] as number, 4 * i, 4 * i + 3);
	for (let i = 3; i < data.length; i += 4) data[i] = 255;
	return { width, height, data, decoder: 'wasm' as const };
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
