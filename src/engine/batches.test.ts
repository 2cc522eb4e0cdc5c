import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinTensors, runExamples, splitTensor } from './batches.ts';
import type { Feeds, Session, TensorData } from './port.ts';

describe('joining and splitting', () => {
	it('joins along a later axis', () => {
		const a: TensorData = { dtype: 'int32', dims: [2, 1, 2], data: Int32Array.of(1, 2, 3, 4) };
		const b: TensorData = { dtype: 'int32', dims: [2, 1, 2], data: Int32Array.of(5, 6, 7, 8) };
		expect(joinTensors([a, b], 1)).toEqual({ dtype: 'int32', dims: [2, 2, 2], data: Int32Array.of(1, 2, 5, 6, 3, 4, 7, 8) });
	});

	it('splits what it joined (property)', () => {
		const shape = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
		fc.assert(
			fc.property(shape, fc.nat(), fc.integer({ min: 1, max: 4 }), fc.boolean(), (dims, axisAt, count, text) => {
				const axis = axisAt % dims.length;
				const size = dims.reduce((product, dim) => product * dim, 1);
				const tensors = Array.from(
					{ length: count },
					(_, i): TensorData =>
						text
							? { dtype: 'string', dims, data: Array.from({ length: size }, (__, j) => `${i}.${j}`) }
							: { dtype: 'int64', dims, data: BigInt64Array.from({ length: size }, (__, j) => BigInt(100 * i + j)) },
				);
				const joined = joinTensors(tensors, axis);
				expect(joined.dims[axis]).toBe((dims[axis] as number) * count);
				expect(splitTensor(joined, axis, count)).toEqual(tensors);
			}),
			{ seed: 4 },
		);
	});
});

describe('runExamples', () => {
	const value = (i: number): TensorData => ({ dtype: 'float32', dims: [1, 2], data: Float32Array.of(i, 2 * i) });
	const sessionOf = (onRun: (feeds: Feeds) => void): Session => ({
		inputs: [],
		outputs: [],
		loadMs: 0,
		notes: [],
		run: async (feeds) => {
			onRun(feeds);
			return { y: feeds.x as TensorData };
		},
		endProfile: async () => [],
		release: async () => {},
	});

	it.each([1, 4])('asks for examples ahead of the run, each once, and gives them in order (batches of %i)', async (batch) => {
		const asked: number[] = [];
		let runs = 0;
		let leastAhead = Number.POSITIVE_INFINITY;
		const examples = {
			n: 40,
			batchAxes: { x: 0 },
			example: async (index: number) => {
				asked.push(index);
				return { name: `${index}`, feeds: { x: value(index) } };
			},
		};
		let given = 0;
		const session = sessionOf(() => {
			runs += 1;
			if (given < 30) leastAhead = Math.min(leastAhead, asked.length - given);
		});
		const indices = Array.from({ length: 40 }, (_, i) => 39 - i);
		const results: [number, number][] = [];
		for await (const { index, outputs } of runExamples({ session, examples, indices, batch })) {
			results.push([index, Number(outputs.y?.data[1])]);
			given += 1;
		}
		expect(results).toEqual(indices.map((index) => [index, 2 * index]));
		expect(asked).toEqual(indices);
		expect(leastAhead).toBeGreaterThanOrEqual(batch);
		expect(runs).toBe(batch === 1 ? 40 : 2 + 1 + 10);
	});

	it('tells a failed example when its turn comes, and reads no more than its depth beyond', async () => {
		let asked = 0;
		const examples = {
			n: 100,
			example: async (index: number) => {
				asked += 1;
				if (index === 3) throw new Error('unreadable');
				return { name: `${index}`, feeds: { x: value(index) } };
			},
		};
		const seen: number[] = [];
		const all = async (): Promise<void> => {
			const indices = Array.from({ length: 100 }, (_, i) => i);
			for await (const { index } of runExamples({ session: sessionOf(() => {}), examples, indices })) seen.push(index);
		};
		await expect(all()).rejects.toThrow('unreadable');
		expect(seen).toEqual([0, 1, 2]);
		expect(asked).toBeLessThan(10);
	});
});
