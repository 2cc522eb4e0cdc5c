import { expect, it } from 'vitest';
import { smallModel } from '../onnx/seeds.testkit.ts';
import { attribute } from './attribute.ts';
import { Model } from './model.ts';
import { printModel, printNode } from './print.ts';
import { float32Tensor, memoryTensor } from './tensor.ts';
import { printType, tensorType } from './type.ts';

it('prints a model, one line a node, branches indented below theirs', () => {
	expect(printModel(smallModel())).toMatchInlineSnapshot(`
		"model ir 10, ai.onnx 21, com.microsoft 1
		graph small(x: float32[batch, 4], flag: bool[]) -> (y: float32[batch, 3])
		  weight = float32[4, 3]
		  bias = float32[3]
		  product = MatMul(x, weight)
		  y = If(flag) {then_branch = graph then, else_branch = graph else}
		    graph then() -> (then_y: float32[batch, 3])
		      then_y = Add(product, bias)
		    graph else() -> (else_y: float32[batch, 3])
		      else_y = Sub(product, bias)"
	`);
});

it('prints every kind of attribute, places left out as _, and other domains with their name', () => {
	const model = new Model(undefined, 'g');
	const { graph } = model;
	const text = new TextEncoder();
	const node = graph.createNode({
		op: 'Odd',
		domain: 'test.custom',
		inputs: [null, graph.addInput('x')],
		outputs: ['y', null, 'z'],
		attributes: {
			int: attribute.int(-3),
			float: attribute.float(0.5),
			string: attribute.string('two "words"'),
			ints: attribute.ints([1, 2]),
			floats: { kind: 'floats', value: [1.5, 2] },
			strings: { kind: 'strings', value: [text.encode('a'), text.encode('b')] },
			tensor: attribute.tensor(float32Tensor([1, 2, 3])),
			ref: { kind: 'ref', value: 'alpha', type: 1 },
		},
	});
	expect(printNode(node)).toMatchInlineSnapshot(
		`"y, _, z = test.custom.Odd(_, x) {int = -3, float = 0.5, string = "two \\"words\\"", ints = [1, 2], floats = [1.5, 2], strings = ["a", "b"], tensor = float32[3], ref = @alpha}"`,
	);
});

it('prints types', () => {
	expect(printType(undefined)).toBe('?');
	expect(printType(tensorType('float32', ['N', 3, null]))).toBe('float32[N, 3, ?]');
	expect(printType(tensorType('int64', []))).toBe('int64[]');
	expect(printType(tensorType('int64', null))).toBe('int64[...]');
	expect(printType({ kind: 'sequence', element: tensorType('float32', null) })).toBe('sequence(float32[...])');
	expect(printType({ kind: 'map', key: 'int64', value: undefined })).toBe('map(int64, ?)');
});

it('never prints a value of a weight', () => {
	const model = new Model(undefined, 'g');
	model.graph.addInitializer('secret', memoryTensor('float32', [2], Float32Array.of(1234.5, 6789.25)));
	const printed = printModel(model);
	expect(printed).toContain('secret = float32[2]');
	expect(printed).not.toMatch(/1234|6789/);
});
