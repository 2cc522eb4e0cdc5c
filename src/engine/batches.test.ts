import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinTensors, runExamples, splitTensor } from './batches.ts';
import type { OutputLog } from './output-log.ts';
import type { Outputs } from './outputs.ts';
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

	it.each([1, 4])('goes on from what an ended run kept, joining the same examples (batches of %i)', async (batch) => {
		const examples = { n: 30, batchAxes: { x: 0 }, example: async (index: number) => ({ name: `${index}`, feeds: { x: value(index) } }) };
		const indices = Array.from({ length: 30 }, (_, i) => i);
		const groups: number[][] = [];
		const session = sessionOf(({ x }) => groups.push(Array.from({ length: x?.dims[0] ?? 0 }, (_, i) => Number(x?.data[2 * i]))));
		const whole: unknown[] = [];
		for await (const { outputs } of runExamples({ session, examples, indices, batch })) whole.push(outputs);
		const wanted = groups.splice(0);
		const kept: Outputs[] = [];
		const log: OutputLog = {
			read: async () => kept.slice(),
			append: async (block) => kept.push(...block) > 0,
		};
		// Large outputs are kept one by one.
		const large: Session = { ...session, run: async (feeds) => ({ ...(await session.run(feeds)), z: large4mb(feeds) }) };
		let seen = 0;
		for await (const _ of runExamples({ session: large, examples, indices, batch, log })) {
			seen += 1;
			if (seen === 17) break;
		}
		expect(kept.length).toBeGreaterThan(8);
		const known = kept.length;
		groups.length = 0;
		const again: unknown[] = [];
		for await (const { outputs } of runExamples({ session: large, examples, indices, batch, log })) again.push({ y: outputs.y });
		expect(again).toEqual(whole);
		const isKnown = (group: readonly number[]): boolean => group.every((index) => index < known);
		const trial = (group: readonly number[]): boolean => group.length === 2 && group[0] === 0;
		expect(groups.filter((group) => !trial(group))).toEqual(wanted.filter((group) => !trial(group) && !isKnown(group)));
	});
});

function large4mb({ x }: Feeds): TensorData {
	const rows = x?.dims[0] ?? 1;
	return { dtype: 'float32', dims: [rows, 1_000_001], data: new Float32Array(rows * 1_000_001) };
}
