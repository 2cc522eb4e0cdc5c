import { attribute } from './attribute.ts';
import type { Graph, Value } from './graph.ts';
import { float32Tensor, isSparse, memoryTensor, type TensorRef } from './tensor.ts';

/**
 * The dense tensor that a value always has: an initializer, or the output of a Constant node (exporters write weights
 * either way), looked up through Identity. undefined where it is computed, sparse, textual, or an input that a caller may
 * override (an initializer listed as input from IR version 4 on: pass `overridable` false to treat those as constants).
 */
export function constantOf(value: Value | null, irVersion: number): TensorRef | undefined {
	for (let current = value, steps = 0; current && steps < 16; steps++) {
		const stored = current.initializer;
		if (stored) {
			if (isSparse(stored)) return undefined;
			return irVersion >= 4 && current.isGraphInput ? undefined : stored;
		}
		const producer = current.producer;
		if (producer?.domain !== '') return undefined;
		if (producer.op === 'Identity') {
			current = producer.input(0);
			continue;
		}
		return producer.op === 'Constant' ? constantNodeTensor(producer.attributes) : undefined;
	}
	return undefined;
}

function constantNodeTensor(attributes: ReadonlyMap<string, import('./attribute.ts').Attribute>): TensorRef | undefined {
	for (const [name, attr] of attributes) {
		if (name === 'value' && attr.kind === 'tensor') return attr.value;
		if (name === 'value_float' && attr.kind === 'float') return float32Tensor([attr.value], []);
		if (name === 'value_floats' && attr.kind === 'floats') return float32Tensor(attr.value);
		if (name === 'value_int' && attr.kind === 'int') return memoryTensor('int64', [], BigInt64Array.of(attr.value));
		if (name === 'value_ints' && attr.kind === 'ints') return memoryTensor('int64', [attr.value.length], BigInt64Array.from(attr.value));
	}
	return undefined;
}

/** Adds a Constant node at the head of `graph`: for values that subgraphs or functions need where no initializer may stand. */
export function addConstantNode(graph: Graph, name: string, tensor: TensorRef): Value {
	const node = graph.createNode({ op: 'Constant', name, inputs: [], outputs: 1, attributes: { value: attribute.tensor(tensor) } });
	graph.prepend(node);
	return node.output();
}
