import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, it } from 'vitest';
import { memorySource } from '../../core/bytes/source.ts';
import { sharedModels } from '../../core/onnx/corpus.testkit.ts';
import { readModel } from '../../core/onnx/read.ts';
import { serialize } from '../../core/onnx/write.ts';
import { runRecipe } from '../../core/pass/pipeline.ts';
import { float16 } from './index.ts';
import { loadsInRuntime } from './ort.testkit.ts';

/** Most bytes that the result may have, where a peer or an issue names them. */
const LIMITS: Readonly<Record<string, number>> = { 'minilm-l6-v2.onnx': 45_300_000 };
const files = sharedModels();

it.skipIf(files.length === 0)(
	'converts every shared model to about half its bytes, and the runtime loads it (skipped where they are absent)',
	async () => {
		const registry = new Map([[float16.id, float16]]);
		for (const { path } of files) {
			const bytes = new Uint8Array(readFileSync(path));
			const model = await readModel(memorySource(bytes));
			const [report] = await runRecipe(model, { v: 1, seed: 0, steps: [{ pass: 'float16', options: {} }] }, registry);
			const result = await serialize(model);
			expect(report?.changed, path).toBe(report?.eligible);
			expect(result.byteLength / bytes.byteLength, path).toBeLessThan(0.56);
			expect(result.byteLength).toBeLessThanOrEqual(LIMITS[basename(path)] ?? Number.POSITIVE_INFINITY);
			await loadsInRuntime(result);
		}
	},
);
