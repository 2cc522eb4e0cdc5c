import { elementCount, isFloat } from '../core/ir/dtype.ts';
import type { Port, TensorData } from '../core/ir/tensor-data.ts';
import { convert } from '../core/numeric/convert.ts';
import { type Example, spreadIndices } from '../core/study/examples.ts';
import type { Labels } from '../core/study/task.ts';
import type { Dataset, DataTarget, Trial } from './dataset.ts';
import { DataError } from './errors.ts';
import type { ReaderOptions } from './reader.ts';
import { resampled } from './resample.ts';
import type { SkippedEntries } from './skipped.ts';
import type { StoredSound } from './wav.ts';

/** A sound with what is right for it. */
export interface SoundEntry {
	readonly name: string;
	readonly labels?: Labels;
	/** Throws DataError for a damaged one. */
	open(): Promise<StoredSound>;
}

export interface SoundExamples extends Pick<Dataset, 'n' | 'example' | 'source'> {
	readonly batchAxes: Dataset['batchAxes'] | undefined;
	/** Entries in the set, before it is limited to fewer. */
	readonly available: number;
	readonly description: string;
}

/** The rate that speech models take. */
const usualRate = 16_000;
/** Frames tried where the model leaves the length open and keeps a state: 32, 96, 30, 10, 100 ms and 1 s at 16 kHz. */
const frameLengths = [512, 1536, 480, 160, 1600, 16_000] as const;
/** Silero VAD 5 and later take a frame of 512 samples at 16 kHz behind the last 64 of the one before (utils_vad.py of that project); without, they hear next to nothing. */
const silero = { frame: 512, context: 64, state: 128 } as const;
/** Longest sound that is one example. */
const longestSeconds = 30;
/** Most frames that the original is run on for the state of each. */
const mostCarried = 20_000;
/** A frame is too short to be heard: what stands around it is given with it, on each side. */
const heardSeconds = 0.75;

interface Roles {
	readonly sound: Port;
	readonly states: readonly Port[];
	/** Inputs that take one number, and which. */
	readonly numbers: readonly { readonly port: Port; readonly value: 'rate' | 'length' }[];
}

const stateName = /state|^[hc]_?(0|in)?$|cache|hidden|memory/i;

/** Which input takes samples, which a state; undefined where the model takes no sound. */
export function soundInput(target: DataTarget): Roles | undefined {
	const states: Port[] = [];
	const numbers: { port: Port; value: 'rate' | 'length' }[] = [];
	const sounds: Port[] = [];
	for (const port of target.inputs) {
		const flat = port.shape.length === 0 || port.shape.every((dim) => dim === 1 || typeof dim !== 'number');
		if (isFloat(port.dtype) && stateName.test(port.name)) states.push(port);
		else if (port.dtype !== 'string' && port.shape.length <= 1 && flat && /^sr$|sample_?rate|rate/i.test(port.name))
			numbers.push({ port, value: 'rate' });
		else if (!isFloat(port.dtype) && port.shape.length <= 1 && flat && /len/i.test(port.name)) numbers.push({ port, value: 'length' });
		else if (isFloat(port.dtype) && isSamples(port)) sounds.push(port);
		else return undefined;
	}
	const [sound] = sounds;
	return sound && sounds.length === 1 ? { sound, states, numbers } : undefined;
}

/** [T], [N, T] or [N, 1, T] with T open or long: anything else is features of a sound, not its samples. */
function isSamples({ shape }: Port): boolean {
	const last = shape.at(-1);
	if (shape.length < 1 || shape.length > 3 || (typeof last === 'number' && last < 64)) return false;
	return shape.slice(1, -1).every((dim) => dim === 1);
}

interface Place {
	readonly file: number;
	readonly start: number;
}

/**
 * Sounds as examples: cut into frames of the length that the model takes, one after the other, a rest shorter than a frame left out; labelled
 * sounds are one example each, cut or filled with silence to that length. Resampled to 16 kHz. A state is carried from frame to frame by
 * running the original once, or zero in each. Damaged files are left out by name. Throws DataError.
 */
