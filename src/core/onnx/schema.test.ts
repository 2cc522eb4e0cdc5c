import { describe, expect, it } from 'vitest';
import { attribute } from '../ir/attribute.ts';
import { type DType, dtypeCode } from '../ir/dtype.ts';
import type { Value } from '../ir/graph.ts';
import { Model } from '../ir/model.ts';
import { tensorType, type ValueType } from '../ir/type.ts';
import { outputDType, statedType } from './element-types.ts';
import { CONTROL_FLOW } from './infer-control.ts';
import { rules } from './infer-table.ts';
import { arityProblem, isStandardOperator, parameterAt, signatureOf, versionProblem } from './schema.ts';
import { STANDARD_SIGNATURES, TYPE_SETS } from './schema-table.ts';
import { OTHER_SIGNATURES } from './schema-table-contrib.ts';

const names = (table: string): string[] =>
	table
		.trim()
		.split('\n')
		.map((line) => line.split(': ')[0] ?? '');

describe('the tables', () => {
	it('are read to the last line: every signature has places, and a known set for every letter', () => {
		const sets = new Set(names(TYPE_SETS));
		for (const line of `${STANDARD_SIGNATURES.trim()}\n${OTHER_SIGNATURES.trim()}`.split('\n')) {
			const [op = '', rest = ''] = line.split(': ');
			for (const version of rest.split(' | ')) {
				const [since = '', places = '', types = ''] = version.split(' ');
				if (places === 'x') continue;
				expect(places, line).toMatch(/^([A-Z](\?|[*~][0-9])?)*>([A-Z](\?|[*~][0-9])?)+$/);
				const letters = new Set(places.replace(/[^A-Z]/g, ''));
				expect(types.split(',').length, line).toBe(letters.size);
				for (const name of types.split(',')) expect(sets.has(name), `${line}: ${name}`).toBe(true);
				const signature = signatureOf(op, Number(since));
				expect(signature?.since).toBe(Number(since));
				for (const { letter } of [...(signature?.inputs ?? []), ...(signature?.outputs ?? [])]) {
					const set = signature?.types.get(letter);
					expect((set?.dtypes.size ?? 0) > 0 || set?.other, line).toBe(true);
				}
			}
		}
	});

	it('know the standard operators and their versions', () => {
		expect(isStandardOperator('Conv')).toBe(true);
		expect(isStandardOperator('Convolve')).toBe(false);
		expect(isStandardOperator('com.microsoft.MatMulNBits')).toBe(false);
		expect(versionProblem('LayerNormalization', 16)).toBe('LayerNormalization comes with opset 17; the model imports 16');
		expect(versionProblem('Upsample', 10)).toBe('Upsample was removed in opset 10; the model imports 10');
		expect(versionProblem('Convolve', 17)).toBe('ONNX has no operator Convolve');
		expect(versionProblem('Convolve', 99)).toBeUndefined();
		expect(versionProblem('Gelu', 20)).toBeUndefined();
	});

	it('tell which types a version takes', () => {
		const takes = (op: string, opset: number, index: number, dtype: DType): boolean | undefined => {
			const signature = signatureOf(op, opset);
			const parameter = signature && parameterAt(signature.inputs, index);
			return parameter && signature?.types.get(parameter.letter)?.dtypes.has(dtype);
		};
		expect(takes('Relu', 13, 0, 'int8')).toBe(false);
		expect(takes('Relu', 14, 0, 'int8')).toBe(true);
		expect(takes('DequantizeLinear', 13, 0, 'int4')).toBe(false);
		expect(takes('DequantizeLinear', 21, 0, 'int4')).toBe(true);
		expect(takes('Conv', 21, 1, 'int8')).toBe(false);
		expect(takes('Concat', 13, 40, 'bfloat16')).toBe(true);
		expect(takes('com.microsoft.MatMulNBits', 1, 1, 'uint8')).toBe(true);
	});
});

describe('numbers of inputs and outputs', () => {
	const problem = (op: string, opset: number, inputs: readonly (object | null)[], outputs = 1): string | undefined => {
		const signature = signatureOf(op, opset);
		if (!signature) throw new Error(`${op} is not known`);
		return arityProblem(op, signature, inputs, Array(outputs).fill({}));
	};
	const value = {};
	it.each([
		['Conv', 13, [value], 'Conv takes 2 to 3 inputs, this one has 1'],
		['Clip', 11, [value, null, value], undefined],
		['Clip', 6, [value, value], 'Clip takes 1 inputs, this one has 2'],
		['Resize', 13, [value, null, null, value], undefined],
		['Gemm', 13, [null, value], 'Gemm needs input 0, this one leaves it out'],
		['Concat', 13, [], 'Concat takes 1 or more inputs, this one has 0'],
		['Loop', 21, [null, value], undefined],
	] as const)('%s-%d', (op, opset, inputs, expected) => {
		expect(problem(op, opset, [...inputs])).toBe(expected);
	});

	it('count outputs too', () => {
		expect(problem('Relu', 14, [value], 2)).toBe('Relu gives 1 outputs, this one has 2');
		expect(problem('DynamicQuantizeLinear', 11, [value], 1)).toBe('DynamicQuantizeLinear gives 3 outputs, this one has 1');
		expect(problem('LSTM', 14, [value, value, value], 3)).toBeUndefined();
	});
});

