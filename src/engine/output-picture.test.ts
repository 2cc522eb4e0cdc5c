import { describe, expect, it } from 'vitest';
import { drawingsOf } from './drawing.ts';
import { float32, normal } from './models.testkit.ts';
import { drawAnswer, type PictureShape, pictureShape } from './output-picture.ts';
import type { TensorData } from './port.ts';

const zeros = (dims: readonly number[]): TensorData => float32(new Float32Array(dims.reduce((a, b) => a * b, 1)), dims);

describe('pictureShape', () => {
	it.each([
		[[1, 3, 20, 30], { width: 30, height: 20, channels: 3, layout: 'chw', kind: 'values' }],
		[[1, 20, 30, 3], { width: 30, height: 20, channels: 3, layout: 'hwc', kind: 'values' }],
		[[3, 20, 30], { width: 30, height: 20, channels: 3, layout: 'chw', kind: 'values' }],
		[[1, 20, 30, 1], { width: 30, height: 20, channels: 1, layout: 'hwc', kind: 'values' }],
		[[20, 30, 1], { width: 30, height: 20, channels: 1, layout: 'hwc', kind: 'values' }],
		[[4, 1, 20, 30], { width: 30, height: 20, channels: 1, layout: 'chw', kind: 'values' }],
	] as const)('%j is a picture', (dims, shape) => expect(pictureShape(zeros(dims))).toEqual(shape));

	it.each([[[1, 1000]], [[1, 512, 7, 7]], [[1, 64, 20, 30]], [[1, 3, 1, 900]], [[2, 3, 4, 20, 30]], [[1, 77, 768]], [[]]])(
		'%j is none',
		(dims) => expect(pictureShape(zeros(dims))).toBeUndefined(),
	);

	it('takes planes with the proportions of the input as pictures', () => {
		expect(pictureShape(zeros([1, 20, 30]))).toBeUndefined();
		expect(pictureShape(zeros([1, 20, 30]), { width: 60, height: 40 })?.kind).toBe('values');
		expect(pictureShape(zeros([20, 30]), { width: 60, height: 60 })).toBeUndefined();
		expect(pictureShape(zeros([20, 30]), 'any')?.width).toBe(30);
	});

	it('takes scores for each pixel of the input as a map of classes', () => {
		expect(pictureShape(zeros([1, 21, 20, 30]), { width: 30, height: 20 })?.kind).toBe('classes');
		expect(pictureShape(zeros([1, 21, 20, 30]), { width: 60, height: 40 })).toBeUndefined();
		expect(pictureShape({ dtype: 'int64', dims: [1, 20, 30], data: new BigInt64Array(600) }, 'any')?.kind).toBe('classes');
		expect(pictureShape({ dtype: 'string', dims: [1, 20, 30], data: [] })).toBeUndefined();
	});
});

describe('drawAnswer', () => {
	it('draws both on the scale of the original and says how far they are apart', () => {
		const shape = pictureShape(zeros([1, 3, 8, 8])) as PictureShape;
		const a = zeros([1, 3, 8, 8]);
		const b = zeros([1, 3, 8, 8]);
		(a.data as Float32Array).fill(0.5);
		(b.data as Float32Array).fill(0.5);
		(b.data as Float32Array)[0] = 1;
		const drawn = drawAnswer('y', shape, a, b);
		expect(drawn?.drawnFrom).toEqual([0, 1]);
		expect([...(drawn?.original.picture.data.slice(0, 4) ?? [])]).toEqual([128, 128, 128, 255]);
		expect([...(drawn?.variant?.picture.data.slice(0, 4) ?? [])]).toEqual([255, 128, 128, 255]);
		expect(drawn?.variant?.most).toBe(1);
		expect(drawn?.difference?.most).toBe(0.5);
		expect(drawn?.difference?.mean).toBeCloseTo(0.5 / 192, 12);
		expect([...(drawn?.difference?.picture.data.slice(0, 8) ?? [])]).toEqual([255, 255, 255, 255, 0, 0, 0, 255]);
	});

	it('gives the same pixels for both orders of axes', () => {
		const values = normal(3 * 8 * 9, 5);
		const turned = new Float32Array(values.length);
		for (let channel = 0; channel < 3; channel++) {
			for (let at = 0; at < 72; at++) turned[at * 3 + channel] = values[channel * 72 + at] as number;
		}
		const [chw, hwc] = [float32(values, [1, 3, 8, 9]), float32(turned, [1, 8, 9, 3])].map((tensor) =>
			drawAnswer('y', pictureShape(tensor) as PictureShape, tensor),
		);
		expect(chw?.original.picture.data).toEqual(hwc?.original.picture.data);
	});

	it('counts pixels whose class changed', () => {
		const shape: PictureShape = { width: 8, height: 8, channels: 2, layout: 'chw', kind: 'classes' };
		const a = zeros([1, 2, 8, 8]);
		const b = zeros([1, 2, 8, 8]);
		for (const at of [0, 1, 2, 3]) (b.data as Float32Array)[64 + at] = 1;
		expect(drawAnswer('y', shape, a, b)?.difference?.mean).toBe(4 / 64);
	});

	it('survives values that are not finite, constants, and other shapes', () => {
		const odd = zeros([1, 1, 8, 8]);
		(odd.data as Float32Array).fill(Number.NaN);
		const shape = pictureShape(odd) as PictureShape;
		expect(drawAnswer('y', shape, odd, zeros([1, 1, 8, 8]))?.original.least).toBeNaN();
		expect(drawAnswer('y', shape, zeros([1, 1, 8, 8]), zeros([1, 1, 4, 4]))?.variant).toBeUndefined();
	});

	it('draws large pictures smaller', () => {
		const large = zeros([1, 1, 1600, 800]);
		const drawn = drawAnswer('y', pictureShape(large) as PictureShape, large);
		expect([drawn?.shrink, drawn?.original.picture.height]).toEqual([3, 534]);
	});
});

describe('drawingsOf', () => {
	it('draws series as lines, few values as numbers, pictures as pictures', () => {
		const feeds = {
			series: float32(normal(500), [1, 2, 250]),
			row: float32([1, 2.5, 3], [1, 3]),
			ids: { dtype: 'int64', dims: [1, 2], data: BigInt64Array.of(7n, 9n) },
			picture: zeros([1, 1, 28, 28]),
		} as const;
		const [series, row, ids, picture] = drawingsOf(feeds);
		expect(series).toMatchObject({ kind: 'lines', rowCount: 2, length: 250 });
		expect(row).toMatchObject({ kind: 'numbers', values: ['1', '2.5', '3'] });
		expect(ids).toMatchObject({ kind: 'numbers', values: ['7', '9'] });
		expect(picture).toMatchObject({ kind: 'picture', picture: { width: 28, height: 28 } });
	});

	it('gives what is heard only where it is asked for', () => {
		const source = { kind: 'sound', samples: new Float32Array(1000), rate: 16_000, from: 250, to: 750, startSeconds: 1 } as const;
		expect(drawingsOf({}, source)).toMatchObject([{ kind: 'sound', from: 0.25, to: 0.75, seconds: 0.0625 }]);
		expect(drawingsOf({}, source)[0]).not.toHaveProperty('samples');
		expect(drawingsOf({}, source, true)[0]).toHaveProperty('samples');
	});
});
