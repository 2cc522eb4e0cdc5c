import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../core/bytes/source.ts';
import { constantOf } from '../../core/ir/constants.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { float32View } from '../../core/numeric/float-blocks.ts';
import { readModel } from '../../core/onnx/read.ts';
import { activationParams, activationType, quantizeConstant } from './codes.ts';
import { trialStatic } from './static.testkit.ts';

interface RangeCase {
	readonly min: number;
	readonly max: number;
	readonly dtype: 'int8' | 'uint8' | 'int16' | 'uint16';
	readonly symmetric: boolean;
	readonly scale: string;
	readonly zeroPoint: number;
	readonly values: string;
	readonly codes: readonly number[];
}

interface ModelCase {
	readonly kind: string;
	readonly options: Readonly<Record<string, unknown>>;
	readonly model: string;
	readonly dims: readonly number[];
	readonly feeds: readonly string[];
	/** By the name of the plain tensor. */
	readonly expected: Readonly<Record<string, { readonly codes?: readonly number[]; readonly scales: string; readonly zeroPoint?: number }>>;
}

// What ONNX Runtime's Python quantizer gives: scripts/make-static-fixtures.py.
const fixtures = JSON.parse(readFileSync(new URL('./fixtures/onnxruntime.json', import.meta.url), 'utf8')) as {
	readonly ranges: readonly RangeCase[];
	readonly models: readonly ModelCase[];
};

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
const floats = (text: string): Float32Array => float32View(bytesOf(text));

async function numbers(value: Value | null): Promise<number[]> {
	const tensor = constantOf(value, 8);
	if (!tensor) return [];
	const bytes = (await tensor.bytes()).slice();
	if (tensor.dtype === 'float32') return [...new Float32Array(bytes.buffer)];
	if (tensor.dtype === 'int32') return [...new Int32Array(bytes.buffer)];
	return tensor.dtype === 'int8' ? [...new Int8Array(bytes.buffer)] : [...bytes];
}

function nodesOf(model: Model, op: string): Node[] {
	return [...model.graph.nodes()].filter((node) => node.op === op);
}

describe('equal to ONNX Runtime, bit for bit', () => {
	it('has more than 200 fixtures', () => {
		expect(fixtures.ranges.length).toBeGreaterThanOrEqual(150);
		const tensors = fixtures.models.reduce((sum, { expected }) => sum + Object.keys(expected).length, 0);
		expect(fixtures.ranges.length + tensors).toBeGreaterThanOrEqual(200);
	});

	it('scales, zero points and codes of activations in every type', async () => {
		for (const { min, max, dtype, symmetric, scale, zeroPoint, values, codes } of fixtures.ranges) {
			const type = activationType(dtype, symmetric);
			const params = activationParams({ min, max }, type);
			const label = `${dtype} ${symmetric ? 'symmetric ' : ''}[${min}, ${max}]`;
			expect(params, label).toEqual({ scale: floats(scale)[0], zeroPoint });
			const coded = quantizeConstant(floats(values), [codes.length], params, type);
			const raw = (await coded.bytes()).slice().buffer;
			const got = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array }[dtype];
			expect([...new got(raw)], label).toEqual(codes);
		}
	});

	it.each(fixtures.models.map((entry, index) => ({ ...entry, index })))(
		'$index $kind $options: codes, scales and zero points of weights, biases and activations',
		async ({ model, options, dims, feeds, expected }) => {
			const given = feeds.map((feed) => ({ x: { dtype: 'float32' as const, dims, data: floats(feed) } }));
			const trial = await trialStatic(
				await readModel(memorySource(bytesOf(model))),
				{ ...options, weightScales: 'minmax', biasCorrection: 'none', minElements: 1, opTypesToQuantize: ['Conv', 'Gemm', 'MatMul'] },
				{ examples: given.length, feeds: (index) => given[index % given.length] ?? {} },
			);
			for (const node of [...nodesOf(trial.model, 'Conv'), ...nodesOf(trial.model, 'Gemm'), ...nodesOf(trial.model, 'MatMul')]) {
				for (const [slot, names] of [
					[1, ['w', 'w2']],
					[2, ['b', 'b2']],
				] as const) {
					const dequantize = node.input(slot)?.producer;
					if (!dequantize) continue;
					const wanted = expected[node.name === 'second' ? names[1] : names[0]];
					expect(await numbers(dequantize.input(0)), `${node.name} ${names[0]} codes`).toEqual(wanted?.codes);
					expect(await numbers(dequantize.input(1)), `${node.name} ${names[0]} scales`).toEqual([...floats(wanted?.scales ?? '')]);
				}
			}
			for (const quantize of nodesOf(trial.model, 'QuantizeLinear')) {
				const producer = quantize.input(0)?.producer;
				// What the first convolution gives is known by the name of the Relu that went into it.
				const name = !producer ? 'x' : producer.name === 'first' && expected.r ? 'r' : 'y';
				const wanted = expected[name] ?? expected[`${name}_QuantizeLinear_Input`];
				expect(await numbers(quantize.input(1)), `${name} scale`).toEqual([...floats(wanted?.scales ?? '')]);
				expect(await numbers(quantize.input(2)), `${name} zero point`).toEqual([wanted?.zeroPoint]);
			}
		},
	);
});
