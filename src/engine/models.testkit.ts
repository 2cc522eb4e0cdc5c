import { attribute } from '../core/ir/attribute.ts';
import type { DType } from '../core/ir/dtype.ts';
import type { Graph, Value } from '../core/ir/graph.ts';
import { Model } from '../core/ir/model.ts';
import { memoryTensor } from '../core/ir/tensor.ts';
import { type Dim, tensorType } from '../core/ir/type.ts';
import { seededRandom } from '../core/numeric/random.ts';
import { serialize } from '../core/onnx/write.ts';
import type { TensorData } from './port.ts';

export interface Builder {
	readonly model: Model;
	readonly graph: Graph;
	input(name: string, dtype: DType, shape: readonly Dim[]): Value;
	constant(name: string, dtype: DType, dims: readonly number[], data: ArrayBufferView): Value;
	op(op: string, inputs: readonly (Value | null)[], name: string, attributes?: Parameters<Graph['createNode']>[0]['attributes']): Value;
	output(value: Value, dtype: DType, shape: readonly Dim[] | null): void;
}

/** A model built in code, as bytes. */
export async function build(make: (builder: Builder) => void, opset = 17): Promise<Uint8Array> {
	const model = new Model();
	model.setOpset('', opset);
	const { graph } = model;
	make({
		model,
		graph,
		input: (name, dtype, shape) => graph.addInput(name, tensorType(dtype, shape)),
		constant: (name, dtype, dims, data) => graph.addInitializer(name, memoryTensor(dtype, dims, data)),
		op: (op, inputs, name, attributes) =>
			graph.append(graph.createNode({ op, name, inputs, outputs: [name], ...(attributes && { attributes }) })).output(),
		output: (value, dtype, shape) => {
			value.type = tensorType(dtype, shape);
			graph.setOutputs([...graph.outputs, value]);
		},
	});
	return serialize(model);
}

export function normal(count: number, seed = 1, scale = 1): Float32Array {
	const random = seededRandom(seed);
	return Float32Array.from({ length: count }, () => scale * random.normal());
}

export function float32(data: readonly number[] | Float32Array, dims: readonly number[] = [data.length]): TensorData {
	return { dtype: 'float32', dims, data: Float32Array.from(data) };
}

/** x [batch, 8] times fixed weights, plus `shift`: logits [batch, 4]. `noise` moves the weights. */
export function linearClassifier({ noise = 0, batch = 'N' as Dim, softmax = false, dynamic = false } = {}): Promise<Uint8Array> {
	return build((b) => {
		const x = b.input('x', 'float32', [batch, 8]);
		const weights = normal(32, 3);
		const moved = normal(32, 4, noise);
		const w = b.constant(
			'w',
			'float32',
			[8, 4],
			weights.map((value, i) => value + (moved[i] as number)),
		);
		let hidden = x;
		if (dynamic) {
			// What dynamic int8 does: the range is that of the whole batch.
			const quantized = b.graph.append(b.graph.createNode({ op: 'DynamicQuantizeLinear', inputs: [x], outputs: ['q', 'scale', 'zero'] }));
			hidden = b.op('DequantizeLinear', [quantized.output(0), quantized.output(1), quantized.output(2)], 'back');
		}
		let y = b.op('MatMul', [hidden, w], softmax ? 'scores' : 'logits');
		if (softmax) y = b.op('Softmax', [y], 'probabilities', { axis: attribute.int(-1) });
		b.output(y, 'float32', [batch, 4]);
	});
}
