import { describe, expect, it } from 'vitest';
import { Model } from '../../core/ir/model.ts';
import { tensorType } from '../../core/ir/type.ts';
import { serialize } from '../../core/onnx/write.ts';
import { runRecipe } from '../../core/pass/pipeline.ts';
import { floats, runBytes } from '../run.testkit.ts';
import { renameIo } from './index.ts';

/** d = -(a - b); the difference is called m. */
function model(): Model {
	const made = new Model(undefined, 'main');
	made.setOpset('', 13);
	const { graph } = made;
	const a = graph.addInput('a', tensorType('float32', [2]));
	const b = graph.addInput('b=1', tensorType('float32', [2]));
	const m = graph.append(graph.createNode({ op: 'Sub', inputs: [a, b], outputs: ['m'] }));
	const d = graph.append(graph.createNode({ op: 'Neg', inputs: [m.output()], outputs: ['d'] }));
	d.output().type = tensorType('float32', [2]);
	graph.setOutputs([d.output()]);
	return made;
}

async function renamed(...renames: string[]) {
	const made = model();
	const recipe = { v: 1, seed: 0, steps: [{ pass: 'rename-io', options: { renames } }] } as const;
	const [report] = await runRecipe(made, recipe, new Map([['rename-io', renameIo]]));
	const { graph } = made;
	return { report: report!, model: made, names: [...graph.inputs, ...graph.outputs].map((value) => value.name) };
}

describe('rename-io', () => {
	it('renames inputs and outputs, and moves inner names out of the way', async () => {
		const { names, model: made, report } = await renamed('a=m', 'd=result');
		expect(names).toEqual(['m', 'b=1', 'result']);
		expect(report.headline).toBe('Renamed 2 of 2 inputs and outputs.');
		const results = await runBytes(await serialize(made), { m: floats([5, 6], [2]), 'b=1': floats([1, 1], [2]) });
		expect(results).toEqual({ result: [-4, -5] });
	});

	it('exchanges two names', async () => {
		const { names, model: made } = await renamed('a=b=1', 'b=1=a');
		expect(names).toEqual(['b=1', 'a', 'd']);
		const results = await runBytes(await serialize(made), { 'b=1': floats([5, 6], [2]), a: floats([1, 1], [2]) });
		expect(results).toEqual({ d: [-4, -5] });
	});

	it.each([
		['m=n', 'm=n', 'no input or output of the model has the name on the left; there are a, b=1, d'],
		['a', 'a', 'it is not of the form OLD=NEW'],
		['a=', 'a=', 'a name cannot be empty'],
		['a=a', 'a=a', 'it has this name already'],
		['a=d', 'a=d', 'an input or output of the model has this name'],
	])('leaves %s alone and says why', async (wish, node, reason) => {
		const { report, names } = await renamed(wish);
		expect(report.notes).toEqual([{ level: 'skip', node, reason }]);
		expect(names).toEqual(['a', 'b=1', 'd']);
	});

	it('refuses a name given twice', async () => {
		const { report, names } = await renamed('a=x', 'd=x');
		expect(names).toEqual(['x', 'b=1', 'd']);
		expect(report.notes[0]?.reason).toBe('"x" is given to another tensor already');
	});
});
