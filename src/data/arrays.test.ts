import { describe, expect, it } from 'vitest';
import type { Port } from '../core/ir/tensor-data.ts';
import { dataFile, npy, npz } from './npy.testkit.ts';
import { openDataset } from './open.ts';

const port = (name: string, shape: Port['shape'], dtype: Port['dtype'] = 'float32'): Port => ({ name, dtype, shape });
const range = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => i);
const open = (arrays: Readonly<Record<string, Uint8Array>>, inputs: readonly Port[], limit?: number) =>
	openDataset([dataFile('data.npz', npz(arrays))], { inputs, outputs: [] }, limit === undefined ? {} : { limit });

describe('arrays as examples', () => {
	it('cuts the first axis into examples and joins labels', async () => {
		const dataset = await open({ x: npy('<f4', [3, 2], range(6)), labels: npy('<i4', [3], Int32Array.of(2, 0, 1)) }, [port('x', ['N', 2])]);
		expect(dataset.facts).toMatchObject({
			kind: 'arrays',
			n: 3,
			labelled: true,
			classes: 3,
			name: 'data.npz',
			preprocessing: 'as given',
			skipped: [],
		});
		expect(dataset.batchAxes).toEqual({ x: 0 });
		const { feeds, label } = await dataset.example(1);
		expect(feeds).toEqual({ x: { dtype: 'float32', dims: [1, 2], data: Float32Array.of(2, 3) } });
		expect(label).toBe(0);
	});

	it('finds the axis of examples where it is not the first, and shares scalars', async () => {
		// The speech model's shapes: frames, states in the middle axis, a sample rate for all.
		const dataset = await open(
			{
				input: npy('<f4', [5, 4], range(20)),
				state: npy('<f4', [2, 5, 3], range(30)),
				sr: npy('<i8', [], BigInt64Array.of(16_000n)),
			},
			[port('input', [null, null]), port('state', [2, null, 3]), port('sr', [], 'int64')],
		);
		expect(dataset.n).toBe(5);
		expect(dataset.batchAxes).toEqual({ input: 0, state: 1, sr: null });
		const { feeds } = await dataset.example(4);
		expect(feeds.state).toEqual({ dtype: 'float32', dims: [2, 1, 3], data: Float32Array.of(12, 13, 14, 27, 28, 29) });
		expect(feeds.sr).toEqual({ dtype: 'int64', dims: [], data: BigInt64Array.of(16_000n) });
	});

	it('fits a model with a fixed batch, and one with a larger fixed batch', async () => {
		const one = await open({ x: npy('<f4', [3, 1, 2, 2], range(12)) }, [port('x', [1, 1, 2, 2])]);
		expect([one.n, one.batchAxes, (await one.example(2)).feeds.x?.dims]).toEqual([3, undefined, [1, 1, 2, 2]]);
		const four = await open({ x: npy('<f4', [8, 2], range(16)) }, [port('x', [4, 2])]);
		expect([four.n, (await four.example(1)).feeds.x]).toEqual([2, { dtype: 'float32', dims: [4, 2], data: range(16).slice(8) }]);
	});

	it('puts in the channel of grey pictures and the batch of a single example', async () => {
		const grey = await open({ x: npy('|u1', [3, 2, 2], Uint8Array.from(range(12))) }, [port('x', ['N', 1, 2, 2])]);
		expect(grey.n).toBe(3);
		expect((await grey.example(1)).feeds.x).toEqual({ dtype: 'float32', dims: [1, 1, 2, 2], data: Float32Array.of(4, 5, 6, 7) });
		expect(grey.facts.preprocessing).toBe('as given; "x" uint8 as float32');
		const single = await open({ x: npy('<f4', [3, 2, 2], range(12)) }, [port('x', [1, 3, 2, 2])]);
		expect([single.n, (await single.example(0)).feeds.x?.dims]).toEqual([1, [1, 3, 2, 2]]);
		const stacked = await open({ x: npy('<f4', [5, 1, 3, 2, 2], range(60)) }, [port('x', [1, 3, 2, 2])]);
		expect([stacked.n, (await stacked.example(4)).feeds.x?.data[0]]).toEqual([5, 48]);
	});

	it('matches by name, by plain name, by what is left, and says so', async () => {
		const inputs = [port('serving_default_input:0', ['N', 2])];
		expect((await open({ serving_default_input: npy('<f4', [1, 2], range(2)) }, inputs)).facts.preprocessing).toBe('as given');
		expect((await open({ arr_0: npy('<f4', [1, 2], range(2)) }, inputs)).facts.preprocessing).toBe(
			'as given; "arr_0" as input "serving_default_input:0"',
		);
		const two = [port('a', ['N', 2]), port('b', ['N', 3])];
		const dataset = await open({ arr_0: npy('<f4', [4, 2], range(8)), arr_1: npy('<f4', [4, 3], range(12)) }, two);
		expect((await dataset.example(1)).feeds.b?.data).toEqual(Float32Array.of(3, 4, 5));
	});

	it('fills in masks and token types', async () => {
		const dataset = await open({ input_ids: npy('<i4', [2, 3], Int32Array.of(1, 2, 3, 4, 5, 6)) }, [
			port('input_ids', ['N', 'L'], 'int64'),
			port('attention_mask', ['N', 'L'], 'int64'),
			port('token_type_ids', ['N', 'L'], 'int64'),
		]);
		const { feeds } = await dataset.example(1);
		expect(feeds.input_ids?.data).toEqual(BigInt64Array.of(4n, 5n, 6n));
		expect(feeds.attention_mask).toEqual({ dtype: 'int64', dims: [1, 3], data: BigInt64Array.of(1n, 1n, 1n) });
		expect(feeds.token_type_ids?.data).toEqual(BigInt64Array.of(0n, 0n, 0n));
		expect(dataset.facts.preprocessing).toContain('"attention_mask" filled with ones');
	});

	it('reads one-hot labels and takes other numbers as values to be met', async () => {
		const x = npy('<f4', [2, 2], range(4));
		const hot = await open({ x, y: npy('<f4', [2, 3], Float32Array.of(0, 1, 0, 0, 0, 1)) }, [port('x', ['N', 2])]);
		expect([(await hot.example(0)).label, (await hot.example(1)).label]).toEqual([1, 2]);
		const target = await open({ x, target: npy('<f4', [2], Float32Array.of(0.5, 1.25)) }, [port('x', ['N', 2])]);
		expect(target.facts).toMatchObject({ labelled: true, labelKind: 'values' });
		expect((await target.example(1)).targets).toHaveLength(1);
		const short = await open({ x, y: npy('<i8', [1], BigInt64Array.of(1n)) }, [port('x', ['N', 2])]);
		expect(short.facts.labelled).toBe(false);
	});

	it('says what does not fit', async () => {
		const x = port('x', ['N', 3, 8, 8]);
		await expect(open({ x: npy('<f4', [2, 8, 8, 3], range(384)) }, [x])).rejects.toMatchObject({
			name: 'DataError',
			code: 'mismatch',
			message: '"x" has shape [2, 8, 8, 3], which does not fit input "x" float32[N, 3, 8, 8].',
		});
		await expect(
			open({ x: npy('<f4', [2, 2], range(4)), a: npy('<f4', [3, 2], range(6)) }, [port('x', ['N', 2]), port('a', ['N', 2])]),
		).rejects.toThrow('do not have the same number of examples');
		await expect(open({ x: npy('<f4', [2, 2], range(4)) }, [port('x', ['N', 2], 'int64')])).rejects.toThrow(
			'"x" holds float32, input "x" takes int64.',
		);
		await expect(open({ x: npy('<f4', [2, 2], range(4)) }, [port('x', ['N', 2]), port('b', ['N', 9])])).rejects.toThrow(
			'Nothing in it stands for the model\'s input "b". It holds "x" float32[2, 2].',
		);
	});

	it('takes some of many, spread evenly, and separate .npy files', async () => {
		const dataset = await open({ x: npy('<f4', [100, 1], range(100)) }, [port('x', ['N', 1])], 4);
		const values = await Promise.all([0, 1, 2, 3].map(async (i) => (await dataset.example(i)).feeds.x?.data[0]));
		expect(values.map((value) => Math.floor(Number(value) / 25))).toEqual([0, 1, 2, 3]);
		const files = [dataFile('b.npy', npy('<f4', [2, 1], range(2))), dataFile('dir/a.npy', npy('<f4', [2, 1], range(2)))];
		const both = await openDataset(files, { inputs: [port('a', ['N', 1]), port('b', ['N', 1])], outputs: [] });
		expect(both.facts).toMatchObject({ n: 2, name: '2 files' });
	});

	it('gives one hash for the same content, another for other content', async () => {
		const inputs = [port('x', ['N', 2])];
		const a = await open({ x: npy('<f4', [3, 2], range(6)) }, inputs);
		const b = await open({ x: npy('<f4', [3, 2], range(6)) }, inputs);
		const c = await open(
			{
				x: npy(
					'<f4',
					[3, 2],
					range(6).map((v) => v + 1),
				),
			},
			inputs,
		);
		const d = await open({ x: npy('<f4', [3, 2], range(6)) }, inputs, 2);
		expect(a.facts.hash).toMatch(/^[0-9a-f]{64}$/);
		expect(b.facts.hash).toBe(a.facts.hash);
		expect(new Set([a.facts.hash, c.facts.hash, d.facts.hash]).size).toBe(3);
	});
});
