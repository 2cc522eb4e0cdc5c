import { giveBack } from '../bytes/give-back.ts';
import { feedBytes } from '../calibrate/join.ts';
import type { Feeds, TensorData } from '../ir/tensor-data.ts';
import { type SeededRandom, seededRandom } from '../numeric/random.ts';
import type { CalibrationSet } from '../pass/calibration.ts';
import { type Example, releaseExample } from '../study/examples.ts';
import { type PackedTensor, packPicture } from './packed.ts';

/** Where the pixels of a picture lie in an input tensor. */
interface Picture {
	readonly name: string;
	readonly channels: number;
	readonly height: number;
	readonly width: number;
	/** Channels before pixels. */
	readonly first: boolean;
}

/** The one input that looks like a picture of 1 or 3 channels; undefined where there is none. */
export function pictureInput(feeds: Feeds): Picture | undefined {
	for (const [name, { dims, data }] of Object.entries(feeds)) {
		if (dims.length !== 4 || !(data instanceof Float32Array)) continue;
		const [, a, b, c] = dims as [number, number, number, number];
		if ((a === 1 || a === 3) && b >= 16 && c >= 16) return { name, channels: a, height: b, width: c, first: true };
		if ((c === 1 || c === 3) && a >= 16 && b >= 16) return { name, channels: c, height: a, width: b, first: false };
	}
	return undefined;
}

/** A rectangle of one picture put into a rectangle of another. Shares of height and width; `turned`: a quarter turn. */
interface Patch {
	readonly source: Float32Array;
	readonly from: { readonly left: number; readonly top: number; readonly width: number; readonly height: number };
	readonly to: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number };
	readonly mirrored: boolean;
	readonly turned: boolean;
	/** Which channel of the source each channel takes, and what it is multiplied with and gains. */
	readonly colours: readonly { readonly channel: number; readonly gain: number; readonly shift: number }[];
}

/**
 * A calibration set made longer: example i + k n is example i in its k-th variation, variation 0 the example itself. What is fitted on
 * them follows the original model, not labels, so colour pictures may be varied freely: mirrored, cropped, put together from parts of
 * several, their channels swapped, inverted and stretched. That shows the layers more than the classes at hand. Pictures that are no
 * squares of three channels (text lines, digits) are only cropped.
 */
export function varied(calibration: CalibrationSet, variations: number): CalibrationSet {
	if (variations <= 1) return calibration;
	const { n } = calibration;
	return {
		...calibration,
		n: n * variations,
		example: async (index, signal) => {
			const example = await calibration.example(index % n, signal);
			const variation = Math.floor(index / n);
			const picture = variation > 0 ? pictureInput(example.feeds) : undefined;
			const tensor = picture && example.feeds[picture.name];
			if (!picture || !tensor) return example;
			const random = seededRandom(index);
			const free = picture.channels === 3 && picture.width === picture.height;
			const patches: Patch[] = [];
			const others: Example[] = [];
			if (!free && picture.width === picture.height && picture.width <= BENT_SIDE) {
				return drawn(example, picture, tensor, bent(tensor.data as Float32Array, picture, random));
			}
			if (!free) patches.push(cropped(tensor, picture, random));
			else if (variation === 1) patches.push({ ...whole(tensor, picture), mirrored: true });
			else {
				const parts = variation % 2 === 0 ? [WHOLE] : quarters(0.35 + 0.3 * random.next(), 0.35 + 0.3 * random.next());
				for (const [i, to] of parts.entries()) {
					const other = i === 0 ? example : await calibration.example(Math.floor(random.next() * n) % n, signal);
					if (i > 0) others.push(other);
					const source = other.feeds[picture.name];
					const usable = source && source.data.length === tensor.data.length && source.data instanceof Float32Array ? source : tensor;
					patches.push({ ...strange(usable, picture, random), to });
				}
			}
			const data = new Float32Array(tensor.data.length);
			for (const patch of patches) paint(data, picture, patch);
			for (const other of others) releaseExample(other);
			return drawn(example, picture, tensor, data);
		},
	};
}

/** An example with another picture. What it was drawn from is no longer read; the new numbers are this program's own. */
function drawn(example: Example, picture: Picture, tensor: TensorData, data: Float32Array): Example {
	return {
		...example,
		feeds: { ...example.feeds, [picture.name]: { ...tensor, data } },
		release: () => {
			giveBack(data);
			releaseExample(example);
		},
	};
}

const WHOLE = { left: 0, top: 0, right: 1, bottom: 1 };

function quarters(x: number, y: number): Patch['to'][] {
	return [
		{ left: 0, top: 0, right: x, bottom: y },
		{ left: x, top: 0, right: 1, bottom: y },
		{ left: 0, top: y, right: x, bottom: 1 },
		{ left: x, top: y, right: 1, bottom: 1 },
	];
}

