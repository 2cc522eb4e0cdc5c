import { attribute } from '../ir/attribute.ts';
import { elementCount } from '../ir/dtype.ts';
import type { Node, Value } from '../ir/graph.ts';
import { graphsWithin, type Model } from '../ir/model.ts';
import { computedTensor, memoryTensor, type TensorRef } from '../ir/tensor.ts';
import { readFloats } from '../numeric/quantize-tensor.ts';
import { storedTensor } from '../pass/constant-view.ts';
import { namedNode } from '../pass/expand-weight.ts';

/** A matrix that multiplies an activation from the right; its input channels can be scaled. */
export interface ScaledReader {
	readonly node: Node;
	readonly weight: Value;
	readonly tensor: TensorRef;
	/** Length of the summed axis, and whether it is the second one (Gemm, transB). */
	readonly inputs: number;
	readonly turned: boolean;
}

/** An activation all or some of whose readers are such matrices. */
export interface ScalePlace {
	readonly input: Value;
	readonly readers: readonly ScaledReader[];
	/**
	 * Where 1 / s can go without a node of its own: the gain and shift of the normalization that makes the activation.
	 * undefined: something else reads it too, or it is made otherwise.
	 */
	readonly gains: readonly ConstantInput[] | undefined;
}

interface ConstantInput {
	readonly node: Node;
	readonly slot: number;
	readonly tensor: TensorRef;
}

/** Activations of MatMul and Gemm with plain stored weights, in graph order, subgraphs included. */
export function scalePlaces(model: Model, accepts: (node: Node) => boolean): ScalePlace[] {
	const readers = new Map<Value, ScaledReader[]>();
	for (const graph of graphsWithin(model.graph)) {
		for (const node of graph.nodes()) {
			const input = node.input(0);
			const reader = accepts(node) ? readerOf(node) : undefined;
			if (input && reader && !(input.initializer && !input.isGraphInput)) readers.set(input, [...(readers.get(input) ?? []), reader]);
		}
	}
	const places: ScalePlace[] = [];
	for (const [input, list] of readers) {
		const [first] = list;
		if (!first || list.some(({ inputs }) => inputs !== first.inputs)) continue;
		const all = input.uses.size === list.length && !input.isGraphOutput;
		places.push({ input, readers: list, gains: all ? gainsOf(input, first.inputs) : undefined });
	}
	return places;
}

function readerOf(node: Node): ScaledReader | undefined {
	if (node.domain !== '' || (node.op !== 'MatMul' && node.op !== 'Gemm')) return undefined;
	if (node.op === 'Gemm' && node.int('transA', 0) !== 0) return undefined;
	const weight = node.input(1);
	const tensor = weight ? storedTensor(weight) : undefined;
	// A weight that others read too must stay what it is for them.
	if (!weight || tensor?.dtype !== 'float32' || tensor.dims.length !== 2 || weight.uses.size !== 1 || weight.isGraphOutput)
		return undefined;
	const turned = node.op === 'Gemm' && node.int('transB', 0) !== 0;
	return { node, weight, tensor, inputs: tensor.dims[turned ? 1 : 0] ?? 0, turned };
}

/** LayerNormalization, or what exporters write of it: Add(Mul(normalized, gain), shift). */
function gainsOf(input: Value, channels: number): ConstantInput[] | undefined {
	const node = input.producer;
	if (node?.domain !== '') return undefined;
	const constant = (owner: Node, slot: number): ConstantInput | undefined => {
		const value = owner.input(slot);
		const tensor = value ? storedTensor(value) : undefined;
		const fits = tensor?.dtype === 'float32' && elementCount(tensor.dims) === channels && tensor.dims.at(-1) === channels;
		return tensor && fits ? { node: owner, slot, tensor } : undefined;
	};
	const of = (owner: Node): ConstantInput | undefined => constant(owner, 1) ?? constant(owner, 0);
	if (node.op === 'LayerNormalization') {
		const axis = node.int('axis', -1);
		const gain = constant(node, 1);
		const shift = node.input(2) ? constant(node, 2) : null;
		if (!gain || shift === undefined || axis !== -1) return undefined;
		return shift ? [gain, shift] : [gain];
	}
	if (node.op === 'Mul') {
		const gain = of(node);
		return gain && [gain];
	}
	if (node.op !== 'Add') return undefined;
	const shift = of(node);
	const product = shift && node.input(1 - shift.slot)?.producer;
	if (!shift || product?.op !== 'Mul' || product.domain !== '' || product.output().uses.size !== 1 || product.output().isGraphOutput)
		return undefined;
	const gain = of(product);
	return gain && [gain, shift];
}

