import { isFloatData, numbersOf } from './outputs.ts';
import type { TensorData } from './port.ts';

/** A tensor as a picture: where its axes are, and whether its values are colours or classes of pixels. */
export interface PictureShape {
	readonly width: number;
	readonly height: number;
	/** Values of a pixel: 1 or 3 of a picture, any number of a class map's scores. */
	readonly channels: number;
	readonly layout: 'chw' | 'hwc';
	readonly kind: 'values' | 'classes';
}

/** Pixels to be put on a canvas: RGBA. */
export interface Pixels {
	readonly width: number;
	readonly height: number;
	readonly data: Uint8ClampedArray<ArrayBuffer>;
}

export interface DrawnOutput {
	readonly picture: Pixels;
	/** Of all its values; NaN where it has none that are finite. */
	readonly least: number;
	readonly most: number;
}

/** What a model puts out as a picture, and what a variant puts out in its place. */
export interface PictureAnswer {
	readonly output: string;
	readonly kind: 'values' | 'classes';
	/** Of the output; what is drawn is smaller by `shrink`. */
	readonly width: number;
	readonly height: number;
	readonly shrink: number;
	/** Values drawn as black and as white (full colour) in both. Class maps have none. */
	readonly drawnFrom?: readonly [least: number, most: number];
	readonly original: DrawnOutput;
	readonly variant?: DrawnOutput;
	/** Black: the same; white: `most` (class maps: another class). Mean over all values; of class maps the share of pixels that changed. */
	readonly difference?: { readonly picture: Pixels; readonly most: number; readonly mean: number };
}

const leastSide = 8;
const mostElongated = 32;
const sameProportions = 0.05;
/** Longest side that is drawn. */
const drawnSide = 768;
const mostClasses = 1024;

/**
 * Whether a tensor can be looked at as a picture: [1, C, H, W], [1, H, W, C], or the same without the first axis, with 1 or 3 channels and sides that
 * a picture has; [1, H, W] and [H, W] where they have the proportions of the input picture in `like` (`any`: whatever they are). Scores of any number of
 * classes for each pixel of the input picture, and whole numbers at each, are a class map. A larger batch: the first of it.
 */
export function pictureShape(
	{ dtype, dims, data }: Pick<TensorData, 'dtype' | 'dims' | 'data'>,
	like?: { readonly width: number; readonly height: number } | 'any',
): PictureShape | undefined {
	if (dtype === 'string' || !ArrayBuffer.isView(data) || dims.length < 2 || dims.length > 4) return undefined;
	const own = dims.length === 4 ? dims.slice(1) : dims;
	const whole = !isFloatData({ dtype, dims, data });
	const fits = (height: number | undefined, width: number | undefined): boolean =>
		height !== undefined &&
		width !== undefined &&
		Math.min(height, width) >= leastSide &&
		Math.max(height, width) <= mostElongated * Math.min(height, width);
	const matches = (height: number | undefined, width: number | undefined): boolean =>
		typeof like === 'object' && height === like.height && width === like.width && fits(height, width);
	const of = (height: number, width: number, channels: number, layout: 'chw' | 'hwc'): PictureShape => ({
		width,
		height,
		channels,
		layout,
		kind: channels > 3 || channels === 2 || (whole && channels === 1 && dtype !== 'uint8') ? 'classes' : 'values',
	});
	// One vector after the other has such axes too.
	const proportioned = (height = 0, width = 0): boolean =>
		fits(height, width) &&
		(like === 'any' || (like !== undefined && Math.abs((height * like.width) / (width * like.height) - 1) < sameProportions));
	if (own.length === 2) return proportioned(own[0], own[1]) ? of(own[0] as number, own[1] as number, 1, 'chw') : undefined;
	const [a = 0, b = 0, c = 0] = own;
	if (a === 1 && dims.length === 3) return proportioned(b, c) ? of(b, c, 1, 'chw') : undefined;
	if ((a === 1 || a === 3) && fits(b, c)) return of(b, c, a, 'chw');
	if ((c === 1 || c === 3) && fits(a, b)) return of(a, b, c, 'hwc');
	if (a >= 2 && a <= mostClasses && matches(b, c)) return of(b, c, a, 'chw');
	if (c >= 2 && c <= mostClasses && matches(a, b)) return of(a, b, c, 'hwc');
	return undefined;
}