function whole(tensor: TensorData, { channels }: Picture): Patch {
	return {
		source: tensor.data as Float32Array,
		from: { left: 0, top: 0, width: 1, height: 1 },
		to: WHOLE,
		mirrored: false,
		turned: false,
		colours: Array.from({ length: channels }, (_, channel) => ({ channel, gain: 1, shift: 0 })),
	};
}

function cropped(tensor: TensorData, picture: Picture, random: SeededRandom): Patch {
	const share = 0.82 + 0.16 * random.next();
	return {
		...whole(tensor, picture),
		from: { left: (1 - share) * random.next(), top: (1 - share) * random.next(), width: share, height: share },
	};
}

/** Small square pictures that are not coloured are signs, digits and the like: they are bent a little instead of cropped. */
const BENT_SIDE = 64;

/**
 * A picture turned, sheared, stretched and shifted a little, and bent by a smooth field (Simard et al. 2003, with a few waves in place of
 * filtered noise). What lies outside is what the picture's border shows.
 */
function bent(source: Float32Array, picture: Picture, random: SeededRandom): Float32Array {
	const { channels, height, width, first } = picture;
	const spread = (most: number): number => (2 * random.next() - 1) * most;
	const angle = spread(0.22);
	const [a, b, c, d] = [
		(1 + spread(0.12)) * cosine(angle),
		sine(angle) + spread(0.15),
		-sine(angle) + spread(0.08),
		(1 + spread(0.12)) * cosine(angle),
	];
	const [right, down] = [spread(0.07) * width, spread(0.07) * height];
	const waves = Array.from({ length: 3 }, () => ({
		x: spread(1.5),
		y: spread(1.5),
		phase: random.next(),
		right: spread(0.025) * width,
		down: spread(0.025) * height,
	}));
	const out = new Float32Array(source.length);
	const [rowStride, columnStride, channelStride] = first ? [width, 1, width * height] : [width * channels, channels, 1];
	const images = source.length / (channels * height * width);
	const within = (at: number, size: number): number => Math.min(size - 1, Math.max(0, at));
	for (let y = 0; y < height; y++) {
		for (let x = 0; x < width; x++) {
			const [s, t] = [x - (width - 1) / 2, y - (height - 1) / 2];
			let u = a * s + b * t + (width - 1) / 2 + right;
			let v = c * s + d * t + (height - 1) / 2 + down;
			for (const wave of waves) {
				const swing = sine(2 * Math.PI * (wave.phase + (wave.x * x) / width + (wave.y * y) / height));
				u += wave.right * swing;
				v += wave.down * swing;
			}
			const [x0, y0] = [within(Math.floor(u), width), within(Math.floor(v), height)];
			const [x1, y1] = [within(x0 + 1, width), within(y0 + 1, height)];
			const [fx, fy] = [Math.min(1, Math.max(0, u - x0)), Math.min(1, Math.max(0, v - y0))];
			for (let image = 0; image < images; image++) {
				for (let channel = 0; channel < channels; channel++) {
					const base = image * channels * height * width + channel * channelStride;
					const at = (r: number, k: number): number => source[base + r * rowStride + k * columnStride] as number;
					const upper = at(y0, x0) * (1 - fx) + at(y0, x1) * fx;
					const lower = at(y1, x0) * (1 - fx) + at(y1, x1) * fx;
					out[base + y * rowStride + x * columnStride] = upper * (1 - fy) + lower * fy;
				}
			}
		}
	}
	return out;
}

/** A colour picture at another scale and place, mirrored or turned, with other colours. */
function strange(tensor: TensorData, picture: Picture, random: SeededRandom): Patch {
	const source = tensor.data as Float32Array;
	const width = 0.45 + 0.55 * random.next();
	const height = Math.min(1, Math.max(0.4, width * (0.8 + 0.45 * random.next())));
	const plain = random.next() < 0.4;
	const swap = !plain && random.next() < 0.5;
	const order = swap ? shuffled(picture.channels, random) : Array.from({ length: picture.channels }, (_, c) => c);
	const inverted = !plain && random.next() < 0.25;
	let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
	for (const x of source) {
		if (x < least) least = x;
		if (x > most) most = x;
	}
	const middle = (least + most) / 2;
	return {
		source,
		from: { left: (1 - width) * random.next(), top: (1 - height) * random.next(), width, height },
		to: WHOLE,
		mirrored: random.next() < 0.5,
		turned: !plain && random.next() < 0.15,
		colours: order.map((channel) => {
			const gain = (inverted ? -1 : 1) * (plain ? 1 : 0.6 + 0.6 * random.next());
			const drift = plain ? 0 : (random.next() - 0.5) * 0.3 * (most - least);
			return { channel, gain, shift: middle - gain * middle + drift };
		}),
	};
}

