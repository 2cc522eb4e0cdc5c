import { giveBack } from '../core/bytes/give-back.ts';
import type { Picture } from './picture.ts';

/**
 * The reference resize: triangle filter, widened when shrinking so that it does not alias ("bilinear" of Pillow, "antialias" of torchvision),
 * first along rows, then along columns, each pass rounded to 8 bits with 22-bit fixed-point weights. It gives Pillow's pixels
 * (src/libImaging/Resample.c), bit for bit, whatever the machine.
 */
export function resize(picture: Picture, width: number, height: number): Picture {
	if (width === picture.width && height === picture.height) return picture;
	const wide = width === picture.width ? picture.data : resizeRows(picture.data, picture.width, picture.height, width);
	const data = height === picture.height ? wide : resizeColumns(wide, width, picture.height, height);
	if (wide !== picture.data && wide !== data) giveBack(wide);
	return { width, height, data };
}

const PRECISION_BITS = 22;

interface Weights {
	readonly size: number;
	/** First source index and how many, by target index. */
	readonly bounds: Int32Array;
	/** `size` fixed-point weights by target index. */
	readonly weights: Int32Array;
}

function weightsFor(from: number, to: number): Weights {
	const scale = from / to;
	const filterScale = Math.max(1, scale);
	const support = filterScale;
	const size = Math.ceil(support) * 2 + 1;
	const bounds = new Int32Array(2 * to);
	const weights = new Int32Array(size * to);
	const row = new Float64Array(size);
	for (let target = 0; target < to; target++) {
		const centre = (target + 0.5) * scale;
		const first = Math.max(0, Math.trunc(centre - support + 0.5));
		const count = Math.min(from, Math.trunc(centre + support + 0.5)) - first;
		let sum = 0;
		for (let i = 0; i < count; i++) {
			const distance = Math.abs((i + first - centre + 0.5) * (1 / filterScale));
			const weight = distance < 1 ? 1 - distance : 0;
			row[i] = weight;
			sum += weight;
		}
		for (let i = 0; i < count; i++) {
			const weight = sum === 0 ? 0 : (row[i] as number) * (1 / sum);
			// No weight of this filter is negative.
			weights[target * size + i] = Math.trunc(0.5 + weight * (1 << PRECISION_BITS));
		}
		bounds[2 * target] = first;
		bounds[2 * target + 1] = count;
	}
	return { size, bounds, weights };
}

function resizeRows(data: Picture['data'], width: number, height: number, to: number): Uint8ClampedArray {
	const { size, bounds, weights } = weightsFor(width, to);
	const result = new Uint8ClampedArray(to * height * 4);
	for (let y = 0; y < height; y++) {
		for (let x = 0; x < to; x++) {
			const first = bounds[2 * x] as number;
			const count = bounds[2 * x + 1] as number;
			let r = 1 << (PRECISION_BITS - 1);
			let g = r;
			let b = r;
			let a = r;
			for (let i = 0, at = (y * width + first) * 4; i < count; i++, at += 4) {
				const weight = weights[x * size + i] as number;
				r += weight * (data[at] as number);
				g += weight * (data[at + 1] as number);
				b += weight * (data[at + 2] as number);
				a += weight * (data[at + 3] as number);
			}
			const to4 = (y * to + x) * 4;
			result[to4] = r >> PRECISION_BITS;
			result[to4 + 1] = g >> PRECISION_BITS;
			result[to4 + 2] = b >> PRECISION_BITS;
			result[to4 + 3] = a >> PRECISION_BITS;
		}
	}
	return result;
}

function resizeColumns(data: Picture['data'], width: number, height: number, to: number): Uint8ClampedArray {
	const { size, bounds, weights } = weightsFor(height, to);
	const result = new Uint8ClampedArray(width * to * 4);
	const sums = new Int32Array(width * 4);
	for (let y = 0; y < to; y++) {
		const first = bounds[2 * y] as number;
		const count = bounds[2 * y + 1] as number;
		sums.fill(1 << (PRECISION_BITS - 1));
		for (let i = 0; i < count; i++) {
			const weight = weights[y * size + i] as number;
			const from = (first + i) * width * 4;
			for (let x = 0; x < sums.length; x++) sums[x] = (sums[x] as number) + weight * (data[from + x] as number);
		}
		const to4 = y * width * 4;
		for (let x = 0; x < sums.length; x++) result[to4 + x] = (sums[x] as number) >> PRECISION_BITS;
	}
	return result;
}

/** The middle of a picture; where it is smaller than asked for, black is put around it. Odd margins leave the extra pixel at the end (torchvision's rounding). */
export function centreCrop(picture: Picture, width: number, height: number): Picture {
	if (width === picture.width && height === picture.height) return picture;
	const left = roundHalfEven((picture.width - width) / 2);
	const top = roundHalfEven((picture.height - height) / 2);
	const data = new Uint8ClampedArray(width * height * 4);
	for (let y = 0; y < height; y++) {
		const from = y + top;
		for (let x = 0; x < width; x++) {
			const to4 = (y * width + x) * 4;
			const column = x + left;
			if (from < 0 || from >= picture.height || column < 0 || column >= picture.width) {
				data[to4 + 3] = 255;
				continue;
			}
			const from4 = (from * picture.width + column) * 4;
			data[to4] = picture.data[from4] as number;
			data[to4 + 1] = picture.data[from4 + 1] as number;
			data[to4 + 2] = picture.data[from4 + 2] as number;
			data[to4 + 3] = picture.data[from4 + 3] as number;
		}
	}
	return { width, height, data };
}

/** The picture in the middle of a larger one of one grey (letterbox). */
export function padAround(picture: Picture, width: number, height: number, fill: number): Picture {
	if (width === picture.width && height === picture.height) return picture;
	const left = Math.floor((width - picture.width) / 2);
	const top = Math.floor((height - picture.height) / 2);
	const data = new Uint8ClampedArray(width * height * 4).fill(fill);
	for (let i = 3; i < data.length; i += 4) data[i] = 255;
	for (let y = 0; y < picture.height; y++) {
		const row = picture.data.subarray(y * picture.width * 4, (y + 1) * picture.width * 4);
		data.set(row, ((y + top) * width + left) * 4);
	}
	return { width, height, data };
}

function roundHalfEven(x: number): number {
	const low = Math.floor(x);
	const rest = x - low;
	return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}
