import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TensorData } from '../ir/tensor-data.ts';
import { feedsAfter, outputPortsBefore, outputsBefore, type PortChange } from './ports.ts';

const floats = (data: readonly number[], dims: readonly number[]): TensorData => ({
	dtype: 'float32',
	dims,
	data: Float32Array.from(data),
});

describe('changed inputs and outputs', () => {
	it('follow renames, exchanged ones too, and come back', () => {
		const a = floats([1], [1]);
		const b = floats([2], [1]);
		const changes: PortChange[] = (['input', 'output'] as const).flatMap((port) => [
			{ kind: 'renamed', port, names: [{ from: 'a', to: 'c' }] },
		]);
		expect(feedsAfter({ a, b }, changes)).toEqual({ c: a, b });
		expect(outputsBefore({ c: a, b }, changes)).toEqual({ a, b });
		expect(outputPortsBefore([{ name: 'c', dtype: 'float32', shape: [1] }], changes)).toEqual([
			{ name: 'a', dtype: 'float32', shape: [1] },
		]);
		const exchange: PortChange[] = [
			{
				kind: 'renamed',
				port: 'input',
				names: [
					{ from: 'a', to: 'b' },
					{ from: 'b', to: 'a' },
				],
			},
		];
		expect(feedsAfter({ a, b }, exchange)).toEqual({ b: a, a: b });
	});

	it('are cast to new element types, and outputs back', () => {
		const ids: TensorData = { dtype: 'int64', dims: [2], data: BigInt64Array.of(3n, -1n) };
		const changes: PortChange[] = [
			{ kind: 'retyped', port: 'input', name: 'ids', from: 'int64', to: 'int32' },
			{ kind: 'retyped', port: 'output', name: 'y', from: 'float32', to: 'float64' },
		];
		expect(feedsAfter({ ids }, changes).ids).toEqual({ dtype: 'int32', dims: [2], data: Int32Array.of(3, -1) });
		expect(outputsBefore({ y: { dtype: 'float64', dims: [1], data: Float64Array.of(0.5) } }, changes).y).toEqual(floats([0.5], [1]));
	});

	it('give back the bytes that preprocessing began with (property)', () => {
		const cases = fc.record({
			sides: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
			channels: fc.constantFrom(1, 3),
			reversed: fc.boolean(),
			moved: fc.boolean(),
			mean: fc.double({ min: -200, max: 200, noNaN: true }),
			std: fc.double({ min: 0.1, max: 200, noNaN: true }),
			seed: fc.nat(),
		});
		fc.assert(
			fc.property(cases, ({ sides: [height, width], channels, reversed, moved, mean, std, seed }) => {
				const bytes = (y: number, x: number, c: number): number => (seed + 31 * y + 7 * x + 101 * c) % 256;
				const each = <T>(f: (y: number, x: number, c: number) => T, last: boolean): T[] => {
					const list: T[] = [];
					if (last)
						for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) for (let c = 0; c < channels; c++) list.push(f(y, x, c));
					else for (let c = 0; c < channels; c++) for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) list.push(f(y, x, c));
					return list;
				};
				const factor = Array.from({ length: channels }, (_, c) => 1 / (std + c));
				const offset = factor.map((f) => -mean * f);
				// What the model is fed: channels second, in its own order.
				const fed = each((y, x, c) => {
					const from = reversed ? channels - 1 - c : c;
					return bytes(y, x, from) * (factor[c] as number) + (offset[c] as number);
				}, false);
				const change: PortChange = {
					kind: 'preprocessed',
					name: 'x',
					to: 'uint8',
					factor,
					offset,
					channelAxis: 1,
					reversed,
					...(moved && { permutation: [0, 3, 1, 2] }),
				};
				const after = feedsAfter({ x: floats(fed, [1, channels, height, width]) }, [change]).x;
				expect(after?.dims).toEqual(moved ? [1, height, width, channels] : [1, channels, height, width]);
				expect(Array.from(after?.data as Uint8Array)).toEqual(each(bytes, moved));
			}),
			{ seed: 11 },
		);
	});
});
