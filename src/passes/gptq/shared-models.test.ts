import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { memorySource } from '../../core/bytes/source.ts';
import type { Feeds } from '../../core/ir/tensor-data.ts';
import { readModel } from '../../core/onnx/read.ts';
import { openDataFile } from '../../data/node/files.ts';
import { openDataset } from '../../data/open.ts';
import { createNodeEngine } from '../../engine/node/index.ts';
import { learnedTrial } from '../learned.testkit.ts';
import { gptq } from './index.ts';

const shared = resolve(process.cwd(), '../shared');
const path = join(shared, 'models', 'silero-vad.onnx');
const data = join(shared, 'data', 'silero-speech.npz');
const there = existsSync(path) && existsSync(data);
if (!there) console.log('silero-vad is not there: skipped');

it.skipIf(!there)(
	'silero-vad, 8 bits: layers inside If and both weights of the LSTM are learned; at most 0.85 MB, at least 30 dB',
	async () => {
		const bytes = new Uint8Array(readFileSync(path));
		const engine = await createNodeEngine();
		const session = await engine.load({ model: bytes.slice() });
		const file = await openDataFile(data, 'silero-speech.npz');
		try {
			const dataset = await openDataset([file], session, { decode: () => Promise.reject(new Error('no pictures here')) });
			const feeds: Feeds[] = [];
			for (let i = 0; i < 80; i++) feeds.push((await dataset.example(i)).feeds);
			const found = await learnedTrial(await readModel(memorySource(bytes)), gptq, { bits: 8 }, feeds.slice(0, 40), feeds.slice(40));
			expect(found.bytes.length).toBeLessThan(850_000);
			expect(found.report.changed).toBe(14);
			for (const [output, db] of Object.entries(found.sqnr)) expect(db, output).toBeGreaterThan(30);
		} finally {
			await session.release();
			await file.close();
		}
	},
);
