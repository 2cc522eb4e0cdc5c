import type { Port, TensorData } from '../core/ir/tensor-data.ts';
import { encodeFloat16 } from '../core/numeric/float16.ts';
import type { Normalization, Preprocessing } from '../core/study/data-settings.ts';
import { DataError } from './errors.ts';
import type { Picture } from './picture.ts';
import { centreCrop, padAround, resize } from './resize.ts';
import { spareMemory } from './spare-memory.ts';

export type { Normalization, Preprocessing } from '../core/study/data-settings.ts';

const half = [0.5, 0.5, 0.5];
const imagenetMean = [0.485, 0.456, 0.406];
const imagenetStd = [0.229, 0.224, 0.225];

/** Conventions in use, by name. */
export const conventions: Readonly<Record<string, Normalization>> = {
	'0..1 RGB': { colour: 'rgb', scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1] },
	'-1..1 RGB': { colour: 'rgb', scale: 1 / 255, mean: half, std: half },
	'(x - 127)/128 RGB': { colour: 'rgb', scale: 1, mean: [127, 127, 127], std: [128, 128, 128] },
	'ImageNet mean and deviation, RGB': { colour: 'rgb', scale: 1 / 255, mean: imagenetMean, std: imagenetStd },
	'0..255 RGB': { colour: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1] },
	'0..1 BGR': { colour: 'bgr', scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1] },
	'ImageNet mean and deviation, BGR': { colour: 'bgr', scale: 1 / 255, mean: imagenetMean, std: imagenetStd },
	'0..255 BGR minus mean': { colour: 'bgr', scale: 1, mean: [103.939, 116.779, 123.68], std: [1, 1, 1] },
	'0..255 BGR': { colour: 'bgr', scale: 1, mean: [0, 0, 0], std: [1, 1, 1] },
	'0..1 grey': { colour: 'grey', scale: 1 / 255, mean: [0], std: [1] },
	'0..255 grey': { colour: 'grey', scale: 1, mean: [0], std: [1] },
	'-1..1 grey': { colour: 'grey', scale: 1 / 255, mean: [0.5], std: [0.5] },
	'MNIST mean and deviation, grey': { colour: 'grey', scale: 1 / 255, mean: [0.1307], std: [0.3081] },
};

/** The conventions that an input with so many channels could follow. */
export function conventionsFor(channels: number): [name: string, normalization: Normalization][] {
	return Object.entries(conventions).filter(([, { colour }]) => (colour === 'grey') === (channels === 1));
}

/** What an input that takes pictures looks like. */
export interface PictureInput {
	readonly layout: 'nchw' | 'nhwc';
	readonly channels: 1 | 3;
	/** Undefined where the model leaves it open. */
	readonly width: number | undefined;
	readonly height: number | undefined;
	readonly dtype: Preprocessing['dtype'];
}

/** Whether an input takes pictures: four axes, one or three channels, floats or bytes. */
export function pictureInput(port: Port): PictureInput | undefined {
	const [, second, third, fourth] = port.shape;
	if (port.shape.length !== 4 || (port.dtype !== 'float32' && port.dtype !== 'float16' && port.dtype !== 'uint8')) return undefined;
	const known = (dim: number | string | null | undefined): number | undefined => (typeof dim === 'number' ? dim : undefined);
	const channels = (dim: unknown): dim is 1 | 3 => dim === 1 || dim === 3;
	if (channels(second)) return { layout: 'nchw', channels: second, height: known(third), width: known(fourth), dtype: port.dtype };
	if (channels(fourth)) return { layout: 'nhwc', channels: fourth, height: known(second), width: known(third), dtype: port.dtype };
	return undefined;
}

/**
 * The usual treatment for an input: large square inputs get the short side resized to 8/7 of the size and a centre crop (as ImageNet
 * models are evaluated), small ones the short side at size, wide and tall ones both sides at size. 224 where the model leaves it open.
 */
export function defaultPreprocessing(input: PictureInput, normalization?: Normalization): Preprocessing {
	const width = input.width ?? input.height ?? 224;
	const height = input.height ?? input.width ?? 224;
	const chosen =
		normalization ??
		(input.dtype === 'uint8' ? conventions[input.channels === 1 ? '0..255 grey' : '0..255 RGB'] : undefined) ??
		conventions[input.channels === 1 ? '0..1 grey' : 'ImageNet mean and deviation, RGB'];
	return {
		...(chosen as Normalization),
		resize: width !== height ? { mode: 'exact' } : { mode: 'short', side: width >= 128 ? Math.round((width * 8) / 7) : width },
		width,
		height,
		layout: input.layout,
		dtype: input.dtype,
	};
}