/** Draws an output of the original and, where given, of a variant on the same scale. `shape` is of the original's. */
export function drawAnswer(output: string, shape: PictureShape, original: TensorData, variant?: TensorData): PictureAnswer | undefined {
	const a = firstOf(original, shape);
	const b = variant && String(variant.dims) === String(original.dims) ? firstOf(variant, shape) : undefined;
	if (!a) return undefined;
	const { width, height, kind } = shape;
	const shrink = Math.max(1, Math.ceil(Math.max(width, height) / drawnSide));
	const base = { output, kind, width, height, shrink };
	if (kind === 'classes') {
		const classes = [a, b].map((values) => values && classesOf(values, shape));
		const [first, second] = classes as [Int32Array, Int32Array | undefined];
		const draw = (values: ArrayLike<number>, of: Int32Array): DrawnOutput => ({
			picture: pixels(shape, shrink, (at) => classColour(of[at] as number)),
			...rangeOf(values),
		});
		if (!b || !second) return { ...base, original: draw(a, first) };
		let changed = 0;
		for (let i = 0; i < first.length; i++) if (first[i] !== second[i]) changed += 1;
		return {
			...base,
			original: draw(a, first),
			variant: draw(b, second),
			difference: {
				picture: pixels(shape, shrink, (at) => (first[at] === second[at] ? [0, 0, 0] : [255, 255, 255])),
				most: changed > 0 ? 1 : 0,
				mean: changed / Math.max(1, first.length),
			},
		};
	}
	const range = rangeOf(a);
	const drawnFrom = scaleOf(range);
	const [low, high] = drawnFrom;
	const grey = (value: number): number => (255 * (value - low)) / (high - low);
	const draw = (values: ArrayLike<number>): DrawnOutput => ({
		picture: pixels(shape, shrink, (at) => {
			const of = (channel: number): number => grey(values[placeOf(shape, at, channel)] as number);
			return shape.channels === 3 ? [of(0), of(1), of(2)] : [of(0), of(0), of(0)];
		}),
		...rangeOf(values),
	});
	if (!b) return { ...base, drawnFrom, original: draw(a) };
	let most = 0;
	let sum = 0;
	let count = 0;
	for (let i = 0; i < a.length; i++) {
		const apart = Math.abs((a[i] as number) - (b[i] as number));
		if (!Number.isFinite(apart)) continue;
		if (apart > most) most = apart;
		sum += apart;
		count += 1;
	}
	return {
		...base,
		drawnFrom,
		original: draw(a),
		variant: draw(b),
		difference: {
			picture: pixels(shape, shrink, (at) => {
				let apart = 0;
				for (let channel = 0; channel < shape.channels; channel++) {
					const place = placeOf(shape, at, channel);
					apart = Math.max(apart, Math.abs((a[place] as number) - (b[place] as number)));
				}
				const light = most > 0 ? (255 * apart) / most : 0;
				return Number.isNaN(apart) ? [255, 0, 0] : [light, light, light];
			}),
			most,
			mean: count > 0 ? sum / count : 0,
		},
	};
}

/** Values of the first of a batch. */
function firstOf(tensor: TensorData, { width, height, channels }: PictureShape): ArrayLike<number> | undefined {
	const values = numbersOf(tensor);
	const count = width * height * channels;
	return values && values.length >= count ? values.slice(0, count) : undefined;
}

function placeOf({ width, height, channels, layout }: PictureShape, at: number, channel: number): number {
	return layout === 'chw' ? channel * width * height + at : at * channels + channel;
}

function classesOf(values: ArrayLike<number>, shape: PictureShape): Int32Array {
	const classes = new Int32Array(shape.width * shape.height);
	for (let at = 0; at < classes.length; at++) {
		if (shape.channels === 1) {
			classes[at] = values[at] as number;
			continue;
		}
		let best = 0;
		for (let channel = 1; channel < shape.channels; channel++) {
			if ((values[placeOf(shape, at, channel)] as number) > (values[placeOf(shape, at, best)] as number)) best = channel;
		}
		classes[at] = best;
	}
	return classes;
}

/** Ranges that pictures are usually in, where the values lie in one; else from the least to the most. */
function scaleOf({ least, most }: { readonly least: number; readonly most: number }): readonly [number, number] {
	const slack = 0.05;
	if (least >= -slack && most <= 1 + slack && most > slack) return [0, 1];
	if (least >= -1 - slack && most <= 1 + slack && least < -slack) return [-1, 1];
	if (least >= -255 * slack && most <= 255 * (1 + slack) && most > 32) return [0, 255];
	return most > least ? [least, most] : [Number.isFinite(least) ? least - 0.5 : 0, Number.isFinite(least) ? least + 0.5 : 1];
}

function rangeOf(values: ArrayLike<number>): { least: number; most: number } {
	let least = Number.POSITIVE_INFINITY;
	let most = Number.NEGATIVE_INFINITY;
	for (let i = 0; i < values.length; i++) {
		const value = values[i] as number;
		if (!Number.isFinite(value)) continue;
		if (value < least) least = value;
		if (value > most) most = value;
	}
	return least <= most ? { least, most } : { least: Number.NaN, most: Number.NaN };
}

function pixels({ width, height }: PictureShape, shrink: number, colour: (at: number) => readonly [number, number, number]): Pixels {
	const [w, h] = [Math.ceil(width / shrink), Math.ceil(height / shrink)];
	const data = new Uint8ClampedArray(4 * w * h);
	for (let y = 0; y < h; y++) {
		for (let x = 0; x < w; x++) {
			const at = 4 * (y * w + x);
			data.set(colour(y * shrink * width + x * shrink), at);
			data[at + 3] = 255;
		}
	}
	return { width: w, height: h, data };
}

/** Neighbouring classes are told apart: hues a golden angle apart, class 0 (mostly the background) black. */
function classColour(index: number): readonly [number, number, number] {
	if (index <= 0) return index === 0 ? [0, 0, 0] : [128, 128, 128];
	const hue = (index * 137.508) % 360;
	const part = (shift: number): number => {
		const k = (shift + hue / 30) % 12;
		return 255 * (0.55 - 0.4 * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
	};
	return [part(0), part(8), part(4)];
}