export async function soundExamples(
	entries: readonly SoundEntry[],
	target: DataTarget,
	where: string,
	skipped: SkippedEntries,
	options: ReaderOptions,
): Promise<SoundExamples> {
	const roles = soundInput(target);
	if (!roles) {
		throw new DataError(
			'mismatch',
			`Sound does not fit this model: it takes ${target.inputs.map(({ name, dtype, shape }) => `"${name}" ${dtype}[${shape.map((dim) => dim ?? '?').join(', ')}]`).join(', ')}.`,
			where,
			'Give its inputs as arrays: a .npz with an array for each input.',
		);
	}
	const rates = new Set<number>();
	const sounds: { readonly entry: SoundEntry; readonly sound: StoredSound }[] = [];
	for (const [done, entry] of entries.entries()) {
		options.signal?.throwIfAborted();
		try {
			const sound = await entry.open();
			rates.add(sound.rate);
			sounds.push({ entry, sound: resampled(sound, usualRate) });
		} catch (error) {
			if (!(error instanceof DataError)) throw error;
			skipped.add(entry.name, error.message);
		}
		options.onProgress?.((done + 1) / (2 * entries.length));
	}
	if (sounds.length === 0)
		throw new DataError('empty', `None of its ${entries.length} sounds can be read.`, where, skipped.facts().skipped[0]?.reason ?? '');
	const labelled = sounds.some(({ entry }) => entry.labels);
	const zero = roles.states.map((port): TensorData => {
		const dims = port.shape.map((dim) => (typeof dim === 'number' ? dim : 1));
		return { dtype: port.dtype, dims, data: convert(new Float32Array(elementCount(dims)), 'float32', port.dtype) };
	});
	const feedsOf = (samples: Float32Array, states: readonly TensorData[]): Record<string, TensorData> => {
		const feeds: Record<string, TensorData> = {};
		for (const port of target.inputs) {
			const number = roles.numbers.find((entry) => entry.port === port);
			const state = roles.states.indexOf(port);
			if (number) {
				const value = number.value === 'rate' ? usualRate : samples.length;
				feeds[port.name] = { dtype: port.dtype, dims: port.shape.map(() => 1), data: convert(Int32Array.of(value), 'int32', port.dtype) };
			} else if (state >= 0) feeds[port.name] = states[state] as TensorData;
			else {
				const dims = [...port.shape.slice(0, -1).map(() => 1), samples.length];
				feeds[port.name] = { dtype: port.dtype, dims, data: convert(samples, 'float32', port.dtype) };
			}
		}
		return feeds;
	};
	const length = await frameLength(roles, sounds[0]?.sound as StoredSound, (samples) => feedsOf(samples, zero), options.trial);
	const context = length === undefined ? 0 : contextOf(roles, length);
	const places: Place[] = [];
	for (const [file, { entry, sound }] of sounds.entries()) {
		if (length === undefined || labelled) places.push({ file, start: 0 });
		else {
			const frames = Math.floor(sound.n / length);
			if (frames === 0) skipped.add(entry.name, `It is shorter than a frame of ${length} samples.`);
			for (let frame = 0; frame < frames; frame++) places.push({ file, start: frame * length });
		}
	}
	if (places.length === 0) throw new DataError('empty', 'Its sounds are all shorter than one frame of the model.', where);
	const chosen = spreadIndices(places.length, options.limit ?? places.length);
	const samplesAt = ({ file, start }: Place): Promise<Float32Array> => {
		const { sound } = sounds[file] as (typeof sounds)[number];
		return sound.read(start - context, length === undefined ? Math.min(sound.n, longestSeconds * usualRate) : context + length);
	};
	const carried = await carriedStates(
		roles,
		target,
		places,
		chosen,
		async (place, states) => feedsOf(await samplesAt(place), states),
		zero,
		options,
	);
	const other = [...rates].filter((rate) => rate !== usualRate);
	const notes = [
		length === undefined
			? `each sound whole, at most ${longestSeconds} s`
			: labelled
				? `each sound cut or filled to ${length} samples`
				: `frames of ${length} samples${context > 0 ? `, each behind the last ${context} before it, as Silero VAD takes them` : ''}`,
		`${usualRate} Hz${other.length > 0 ? `, resampled from ${other.join(' and ')} Hz (windowed sinc)` : ''}`,
		sounds.some(({ sound }) => sound.channels > 1) && 'channels averaged',
		roles.states.length > 0 && (carried ? 'state carried from frame to frame by the original' : 'state zero in each frame'),
	];
	const axes = batchAxes(roles, target);
	return {
		n: chosen.length,
		available: places.length,
		description: notes.filter(Boolean).join('; '),
		batchAxes: axes,
		async source(index) {
			const place = places[chosen[index] ?? -1];
			if (!place) throw new RangeError(`there are ${chosen.length} frames, not ${index + 1}`);
			const { sound } = sounds[place.file] as (typeof sounds)[number];
			const from = Math.max(0, place.start - context);
			const to = length === undefined ? Math.min(sound.n, longestSeconds * usualRate) : Math.min(sound.n, place.start + length);
			const around = length === undefined || labelled ? 0 : heardSeconds * usualRate;
			const start = Math.max(0, from - around);
			const samples = new Float32Array(await sound.read(start, Math.min(sound.n, to + around) - start));
			return { kind: 'sound', samples, rate: usualRate, from: from - start, to: to - start, startSeconds: start / usualRate };
		},
		async example(index): Promise<Example> {
			const place = places[chosen[index] ?? -1];
			if (!place) throw new RangeError(`there are ${chosen.length} frames, not ${index + 1}`);
			const { entry } = sounds[place.file] as (typeof sounds)[number];
			const single = length === undefined || labelled;
			return {
				name: single ? entry.name : `${entry.name}, ${(place.start / usualRate).toFixed(3)} s`,
				feeds: feedsOf(await samplesAt(place), carried?.[index] ?? zero),
				...entry.labels,
			};
		},
	};
}

