import { attribute } from '../../core/ir/attribute.ts';
import { constantOf } from '../../core/ir/constants.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import { memoryTensor, type TensorRef } from '../../core/ir/tensor.ts';
import { float32View } from '../../core/numeric/float-blocks.ts';
import type { Note } from '../../core/pass/pass.ts';
import { dropUnused } from '../../core/pass/weights.ts';
import type { PlannedNode } from './plan.ts';

/** Attributes of Conv that ConvInteger has as well. */
const CONV_ATTRIBUTES = ['auto_pad', 'dilations', 'group', 'kernel_shape', 'pads', 'strides'];

/**
 * Turns layers between codes, written as QDQ with float results, into ConvInteger and MatMulInteger:
 * y = (s_x s_w) sum (q_x - z_x)(q_w - z_w) + b, the sums scaled by DequantizeLinear, which takes int32 and a scale for each channel. Same
 * numbers as the pairs stand for; the runtime need not fuse anything.
 * Layers whose weight alone is coded, and forms without an integer operator, stay pairs; notes say which.
 */
export async function toIntegerProducts(model: Model, nodes: readonly PlannedNode[]): Promise<Note[]> {
	const notes: Note[] = [];
	const shifted = new Map<string, Value>();
	for (const planned of nodes) {
		const { node } = planned;
		if (!node.placed || planned.activations.length === 0) continue;
		const input = dequantized(node.input(0));
		const weight = dequantized(node.input(1));
		if (!input || !weight) continue;
		const refusal = node.op === 'Gemm' && node.int('transA', 0) ? 'its input is transposed; it stays a pair' : undefined;
		if (refusal) {
			notes.push({ level: 'info', node: node.label, reason: refusal });
			continue;
		}
		await replace(model, node, input, weight, shifted);
	}
	return notes;
}

interface Coded {
	readonly codes: Value;
	readonly scales: Value;
	readonly zeros: Value | null;
}

/** The DequantizeLinear that a value comes from. */
function dequantized(value: Value | null): Coded | undefined {
	const node = value?.producer;
	const codes = node?.input(0);
	const scales = node?.input(1);
	if (node?.domain !== '' || node.op !== 'DequantizeLinear' || !codes || !scales) return undefined;
	return { codes, scales, zeros: node.input(2) };
}

