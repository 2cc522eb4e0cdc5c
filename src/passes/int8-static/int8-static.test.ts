import { describe, expect, it } from 'vitest';
import { attribute } from '../../core/ir/attribute.ts';
import { Graph, type Node, type Value } from '../../core/ir/graph.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import { tensorType } from '../../core/ir/type.ts';
import { Builder, readsCodes, type StaticTrial, trialStatic } from './static.testkit.ts';

const { int, ints } = attribute;

/** Three convolutions with Relu between them; `bias` adds to the second, so that its channels are far from zero. */
function net(bias = 0): Builder {
	const b = new Builder();
	const x = b.input('x', [1, 3, 10, 10]);
	const first = b.op('Relu', [b.conv(x, 3, 12, [3, 3])]).output();
	const w = b.weight([12, 1, 3, 3]);
	const shift = b.model.graph.addInitializer('w', memoryTensor('float32', [12], new Float32Array(12).fill(bias)));
	const deep = b.op('Conv', [first, w, shift], { group: int(12), pads: ints([1, 1, 1, 1]) }).output();
	b.output(b.conv(b.op('Relu', [deep]).output(), 12, 6));
	return b;
}

const operators = ({ model }: StaticTrial): string[] => [...model.graph.nodes()].map(({ op }) => op);
const named = ({ model }: StaticTrial, name: string): Node => [...model.graph.nodes()].find((node) => node.name === name) as Node;
const reasons = ({ report }: StaticTrial): string[] => report.notes.map(({ reason }) => reason);

