import { elementCount } from '../core/ir/dtype.ts';
import type { Feeds, Port, TensorData } from '../core/ir/tensor-data.ts';
import { convert } from '../core/numeric/convert.ts';
import { type SeededRandom, seededRandom } from '../core/numeric/random.ts';
import type { Example } from '../core/study/examples.ts';
import { exampleFactsOf } from './content-hash.ts';
import type { Dataset, DataTarget, Trial } from './dataset.ts';
import { DataError } from './errors.ts';
import { datasetHash } from './hash.ts';
import { pictureInput } from './preprocessing.ts';

export interface SyntheticOptions {
	readonly seed?: number;
	/** default 16 */
	readonly n?: number;
	/** Tries sizes for dimensions that the model leaves open, until one runs. Without it the first guess is taken. */
	readonly trial?: Trial;
	readonly signal?: AbortSignal;
}

/** Sizes for the dimensions that a model leaves open, in the order they are tried. */
interface SizeGuess {
	readonly name: string;
	readonly sequence: number;
	readonly samples: number;
	readonly height: number;
	readonly width: number;
}

const guesses: readonly SizeGuess[] = [
	{ name: 'usual sizes', sequence: 32, samples: 512, height: 224, width: 224 },
	{ name: 'text lines', sequence: 32, samples: 512, height: 48, width: 320 },
	{ name: 'text lines', sequence: 32, samples: 512, height: 32, width: 320 },
	{ name: 'large pictures', sequence: 16, samples: 16_000, height: 640, width: 640 },
	{ name: 'large pictures', sequence: 128, samples: 256, height: 320, width: 320 },
	{ name: 'pictures of 512', sequence: 64, samples: 1024, height: 512, width: 512 },
	{ name: 'pictures of 256', sequence: 100, samples: 80, height: 256, width: 256 },
	{ name: 'small pictures', sequence: 8, samples: 128, height: 64, width: 64 },
	{ name: 'small pictures', sequence: 4, samples: 32, height: 32, width: 32 },
	{ name: 'ones', sequence: 1, samples: 1, height: 28, width: 28 },
];

/**
 * Inputs made up from the model's ports and a seed: floats are standard normal, ids uniform over the table that they index, masks ones.
 * They say how far two models are apart on noise, never how good one is: always marked synthetic. Equal seeds give equal inputs.
 * Throws DataError where an input cannot be made, or where no size that was tried runs.
 */
export async function syntheticDataset(target: DataTarget, options: SyntheticOptions = {}): Promise<Dataset> {
	const { seed = 1, n = 16, trial, signal } = options;
	for (const port of target.inputs) {
		if (port.dtype === 'string') {
			throw new DataError(
				'unsupported',
				`Input "${port.name}" takes text; text cannot be made up.`,
				port.name,
				'Give examples of your own.',
			);
		}
	}
	const open = target.inputs.some((port) => port.shape.some((dim) => typeof dim !== 'number'));
	let guess = guesses[0] as SizeGuess;
	if (trial && open) {
		let last: unknown;
		let found = false;
		for (const candidate of guesses) {
			signal?.throwIfAborted();
			try {
				await trial(makeFeeds(target, candidate, seededRandom(seed)));
				guess = candidate;
				found = true;
				break;
			} catch (error) {
				if (signal?.aborted) throw error;
				last = error;
			}
		}
		if (!found) {
			throw new DataError(
				'mismatch',
				`The model runs with none of ${guesses.length} sizes tried for the dimensions that it leaves open. ${last instanceof Error ? last.message : ''}`.trim(),
				target.inputs.map((port) => port.name).join(', '),
				'Give examples of your own: a .npz with an array for each input.',
			);
		}
	}
	const chosen = guess;
	const example = (index: number): Example => ({
		name: `synthetic #${index}`,
		feeds: makeFeeds(target, chosen, seededRandom(seed).fork(`example ${index}`)),
	});
	const shapes = Object.entries(example(0).feeds)
		.map(([name, { dtype, dims }]) => `${name} ${dtype}[${dims.join(', ')}]`)
		.join(', ');
	const description = `synthetic: ${shapes}; seed ${seed}`;
	return {
		n,
		evidence: [],
		facts: {
			hash: await datasetHash([], { synthetic: description, n, ids: target.idLimits ?? {} }),
			name: 'Synthetic inputs',
			kind: 'synthetic',
			n,
			labelled: false,
			preprocessing: description,
			skipped: [],
		},
		example: async (index) => example(index),
		exampleFacts: exampleFactsOf(n, async (index) => example(index)),
	};
}