/**
 * x W = (x / s) (s W): weights take the scales, the activation loses them, in the normalization before it or by a Mul of its
 * own. Exact up to rounding. Weights are computed when the file is written.
 */
export async function applyScales(place: ScalePlace, scales: Float32Array, signal?: AbortSignal): Promise<void> {
	for (const reader of place.readers) setConstant(reader.weight, scaledWeight(reader, scales));
	if (place.gains) {
		for (const { node, slot, tensor } of place.gains) {
			const before = await readFloats(tensor, 0, scales.length, signal);
			const after = memoryTensor(
				'float32',
				tensor.dims,
				Float32Array.from(before, (x, i) => x / scales[i]!),
			);
			const value = node.input(slot);
			if (value?.uses.size === 1 && !value.isGraphOutput) setConstant(value, after);
			else node.setInput(slot, node.graph.addInitializer(value?.name || 'gain', after));
		}
		return;
	}
	const { input } = place;
	const made = new Map<Node['graph'], Value>();
	for (const { node } of place.readers) {
		const { graph } = node;
		let scaled = made.get(graph);
		if (!scaled) {
			const inverse = graph.addInitializer(
				`${input.name}_inverse`,
				memoryTensor(
					'float32',
					[scales.length],
					scales.map((s) => 1 / s),
				),
			);
			const mul = namedNode(graph, `${input.name}_scaled`, { op: 'Mul', inputs: [input, inverse] });
			if (input.graph === graph && input.producer) graph.insertAfter(input.producer, mul);
			else graph.prepend(mul);
			scaled = mul.output();
			made.set(graph, scaled);
		}
		node.setInput(0, scaled);
	}
}

function scaledWeight({ tensor, turned }: ScaledReader, scales: Float32Array): TensorRef {
	const [rows = 0, columns = 0] = tensor.dims;
	return computedTensor('float32', tensor.dims, async (signal) => {
		const values = (await readFloats(tensor, 0, rows * columns, signal)).slice();
		for (let r = 0, at = 0; r < rows; r++) for (let c = 0; c < columns; c++, at++) values[at]! *= scales[turned ? c : r]!;
		return values;
	});
}

function setConstant(value: Value, tensor: TensorRef): void {
	if (value.initializer) value.initializer = tensor;
	else value.producer?.setAttribute('value', attribute.tensor(tensor));
}

/** Largest magnitude of each input channel over all weights of a place. */
export async function largestWeights(place: ScalePlace, signal?: AbortSignal): Promise<Float32Array> {
	const [first] = place.readers;
	const largest = new Float32Array(first?.inputs ?? 0);
	for (const { tensor, turned } of place.readers) {
		const [rows = 0, columns = 0] = tensor.dims;
		const values = await readFloats(tensor, 0, rows * columns, signal);
		for (let r = 0, at = 0; r < rows; r++) {
			for (let c = 0; c < columns; c++, at++) {
				const k = turned ? c : r;
				const x = Math.abs(values[at]!);
				if (x > largest[k]!) largest[k] = x;
			}
		}
	}
	return largest;
}

/** x^(quarters / 4) by square roots only, so that every engine gives the same bits. */
export function quarterPower(x: number, quarters: 0 | 1 | 2 | 3 | 4): number {
	const half = Math.sqrt(x);
	switch (quarters) {
		case 0:
			return 1;
		case 1:
			return Math.sqrt(half);
		case 2:
			return half;
		case 3:
			return half * Math.sqrt(half);
		case 4:
			return x;
	}
}
