import { describe, expect, it } from 'vitest';
import type { Port, TensorData } from '../core/ir/tensor-data.ts';
import { syntheticDataset } from './synthetic.ts';

const port = (name: string, dtype: Port['dtype'], shape: Port['shape']): Port => ({ name, dtype, shape });

describe('synthetic inputs', () => {
	it('follow from ports and seed', async () => {
		const target = {
			inputs: [
				port('input_ids', 'int64', ['batch', 'sequence']),
				port('attention_mask', 'int64', ['batch', 'sequence']),
				port('token_type_ids', 'int64', ['batch', 'sequence']),
				port('image', 'float32', ['batch', 3, 'h', 'w']),
				port('flag', 'bool', [1]),
				port('half', 'float16', [1, 4]),
			],
			outputs: [],
			idLimits: { input_ids: 50 },
		};
		const dataset = await syntheticDataset(target, { seed: 5, n: 3 });
		expect(dataset.facts).toMatchObject({ kind: 'synthetic', n: 3, labelled: false });
		expect(dataset.facts.preprocessing).toContain('seed 5');
		const { feeds } = await dataset.example(1);
		expect(feeds.input_ids?.dims).toEqual([1, 32]);
		expect([...((feeds.input_ids as TensorData).data as BigInt64Array)].every((id) => id >= 0n && id < 50n)).toBe(true);
		expect(new Set(feeds.input_ids?.data as BigInt64Array).size).toBeGreaterThan(5);
		expect(new Set(feeds.attention_mask?.data as BigInt64Array)).toEqual(new Set([1n]));
		expect(new Set(feeds.token_type_ids?.data as BigInt64Array)).toEqual(new Set([0n]));
		expect(feeds.image?.dims).toEqual([1, 3, 224, 224]);
		expect(feeds.flag?.data).toEqual(Uint8Array.of(1));
		expect(feeds.half?.data).toBeInstanceOf(Uint16Array);
		const again = await syntheticDataset(target, { seed: 5, n: 3 });
		expect(again.facts.hash).toBe(dataset.facts.hash);
		expect((await again.example(1)).feeds).toEqual(feeds);
		expect((await again.example(2)).feeds).not.toEqual(feeds);
		expect((await syntheticDataset(target, { seed: 6, n: 3 })).facts.hash).not.toBe(dataset.facts.hash);
	});

	it('finds sizes by trying', async () => {
		const target = { inputs: [port('x', 'float32', ['N', 3, null, null])], outputs: [] };
		const tried: (readonly number[])[] = [];
		const dataset = await syntheticDataset(target, {
			n: 1,
			trial: async ({ x }) => {
				tried.push(x?.dims ?? []);
				if (x?.dims[2] !== 48) throw new Error('Got 224');
				return {};
			},
		});
		expect(tried).toEqual([
			[1, 3, 224, 224],
			[1, 3, 48, 320],
		]);
		expect((await dataset.example(0)).feeds.x?.dims).toEqual([1, 3, 48, 320]);
		const never = syntheticDataset(target, {
			trial: async () => {
				throw new Error('the reason');
			},
		});
		await expect(never).rejects.toMatchObject({ name: 'DataError', code: 'mismatch', message: expect.stringContaining('the reason') });
	});

	it('makes up no text', async () => {
		await expect(syntheticDataset({ inputs: [port('s', 'string', ['N'])], outputs: [] })).rejects.toMatchObject({ code: 'unsupported' });
	});
});