function makeFeeds(target: DataTarget, guess: SizeGuess, random: SeededRandom): Feeds {
	const symbols = new Map<string, number>();
	return Object.fromEntries(
		target.inputs.map((port) => {
			const dims = resolve(port, guess, symbols);
			return [port.name, make(port, dims, target.idLimits?.[port.name], random.fork(port.name))];
		}),
	);
}

/** Sizes for one port's open dimensions; a symbol has the same size wherever it stands. */
function resolve(port: Port, guess: SizeGuess, symbols: Map<string, number>): number[] {
	const picture = pictureInput(port);
	const spatial = picture ? (picture.layout === 'nchw' ? [2, 3] : [1, 2]) : [];
	return port.shape.map((dim, axis) => {
		if (typeof dim === 'number') return dim;
		const known = typeof dim === 'string' && dim !== '?' ? symbols.get(dim) : undefined;
		if (known !== undefined) return known;
		const size = sizeOf(dim ?? '', axis, port, spatial, guess);
		if (typeof dim === 'string' && dim !== '?') symbols.set(dim, size);
		return size;
	});
}

function sizeOf(symbol: string, axis: number, port: Port, spatial: readonly number[], guess: SizeGuess): number {
	if (/past|cache/i.test(symbol)) return 0;
	if (/batch|^n$|^b$|beam/i.test(symbol)) return 1;
	if (axis === spatial[0]) return guess.height;
	if (axis === spatial[1]) return guess.width;
	if (/height/i.test(symbol)) return guess.height;
	if (/width/i.test(symbol)) return guess.width;
	if (/seq|len|token|time|frames/i.test(symbol)) return guess.sequence;
	if (axis === 0 || /state|hidden|cell|^[hc]_?0?$/i.test(port.name)) return 1;
	if (port.dtype.startsWith('float') && port.shape.length === 2) return guess.samples;
	return guess.sequence;
}

function make(port: Port, dims: readonly number[], idLimit: number | undefined, random: SeededRandom): TensorData {
	const { dtype, name } = port;
	const count = elementCount(dims);
	if (dtype === 'float32' || dtype === 'float64' || dtype === 'float16') {
		const values = new Float32Array(count);
		// A state starts at zero; anything else is noise.
		if (/mask/i.test(name)) values.fill(1);
		else if (!/state|^[hc]_?0$|cache/i.test(name)) for (let i = 0; i < count; i++) values[i] = random.normal();
		return { dtype, dims, data: convert(values, 'float32', dtype) };
	}
	const values = new Float64Array(count);
	if (/mask/i.test(name) || dtype === 'bool') values.fill(1);
	else if (/token_type|segment/i.test(name)) values.fill(0);
	else if (/position/i.test(name)) for (let i = 0; i < count; i++) values[i] = i % Math.max(1, dims.at(-1) ?? 1);
	else if (/^sr$|sample_?rate/i.test(name)) values.fill(16_000);
	else {
		const limit = idLimit ?? (dtype === 'uint8' ? 256 : dtype === 'int8' ? 128 : 2);
		for (let i = 0; i < count; i++) values[i] = random.below(Math.max(1, Math.min(limit, 2 ** 31)));
	}
	return { dtype, dims, data: convert(Int32Array.from(values), 'int32', dtype) };
}
