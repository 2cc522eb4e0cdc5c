import { describe, expect, it } from 'vitest';
import { attribute } from '../../core/ir/attribute.ts';
import type { Feeds } from '../../core/ir/tensor-data.ts';
import { tensorType } from '../../core/ir/type.ts';
import { seededRandom } from '../../core/numeric/random.ts';
import { rowWeights } from '../../core/numeric/tiered-table.ts';
import { convModel, correlatedFeeds, denseModel, GraphBuilder, learnedTrial } from '../learned.testkit.ts';
import { operators } from '../run.testkit.ts';
import { lowRank } from './index.ts';
import { chooseForms, rankForms } from './ranks.ts';

const dense = { learn: correlatedFeeds(24, [2, 16, 32], 1), judge: correlatedFeeds(12, [2, 16, 32], 2) };
const pictures = { learn: correlatedFeeds(24, [1, 3, 12, 16], 1), judge: correlatedFeeds(12, [1, 3, 12, 16], 2) };
const small = { minElements: 64, multiple: 1 };

describe('low-rank', () => {
	it('1. splits MatMul and Gemm, keeps their biases, and meets the budget', async () => {
		const { model, report, sqnr } = await learnedTrial(denseModel(), lowRank, { ...small, bytesChange: -0.3 }, dense.learn, dense.judge);
		expect(report.bytesAfter / report.bytesBefore).toBeLessThan(0.7);
		expect(operators(model).MatMul).toBeGreaterThan(2);
		expect(sqnr.y).toBeGreaterThan(15);
	});

	it('2. is ahead of the plain decomposition where inputs use few directions', async () => {
		const y = async (aware: boolean): Promise<number> =>
			(await learnedTrial(denseModel(), lowRank, { ...small, aware, bytesChange: -0.4 }, dense.learn, dense.judge)).sqnr.y ?? 0;
		expect(await y(true)).toBeGreaterThan((await y(false)) + 3);
	});

	it('3. splits a convolution of 3 x 3 in one to fewer channels and one of 1 x 1', async () => {
		const { report, sqnr } = await learnedTrial(convModel(), lowRank, { ...small, bytesChange: -0.2 }, pictures.learn, pictures.judge);
		expect(report.changed).toBeGreaterThan(0);
		expect(report.notes.some(({ reason }) => reason === 'a convolution with groups')).toBe(true);
		expect(sqnr.y).toBeGreaterThan(12);
	});

	it('4. narrows a table by the rows that are looked up', async () => {
		const table = () => {
			const b = new GraphBuilder();
			const ids = b.model.graph.addInput('ids', tensorType('int64', ['N', 6]));
			const rows = b.node('Gather', [b.weight([200, 32]), ids]);
			return b.finish(b.node('ReduceMean', [rows], { axes: attribute.ints([1]), keepdims: attribute.int(0) }));
		};
		const random = seededRandom(3);
		const ids = (): Feeds => ({
			ids: { dtype: 'int64', dims: [1, 6], data: BigInt64Array.from({ length: 6 }, () => BigInt(random.below(12))) },
		});
		const [learn, judge] = [Array.from({ length: 30 }, ids), Array.from({ length: 10 }, ids)];
		const run = (aware: boolean) => learnedTrial(table(), lowRank, { ...small, bytesChange: -0.5, aware }, learn, judge);
		const [aware, plain] = [await run(true), await run(false)];
		expect(aware.report.bytesAfter / aware.report.bytesBefore).toBeLessThan(0.5);
		expect(operators(aware.model).MatMul).toBe(1);
		expect(operators(plain.model)).toMatchObject({ Gather: 1, MatMul: 1 });
		expect(aware.sqnr.y!).toBeGreaterThan(plain.sqnr.y! + 6);
	});

	it('5. changes nothing where nothing would get smaller, and says so', async () => {
		const { report } = await learnedTrial(denseModel(), lowRank, { ...small, bytesChange: 0 }, dense.learn, dense.judge);
		expect(report.changed).toBe(0);
		expect(report.headline).toContain('Changed nothing');
	});
});

describe('chooseForms', () => {
	const candidate = (energies: readonly number[]) => ({ elements: 100, forms: rankForms(Float64Array.from(energies), 30, 100, 1) });
	const ranks = (list: readonly (readonly number[])[], budget: number) => {
		const candidates = list.map(candidate);
		return chooseForms(candidates, budget).map((form, i) => (form === undefined ? undefined : candidates[i]?.forms[form]?.rank));
	};

	it('cuts where energy falls fast, and leaves alone what is flat', () => {
		expect(
			ranks(
				[
					[100, 1, 0.1, 0.01],
					[10, 10, 10, 10],
				],
				150,
			),
		).toEqual([1, undefined]);
	});

	it('takes the least loss that fits the budget', () => {
		expect(ranks([[8, 4, 2, 1]], 1000)).toEqual([undefined]);
		expect(ranks([[8, 4, 2, 1]], 65)).toEqual([2]);
	});

	it('spends what lies between two forms of a large weight on the others', () => {
		const small = { elements: 100, forms: [{ elements: 50, loss: 0.001 }] };
		const large = {
			elements: 1000,
			forms: [
				{ elements: 200, loss: 0.1 },
				{ elements: 900, loss: 0.001 },
			],
		};
		// At any price the large weight grows first, and that does not fit.
		expect(chooseForms([large, small], 299)).toEqual([0, 0]);
		expect(chooseForms([large, small], 300)).toEqual([0, undefined]);
		expect(chooseForms([large, small], 950)).toEqual([1, 0]);
	});
});

describe('rowWeights', () => {
	it('gives what was looked up most, then its neighbours, and something to all', () => {
		const counts = new Float64Array(1000);
		counts[40] = 10;
		const weights = rowWeights(counts);
		expect(weights.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
		expect(weights[40]).toBeGreaterThan(weights[41] as number);
		expect(weights[41]).toBeGreaterThan(weights[900] as number);
		expect(weights[900]).toBeGreaterThan(0.0001);
		expect(rowWeights(new Float64Array(4))).toEqual(Float64Array.of(0.25, 0.25, 0.25, 0.25));
	});
});
