import { describe, expect, it } from 'vitest';
import { decodeOutputs, encodeOutputs, type OutputLog, OutputRecorder } from './output-log.ts';
import type { Outputs } from './outputs.ts';

const block: readonly Outputs[] = [
	{
		logits: { dtype: 'float32', dims: [1, 3], data: Float32Array.of(1, -2.5, Number.NaN) },
		half: { dtype: 'float16', dims: [1], data: Uint16Array.of(0x3c00) },
		ids: { dtype: 'int64', dims: [2], data: BigInt64Array.of(1n, -5n) },
		words: { dtype: 'string', dims: [2], data: ['a', 'ü'] },
		none: { dtype: 'float32', dims: [0, 4], data: new Float32Array(0) },
	},
	{ logits: { dtype: 'float32', dims: [1, 3], data: new Float32Array([9, 8, 7, 6]).subarray(1) } },
];

describe('outputs as bytes', () => {
	it('come back as they were', async () => {
		expect(await decodeOutputs(encodeOutputs(block))).toEqual(block);
	});

	it('are refused where bytes are missing, added or foreign', async () => {
		const blob = encodeOutputs(block);
		for (let end = 0; end < blob.size; end += 7) expect(await decodeOutputs(blob.slice(0, end))).toBeUndefined();
		expect(await decodeOutputs(new Blob([blob, 'x']))).toBeUndefined();
		expect(await decodeOutputs(new Blob(['something else that is long enough']))).toBeUndefined();
	});
});

describe('recorder', () => {
	const outputs = block[1] as Outputs;

	it('hands on a block when its time or its size is reached', async () => {
		let now = 0;
		const blocks: number[] = [];
		const log: OutputLog = { read: async () => [], append: async (part) => blocks.push(part.length) > 0 };
		const recorder = new OutputRecorder(log, false, () => now);
		for (let i = 0; i < 5; i++) await recorder.add(outputs, 12);
		expect(blocks).toEqual([]);
		now = 2500;
		await recorder.add(outputs, 12);
		await recorder.add(outputs, 5_000_000);
		expect(blocks).toEqual([6, 1]);
		await recorder.add(outputs, 12);
		await recorder.finish();
		expect(blocks).toEqual([6, 1, 1]);
	});

	it('keeps nothing of what was done at once', async () => {
		const blocks: number[] = [];
		const log: OutputLog = { read: async () => [], append: async (part) => blocks.push(part.length) > 0 };
		const recorder = new OutputRecorder(log, false, () => 0);
		await recorder.add(outputs, 12);
		await recorder.finish();
		expect(blocks).toEqual([]);
	});

	it('goes on without a log that fails', async () => {
		let calls = 0;
		const log: OutputLog = {
			read: async () => [],
			append: () => {
				calls += 1;
				return Promise.reject(new Error('full'));
			},
		};
		const recorder = new OutputRecorder(log, false, () => 0);
		await recorder.add(outputs, 5_000_000);
		await recorder.add(outputs, 5_000_000);
		expect(calls).toBe(1);
	});
});
