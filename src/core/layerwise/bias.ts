import { attribute } from '../ir/attribute.ts';
import { elementCount } from '../ir/dtype.ts';
import type { Node, Value } from '../ir/graph.ts';
import { memoryTensor } from '../ir/tensor.ts';
import { readFloats } from '../numeric/quantize-tensor.ts';
import { storedTensor } from '../pass/constant-view.ts';
import type { Layer } from './layer.ts';

/** Where a layer adds a constant to each of its output channels. */
export interface BiasPlace {
	readonly node: Node;
	readonly slot: number;
	/** Gemm's beta: what the stored constant is multiplied with. */
	readonly factor: number;
	/** Gemm's alpha: what the product is multiplied with. */
	readonly gain: number;
	/** undefined: there is none yet, and one may be added. */
	readonly value: Value | undefined;
}

/** The constant that can make up for a mean error of the layer; undefined where there is no room for one. */
export function biasPlace(layer: Layer): BiasPlace | undefined {
	const { node } = layer;
	const channels = layer.groups * layer.rows;
	if (layer.plan.readers.length !== 1) return undefined;
	if (node.op === 'MatMul') {
		const output = node.output();
		const [use] = output.uses;
		if (!use || output.uses.size !== 1 || output.isGraphOutput || use.node.op !== 'Add' || use.node.domain !== '') return undefined;
		const slot = 1 - use.index;
		const value = use.node.input(slot);
		return value && isBias(value, channels) ? { node: use.node, slot, factor: 1, gain: 1, value } : undefined;
	}
	const bias = node.input(2);
	const factor = node.op === 'Gemm' ? node.float('beta', 1) : 1;
	const gain = node.op === 'Gemm' ? node.float('alpha', 1) : 1;
	if (factor === 0) return undefined;
	if (!bias) return { node, slot: 2, factor, gain, value: undefined };
	return isBias(bias, channels) ? { node, slot: 2, factor, gain, value: bias } : undefined;
}

function isBias(value: Value, channels: number): boolean {
	const tensor = storedTensor(value);
	return tensor?.dtype === 'float32' && elementCount(tensor.dims) === channels && tensor.dims.at(-1) === channels;
}

/** Adds `change` (one number for each channel, of what the layer puts out) to the constant; it is then the node's own. */
export async function changeBias(layer: Layer, place: BiasPlace, change: Float64Array, signal?: AbortSignal): Promise<void> {
	const { node, slot, value, factor } = place;
	const stored = value && storedTensor(value);
	const before = stored ? await readFloats(stored, 0, change.length, signal) : new Float32Array(change.length);
	const after = Float32Array.from(before, (x, i) => x + change[i]! / factor);
	const tensor = memoryTensor('float32', stored?.dims ?? [change.length], after);
	if (value && value.uses.size === 1 && value.initializer && value.graph === node.graph) value.initializer = tensor;
	else if (value?.producer && value.uses.size === 1) value.producer.setAttribute('value', attribute.tensor(tensor));
	else node.setInput(slot, node.graph.addInitializer(value?.name || `${layer.plan.value.name}_bias`, tensor));
}
