import { describe, expect, it } from 'vitest';
import type { Picture } from './picture.ts';
import { conventions, defaultPreprocessing, describePreprocessing, fitPicture, pictureInput, toTensor } from './preprocessing.ts';
import { centreCrop, resize } from './resize.ts';

/** A picture by formula, so that Python can make the same one. */
function pattern(width: number, height: number): Picture {
	const data = new Uint8ClampedArray(width * height * 4);
	for (let y = 0; y < height; y++) {
		for (let x = 0; x < width; x++)
			data.set([(x * 7 + y * 13) % 256, (x * x + 3 * y) % 256, (x * y + 11 * x) % 256, 255], (y * width + x) * 4);
	}
	return { width, height, data };
}

/** FNV-1a over the RGB bytes. */
function digest({ data }: Picture): number {
	let hash = 2166136261;
	data.forEach((value, i) => {
		if (i % 4 !== 3) hash = Math.imul(hash ^ value, 16777619) >>> 0;
	});
	return hash;
}

describe('resize', () => {
	// Pillow 13.0.0: FNV-1a of numpy.asarray(Image.fromarray(pattern).resize((w, h), Image.BILINEAR))
	it.each([
		[37, 23, 16, 16, 3603839838],
		[16, 16, 37, 23, 3086961246],
		[64, 48, 224, 224, 3303404671],
		[301, 200, 256, 170, 2256469765],
		[5, 5, 1, 1, 3502706177],
		[1, 1, 4, 3, 400696213],
		[100, 7, 3, 70, 337514323],
	])('gives the pixels of Pillow: %i x %i to %i x %i', (width, height, toWidth, toHeight, expected) => {
		expect(digest(resize(pattern(width, height), toWidth, toHeight))).toBe(expected);
	});

	it('leaves a picture of the right size alone', () => {
		const picture = pattern(4, 3);
		expect(resize(picture, 4, 3)).toBe(picture);
	});
});

describe('centreCrop', () => {
	it('cuts the middle and pads with black', () => {
		const picture = pattern(5, 5);
		expect(centreCrop(picture, 3, 3).data[0]).toBe(picture.data[(1 * 5 + 1) * 4]);
		const padded = centreCrop(picture, 7, 7);
		expect([...padded.data.subarray(0, 4)]).toEqual([0, 0, 0, 255]);
		expect(padded.data[(1 * 7 + 1) * 4 + 1]).toBe(picture.data[1]);
	});
});

describe('preprocessing', () => {
	it('knows inputs that take pictures', () => {
		const port = (shape: (number | string | null)[], dtype: 'float32' | 'int64' = 'float32') => ({ name: 'x', dtype, shape });
		expect(pictureInput(port(['N', 3, 224, 224]))).toEqual({ layout: 'nchw', channels: 3, width: 224, height: 224, dtype: 'float32' });
		expect(pictureInput(port([1, 'h', null, 3]))).toEqual({
			layout: 'nhwc',
			channels: 3,
			width: undefined,
			height: undefined,
			dtype: 'float32',
		});
		expect(pictureInput(port([1, 64, 8, 8]))).toBeUndefined();
		expect(pictureInput(port([1, 3, 8]))).toBeUndefined();
		expect(pictureInput(port([1, 3, 8, 8], 'int64'))).toBeUndefined();
	});

	it('chooses sizes as such models are evaluated', () => {
		const of = (width: number | undefined, height: number | undefined) => {
			const { resize: how, width: w, height: h } = defaultPreprocessing({ layout: 'nchw', channels: 3, width, height, dtype: 'float32' });
			return { how, w, h };
		};
		expect(of(224, 224)).toEqual({ how: { mode: 'short', side: 256 }, w: 224, h: 224 });
		expect(of(28, 28)).toEqual({ how: { mode: 'short', side: 28 }, w: 28, h: 28 });
		expect(of(320, 240)).toEqual({ how: { mode: 'exact' }, w: 320, h: 240 });
		expect(of(undefined, undefined)).toEqual({ how: { mode: 'short', side: 256 }, w: 224, h: 224 });
	});

	it('makes tensors in both layouts, orders of colour, and grey as Pillow does', () => {
		const picture = pattern(9, 6);
		const base = { resize: { mode: 'exact' }, width: 9, height: 6, dtype: 'float32', layout: 'nchw' } as const;
		const rgb = toTensor(picture, { ...base, ...(conventions['0..255 RGB'] as (typeof conventions)[string]) });
		expect(rgb.dims).toEqual([1, 3, 6, 9]);
		const nhwc = toTensor(picture, { ...base, layout: 'nhwc', ...(conventions['0..255 BGR'] as (typeof conventions)[string]) });
		expect(nhwc.dims).toEqual([1, 6, 9, 3]);
		for (let pixel = 0; pixel < 54; pixel++) {
			for (let channel = 0; channel < 3; channel++) {
				const expected = picture.data[4 * pixel + channel];
				expect(rgb.data[channel * 54 + pixel]).toBe(expected);
				expect(nhwc.data[3 * pixel + 2 - channel]).toBe(expected);
			}
		}
		const grey = toTensor(picture, { ...base, ...(conventions['0..255 grey'] as (typeof conventions)[string]) });
		expect(grey.dims).toEqual([1, 1, 6, 9]);
		// Image.convert('L')
		expect([...(grey.data as Float32Array).subarray(0, 5)]).toEqual([0, 4, 9, 15, 23]);
		const scaled = toTensor(picture, { ...base, ...(conventions['(x - 127)/128 RGB'] as (typeof conventions)[string]) });
		expect(scaled.data[1]).toBe((7 - 127) / 128);
		const half = toTensor(picture, { ...base, dtype: 'float16', ...(conventions['0..1 RGB'] as (typeof conventions)[string]) });
		expect(half.data).toBeInstanceOf(Uint16Array);
		const bytes = toTensor(picture, { ...base, dtype: 'uint8', ...(conventions['0..255 RGB'] as (typeof conventions)[string]) });
		expect(bytes.data.slice(0, 3)).toEqual(Uint8Array.of(0, 7, 14));
	});

	it('says in words what it does', () => {
		const preprocessing = { ...defaultPreprocessing({ layout: 'nchw', channels: 3, width: 224, height: 224, dtype: 'float32' }) };
		expect(describePreprocessing(preprocessing)).toBe(
			'short side resized to 256, centre 224 x 224 (antialiased bilinear); ImageNet mean and deviation, RGB; NCHW',
		);
		expect(describePreprocessing({ ...preprocessing, scale: 2 })).toContain('(x * 2 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]');
		const fitted = fitPicture(pattern(512, 300), preprocessing);
		expect([fitted.width, fitted.height]).toEqual([224, 224]);
	});
});
