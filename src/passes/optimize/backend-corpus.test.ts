import { describe, expect, it } from 'vitest';
import { backendModels } from '../../core/onnx/corpus.testkit.ts';
import { engineCompute } from '../../engine/compute.ts';
import { createNodeEngine } from '../../engine/node/index.ts';
import { backendCase } from './backend-case.testkit.ts';
import { judge } from './judge-case.testkit.ts';

/** Every so many models; bench/backend-corpus.ts takes all. */
const STRIDE = 8;

describe('models of the ONNX backend tests', () => {
	const models = backendModels().filter((_, index) => index % STRIDE === 0);
	if (models.length === 0) {
		it.skip('are not on this machine (ONNX_TESTDATA, or the package libonnx-testdata)', () => {});
		return;
	}

	it('give what is recorded, once optimized', async () => {
		const compute = engineCompute(await createNodeEngine());
		const counts = { equal: 0, refused: 0, wrong: 0 };
		const wrong: string[] = [];
		for (const { path } of models) {
			const { kind, reason } = await judge(await backendCase(path), compute, { runtimeFolding: true });
			counts[kind] += 1;
			if (kind === 'wrong') wrong.push(`${path}: ${reason}`);
		}
		console.log(`${models.length} models: ${counts.equal} equal, ${counts.refused} refused, ${counts.wrong} wrong`);
		expect(wrong).toEqual([]);
		expect(counts.equal).toBeGreaterThan(models.length * 0.8);
	}, 120_000);
});
