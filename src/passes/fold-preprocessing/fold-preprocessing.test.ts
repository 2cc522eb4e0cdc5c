import * as ort from 'onnxruntime-web/wasm';
import { describe, expect, it } from 'vitest';
import type { DType } from '../../core/ir/dtype.ts';
import { Model } from '../../core/ir/model.ts';
import { type Dim, printType, tensorType } from '../../core/ir/type.ts';
import { serialize } from '../../core/onnx/write.ts';
import { runRecipe } from '../../core/pass/pipeline.ts';
import { floats, operators, runBytes } from '../run.testkit.ts';
import { foldPreprocessing } from './index.ts';

/** y = x, so that what arrives at the model can be read. */
function model({ shape = ['N', 3, 'H', 'W'] as readonly Dim[] | null, dtype = 'float32' as DType, opset = 13, ir = 8 } = {}): Model {
	const made = new Model(undefined, 'main');
	made.setOpset('', opset);
	made.irVersion = ir;
	const { graph } = made;
	const x = graph.addInput('x', tensorType(dtype, shape));
	const y = graph.append(graph.createNode({ op: 'Identity', inputs: [x], outputs: ['y'] }));
	y.output().type = tensorType(dtype, shape);
	graph.setOutputs([y.output()]);
	return made;
}

async function folded(made: Model, options: object) {
	const recipe = { v: 1, seed: 0, steps: [{ pass: 'fold-preprocessing', options: { ...options } }] } as const;
	const [report] = await runRecipe(made, recipe, new Map([['fold-preprocessing', foldPreprocessing]]));
	return { report: report!, model: made, input: printType(made.graph.inputs[0]?.type) };
}

const bytes = (values: readonly number[], dims: readonly number[]) => new ort.Tensor('uint8', Uint8Array.from(values), dims);
const run = async (made: Model, x: ort.Tensor) => (await runBytes(await serialize(made), { x })).y;

/** Two pixels, NHWC: (0, 51, 102) and (255, 204, 153). */
const pixels = bytes([0, 51, 102, 255, 204, 153], [1, 1, 2, 3]);

describe('fold-preprocessing', () => {
	it('takes uint8 NHWC pictures, normalized by channel, in a model with open dimensions', async () => {
		const done = await folded(model(), {
			dtype: 'uint8',
			layout: 'nhwc',
			scale: 1 / 255,
			mean: ['0.5', '0.25', '0'],
			std: ['0.5', '0.25', '2'],
		});
		expect(done.input).toBe('uint8[N, H, W, 3]');
		expect(operators(done.model)).toEqual({ Transpose: 1, Cast: 1, Mul: 1, Add: 1, Identity: 1 });
		expect(done.report.headline).toBe(
			'The model takes uint8[N, H, W, 3] as x and does the change of layout, the scale, the mean, the cast to float32 itself.',
		);
		const y = await run(done.model, pixels);
		[-1, 1, -0.2, 2.2, 0.2, 0.3].forEach((value, i) => {
			expect(y?.[i]).toBeCloseTo(value, 6);
		});
	});

	it.each([3, 8])('reverses channels, means being in the order of the model (IR %i)', async (ir) => {
		const done = await folded(model({ ir }), { dtype: 'uint8', layout: 'nhwc', channels: 'reversed', mean: ['102', '51', '0'] });
		expect(done.model.graph.inputs).toHaveLength(1);
		expect(await run(done.model, pixels)).toEqual([0, 51, 0, 153, 0, 255]);
	});

	it('feeds NCHW to a model that has its channels last', async () => {
		const done = await folded(model({ shape: [1, 'H', 'W', 3] }), { dtype: 'uint8', layout: 'nchw' });
		expect(done.input).toBe('uint8[1, 3, H, W]');
		expect(await run(done.model, bytes([0, 1, 2, 3, 4, 5], [1, 3, 1, 2]))).toEqual([0, 2, 4, 1, 3, 5]);
		expect(done.report.notes[0]?.reason).toContain('the model is fed 0 to 255 as they are');
	});

	it('computes in float32 before it rounds to the half precision of the model', async () => {
		const done = await folded(model({ dtype: 'float16' }), { dtype: 'uint8', scale: 1 / 255, mean: ['0.5'], std: ['0.5'] });
		expect(operators(done.model)).toEqual({ Cast: 2, Mul: 1, Add: 1, Identity: 1 });
		expect(printType(done.model.graph.outputs[0]?.type)).toBe('float16[N, 3, H, W]');
	});

	it('one mean for all needs no channels, whatever the rank', async () => {
		const done = await folded(model({ shape: ['T'] }), { scale: 2, mean: ['1'] });
		expect(await run(done.model, floats([1, 2], [2]))).toEqual([1, 3]);
	});

	it('a single picture without batch, and volumes', async () => {
		expect((await folded(model({ shape: [3, 'H', 'W'] }), { layout: 'nhwc' })).input).toBe('float32[H, W, 3]');
		expect((await folded(model({ shape: ['N', 1, 'D', 'H', 'W'] }), { layout: 'nhwc' })).input).toBe('float32[N, D, H, W, 1]');
	});

	it('asked twice, works on what the first gave', async () => {
		const once = await folded(model(), { scale: 0.5 });
		const twice = await folded(once.model, { dtype: 'uint8', layout: 'nhwc' });
		expect(await run(twice.model, pixels)).toEqual([0, 127.5, 25.5, 102, 51, 76.5]);
	});

	it.each([
		[model(), {}, 'nothing was asked for that differs from what the model does now'],
		[model(), { input: ['z'] }, 'the model has no input "z"; there are x'],
		[model({ dtype: 'int64' }), { input: ['x'], scale: 2 }, 'the model takes int64 here: only floating-point inputs are preprocessed'],
		[model({ dtype: 'int64' }), { scale: 2 }, 'no input of the model is fed floating-point values'],
		[model({ opset: 6 }), { scale: 2 }, 'the model has opset 6; arithmetic that spreads over axes needs 7, raise the opset first'],
		[model(), { mean: ['a'] }, 'mean is not a list of numbers: a'],
		[model(), { std: ['0'] }, 'a standard deviation of 0 cannot be divided by'],
		[model(), { mean: ['1', '2'] }, 'the model has 3 channels, and 2 values were given'],
		[model(), { mean: ['1', '2', '3'], std: ['1', '2'] }, 'there are 3 means and 2 standard deviations'],
		[model({ shape: null }), { layout: 'nhwc' }, 'the file does not say how many axes it has, so channels cannot be told'],
		[model({ shape: ['N', 'C'] }), { layout: 'nhwc' }, 'it has 2 axes: channels are known of pictures with 3, 4 or 5'],
		[
			model({ shape: ['N', 8, 8, 8] }),
			{ layout: 'nhwc' },
			'its shape [N, 8, 8, 8] does not tell whether channels stand second or last: choose the layout of the model',
		],
		[
			model({ shape: ['N', 'C', 'H', 'W'] }),
			{ channels: 'reversed', modelLayout: 'nchw' },
			'the number of channels is not fixed, so their order cannot be reversed; fix the dimension first',
		],
	] as const)('changes nothing and says why (%#)', async (made, options, reason) => {
		const before = made.graph.nodeCount;
		const { report } = await folded(made, options);
		expect(report.notes).toHaveLength(1);
		expect(report.notes[0]).toMatchObject({ level: 'skip', reason });
		expect(made.graph.nodeCount).toBe(before);
	});
});
