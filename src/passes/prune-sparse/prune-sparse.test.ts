import { describe, expect, it } from 'vitest';
import type { Model } from '../../core/ir/model.ts';
import { readFloats } from '../../core/numeric/quantize-tensor.ts';
import { storedTensor } from '../../core/pass/constant-view.ts';
import { convModel, correlatedFeeds, denseModel, learnedTrial } from '../learned.testkit.ts';
import { pruneSparse } from './index.ts';

const dense = { learn: correlatedFeeds(24, [2, 16, 32], 1), judge: correlatedFeeds(12, [2, 16, 32], 2) };
const pictures = { learn: correlatedFeeds(24, [1, 3, 12, 16], 1), judge: correlatedFeeds(12, [1, 3, 12, 16], 2) };
const small = { minElements: 64 };
const alone = { ...small, sweeps: 0, correctBias: false, correctDrift: false, scope: 'per-layer' };

/** Zeros and elements of the weights with at least two dimensions. */
async function zerosOf(model: Model): Promise<{ zeros: number; count: number }> {
	let [zeros, count] = [0, 0];
	for (const value of model.graph.initializers) {
		const tensor = storedTensor(value);
		if (!tensor || tensor.dims.length < 2) continue;
		const values = await readFloats(tensor, 0, tensor.byteLength / 4);
		zeros += values.filter((x) => x === 0).length;
		count += values.length;
	}
	return { zeros, count };
}

describe('prune-sparse', () => {
	it('1. meets the share of zeros, per layer and budgeted', async () => {
		for (const scope of ['per-layer', 'budget']) {
			const { model, report } = await learnedTrial(denseModel(), pruneSparse, { ...small, ratio: 0.6, scope }, dense.learn, dense.judge);
			const { zeros, count } = await zerosOf(model);
			expect(zeros / count).toBeCloseTo(0.6, 2);
			expect(report.changed).toBe(3);
			expect(report.bytesAfter).toBe(report.bytesBefore);
		}
	});

	it('2. loses least with SparseGPT, then Wanda, then magnitude, on inputs it has not seen', async () => {
		const y = async (options: object): Promise<number> =>
			(await learnedTrial(denseModel(), pruneSparse, { ratio: 0.5, ...options }, dense.learn, dense.judge)).sqnr.y ?? 0;
		const magnitude = await y({ ...alone, criterion: 'magnitude' });
		const wanda = await y({ ...alone, criterion: 'wanda' });
		const sparsegpt = await y({ ...alone, criterion: 'sparsegpt' });
		const all = await y({ ...small, criterion: 'sparsegpt' });
		expect(wanda).toBeGreaterThan(magnitude - 0.5);
		expect(sparsegpt).toBeGreaterThan(Math.max(wanda, magnitude) + 3);
		expect(all).toBeGreaterThan(sparsegpt + 1);
	});

	it('3. convolutions with padding and stride; depthwise kernels are left alone', async () => {
		const { report, sqnr } = await learnedTrial(convModel(), pruneSparse, { ...small, ratio: 0.4 }, pictures.learn, pictures.judge);
		expect(report.changed).toBe(3);
		expect(report.notes.map(({ reason }) => reason)).toContain('the kernels of a depthwise convolution have few weights and lose much');
		expect(sqnr.y).toBeGreaterThan(8);
	});

	it('4. keeps two of every four', async () => {
		const { model, report } = await learnedTrial(denseModel(), pruneSparse, { ...small, pattern: '2:4' }, dense.learn, dense.judge);
		const { zeros, count } = await zerosOf(model);
		expect(zeros / count).toBe(0.5);
		expect(report.headline).toContain('Changed 3 of');
	});

	it('5. leaves nodes alone by name, and says so', async () => {
		const model = denseModel();
		const [first] = model.graph.nodes();
		const options = { ...small, nodesToExclude: [first?.name ?? ''] };
		const { report } = await learnedTrial(model, pruneSparse, options, dense.learn, dense.judge);
		expect(report.changed).toBe(2);
		expect(report.notes.some(({ reason }) => reason.includes('is excluded by name'))).toBe(true);
	});
});
