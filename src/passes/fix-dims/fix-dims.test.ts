import { describe, expect, it } from 'vitest';
import { Model } from '../../core/ir/model.ts';
import { printType, tensorType } from '../../core/ir/type.ts';
import { runRecipe } from '../../core/pass/pipeline.ts';
import { fixDims } from './index.ts';

function model(): Model {
	const made = new Model(undefined, 'main');
	made.setOpset('', 17);
	const { graph } = made;
	const x = graph.addInput('x', tensorType('float32', ['N', 3, 'H', null]));
	const node = graph.append(graph.createNode({ op: 'Relu', inputs: [x], outputs: ['y'] }));
	node.output().type = tensorType('float32', ['N', 3, 'H', null]);
	graph.setOutputs([node.output()]);
	return made;
}

async function fixed(...dims: string[]) {
	const made = model();
	const [report] = await runRecipe(
		made,
		{ v: 1, seed: 0, steps: [{ pass: 'fix-dims', options: { dims } }] },
		new Map([['fix-dims', fixDims]]),
	);
	return { report, input: printType(made.graph.inputs[0]?.type), output: printType(made.graph.outputs[0]?.type) };
}

describe('fix-dims', () => {
	it('fixes and renames named dimensions wherever they are declared', async () => {
		const { input, output, report } = await fixed('N=1', 'H=height');
		expect(input).toBe('float32[1, 3, height, ?]');
		expect(output).toBe('float32[1, 3, height, ?]');
		expect(report?.headline).toBe('Set 2 of 2 dimensions; still open: x.');
	});

	it('fixes axes by input, with the name that they have', async () => {
		const { input, output } = await fixed('x[0]=4', 'x[3]=224');
		expect(input).toBe('float32[4, 3, H, 224]');
		expect(output).toBe('float32[4, 3, H, ?]');
	});

	it.each([
		['M=1', 'no input has a dimension "M"; named ones are N, H; an axis is written INPUT[AXIS]'],
		['x[1]=4', 'it is 3 already, and what follows may rely on it'],
		['x[9]=4', 'x has 4 axes, counted from 0'],
		['N=0', 'a size is at least 1'],
		['N', 'it is not of the form NAME=SIZE or INPUT[AXIS]=SIZE'],
	])('leaves %s alone and says why', async (wish, reason) => {
		const { report, input } = await fixed(wish);
		expect(report?.notes).toEqual([{ level: 'skip', node: wish, reason }]);
		expect(input).toBe('float32[N, 3, H, ?]');
	});
});