async function replace(model: Model, node: Node, input: Coded, weight: Coded, shifted: Map<string, Value>): Promise<void> {
	const { graph } = node;
	const convolution = node.op === 'Conv';
	const transposed = node.op === 'Gemm' && node.int('transB', 0) !== 0;
	const tensor = stored(model, weight.codes);
	const key = `${weight.codes.name}:${convolution}:${transposed}`;
	let codes = shifted.get(key);
	if (!codes) {
		if (!convolution && !transposed) codes = weight.codes;
		else {
			const bytes = new Int8Array((await tensor.bytes()).slice().buffer);
			const made = convolution
				? memoryTensor(
						'uint8',
						tensor.dims,
						Uint8Array.from(bytes, (code) => code + 128),
					)
				: memoryTensor('int8', [...tensor.dims].reverse(), transpose(bytes, tensor.dims[0] ?? 0, tensor.dims[1] ?? 0));
			codes = weight.codes.graph.addInitializer(`${weight.codes.name}_i`, made);
		}
		shifted.set(key, codes);
	}
	const inputScale = float32View(await stored(model, input.scales).bytes())[0] ?? 1;
	const weightScales = float32View(await stored(model, weight.scales).bytes());
	const alpha = node.op === 'Gemm' ? node.float('alpha', 1) : 1;
	const scales = weightScales.map((scale) => Math.fround(Math.fround(inputScale * scale) * alpha));
	const spatial = convolution ? tensor.dims.slice(2).map(() => 1) : [];
	const perChannel = scales.length > 1;

	const insert = (op: string, inputs: readonly (Value | null)[], attributes = {}): Value =>
		graph.insertBefore(node, graph.createNode({ op, inputs, outputs: [graph.ledger.fresh('i')], attributes })).output();
	const attributes: Record<string, NonNullable<ReturnType<Node['attributes']['get']>>> = {};
	for (const name of convolution ? CONV_ATTRIBUTES : []) {
		const attr = node.attributes.get(name);
		if (attr) attributes[name] = attr;
	}
	// The runtime has no ConvInteger for int8 weights, and its product of uint8 with int8 is the fastest for MatMul.
	const centre = convolution ? once(model, shifted, 'centre', 'uint8', 128) : null;
	const product = graph.insertBefore(
		node,
		graph.createNode({
			op: convolution ? 'ConvInteger' : 'MatMulInteger',
			name: node.name,
			inputs: [input.codes, codes, input.zeros, ...(centre ? [centre] : [])],
			outputs: [graph.ledger.fresh('i')],
			attributes,
		}),
	);
	// One pass over the sums: Cast and Mul would be two, a tenth of the layer's time.
	const scaleValue = graph.addInitializer(
		`${weight.codes.name}_x`,
		memoryTensor('float32', perChannel ? [scales.length] : [], perChannel ? scales : Float32Array.of(scales[0] ?? 1)),
	);
	let result = insert('DequantizeLinear', [product.output(), scaleValue], perChannel ? { axis: attribute.int(convolution ? 1 : -1) } : {});
	const bias = node.input(2);
	if (bias && node.op !== 'MatMul') {
		const beta = node.op === 'Gemm' ? node.float('beta', 1) : 1;
		if (beta !== 0) result = insert('Add', [result, await shapedBias(model, node, bias, beta, spatial)]);
	}
	const output = node.output();
	result.type = output.type;
	graph.replaceUses(output, result);
	const loose = [...node.inputs];
	graph.remove(node);
	for (const value of loose) dropUnused(value);
}

/** A bias as it is added to the result: one value for each channel, or whatever C of a Gemm is, times beta. */
async function shapedBias(model: Model, node: Node, bias: Value, beta: number, spatial: readonly number[]): Promise<Value> {
	const { graph } = node;
	const tensor = constantOf(bias, model.irVersion);
	if (tensor?.dtype === 'float32') {
		const values = float32View(await tensor.bytes()).map((x) => x * beta);
		const dims = spatial.length > 0 ? [values.length, ...spatial] : tensor.dims;
		return graph.addInitializer(`${bias.name}_a`, memoryTensor('float32', dims, values));
	}
	const insert = (op: string, inputs: readonly Value[]): Value =>
		graph.insertBefore(node, graph.createNode({ op, inputs, outputs: [graph.ledger.fresh('b')] })).output();
	if (spatial.length > 0) {
		const shape = graph.addInitializer(
			'bias_shape',
			memoryTensor('int64', [1 + spatial.length], BigInt64Array.from([-1n, ...spatial.map(() => 1n)])),
		);
		return insert('Reshape', [bias, shape]);
	}
	if (beta === 1) return bias;
	return insert('Mul', [bias, graph.addInitializer('beta', memoryTensor('float32', [], Float32Array.of(beta)))]);
}

function once(model: Model, known: Map<string, Value>, key: string, dtype: 'uint8', value: number): Value {
	let made = known.get(key);
	if (!made) {
		made = model.graph.addInitializer(key, memoryTensor(dtype, [], Uint8Array.of(value)));
		known.set(key, made);
	}
	return made;
}

function stored(model: Model, value: Value): TensorRef {
	const tensor = constantOf(value, Math.max(model.irVersion, 4));
	if (!tensor) throw new Error(`${value.name} is not stored`);
	return tensor;
}

function transpose(codes: Int8Array, rows: number, columns: number): Int8Array {
	const out = new Int8Array(codes.length);
	for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = codes[i * columns + j] as number;
	return out;
}
