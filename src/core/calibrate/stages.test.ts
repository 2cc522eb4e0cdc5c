import { describe, expect, it } from 'vitest';
import { engineCompute } from '../../engine/compute.ts';
import { createNodeEngine } from '../../engine/node/index.ts';
import { attribute } from '../ir/attribute.ts';
import { Graph, type Value } from '../ir/graph.ts';
import { Model } from '../ir/model.ts';
import { printGraph } from '../ir/print.ts';
import { memoryTensor } from '../ir/tensor.ts';
import type { Feeds, TensorData } from '../ir/tensor-data.ts';
import { tensorType } from '../ir/type.ts';
import type { CalibrationSet } from '../pass/calibration.ts';
import { StagedRun } from './stages.ts';

/** x -> Relu (a) -> + 1 (b) -> * a (c) -> If (d) that reads a too. */
function model(): { model: Model; values: Record<'a' | 'b' | 'c' | 'd', Value> } {
	const made = new Model();
	made.setOpset('', 17);
	const { graph } = made;
	const x = graph.addInput('x', tensorType('float32', [3]));
	const flag = graph.addInput('flag', tensorType('bool', []));
	const one = graph.addInitializer('one', memoryTensor('float32', [], Float32Array.of(1)));
	const put = (op: string, inputs: Value[], name: string): Value =>
		graph.append(graph.createNode({ op, inputs, outputs: [name] })).output();
	const a = put('Relu', [x], 'a');
	const b = put('Add', [a, one], 'b');
	const c = put('Mul', [b, a], 'c');
	const branch = (name: string, op: string): Graph => {
		const sub = new Graph(graph.ledger, name);
		const out = sub.append(sub.createNode({ op, inputs: [c, a], outputs: [`${name}_out`] })).output();
		out.type = tensorType('float32', [3]);
		sub.setOutputs([out]);
		return sub;
	};
	const node = graph.append(
		graph.createNode({
			op: 'If',
			inputs: [flag],
			outputs: ['d'],
			attributes: { then_branch: attribute.graph(branch('t', 'Add')), else_branch: attribute.graph(branch('e', 'Sub')) },
		}),
	);
	const d = node.output();
	d.type = tensorType('float32', [3]);
	graph.setOutputs([d]);
	return { model: made, values: { a, b, c, d } };
}

const feeds: Feeds[] = [1, 0].map((flag) => ({
	x: { dtype: 'float32', dims: [3], data: Float32Array.of(-1, 2, 3) },
	flag: { dtype: 'bool', dims: [], data: Uint8Array.of(flag) },
}));
const calibration: CalibrationSet = {
	n: 2,
	hash: 't',
	synthetic: true,
	example: async (i) => ({ name: `${i}`, feeds: feeds[i] as Feeds }),
};

describe('StagedRun', () => {
	it('computes targets one after the other, keeps what is read later and lets values be changed', async () => {
		const compute = engineCompute(await createNodeEngine());
		const { model: whole, values } = model();
		const before = printGraph(whole.graph);
		const run = new StagedRun(whole, [values.b, values.d], { compute, calibration, indices: [0, 1] });
		await run.start();
		const seen: number[][] = [];
		await run.advance(values.b, ({ data }) => void seen.push([...(data as Float32Array)]));
		expect(seen).toEqual([
			[1, 3, 4],
			[1, 3, 4],
		]);
		// a is kept for later, b as the target, and the input of the If.
		expect(run.liveBytes).toBe(2 * (12 + 12 + 1));
		await run.change(values.b, ({ data }) => {
			(data as Float32Array)[0] = 10;
			(data as Float32Array)[1] = 20;
		});
		const last: number[][] = [];
		await run.advance(values.d, ({ data }) => void last.push([...(data as Float32Array)]));
		expect(last).toEqual([
			[0, 42, 15],
			[0, 38, 9],
		]);
		expect(printGraph(whole.graph)).toBe(before);
	});

	it('reads inputs again where it is asked to, and holds none of them', async () => {
		const compute = engineCompute(await createNodeEngine());
		const { model: whole, values } = model();
		const x = whole.graph.inputs[0] as Value;
		let read = 0;
		const counted: CalibrationSet = {
			...calibration,
			example: async (i) => {
				read += 1;
				return { name: `${i}`, feeds: feeds[i] as Feeds };
			},
		};
		const run = new StagedRun(whole, [x, values.b, values.d], {
			compute,
			calibration: counted,
			indices: [0, 1],
			passing: true,
			inputsAgain: true,
		});
		await run.start();
		expect(read).toBe(1);
		const shown: number[] = [];
		await run.advance(x, ({ data }) => void shown.push((data as Float32Array)[2] as number));
		await run.advance(values.b, ({ data }) => void shown.push((data as Float32Array)[2] as number));
		const last: number[][] = [];
		await run.advance(values.d, ({ data }) => void last.push([...(data as Float32Array)]));
		expect(shown).toEqual([3, 3, 4, 4]);
		expect(last).toEqual([
			[0, 8, 15],
			[0, 4, 9],
		]);
		expect(read).toBe(1 + 3 * 2);
	});

	it('shows a value beside the target without keeping it', async () => {
		const compute = engineCompute(await createNodeEngine());
		const { model: whole, values } = model();
		const run = new StagedRun(whole, [values.a, values.c], { compute, calibration, indices: [1] });
		await run.start();
		await run.advance(values.a, () => {});
		const pairs: number[][] = [];
		await run.advance(
			values.c,
			({ data }, _, beside) => {
				pairs.push([...(data as Float32Array)], [...((beside as TensorData).data as Float32Array)]);
			},
			values.b,
		);
		expect(pairs).toEqual([
			[0, 6, 12],
			[1, 3, 4],
		]);
		expect(run.liveBytes).toBe(12);
	});
});
