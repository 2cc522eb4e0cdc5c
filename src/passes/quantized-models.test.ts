import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import * as ort from 'onnxruntime-web/wasm';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../core/bytes/source.ts';
import { sharedModels } from '../core/onnx/corpus.testkit.ts';
import { readModel } from '../core/onnx/read.ts';
import { serialize } from '../core/onnx/write.ts';
import { runRecipe } from '../core/pass/pipeline.ts';
import { presets } from './presets.ts';
import { passes } from './registry.ts';

ort.env.wasm.numThreads = 1;

/** Most bytes that a preset may make of a model, where the issue or a peer names them. */
const LIMITS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
	'minilm-l6-v2.onnx': { 'int8-dynamic': 22_950_000, 'int8-weights': 26_000_000, 'int4-weights': 19_000_000 },
};
const SHARES: Readonly<Record<string, number>> = { 'int8-dynamic': 0.43, 'int8-weights': 0.42, 'int4-weights': 0.34 };
const files = sharedModels();

describe.skipIf(files.length === 0)('quantizing presets on the shared models (skipped where they are absent)', () => {
	it.each(files.map(({ path }) => [basename(path), path] as const))(
		'%s: small, the same bytes twice, and the runtime loads it',
		async (name, path) => {
			const bytes = new Uint8Array(readFileSync(path));
			for (const id of ['int8-dynamic', 'int8-weights', 'int4-weights']) {
				const preset = presets.find((entry) => entry.id === id)!;
				const hashes = new Set<string>();
				let result = new Uint8Array();
				for (let turn = 0; turn < 2; turn++) {
					const model = await readModel(memorySource(bytes));
					const [report] = await runRecipe(model, preset.recipe, passes);
					expect(report!.changed, id).toBeGreaterThan(0);
					expect(report!.bytesAfter, id).toBeLessThan(report!.bytesBefore);
					result = await serialize(model);
					hashes.add(createHash('sha256').update(result).digest('hex'));
				}
				expect(hashes.size, id).toBe(1);
				expect(result.byteLength / bytes.byteLength, id).toBeLessThan(SHARES[id]!);
				expect(result.byteLength, id).toBeLessThanOrEqual(LIMITS[name]?.[id] ?? Number.POSITIVE_INFINITY);
				const session = await ort.InferenceSession.create(result, { logSeverityLevel: 4 });
				await session.release();
			}
		},
	);
});
