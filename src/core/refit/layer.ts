import { giveBack } from '../bytes/give-back.ts';
import { convWindow, unfold, windowPositions } from '../calibrate/unfold.ts';
import { constantOf } from '../ir/constants.ts';
import { elementCount } from '../ir/dtype.ts';
import type { Node, Value } from '../ir/graph.ts';
import { memoryTensor, type TensorRef } from '../ir/tensor.ts';
import { constantView } from '../pass/constant-view.ts';
import { dropUnused } from '../pass/weights.ts';

/** A layer as a matrix: each output is a sum of features times weights, plus a bias. */
export interface LayerMatrix {
	/** [outputs, features] row-major. Features of a convolution are ordered [channel, tap]. */
	readonly weights: Float32Array;
	readonly bias: Float32Array;
	readonly outputs: number;
	readonly features: number;
	/** Features of one input channel: the taps of a kernel, 1 for dense layers. */
	readonly taps: number;
	/** Whether a bias can be stored without another node. */
	readonly hasBias: boolean;
}

/** The value whose numbers a layer's matrix explains: its own output, or that of the Add that holds its bias. */
export function layerOutput(node: Node): Value {
	return biasAdd(node)?.output() ?? node.output();
}

/** The Add that gives a MatMul its bias: the only reader, with a stored vector. */
function biasAdd(node: Node): Node | undefined {
	if (node.op !== 'MatMul') return undefined;
	const output = node.output();
	const [use, ...others] = output.uses;
	if (!use || others.length > 0 || output.isGraphOutput || use.node.op !== 'Add' || use.node.domain !== '') return undefined;
	const vector = constantOf(use.node.input(1 - use.index), 3);
	return vector && vector.dims.length > 0 && elementCount(vector.dims) === vector.dims.at(-1) ? use.node : undefined;
}

/** Why a layer cannot be seen as a matrix, or the matrix. Float32 weights of Conv (one group), Gemm and MatMul. */
export async function readLayer(node: Node, signal?: AbortSignal): Promise<LayerMatrix | string> {
	const view = await constantView(node.input(1));
	if (!view) return 'its weights are not stored plainly';
	if (view.tensor.dtype !== 'float32') return `its weights are ${view.tensor.dtype}`;
	if (node.domain !== '') return `${node.qualifiedOp} is not refitted`;
	const dims = view.tensor.dims;
	if (node.op === 'Conv') {
		if (node.int('group', 1) !== 1) return 'its channels are in groups';
		const [outputs, channels, ...kernel] = dims as [number, number, ...number[]];
		const taps = elementCount(kernel);
		const weights = await floats(view.tensor, signal);
		return { weights, bias: await vector(node.input(2), outputs), outputs, features: channels * taps, taps, hasBias: true };
	}
	if (node.op === 'Gemm') {
		if (node.int('transA', 0) !== 0 || node.float('alpha', 1) !== 1 || node.float('beta', 1) !== 1)
			return 'its Gemm scales or turns its input';
		const turned = node.int('transB', 0) === 1;
		const [outputs, features] = (turned ? dims : [dims[1], dims[0]]) as [number, number];
		const stored = await floats(view.tensor, signal);
		const weights = turned ? stored : transposed(stored, features, outputs);
		if (!turned) giveBack(stored);
		return { weights, bias: await vector(node.input(2), outputs), outputs, features, taps: 1, hasBias: true };
	}
	if (node.op === 'MatMul' && dims.length === 2) {
		const [features, outputs] = dims as [number, number];
		const add = biasAdd(node);
		const stored = await floats(view.tensor, signal);
		const weights = transposed(stored, features, outputs);
		giveBack(stored);
		const bias = add ? (add.input(0) === node.output() ? add.input(1) : add.input(0)) : null;
		return { weights, bias: await vector(bias, outputs), outputs, features, taps: 1, hasBias: add !== undefined };
	}
	return `${node.op} is not refitted`;
}

