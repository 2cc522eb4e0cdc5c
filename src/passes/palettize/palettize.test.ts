import { describe, expect, it } from 'vitest';
import { convModel, correlatedFeeds, denseModel, GraphBuilder, learnedTrial } from '../learned.testkit.ts';
import { operators } from '../run.testkit.ts';
import { palettize } from './index.ts';

const dense = { learn: correlatedFeeds(24, [2, 16, 32], 1), judge: correlatedFeeds(12, [2, 16, 32], 2) };
const pictures = { learn: correlatedFeeds(24, [1, 3, 12, 16], 1), judge: correlatedFeeds(12, [1, 3, 12, 16], 2) };
const lone = (model: ReturnType<typeof denseModel>, options: object, data = dense) =>
	learnedTrial(model, palettize, options, data.learn, data.judge);

describe('palettize', () => {
	it.each([4, 8, 16, 256])('1. dense layers with palettes of %i: learned is better than nearest', async (entries) => {
		const nearest = await lone(denseModel(), { entries, learn: false, groupElements: 512 });
		const found = await lone(denseModel(), { entries, groupElements: 512 });
		expect(found.report).toMatchObject({ changed: 3 });
		expect(found.sqnr.y! - nearest.sqnr.y!).toBeGreaterThan(entries === 256 ? 0 : 4);
		expect(operators(found.model)).toMatchObject({ Gather: 3, MatMul: 2, Gemm: 1 });
	});

	it('2. convolutions; depthwise ones keep 8-bit integers', async () => {
		const found = await lone(convModel(), { minElements: 64 }, pictures);
		// The classifier is small beside the rest and keeps 8 bits, as the first layer does.
		expect(found.report.notes.filter(({ reason }) => reason.startsWith('kept at 8 bits')).length).toBeGreaterThan(0);
		expect(found.sqnr.y).toBeGreaterThan(18);
		const all = await lone(convModel(), { minElements: 64, keepEdges: false }, pictures);
		expect(all.bytes.length).toBeLessThan(found.bytes.length + 400);
	});

	it('3. one palette for a whole weight, or many', async () => {
		const one = await lone(denseModel(), { groupElements: 1_000_000 });
		const many = await lone(denseModel(), { groupElements: 256 });
		expect(operators(many.model).Add).toBe((operators(one.model).Add ?? 0) + 3);
		expect(many.sqnr.y).toBeGreaterThan(20);
	});

	it('4. embedding tables are stored as 8-bit rows', async () => {
		const b = new GraphBuilder();
		const x = b.input([2, 16, 32]);
		const ids = b.node('Cast', [b.node('ReduceMean', [b.node('Abs', [x])])], {
			to: { kind: 'int', value: 7n },
		});
		const row = b.node('Gather', [b.weight([50, 32]), ids]);
		const { report, sqnr } = await lone(b.finish(b.node('Add', [row, x])), {});
		expect(report.changed).toBe(1);
		expect(sqnr.y).toBeGreaterThan(35);
	});

	it('5. the same bytes twice', async () => {
		const [once, again] = [await lone(denseModel(), {}), await lone(denseModel(), {})];
		expect(again.bytes).toEqual(once.bytes);
	});
});