/** Samples of one run; undefined where each sound is taken whole. */
async function frameLength(
	{ sound, states }: Roles,
	first: StoredSound,
	feedsOf: (samples: Float32Array) => Record<string, TensorData>,
	trial: Trial | undefined,
): Promise<number | undefined> {
	const fixed = sound.shape.at(-1);
	if (typeof fixed === 'number') return fixed;
	if (states.length === 0) return undefined;
	if (!trial) return frameLengths[0];
	for (const length of frameLengths) {
		try {
			await trial(feedsOf(await first.read(0, length)));
			return length;
		} catch {
			// The next length.
		}
	}
	throw new DataError(
		'mismatch',
		`The model runs with none of the frame lengths tried: ${frameLengths.join(', ')} samples.`,
		'',
		'Give its inputs as a .npz.',
	);
}

/** Samples of the frame before that stand in front of each: told by the inputs of the models that want them, which nothing else about them says. */
function contextOf({ sound, states, numbers }: Roles, length: number): number {
	const [state, ...others] = states;
	const like =
		length === silero.frame &&
		others.length === 0 &&
		state?.shape.length === 3 &&
		state.shape[0] === 2 &&
		state.shape[2] === silero.state &&
		typeof sound.shape.at(-1) !== 'number' &&
		numbers.length === 1 &&
		numbers[0]?.value === 'rate';
	return like ? silero.context : 0;
}

/** The state in front of each chosen frame; undefined where it stays zero. */
async function carriedStates(
	{ states }: Roles,
	target: DataTarget,
	places: readonly Place[],
	chosen: readonly number[],
	feedsOf: (place: Place, states: readonly TensorData[]) => Promise<Record<string, TensorData>>,
	zero: readonly TensorData[],
	{ trial, settings, signal, onProgress }: ReaderOptions,
): Promise<(readonly TensorData[])[] | undefined> {
	const until = chosen.at(-1) ?? -1;
	if (!trial || states.length === 0 || settings?.soundState === 'zero' || until >= mostCarried) return undefined;
	const outputs = states.map((port, i) => nextState(port, i, target));
	if (outputs.some((name) => name === undefined)) return undefined;
	const wanted = new Set(chosen);
	const kept: (readonly TensorData[])[] = [];
	let current = zero;
	for (let at = 0; at <= until; at++) {
		signal?.throwIfAborted();
		const place = places[at] as Place;
		if (place.start === 0) current = zero;
		if (wanted.has(at)) kept.push(current);
		if (at === until) break;
		const found = await trial(await feedsOf(place, current));
		const next = outputs.map((name) => found[name as string]);
		const fits = next.every((tensor, i) => tensor && tensor.dtype === zero[i]?.dtype && String(tensor.dims) === String(zero[i]?.dims));
		if (!fits) return undefined;
		current = next as TensorData[];
		onProgress?.(0.5 + at / (2 * until));
	}
	return kept;
}

/** The output that goes into a state in the next run: the one that bears its name, or stands at its place behind the first. */
function nextState(port: Port, place: number, { inputs, outputs }: DataTarget): string | undefined {
	const plain = (name: string): string =>
		name
			.toLowerCase()
			.replace(/(^|_)(in|out|input|output|new|next|prev)(_|$)/g, '_')
			.replace(/[^a-z0-9]/g, '');
	const own = plain(port.name);
	const named = outputs.find(({ name }) => [own, `${own}n`, `${own}out`].includes(plain(name)) || plain(name) === own.replace(/0$/, 'n'));
	if (named) return named.name;
	const states = inputs.filter(({ name, dtype }) => isFloat(dtype) && stateName.test(name)).length;
	return outputs.length === states + 1 ? outputs[place + 1]?.name : undefined;
}

/** Frames are joined along the one axis that each input leaves open beside the samples. */
function batchAxes({ sound, states }: Roles, { inputs }: DataTarget): Record<string, number | null> | undefined {
	const axes: Record<string, number | null> = {};
	for (const port of inputs) {
		if (port === sound) {
			if (port.shape.length < 2 || typeof port.shape[0] === 'number') return undefined;
			axes[port.name] = 0;
		} else if (states.includes(port)) {
			const open = port.shape.flatMap((dim, axis) => (typeof dim === 'number' ? [] : [axis]));
			if (open.length !== 1) return undefined;
			axes[port.name] = open[0] as number;
		} else axes[port.name] = null;
	}
	return axes;
}