describe('element types of outputs', () => {
	type Case = readonly [
		op: string,
		opset: number,
		inputs: readonly (DType | null)[],
		expected: string,
		attributes?: Record<string, number>,
	];
	const cases: readonly Case[] = [
		['Cast', 13, ['float32'], 'float16', { to: dtypeCode('float16') }],
		['CastLike', 15, ['float32', 'int8'], 'int8'],
		['QuantizeLinear', 13, ['float32', 'float32'], 'uint8'],
		['QuantizeLinear', 13, ['float32', 'float32', 'int8'], 'int8'],
		['QuantizeLinear', 21, ['float32', 'float32'], 'int4', { output_dtype: dtypeCode('int4') }],
		['DequantizeLinear', 13, ['int8', 'float32'], 'float32'],
		['DequantizeLinear', 21, ['uint4', 'float16'], 'float16'],
		['DequantizeLinear', 23, ['int8', 'float32'], 'float16', { output_dtype: dtypeCode('float16') }],
		['MatMulInteger', 13, ['uint8', 'int8'], 'int32'],
		['DynamicQuantizeLinear', 11, ['float32'], 'uint8 float32 uint8'],
		['QLinearConv', 13, ['uint8', 'float32', 'uint8', 'int8', 'float32', 'int8', 'float32', 'int8'], 'int8'],
		['TopK', 11, ['float16', 'int64'], 'float16 int64'],
		['Where', 16, ['bool', 'float16', 'float16'], 'float16'],
		['Where', 16, ['bool', null, 'float16'], 'float16'],
		['OneHot', 11, ['int64', 'int64', 'float32'], 'float32'],
		['Shape', 15, ['float16'], 'int64'],
		['LayerNormalization', 17, ['float16', 'float16', 'float16'], 'float16 float32 float32'],
		['RandomNormalLike', 22, ['float16'], 'float16'],
		['Multinomial', 22, ['float32'], 'int32'],
		['BatchNormalization', 15, ['float16', 'float16', 'float16', 'float32', 'float32'], 'float16 float32 float32'],
		['IsNaN', 20, ['float16'], 'bool'],
		['com.microsoft.MatMulNBits', 1, ['float16', 'uint8', 'float16'], 'float16'],
		['com.microsoft.GatherBlockQuantized', 1, ['uint4', 'int64', 'float32'], 'float32'],
		['com.microsoft.MatMulIntegerToFloat', 1, ['uint8', 'int8', 'float32', 'float32'], 'float32'],
		['com.microsoft.DynamicQuantizeLSTM', 1, ['float32', 'int8', 'int8'], 'float32 float32 float32'],
		['com.microsoft.QGemm', 1, ['uint8', 'float32', 'uint8', 'int8', 'float32', 'int8'], 'float32'],
	];
	const titled = cases.map((entry) => [`${entry[0]}-${entry[1]} (${entry[2].join(', ')}): ${entry[3]}`, entry] as const);
	it.each(titled)('%s', (_title, [qualifiedOp, opset, inputs, expected, attributes = {}]) => {
		const model = new Model();
		const { graph } = model;
		const places = inputs.map((dtype, index): Value => {
			const type: ValueType | undefined = dtype ? tensorType(dtype, null) : undefined;
			return graph.addInput(`i${index}`, type);
		});
		const dot = qualifiedOp.lastIndexOf('.');
		const node = graph.createNode({
			op: qualifiedOp.slice(dot + 1),
			domain: dot < 0 ? '' : qualifiedOp.slice(0, dot),
			inputs: places,
			outputs: expected.split(' ').length,
			attributes: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, attribute.int(value)])),
		});
		const signature = signatureOf(qualifiedOp, opset);
		const found = node.outputs.map((_, index) => outputDType(node, index, signature, statedType, (name) => node.attributes.get(name)));
		expect(found.join(' ')).toBe(expected);
	});
});

it('every standard operator has a rule for its shape, but for those named here', () => {
	const without = names(STANDARD_SIGNATURES).filter((op) => !rules.has(op) && !CONTROL_FLOW.has(op));
	// Newer than any opset that the runtime has, or without anything to infer.
	expect(without).toEqual(['LinearAttention']);
});