describe('int8-static', () => {
	it('gives the same bytes twice and leaves nothing behind', async () => {
		const [one, two] = [await trialStatic(net().model), await trialStatic(net().model)];
		expect(one.bytes).toEqual(two.bytes);
		expect([...one.model.graph.initializers].every((value) => value.uses.size > 0)).toBe(true);
	});

	it.each([
		{},
		{ perChannel: false },
		{ activationType: 'int8' },
		{ activationType: 'int8', symmetricActivations: true },
		{ activationType: 'uint16' },
		{ activationType: 'int16', symmetricActivations: true },
		{ weightType: 'uint8' },
		{ weightType: 'uint8', perChannel: false },
		{ reduceRange: true },
		{ biasType: 'float32' },
		{ weightScales: 'mse' },
		{ biasCorrection: 'none' },
		{ gainCorrection: true },
		{ calibrateMethod: 'moving', averagingConstant: 0.5 },
		{ calibrateMethod: 'percentile', percentile: 99.99 },
		{ calibrateMethod: 'mse' },
	])('%j runs and is near', async (options) => {
		const trial = await trialStatic(net().model, options, { examples: 24 });
		expect(trial.report.changed).toBe(3);
		expect(trial.sqnr).toBeGreaterThan(options.reduceRange || options.perChannel === false ? 20 : 24);
	});

	it('depthwise weights keep a scale per channel whatever is asked for', async () => {
		const trial = await trialStatic(net().model, { perChannel: false });
		const axes = [...trial.model.graph.nodes()]
			.filter(({ op }) => op === 'Conv')
			.map((node) => node.input(1)?.producer?.attributes.has('axis'));
		expect(axes).toEqual([false, true, false]);
	});

	it('16 bits before opset 21 are coded by the runtime vendor domain', async () => {
		const trial = await trialStatic(net().model, { activationType: 'uint16' });
		expect(trial.model.opsets.get('com.microsoft')).toBe(1);
		expect(operators(trial).filter((op) => op === 'QuantizeLinear').length).toBeGreaterThan(2);
		expect(trial.sqnr).toBeGreaterThan(30);
	});

	it('bias correction brings channel means back', async () => {
		const [off, on] = [
			await trialStatic(net().model, { biasCorrection: 'none', perChannel: false, reduceRange: true }, { examples: 40 }),
			await trialStatic(net().model, { perChannel: false, reduceRange: true }, { examples: 40 }),
		];
		expect(on.sqnr).toBeGreaterThan(off.sqnr);
		expect(reasons(on)).toContain('biases of 3 layers corrected on 40 sample inputs');
	});

	it('keeps what is excluded, codes weights alone where asked, and says so', async () => {
		const excluded = await trialStatic(net().model, { nodesToExclude: ['conv_1'] });
		expect(named(excluded, 'conv_1').input(1)?.initializer?.dtype).toBe('float32');
		expect(reasons(excluded)).toContain('excluded by name');
		const only = await trialStatic(net().model, { nodesWeightOnly: ['conv_1'] });
		expect(readsCodes(named(only, 'conv_1'), 1)).toBe(true);
		expect(readsCodes(named(only, 'conv_1'), 2)).toBe(false);
		expect(only.sqnr).toBeGreaterThan(24);
	});

	it('values whose codes destroy the output stay in fp32, with the reason', async () => {
		const b = new Builder();
		const x = b.input('x', [1, 4, 6, 6]);
		// One channel a thousand times larger than the others: eight bits cannot hold both, and the next layer undoes it.
		const big = Float32Array.of(1000, 1, 1, 1);
		const scale = b.model.graph.addInitializer('w', memoryTensor('float32', [1, 4, 1, 1], big));
		const back = b.model.graph.addInitializer(
			'w',
			memoryTensor(
				'float32',
				[4, 4, 1, 1],
				Float32Array.from({ length: 16 }, (_, i) => (i % 5 ? 0.01 : 1) / (big[i % 4] as number)),
			),
		);
		const y = b.op('Conv', [b.op('Mul', [x, scale]).output(), back]).output();
		const model = b.output(b.conv(y, 4, 4));
		const without = await trialStatic(model, { leastSqnr: 0 });
		const kept = await trialStatic(model, { leastSqnr: 25 });
		expect(without.sqnr).toBeLessThan(15);
		expect(kept.sqnr).toBeGreaterThan(25);
		expect(reasons(kept).some((reason) => reason.includes('below the 25 dB asked for'))).toBe(true);
		expect(kept.report.notes.find(({ node }) => node === 'conv')?.reason).toContain('computes in fp32');
		expect(readsCodes(named(kept, 'conv'), 0)).toBe(false);
		expect(readsCodes(named(kept, 'conv'), 1)).toBe(true);
	});

	it('raises old models to opset 13', async () => {
		const b = new Builder(9);
		const trial = await trialStatic(b.output(b.conv(b.input('x', [1, 4, 6, 6]), 4, 8)));
		expect(trial.model.opset).toBe(13);
		expect(reasons(trial)[0]).toContain('opset raised from 9 to 13');
	});

	it('layers inside If branches', async () => {
		const b = new Builder();
		const x = b.input('x', [1, 4, 6, 6]);
		const flag = b.model.graph.addInput('flag', tensorType('bool', []));
		const branch = (name: string): Graph => {
			const sub = new Graph(b.model.graph.ledger, name);
			const put = (op: string, inputs: Value[]): Value =>
				sub.append(sub.createNode({ op, name: b.model.graph.ledger.fresh(`${name}_${op}`), inputs, outputs: 1 })).output();
			const y = put('Conv', [put('Relu', [put('Conv', [x, b.weight([8, 4, 1, 1])])]), b.weight([4, 8, 1, 1])]);
			y.type = tensorType('float32', null);
			sub.setOutputs([y]);
			return sub;
		};
		const node = b.op('If', [flag], { then_branch: attribute.graph(branch('a')), else_branch: attribute.graph(branch('b')) });
		const trial = await trialStatic(b.output(node.output()));
		expect(trial.report.changed).toBe(4);
		expect(trial.sqnr).toBeGreaterThan(24);
	});

	it('a weight that something else reads as fp32 stays', async () => {
		const b = new Builder();
		const w = b.weight([8, 4, 1, 1]);
		const y = b.op('Conv', [b.input('x', [1, 4, 6, 6]), w]).output();
		const squared = b.op('ReduceSum', [b.op('Mul', [w, w]).output()]).output();
		const trial = await trialStatic(b.output(b.op('Add', [y, squared]).output()));
		expect(trial.report.changed).toBe(0);
		expect(reasons(trial).some((reason) => reason.includes('also read by'))).toBe(true);
	});

	it('weights with NaN are left, with the reason', async () => {
		const b = new Builder();
		const values = b.noise(32);
		values[3] = Number.NaN;
		const w = b.model.graph.addInitializer('w', memoryTensor('float32', [8, 4, 1, 1], values));
		const y = b.op('Conv', [b.conv(b.input('x', [1, 4, 6, 6]), 4, 4), w]).output();
		const trial = await trialStatic(b.output(y));
		expect(trial.report.changed).toBe(1);
		expect(reasons(trial).some((reason) => reason.includes('NaN'))).toBe(true);
	});
});
