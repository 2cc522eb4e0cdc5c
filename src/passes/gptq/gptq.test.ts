import { describe, expect, it } from 'vitest';
import { attribute } from '../../core/ir/attribute.ts';
import { Graph } from '../../core/ir/graph.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import { tensorType } from '../../core/ir/type.ts';
import { convModel, correlatedFeeds, denseModel, GraphBuilder, learnedTrial } from '../learned.testkit.ts';
import { noise, operators } from '../run.testkit.ts';
import { gptq } from './index.ts';

const dense = { learn: correlatedFeeds(24, [2, 16, 32], 1), judge: correlatedFeeds(12, [2, 16, 32], 2) };
const pictures = { learn: correlatedFeeds(24, [1, 3, 12, 16], 1), judge: correlatedFeeds(12, [1, 3, 12, 16], 2) };
const plain = { start: 'nearest', sweeps: 0, correctBias: false, correctDrift: false, minElements: 64 };
const learnt = { minElements: 64 };
const lone = (model: ReturnType<typeof denseModel>, options: object, data = dense) =>
	learnedTrial(model, gptq, options, data.learn, data.judge);
const reasons = (notes: readonly { reason: string }[]): string => notes.map(({ reason }) => reason).join('\n');

describe('gptq', () => {
	it.each([8, 4, 3, 2])('1. dense layers with %i bits: better than nearest, on inputs it has not seen', async (bits) => {
		const nearest = await lone(denseModel(), { ...plain, bits });
		const found = await lone(denseModel(), { ...learnt, bits });
		expect(found.bytes.length).toBe(nearest.bytes.length);
		expect(found.report).toMatchObject({ changed: 3, eligible: 5 });
		// 8 bits leave little to gain.
		expect(found.sqnr.y! - nearest.sqnr.y!).toBeGreaterThan(bits === 8 ? 1 : 4);
	});

	it('2. each part helps: feedback, passes, following the original with biases', async () => {
		const y = async (options: object): Promise<number> => (await lone(denseModel(), { ...plain, bits: 3, ...options })).sqnr.y ?? 0;
		const nearest = await y({});
		const feedback = await y({ start: 'feedback' });
		const passes = await y({ start: 'feedback', sweeps: 3 });
		const all = await y({ start: 'feedback', sweeps: 3, correctBias: true, correctDrift: true });
		expect(feedback).toBeGreaterThan(nearest + 1);
		expect(passes).toBeGreaterThan(feedback);
		expect(all).toBeGreaterThan(passes);
	});

	it('3. convolutions: padded, strided, depthwise, pointwise without a bias', async () => {
		const nearest = await lone(convModel(), { ...plain, keepEdges: false }, pictures);
		const found = await lone(convModel(), { ...learnt, keepEdges: false }, pictures);
		expect(found.report.changed).toBe(4);
		expect(found.sqnr.y! - nearest.sqnr.y!).toBeGreaterThan(4);
		const kept = await lone(convModel(), learnt, pictures);
		expect(reasons(kept.report.notes)).toContain('kept at 8 bits: a convolution with groups');
	});

	it.each(['cast', 'dequantize', 'matmulnbits'] as const)('4. stored as %s', async (format) => {
		const { model, sqnr } = await lone(denseModel(), { ...learnt, format });
		const counts = operators(model);
		expect(counts[{ cast: 'Sub', dequantize: 'DequantizeLinear', matmulnbits: 'com.microsoft.MatMulNBits' }[format]]).toBeGreaterThan(1);
		expect(sqnr.y).toBeGreaterThan(22);
	});

	it('5. symmetric codes, scales per channel, float32 scales', async () => {
		for (const options of [{ symmetric: true }, { blockSize: 0 }, { symmetric: true, blockSize: 0, halfScales: false }]) {
			const nearest = await lone(denseModel(), { ...plain, ...options });
			const found = await lone(denseModel(), { ...learnt, ...options });
			expect(found.sqnr.y!).toBeGreaterThan(nearest.sqnr.y! + 3);
		}
	});

	it('6. a layer inside If, and one in a branch that no sample takes', async () => {
		const b = new GraphBuilder();
		const x = b.input([2, 16, 32]);
		const { graph } = b.model;
		const yes = graph.addInitializer('yes', memoryTensor('bool', [], Uint8Array.of(1)));
		const branch = (name: string, seed: number): Graph => {
			const inner = new Graph(graph.ledger, name);
			const w = inner.addInitializer(`${name}_w`, memoryTensor('float32', [32, 64], noise(32 * 64, seed)));
			const turned = inner.append(inner.createNode({ op: 'Neg', inputs: [x], outputs: [`${name}_x`] })).output();
			const y = inner.append(inner.createNode({ op: 'MatMul', inputs: [turned, w], outputs: [`${name}_y`] })).output();
			y.type = tensorType('float32', null);
			inner.setOutputs([y]);
			return inner;
		};
		const chosen = b.node('If', [yes], { then_branch: attribute.graph(branch('a', 3)), else_branch: attribute.graph(branch('b', 4)) });
		const model = b.finish(chosen);
		const nearest = await lone(model, plain);
		const found = await lone(model, learnt);
		expect(found.sqnr.y!).toBeGreaterThan(nearest.sqnr.y! + 3);
		expect(found.report.notes).toContainEqual({ level: 'info', node: 'b_w', reason: 'rounded to nearest: no sample input reaches it' });
	});

	it('7. both weights of an LSTM', async () => {
		const b = new GraphBuilder();
		const x = b.input([8, 1, 32]);
		const h = b.weight([1, 1, 16], 1, 'h');
		const lstm = b.node('LSTM', [x, b.weight([1, 64, 32], 200), b.weight([1, 64, 16], 200), null, null, h], {
			hidden_size: attribute.int(16),
		});
		const model = b.finish(lstm);
		const data = { learn: correlatedFeeds(30, [8, 1, 32], 5), judge: correlatedFeeds(12, [8, 1, 32], 6) };
		const options = { blockSize: 0, keepEdges: false };
		const nearest = await lone(model, { ...plain, ...options }, data);
		const found = await lone(model, { ...learnt, ...options }, data);
		expect(found.report.changed).toBe(2);
		expect(found.sqnr.y!).toBeGreaterThan(nearest.sqnr.y! + 2);
	});

	it('8. says when there are fewer rows than the sums are long', async () => {
		const { report } = await learnedTrial(denseModel(), gptq, learnt, dense.learn.slice(0, 1), dense.judge);
		expect(reasons(report.notes)).toMatch(/fewer rows of inputs than the length of their sums \(.*2 of 64/);
	});

	it('9. the same bytes twice', async () => {
		const [once, again] = [await lone(denseModel(), learnt), await lone(denseModel(), learnt)];
		expect(again.bytes).toEqual(once.bytes);
	});

	it('10. a model without anything to round is left as it is', async () => {
		const b = new GraphBuilder();
		const { report } = await lone(b.finish(b.node('Relu', [b.input([2, 16, 32])])), {});
		expect(report).toMatchObject({ changed: 0, eligible: 0 });
	});

	it('11. inputs that are not finite leave their layer to the nearest values', async () => {
		const b = new GraphBuilder();
		const log = b.node('Log', [b.node('Relu', [b.input([2, 16, 32])])]);
		const { report } = await lone(b.finish(b.node('MatMul', [log, b.weight([32, 64])])), {});
		expect(reasons(report.notes)).toContain('rounded to nearest: its inputs hold NaN or infinity');
	});
});
