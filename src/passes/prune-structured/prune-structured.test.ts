import { describe, expect, it } from 'vitest';
import { memorySource } from '../../core/bytes/source.ts';
import { attribute } from '../../core/ir/attribute.ts';
import type { Model } from '../../core/ir/model.ts';
import { encodeValueInfo } from '../../core/onnx/encode-type.ts';
import { Encoder } from '../../core/onnx/encoder.ts';
import { inferTypes } from '../../core/onnx/infer.ts';
import { countMacs } from '../../core/onnx/macs.ts';
import { readModel } from '../../core/onnx/read.ts';
import { serialize } from '../../core/onnx/write.ts';
import { convModel, correlatedFeeds, denseModel, GraphBuilder, learnedTrial } from '../learned.testkit.ts';
import { pruneStructured } from './index.ts';

const macsOf = async (model: Model): Promise<number> => countMacs(model, await inferTypes(model)) ?? Number.NaN;
const fresh = async (model: Model): Promise<Model> => readModel(memorySource(await serialize(model)));

/** Two convolutions whose channels between are few mixtures of one another, as those of trained models are. */
function redundant(): Model {
	const b = new GraphBuilder();
	const x = b.input(['N', 3, 10, 16]);
	let h = b.node('Conv', [x, b.weight([6, 3, 3, 3], 27), b.weight([6], 16)], { pads: attribute.ints([1, 1, 1, 1]) });
	h = b.node('Conv', [h, b.weight([32, 6, 1, 1], 6), b.weight([32], 16)]);
	h = b.node('Conv', [h, b.weight([8, 32, 3, 3], 288), b.weight([8], 16)], { kernel_shape: attribute.ints([3, 3]) });
	return b.finish(h);
}

const calibration = (dims: readonly number[]) => correlatedFeeds(12, dims, 3);
const judged = (dims: readonly number[]) => correlatedFeeds(6, dims, 4);