function shuffled(count: number, random: SeededRandom): number[] {
	const order = Array.from({ length: count }, (_, i) => i);
	for (let i = count - 1; i > 0; i--) {
		const j = Math.floor(random.next() * (i + 1));
		[order[i], order[j]] = [order[j] as number, order[i] as number];
	}
	return order;
}

/** Sine by its series: the same bits in every engine. */
function sine(x: number): number {
	const turns = x / (2 * Math.PI);
	const r = (turns - Math.round(turns)) * 2 * Math.PI;
	const square = r * r;
	let [term, sum] = [r, r];
	for (let k = 1; k < 12; k++) {
		term *= -square / (2 * k * (2 * k + 1));
		sum += term;
	}
	return sum;
}

const cosine = (x: number): number => sine(x + Math.PI / 2);

/** Draws a patch, bilinear. */
function paint(out: Float32Array, { channels, height, width, first }: Picture, patch: Patch): void {
	const { source, from, to, mirrored, turned, colours } = patch;
	const [rowStride, columnStride, channelStride] = first ? [width, 1, width * height] : [width * channels, channels, 1];
	const images = source.length / (channels * height * width);
	const [top, bottom] = [Math.round(to.top * height), Math.round(to.bottom * height)];
	const [left, right] = [Math.round(to.left * width), Math.round(to.right * width)];
	for (let y = top; y < bottom; y++) {
		for (let x = left; x < right; x++) {
			const across = (x - left) / Math.max(1, right - left - 1);
			const down = (y - top) / Math.max(1, bottom - top - 1);
			const [a, b] = turned ? [down, 1 - across] : [across, down];
			const u = (from.left + (mirrored ? 1 - a : a) * from.width) * (width - 1);
			const v = (from.top + b * from.height) * (height - 1);
			const x0 = Math.min(width - 1, Math.floor(u));
			const y0 = Math.min(height - 1, Math.floor(v));
			const x1 = Math.min(width - 1, x0 + 1);
			const y1 = Math.min(height - 1, y0 + 1);
			const [fx, fy] = [u - x0, v - y0];
			const corner = y0 * rowStride + x0 * columnStride;
			const [dx, dy] = [(x1 - x0) * columnStride, (y1 - y0) * rowStride];
			for (let image = 0; image < images; image++) {
				const base = image * channels * height * width;
				for (const [c, { channel, gain, shift }] of colours.entries()) {
					const at = base + channel * channelStride + corner;
					const upper = (source[at] as number) * (1 - fx) + (source[at + dx] as number) * fx;
					const lower = (source[at + dy] as number) * (1 - fx) + (source[at + dx + dy] as number) * fx;
					out[base + c * channelStride + y * rowStride + x * columnStride] = (upper * (1 - fy) + lower * fy) * gain + shift;
				}
			}
		}
	}
}

/**
 * Keeps examples that were asked for up to so many bytes, so that several runs read them once. Pictures are kept packed: whoever asks for one
 * has it alone.
 */
export function remembered(calibration: CalibrationSet, mostBytes = 64_000_000): CalibrationSet {
	const kept = new Map<number, () => Example>();
	let bytes = 0;
	return {
		...calibration,
		example: async (index, signal) => {
			const known = kept.get(index);
			if (known) return known();
			const found = await calibration.example(index, signal);
			// Asked for twice at the same time.
			if (kept.has(index)) return found;
			const packed = packedExample(found);
			const size = packed?.byteLength ?? feedBytes(found.feeds);
			if (bytes + size > mostBytes) return found;
			bytes += size;
			if (packed) {
				kept.set(index, packed.unpack);
				return found;
			}
			// Whoever asks now has not the only hold on it.
			const { release: _, ...example } = found;
			kept.set(index, () => example);
			return example;
		},
	};
}

/** An example whose inputs can all be packed. */
function packedExample({ feeds, release: _, ...rest }: Example): { readonly byteLength: number; unpack(): Example } | undefined {
	let byteLength = 0;
	const packed: [string, PackedTensor][] = [];
	for (const [name, tensor] of Object.entries(feeds)) {
		const found = packPicture(tensor);
		if (!found) return undefined;
		packed.push([name, found]);
		byteLength += found.byteLength;
	}
	return {
		byteLength,
		unpack: () => {
			const unpacked = Object.fromEntries(packed.map(([name, tensor]) => [name, tensor.unpack()]));
			return {
				...rest,
				feeds: unpacked,
				release: () => {
					for (const { data } of Object.values(unpacked)) giveBack(data);
				},
			};
		},
	};
}