/** A hair-thin picture would grow without bounds when its short side is enlarged. */
const widestRatio = 100;

/** Resized and cropped, still eight bits a channel. Throws DataError for shapes that no resize makes sense of. */
export function fitPicture(picture: Picture, { resize: how, width, height }: Preprocessing): Picture {
	const ratio = Math.max(picture.width, picture.height) / Math.min(picture.width, picture.height);
	if (!(ratio <= widestRatio)) {
		throw new DataError('limit', `The picture is ${picture.width} x ${picture.height}; its sides differ more than ${widestRatio} times.`);
	}
	if (how.mode === 'exact') return resize(picture, width, height);
	if (how.mode === 'pad') {
		const shrink = Math.min(width / picture.width, height / picture.height);
		const inner = (length: number, most: number): number => Math.max(1, Math.min(most, Math.round(length * shrink)));
		return padAround(resize(picture, inner(picture.width, width), inner(picture.height, height)), width, height, how.fill);
	}
	// The long side is cut, not rounded, as torchvision's Resize does.
	const short = Math.min(picture.width, picture.height);
	const side = (length: number): number => (length === short ? how.side : Math.trunc((how.side * length) / short));
	const resized = resize(picture, Math.max(1, side(picture.width)), Math.max(1, side(picture.height)));
	return centreCrop(resized, width, height);
}

/** A fitted picture as the model's input, [1, C, H, W] or [1, H, W, C]. Transparency is ignored; grey is ITU-R 601-2 luma as Pillow rounds it. */
export function toTensor(picture: Picture, { colour, scale, mean, std, layout, dtype }: Preprocessing): TensorData {
	const { width, height, data } = picture;
	const channels = colour === 'grey' ? 1 : 3;
	const pixels = width * height;
	const values = dtype === 'uint8' ? new Uint8ClampedArray(channels * pixels) : spareMemory.floats(channels * pixels);
	for (let channel = 0; channel < channels; channel++) {
		const from = colour === 'bgr' ? 2 - channel : channel;
		const centre = mean[channel] ?? 0;
		const deviation = std[channel] ?? 1;
		const start = layout === 'nchw' ? channel * pixels : channel;
		const step = layout === 'nchw' ? 1 : channels;
		for (let pixel = 0; pixel < pixels; pixel++) {
			const at = pixel * 4;
			const value =
				colour === 'grey'
					? ((data[at] as number) * 19595 + (data[at + 1] as number) * 38470 + (data[at + 2] as number) * 7471 + 0x8000) >> 16
					: (data[at + from] as number);
			values[start + pixel * step] = (value * scale - centre) / deviation;
		}
	}
	const dims = layout === 'nchw' ? [1, channels, height, width] : [1, height, width, channels];
	if (values instanceof Uint8ClampedArray) return { dtype: 'uint8', dims, data: new Uint8Array(values.buffer) };
	if (dtype !== 'float16') return { dtype: 'float32', dims, data: values };
	const halves = encodeFloat16(values);
	spareMemory.keep(values);
	return { dtype, dims, data: halves };
}

/** In words. */
export function describePreprocessing(preprocessing: Preprocessing): string {
	const { resize: how, width, height, colour, scale, mean, std, layout } = preprocessing;
	const name = Object.entries(conventions).find(
		([, entry]) =>
			entry.colour === colour && entry.scale === scale && String(entry.mean) === String(mean) && String(entry.std) === String(std),
	)?.[0];
	const numbers = name ?? `${colour.toUpperCase()}, (x * ${scale} - [${mean.join(', ')}]) / [${std.join(', ')}]`;
	const size =
		how.mode === 'exact'
			? `resized to ${width} x ${height}`
			: how.mode === 'pad'
				? `fitted into ${width} x ${height}, the rest filled with ${how.fill}`
				: how.side === width && how.side === height
					? `short side resized to ${how.side}, centre cut to a square`
					: `short side resized to ${how.side}, centre ${width} x ${height}`;
	return `${size} (antialiased bilinear); ${numbers}; ${layout.toUpperCase()}`;
}
