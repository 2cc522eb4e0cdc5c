import { describe, expect, it } from 'vitest';
import { attribute } from '../ir/attribute.ts';
import type { Value } from '../ir/graph.ts';
import { Model } from '../ir/model.ts';
import { memoryTensor } from '../ir/tensor.ts';
import { tensorType } from '../ir/type.ts';
import { checkModel } from '../onnx/check.ts';
import { inferTypes } from '../onnx/infer.ts';
import { countMacs } from '../onnx/macs.ts';
import { cutModel } from './cut.ts';
import { findStructure, measureCut } from './groups.ts';
import { segmentsOf } from './segments.ts';
import { compareZeroingWithCutting } from './zeroing.testkit.ts';

const weight = (model: Model, dims: readonly number[]): Value =>
	model.graph.addInitializer('w', memoryTensor('float32', dims, new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(0.1)));

function add(model: Model, op: string, inputs: readonly (Value | null)[], attributes = {}): Value {
	const node = model.graph.createNode({ op, name: model.ledger.fresh(op.toLowerCase()), inputs, outputs: 1, attributes });
	return model.graph.append(node).output();
}

/** Conv 3 → 8, `middle`, Conv → 4. */
function between(middle: (model: Model, x: Value) => Value, channels = 8): Model {
	const model = new Model();
	model.setOpset('', 17);
	const x = model.graph.addInput('x', tensorType('float32', ['N', 3, 8, 8]));
	const inner = middle(model, add(model, 'Conv', [x, weight(model, [8, 3, 1, 1])]));
	model.graph.setOutputs([add(model, 'Conv', [inner, weight(model, [4, channels, 1, 1])])]);
	return model;
}

describe('segmentsOf', () => {
	it('divides reshapes into runs of axes', () => {
		expect(segmentsOf(['N', 'S', 384], ['N', 'S', 12, 32])).toEqual([
			{ before: [0], after: [0] },
			{ before: [1], after: [1] },
			{ before: [2], after: [2, 3] },
		]);
		expect(segmentsOf([2, 8, 4, 4], [2, 128])).toEqual([
			{ before: [0], after: [0] },
			{ before: [1, 2, 3], after: [1] },
		]);
	});
	it('starts from the end where open sizes lead', () => {
		expect(segmentsOf([null, 6, 4], [null, 24])).toEqual([{ before: [1, 2], after: [1] }]);
	});
});

describe('findStructure', () => {
	it('zeroing equals cutting on 100 random graphs', async () => {
		let gone = 0;
		for (let seed = 0; seed < 100; seed++) {
			const result = await compareZeroingWithCutting(seed);
			expect(result.difference, `seed ${seed}`).toBeLessThanOrEqual(1e-5);
			gone += result.gone;
		}
		expect(gone).toBeGreaterThan(1000);
	}, 120_000);

	it('refuses channels that are outputs, with the reason', async () => {
		const { groups, kept } = await findStructure(between((_, x) => x));
		expect(groups.map((group) => group.units.length)).toEqual([8]);
		expect(kept).toEqual([expect.objectContaining({ layer: 'conv_1', reason: 'it is an output of the model' })]);
	});

	it('refuses channels that something mixes', async () => {
		const mixed = between((model, x) => add(model, 'LRN', [x], { size: attribute.int(3) }));
		const { groups, kept } = await findStructure(mixed);
		expect(groups).toEqual([]);
		expect(kept[0]?.reason).toBe('LRN may mix channels');
	});

	it('refuses an axis whose size is computed with', async () => {
		const model = between((m, x) => {
			const one = m.graph.addInitializer('one', memoryTensor('int64', [], BigInt64Array.of(1n)));
			const size = add(m, 'Gather', [add(m, 'Shape', [x]), one], { axis: attribute.int(0) });
			return add(m, 'Div', [x, add(m, 'Cast', [size], { to: attribute.int(1) })]);
		});
		const { groups, kept } = await findStructure(model);
		expect(groups).toEqual([]);
		expect(kept[0]?.reason).toBe('its size is computed with');
	});

	it('lets the channels of a grouped convolution go group by group, and leaves whole groups', async () => {
		const model = between(
			(m, x) => add(m, 'Conv', [x, weight(m, [16, 1, 3, 3])], { group: attribute.int(8), pads: attribute.ints([1, 1, 1, 1]) }),
			16,
		);
		const { trace, groups } = await findStructure(model);
		expect(groups.map(({ units, places }) => [units.length, places.length])).toEqual([[8, 3]]);
		cutModel(trace, new Set(groups[0]?.units.slice(0, 3)));
		expect([...model.graph.nodes()][1]?.int('group', 0)).toBe(5);
		expect(checkModel(model)).toEqual([]);
	});

	it('counts what is left as the model does', async () => {
		const model = between((m, x) => add(m, 'Relu', [x]));
		const structure = await findStructure(model);
		const gone = new Set(structure.groups[0]?.units.slice(0, 2));
		const left = measureCut(structure, gone);
		expect(structure.estimate([2])).toMatchObject(left);
		cutModel(structure.trace, gone);
		expect(countMacs(model, await inferTypes(model))).toBe(left.macs);
		expect([...model.graph.initializers].reduce((sum, value) => sum + (value.initializer?.byteLength ?? 0), 0)).toBe(left.bytes);
	});

	it('lists weights as inputs (IR 3) in their new shape', async () => {
		const model = between((_, x) => x);
		model.irVersion = 3;
		for (const value of model.graph.initializers) {
			value.type = tensorType('float32', value.initializer?.dims ?? []);
			model.graph.listAsInput(value);
		}
		const { trace, groups } = await findStructure(model);
		cutModel(trace, new Set(groups[0]?.units.slice(0, 4)));
		expect(model.graph.inputs.slice(1).map((value) => value.type)).toEqual([
			tensorType('float32', [4, 3, 1, 1]),
			tensorType('float32', [4, 4, 1, 1]),
		]);
	});
});
