import { describe, expect, it } from 'vitest';
import { Model } from '../../core/ir/model.ts';
import { float32Tensor } from '../../core/ir/tensor.ts';
import { printType, tensorType } from '../../core/ir/type.ts';
import { serialize } from '../../core/onnx/write.ts';
import { runRecipe } from '../../core/pass/pipeline.ts';
import { floats, longs, operators, runBytes } from '../run.testkit.ts';
import { retypeIo } from './index.ts';

/** y = table[ids], ids of type int64. */
function model(opset = 13): Model {
	const made = new Model(undefined, 'main');
	made.setOpset('', opset);
	const { graph } = made;
	const ids = graph.addInput('ids', tensorType('int64', ['N']));
	const table = graph.addInitializer('table', float32Tensor([0.5, 1.5, 2.5]));
	const y = graph.append(graph.createNode({ op: 'Gather', inputs: [table, ids], outputs: ['y'] }));
	y.output().type = tensorType('float32', ['N']);
	graph.setOutputs([y.output()]);
	return made;
}

async function retyped(made: Model, ...types: string[]) {
	const recipe = { v: 1, seed: 0, steps: [{ pass: 'retype-io', options: { types } }] } as const;
	const [report] = await runRecipe(made, recipe, new Map([['retype-io', retypeIo]]));
	const ports = [...made.graph.inputs, ...made.graph.outputs].map((value) => `${value.name} ${printType(value.type)}`);
	return { report: report!, ports, model: made };
}

describe('retype-io', () => {
	it('takes and gives other types with a Cast at each border', async () => {
		const { ports, model: made, report } = await retyped(model(), 'ids=float32', 'y=int64');
		expect(ports).toEqual(['ids float32[N]', 'y int64[N]']);
		expect(operators(made)).toEqual({ Cast: 2, Gather: 1 });
		expect(report.headline).toBe('Retyped ids from int64 to float32, y from float32 to int64.');
		expect(await runBytes(await serialize(made), { ids: floats([2, 0], [2]) })).toEqual({ y: [2, 0] });
	});

	it('warns of what a cast can lose, and only then', async () => {
		const reasons = async (...types: string[]) =>
			(await retyped(model(), ...types)).report.notes.map(({ level, reason }) => `${level}: ${reason}`);
		expect(await reasons('ids=int32')).toEqual([]);
		expect(await reasons('ids=uint64')).toEqual(['warn: values that do not fit int64 wrap around']);
		expect(await reasons('ids=float32')).toEqual(['warn: fractions are cut off, and values outside int64 have no defined result']);
		expect(await reasons('y=float16')).toEqual(['warn: values that do not fit float16 become infinite']);
		expect(await reasons('y=float64')).toEqual([]);
		expect(await reasons('y=bool')).toEqual(['warn: anything but zero becomes true']);
	});

	it('keeps working when both ends were renamed around', async () => {
		const made = model();
		const { model: once } = await retyped(made, 'ids=int32');
		const { model: twice, ports } = await retyped(once, 'ids=int64');
		expect(ports).toEqual(['ids int64[N]', 'y float32[N]']);
		expect(await runBytes(await serialize(twice), { ids: longs([1], [1]) })).toEqual({ y: [1.5] });
	});

	it.each([
		['ids', 'it is not of the form NAME=TYPE'],
		['x=int32', 'no input or output of the model has this name; there are ids, y'],
		['ids=int64', 'it is int64 already'],
		[
			'ids=string',
			'"string" is not one of float32, float64, float16, int8, int16, int32, int64, uint8, uint16, uint32, uint64, bool, bfloat16',
		],
		['y=bfloat16', 'Cast knows bfloat16 from opset 13 on, the model has 12; raise the opset first'],
	])('leaves %s alone and says why', async (wish, reason) => {
		const { report, ports } = await retyped(model(12), wish);
		expect(report.notes).toEqual([{ level: 'skip', node: wish, reason }]);
		expect(ports).toEqual(['ids int64[N]', 'y float32[N]']);
	});
});