/** Stores new weights [outputs, features] and bias; `kernel`: spatial sizes of a convolution. The old tensors stay where other nodes read them. */
export function writeLayer(node: Node, layer: LayerMatrix, weights: Float32Array, bias: Float32Array, kernel: readonly number[]): void {
	const label = node.name || node.op;
	if (node.op === 'Conv') {
		storeAt(node, 1, `${label}_weight`, memoryTensor('float32', [layer.outputs, layer.features / layer.taps, ...kernel], weights));
	} else {
		const turned = node.op === 'Gemm' && node.int('transB', 0) === 1;
		const dims = turned ? [layer.outputs, layer.features] : [layer.features, layer.outputs];
		const data = turned ? weights : transposed(weights, layer.outputs, layer.features);
		storeAt(node, 1, `${label}_weight`, memoryTensor('float32', dims, data));
	}
	if (!layer.hasBias) return;
	const tensor = memoryTensor('float32', [layer.outputs], bias);
	if (node.op !== 'MatMul') {
		storeAt(node, 2, `${label}_bias`, tensor);
		return;
	}
	const add = biasAdd(node);
	if (add) storeAt(add, add.input(0) === node.output() ? 1 : 0, `${label}_bias`, tensor);
}

/** Lets a node read a stored tensor: in the place of the one that it alone read before, under its name, else as a new one. */
export function storeAt(node: Node, slot: number, name: string, tensor: TensorRef): void {
	const old = node.input(slot);
	if (old?.initializer && old.uses.size === 1 && !old.isGraphOutput && old.graph === node.graph && sameDims(old.initializer, tensor)) {
		old.initializer = tensor;
		return;
	}
	node.setInput(slot, node.graph.addInitializer(old?.name || name, tensor));
	dropUnused(old);
}

/** Declared types of a value follow its tensor only where shapes stay. */
function sameDims(a: { readonly dims: readonly number[] }, b: TensorRef): boolean {
	return a.dims.length === b.dims.length && a.dims.every((dim, axis) => dim === b.dims[axis]);
}

/** Rows of a layer's features, or of its outputs, at some positions of one example. */
export interface Rows {
	readonly data: Float32Array;
	readonly count: number;
}

/** How many rows one example gives. */
export function rowCount(node: Node, taps: number, dims: readonly number[], kernel: readonly number[]): number {
	if (node.op !== 'Conv') return elementCount(dims.slice(0, -1));
	return (dims[0] ?? 0) * elementCount(taps === 0 ? [] : windowPositions(convWindow(node, dims, kernel), dims));
}

/** Feature rows of a layer's data input at the given positions; all channels of the tensor. */
export function featureRows(
	node: Node,
	data: Float32Array,
	dims: readonly number[],
	kernel: readonly number[],
	positions: readonly number[],
): Rows {
	if (node.op === 'Conv') {
		const window = convWindow(node, dims, kernel);
		const { rows, count } = unfold(data, dims, window, { index: 0, channels: dims[1] ?? 0 }, positions);
		return { data: rows, count };
	}
	return pickRows(data, dims.at(-1) ?? 0, positions);
}

/** Output rows of a layer at the given positions. */
export function outputRows(node: Node, data: Float32Array, dims: readonly number[], positions: readonly number[]): Rows {
	if (node.op !== 'Conv') return pickRows(data, dims.at(-1) ?? 0, positions);
	const channels = dims[1] ?? 0;
	const volume = elementCount(dims.slice(2));
	const rows = new Float32Array(positions.length * channels);
	for (const [r, position] of positions.entries()) {
		const base = Math.floor(position / volume) * channels * volume + (position % volume);
		for (let c = 0; c < channels; c++) rows[r * channels + c] = data[base + c * volume] as number;
	}
	return { data: rows, count: positions.length };
}

function pickRows(data: Float32Array, width: number, positions: readonly number[]): Rows {
	const rows = new Float32Array(positions.length * width);
	for (const [r, position] of positions.entries()) rows.set(data.subarray(position * width, (position + 1) * width), r * width);
	return { data: rows, count: positions.length };
}

async function floats(tensor: TensorRef, signal?: AbortSignal): Promise<Float32Array> {
	const own = new Uint8Array(tensor.byteLength);
	const bytes = await tensor.read(0, own.byteLength, signal, own);
	// A source that cannot read into memory of the caller gives its own.
	if (bytes.buffer !== own.buffer) own.set(bytes);
	return new Float32Array(own.buffer);
}

async function vector(value: Value | null, length: number): Promise<Float32Array> {
	const view = value && (await constantView(value));
	if (view?.tensor.dtype !== 'float32') return new Float32Array(length);
	const data = await floats(view.tensor);
	return data.length === length ? data : new Float32Array(length).fill(data.length === 1 ? (data[0] as number) : 0);
}

function transposed(data: Float32Array, rows: number, columns: number): Float32Array {
	const out = new Float32Array(data.length);
	for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j] as number;
	return out;
}
