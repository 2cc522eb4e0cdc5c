import { describe, expect, it } from 'vitest';
import { attribute } from '../../core/ir/attribute.ts';
import type { Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import { inferTypes } from '../../core/onnx/infer.ts';
import { countMacs } from '../../core/onnx/macs.ts';
import type { BlockEntry } from '../../core/pass/report.ts';
import { correlatedFeeds, GraphBuilder, learnedTrial } from '../learned.testkit.ts';
import { findBlocks } from './blocks.ts';
import { dropLayers } from './index.ts';

const macsOf = async (model: Model): Promise<number> => countMacs(model, await inferTypes(model)) ?? Number.NaN;
const dims = [1, 5, 16];
const calibration = () => correlatedFeeds(24, dims, 3);
const judged = () => correlatedFeeds(6, dims, 4);

/** x + gain * W2 act(W1 x): a hidden layer beside the stream. */
function branch(b: GraphBuilder, x: Value, gain: number, activation: string | undefined): Value {
	let h = b.node('MatMul', [x, b.weight([16, 48], 16)]);
	if (activation) h = b.node(activation, [h]);
	h = b.node('MatMul', [h, b.weight([48, 16], 48 / gain ** 2)]);
	return b.node('Add', [x, h]);
}

function stream(gains: readonly number[], activation?: string): Model {
	const b = new GraphBuilder();
	let x = b.node('MatMul', [b.input(['N', 'S', 16]), b.weight([16, 16], 16)]);
	for (const gain of gains) x = branch(b, x, gain, activation);
	return b.finish(b.node('MatMul', [x, b.weight([16, 4], 16)]));
}

/** Convolutions of one width after each other, then one that is wider. */
function line(): Model {
	const b = new GraphBuilder();
	let x = b.node('Relu', [b.node('Conv', [b.input(['N', 3, 12, 12]), b.weight([8, 3, 3, 3], 27)], { pads: attribute.ints([1, 1, 1, 1]) })]);
	for (let i = 0; i < 3; i++) x = b.node('Relu', [b.node('Conv', [x, b.weight([8, 8, 3, 3], 72)], { pads: attribute.ints([1, 1, 1, 1]) })]);
	x = b.node('Relu', [b.node('Conv', [x, b.weight([12, 8, 3, 3], 72)], { pads: attribute.ints([1, 1, 1, 1]) })]);
	return b.finish(b.node('ReduceMean', [x], { axes: attribute.ints([2, 3]) }));
}

describe('drop-layers', () => {
	it('drops the residual branch that the outputs miss least', async () => {
		const model = stream([1, 0.01, 1], 'Relu');
		const options = { count: 1, replacement: 'identity' };
		const trial = await learnedTrial(model, dropLayers, options, calibration(), judged());
		const gone = trial.report.entries?.filter((entry): entry is BlockEntry => entry.kind === 'block' && entry.gone) ?? [];
		expect(gone.map((entry) => [entry.node, entry.block, entry.replacement])).toEqual([['add_1', 'residual', 'identity']]);
		expect(trial.sqnr.y).toBeGreaterThan(30);
		expect(trial.model.graph.inputs[0]?.type).toMatchObject({ shape: ['N', 'S', 16] });
		expect(trial.report.bytesAfter).toBe(trial.report.bytesBefore - 2 * 16 * 48 * 4);
	});

	it('an affine map stands in for a branch without an activation, up to its regularization', async () => {
		const trial = await learnedTrial(stream([1, 1, 1]), dropLayers, { count: 1 }, calibration(), judged());
		expect(trial.sqnr.y).toBeGreaterThan(40);
		expect(trial.report.notes.some((note) => note.reason.includes('an affine map stands in its place'))).toBe(true);
		// 16 x 16 instead of twice 16 x 48.
		expect(trial.report.bytesAfter).toBe(trial.report.bytesBefore - (2 * 16 * 48 - 16 * 16 - 16) * 4);
	});

	it('finds repeated parts that keep their shape, and leaves those that change it', async () => {
		const model = line();
		const { blocks } = findBlocks(model, await inferTypes(model));
		expect(blocks.map(({ kind, name, layers }) => [kind, name, layers.map((node) => node.label)])).toEqual([
			['repeated', 'relu_1', ['conv_1']],
			['repeated', 'relu_2', ['conv_2']],
			['repeated', 'relu_3', ['conv_3']],
		]);
		const feeds = (seed: number) => correlatedFeeds(8, [1, 3, 12, 12], seed);
		const trial = await learnedTrial(model, dropLayers, { macsChange: -0.35, augment: false }, feeds(1), feeds(2));
		expect((await macsOf(trial.model)) / (await macsOf(line()))).toBeLessThan(0.66);
		expect(trial.report.changed).toBe(2);
	});

	it('leaves what makes an output, what is excluded, and says when nothing is found', async () => {
		const b = new GraphBuilder();
		const x = b.node('MatMul', [b.input(['N', 'S', 16]), b.weight([16, 16], 16)]);
		const alone = await learnedTrial(b.finish(branch(b, x, 1, 'Relu')), dropLayers, {}, calibration(), judged());
		expect(alone.report.changed).toBe(0);
		expect(alone.report.notes.map((note) => note.reason)).toContain('the block stays: what it makes is an output');
		const options = { nodesToExclude: ['matmul_1'], count: 9, replacement: 'identity' };
		const kept = await learnedTrial(stream([1, 1], 'Relu'), dropLayers, options, calibration(), judged());
		expect(kept.report.changed).toBe(1);
		expect(kept.report.notes[0]?.reason).toBe('less is gone than was asked for: all blocks that can go are gone');
	});

	it('stops where the outputs would lose more than they may', async () => {
		const options = { count: 3, replacement: 'identity', mostDivergence: 0.01 };
		const trial = await learnedTrial(stream([1, 0.01, 1], 'Relu'), dropLayers, options, calibration(), judged());
		expect(trial.report.changed).toBe(1);
	});

	it('gives the same bytes again', async () => {
		const runs = [1, 2].map(() => learnedTrial(stream([1, 0.5, 1], 'Relu'), dropLayers, { count: 2 }, calibration(), judged()));
		const [one, two] = await Promise.all(runs);
		expect(one?.bytes).toEqual(two?.bytes);
	});

	it('a graph whose residual adds a mask is no stream', async () => {
		const b = new GraphBuilder();
		const x = b.input(['N', 4, 16]);
		const mask = b.node('Relu', [b.node('ReduceMean', [x], { axes: attribute.ints([1]) })]);
		const spread = b.model.graph.addInitializer('one', memoryTensor('float32', [4, 1], new Float32Array(4).fill(1)));
		const wide = b.node('Mul', [b.node('MatMul', [mask, b.weight([16, 16], 16)]), spread]);
		const model = b.finish(b.node('MatMul', [b.node('Add', [wide, mask]), b.weight([16, 2], 16)]));
		expect(findBlocks(model, await inferTypes(model)).blocks).toEqual([]);
	});
});
