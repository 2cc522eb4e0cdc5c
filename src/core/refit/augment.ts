import type { Feeds, TensorData } from '../ir/tensor-data.ts';
import { seededRandom } from '../numeric/random.ts';
import type { CalibrationSet } from '../pass/calibration.ts';

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

/**
 * A calibration set made longer: example i + k n is example i in its k-th variation. Colour pictures as wide as high are mirrored and
 * cropped; others (text lines, digits) only cropped, since mirrored ones do not occur. Variation 0 is the picture itself.
 */
export function varied(calibration: CalibrationSet, variations: number): CalibrationSet {
	if (variations <= 1) return calibration;
	return {
		...calibration,
		n: calibration.n * variations,
		example: async (index, signal) => {
			const example = await calibration.example(index % calibration.n, signal);
			const variation = Math.floor(index / calibration.n);
			const picture = variation > 0 ? pictureInput(example.feeds) : undefined;
			const tensor = picture && example.feeds[picture.name];
			if (!picture || !tensor) return example;
			const random = seededRandom(index);
			const mirrored = picture.channels === 3 && picture.width === picture.height && random.next() < 0.5;
			const share = variation === 1 && mirrored ? 1 : 0.82 + 0.16 * random.next();
			const place = { left: (1 - share) * random.next(), top: (1 - share) * random.next(), share };
			return { ...example, feeds: { ...example.feeds, [picture.name]: crop(tensor, picture, mirrored, place) } };
		},
	};
}

/** A part of the picture at the size of the whole (bilinear), mirrored or not. Shares of height and width. */
function crop(
	tensor: TensorData,
	{ channels, height, width, first }: Picture,
	mirrored: boolean,
	{ left, top, share }: { readonly left: number; readonly top: number; readonly share: number },
): TensorData {
	const source = tensor.data as Float32Array;
	const out = new Float32Array(source.length);
	const [rowStride, columnStride, channelStride] = first ? [width, 1, width * height] : [width * channels, channels, 1];
	const images = source.length / (channels * height * width);
	for (let y = 0; y < height; y++) {
		const v = top * (height - 1) + y * share;
		const y0 = Math.min(height - 1, Math.floor(v));
		const y1 = Math.min(height - 1, y0 + 1);
		for (let x = 0; x < width; x++) {
			const from = mirrored ? width - 1 - x : x;
			const u = left * (width - 1) + from * share;
			const x0 = Math.min(width - 1, Math.floor(u));
			const x1 = Math.min(width - 1, x0 + 1);
			const [fy, fx] = [v - y0, u - x0];
			for (let c = 0; c < channels * images; c++) {
				const base = first ? c * channelStride : Math.floor(c / channels) * channels * height * width + (c % channels);
				const at = (row: number, column: number): number => source[base + row * rowStride + column * columnStride] as number;
				const upper = at(y0, x0) * (1 - fx) + at(y0, x1) * fx;
				const lower = at(y1, x0) * (1 - fx) + at(y1, x1) * fx;
				out[base + y * rowStride + x * columnStride] = upper * (1 - fy) + lower * fy;
			}
		}
	}
	return { ...tensor, data: out };
}

/** Keeps examples that were asked for, so that two runs side by side read them once. */
export function remembered(calibration: CalibrationSet): CalibrationSet {
	const kept = new Map<number, ReturnType<CalibrationSet['example']>>();
	return {
		...calibration,
		example: (index, signal) => {
			let found = kept.get(index);
			if (!found) {
				found = calibration.example(index, signal);
				kept.set(index, found);
			}
			return found;
		},
	};
}