describe('prune-structured', () => {
	it('meets budgets of multiply-accumulates and keeps dynamic dimensions', async () => {
		for (const change of [-0.1, -0.25, -0.5]) {
			const before = await macsOf(convModel());
			const dims = [1, 3, 12, 16];
			const { model, report } = await learnedTrial(
				convModel(),
				pruneStructured,
				{ macsChange: change, augment: false },
				calibration(dims),
				judged(dims),
			);
			expect(Math.abs((await macsOf(model)) / before - 1 - change)).toBeLessThan(0.03);
			expect(model.graph.inputs[0]?.type).toMatchObject({ shape: ['N', 3, 12, 16] });
			expect(report.changed).toBeGreaterThan(0);
		}
	});

	it('meets budgets of bytes', async () => {
		const dims = [1, 16, 32];
		const { bytes } = await learnedTrial(denseModel(), pruneStructured, { bytesChange: -0.3 }, calibration(dims), judged(dims));
		const before = (await serialize(denseModel())).byteLength;
		expect(bytes.byteLength / before).toBeLessThan(0.75);
	});

	it('loses next to nothing where channels are mixtures of others, and L2 without refitting loses much', async () => {
		const dims = [1, 3, 10, 16];
		const nodesToExclude = ['conv'];
		const good = await learnedTrial(redundant(), pruneStructured, { ratio: 0.5, nodesToExclude }, calibration(dims), judged(dims));
		const plain = { ratio: 0.5, nodesToExclude, criterion: 'l2', refit: false };
		const bad = await learnedTrial(redundant(), pruneStructured, plain, calibration(dims), judged(dims));
		expect(good.sqnr.y).toBeGreaterThan(35);
		expect(bad.sqnr.y).toBeLessThan(15);
	});

	it('a value that value_info lists twice keeps no shape that is not true any more', async () => {
		const model = convModel();
		const types = await inferTypes(model);
		const inner = [...model.graph.nodes()].flatMap((node) => (node.op === 'Conv' ? [node.output()] : []));
		for (const value of inner) value.type = types.typeOf(value);
		const encoder = new Encoder();
		encoder.raw(await serialize(model));
		// Parts of a message that come twice are merged: the second lists all values again.
		encoder.message(7, () => {
			for (const value of inner) encodeValueInfo(encoder, 13, value);
		});
		const twice = await readModel(memorySource(encoder.bytes.slice()));
		expect(twice.graph.repeated.length).toBe(inner.length);
		const again = await readModel(memorySource(await serialize(twice)));
		expect(again.graph.repeated.length).toBe(inner.length);
		const dims = [1, 3, 12, 16];
		const trial = await learnedTrial(twice, pruneStructured, { ratio: 0.25, augment: false }, calibration(dims), judged(dims));
		expect(trial.report.changed).toBeGreaterThan(0);
		expect((await readModel(memorySource(trial.bytes))).graph.repeated.length).toBe(0);
	});

	it('every criterion cuts as much, and the same recipe gives the same bytes', async () => {
		const dims = [1, 3, 12, 16];
		const sizes = new Set<number>();
		for (const criterion of ['second-order', 'activation', 'l2', 'l1', 'geometric-median', 'random']) {
			const options = { ratio: 0.25, criterion, augment: false };
			const one = await learnedTrial(convModel(), pruneStructured, options, calibration(dims), judged(dims));
			const two = await learnedTrial(convModel(), pruneStructured, options, calibration(dims), judged(dims));
			expect(one.bytes).toEqual(two.bytes);
			sizes.add(await macsOf(one.model));
		}
		expect(sizes.size).toBe(1);
	});

	it('cuts down to an accuracy floor, and no further', async () => {
		const dims = [1, 3, 12, 16];
		const base = { allocation: 'error', augment: false, macsChange: -0.6 };
		const free = await learnedTrial(convModel(), pruneStructured, base, calibration(dims), judged(dims));
		const bound = await learnedTrial(convModel(), pruneStructured, { ...base, floor: 1 }, calibration(dims), judged(dims));
		expect(await macsOf(bound.model)).toBeGreaterThanOrEqual(await macsOf(free.model));
		expect(bound.report.notes.some((note) => note.reason.includes('accuracy floor'))).toBe(true);
	});

	it('times layers for a budget of milliseconds', async () => {
		const dims = [1, 3, 12, 16];
		const options = { allocation: 'error', augment: false, msChange: -0.3 };
		const { report } = await learnedTrial(convModel(), pruneStructured, options, calibration(dims), judged(dims));
		expect(report.headline).toMatch(/A run takes [\d.]+ % of the time/);
		const groups = report.entries?.filter((entry) => entry.kind === 'group') ?? [];
		expect(groups.every((entry) => (entry.latencyMs ?? 0) > 0)).toBe(true);
	});

	it('reports groups, shapes and recovery as figures', async () => {
		const dims = [1, 3, 12, 16];
		const { report, model } = await learnedTrial(
			convModel(),
			pruneStructured,
			{ ratio: 0.25, augment: false },
			calibration(dims),
			judged(dims),
		);
		const entries = report.entries ?? [];
		const group = entries.find((entry) => entry.kind === 'group');
		expect(group).toMatchObject({ node: 'conv', before: 32, after: 24, units: 'channels', width: 1 });
		const shapes = entries.filter((entry) => entry.kind === 'shape');
		expect(shapes[0]).toMatchObject({ before: [32, 3, 3, 3], after: [24, 3, 3, 3] });
		const stored = new Map([...model.graph.initializers].map((value) => [value.name, value.initializer?.dims]));
		for (const shape of shapes) expect(stored.get(shape.tensor)).toEqual(shape.after);
		const recovery = entries.filter((entry) => entry.kind === 'recovery');
		expect(recovery.length).toBeGreaterThan(0);
		for (const entry of recovery) expect(entry.errorAfter).toBeLessThanOrEqual(entry.errorBefore);
	});

	it('leaves excluded layers whole, and says when nothing is left to cut', async () => {
		const dims = [1, 3, 10, 16];
		const names = ['conv', 'conv_1', 'conv_2'];
		const { report, model } = await learnedTrial(redundant(), pruneStructured, { nodesToExclude: names }, calibration(dims), judged(dims));
		expect(report.changed).toBe(0);
		expect(await macsOf(model)).toBe(await macsOf(await fresh(redundant())));
	});

	it('tells which layers stay and why', async () => {
		const dims = [1, 3, 10, 16];
		const { report } = await learnedTrial(redundant(), pruneStructured, { ratio: 0.25 }, calibration(dims), judged(dims));
		expect(report.notes.filter((note) => note.level === 'skip').map((note) => note.reason)).toEqual([
			'the outputs of conv_2 stay: it is an output of the model (y)',
		]);
	});
});
