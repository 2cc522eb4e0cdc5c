import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web/wasm';
import { expect, it } from 'vitest';
import { memorySource } from '../../core/bytes/source.ts';
import { sharedModels } from '../../core/onnx/corpus.testkit.ts';
import { readModel } from '../../core/onnx/read.ts';
import { serialize } from '../../core/onnx/write.ts';
import { runRecipe } from '../../core/pass/pipeline.ts';
import { pruneMagnitude } from './index.ts';

const files = sharedModels();

it.skipIf(files.length === 0)(
	'prunes every shared model, sparse where that is smaller, and the runtime loads it (skipped where they are absent)',
	async () => {
		ort.env.wasm.numThreads = 1;
		const registry = new Map([[pruneMagnitude.id, pruneMagnitude]]);
		for (const { path } of files) {
			const bytes = new Uint8Array(readFileSync(path));
			for (const options of [{ ratio: 0.5 }, { ratio: 0.9, scope: 'global', storeSparse: true }]) {
				const model = await readModel(memorySource(bytes));
				const [report] = await runRecipe(model, { v: 1, seed: 0, steps: [{ pass: 'prune-magnitude', options }] }, registry);
				expect(report?.changed, path).toBeGreaterThan(0);
				const session = await ort.InferenceSession.create(await serialize(model), { logSeverityLevel: 4 });
				await session.release();
			}
		}
	},
);
