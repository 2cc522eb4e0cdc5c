import { extractModel } from '../calibrate/extract.ts';
import type { Node, Value } from '../ir/graph.ts';
import { graphsWithin, type Model } from '../ir/model.ts';
import { isSparse } from '../ir/tensor.ts';
import { tensorType } from '../ir/type.ts';
import type { InferredTypes } from '../onnx/infer-rules.ts';
import { constantView } from '../pass/constant-view.ts';
import type { Note } from '../pass/pass.ts';

/** A layer with stored weights, and what stands directly behind it and would be fused with it: the unit that is timed and treated. */
export interface LayerPart {
	/** Label of the node: its name, or operator and output. Recipes name it by this. */
	readonly name: string;
	readonly node: Node;
	/** The node, the constants that it is given by other nodes, and its tail, in an order that can run. */
	readonly nodes: readonly Node[];
	/** Computed values that it reads. */
	readonly inputs: readonly Value[];
	/** What it gives: outputs that something reads. */
	readonly outputs: readonly Value[];
	/** Bytes of its stored weights. */
	readonly weightBytes: number;
	/** Equal for layers that take the same time on inputs of the same shape. */
	readonly signature: string;
}

/** Slots with stored weights of the operators that are quantized. */
const WEIGHT_SLOTS: ReadonlyMap<string, readonly number[]> = new Map([
	['Conv', [1]],
	['ConvTranspose', [1]],
	['MatMul', [1]],
	['Gemm', [1]],
	['LSTM', [1, 2]],
	['GRU', [1, 2]],
	['RNN', [1, 2]],
]);

/** Activations that runtimes fuse with the layer before them. */
const FUSED: ReadonlySet<string> = new Set(['Relu', 'Clip', 'Sigmoid', 'HardSigmoid', 'LeakyRelu', 'Tanh', 'HardSwish', 'Gelu']);
const LONGEST_TAIL = 2;
const DEEPEST_CONSTANT = 32;

/** Layers with stored float32 weights in the main graph and in subgraphs, in graph order; why others are none. */
export async function layerParts(model: Model, types: InferredTypes): Promise<{ readonly parts: LayerPart[]; readonly notes: Note[] }> {
	const parts: LayerPart[] = [];
	const notes: Note[] = [];
	const names = new Map<string, number>();
	for (const graph of graphsWithin(model.graph)) {
		for (const node of graph.nodes()) names.set(node.label, (names.get(node.label) ?? 0) + 1);
	}
	for (const graph of graphsWithin(model.graph)) {
		for (const node of graph.nodes()) {
			const slots = node.domain === '' ? WEIGHT_SLOTS.get(node.op) : undefined;
			if (!slots) continue;
			const skip = (reason: string): void => {
				notes.push({ level: 'skip', node: node.label, reason });
			};
			let bytes = 0;
			let dims = '';
			let stored = true;
			for (const slot of slots) {
				const view = await constantView(node.input(slot));
				if (view?.tensor.dtype !== 'float32') stored = false;
				else {
					bytes += view.tensor.byteLength;
					dims += `[${view.tensor.dims}]`;
				}
			}
			if (!stored) continue;
			if ((names.get(node.label) ?? 0) > 1) {
				skip('several nodes share its name: nothing can be said of it alone');
				continue;
			}
			const part = partOf(node, bytes, dims);
			const odd = part?.inputs.find((value) => {
				const type = types.typeOf(value);
				return type && (type.kind !== 'tensor' || type.dtype !== 'float32');
			});
			if (!part) skip('what it reads cannot be taken out with it');
			else if (odd) skip(`it reads ${odd.name}, which holds no float32 numbers`);
			else parts.push(part);
		}
	}
	return { parts, notes };
}

function partOf(node: Node, weightBytes: number, dims: string): LayerPart | undefined {
	const nodes: Node[] = [];
	const inputs: Value[] = [];
	const take = (reader: Node): boolean => {
		for (const value of reader.inputs) {
			if (!value || inputs.includes(value) || isStoredValue(value)) continue;
			if (value.producer && nodes.includes(value.producer)) continue;
			const constants = constantNodes(value);
			if (constants) for (const made of constants) !nodes.includes(made) && nodes.push(made);
			else inputs.push(value);
		}
		if (reader.subgraphs.length > 0) return false;
		nodes.push(reader);
		return true;
	};
	if (!take(node)) return undefined;
	let last = node;
	const tail: string[] = [];
	while (node.outputs.filter(Boolean).length === 1 && tail.length < LONGEST_TAIL) {
		const output = last.output();
		const [use] = output.uses;
		if (output.uses.size !== 1 || output.isGraphOutput || !use || use.node.graph !== node.graph || use.node.domain !== '') break;
		const next = use.node;
		const bias = node.op === 'MatMul' && next.op === 'Add' && tail.length === 0;
		if (!(FUSED.has(next.op) && use.index === 0) && !bias) break;
		const others = next.inputs.filter((value) => value && value !== output);
		if (!others.every((value) => value && isStoredValue(value))) break;
		nodes.push(next);
		tail.push(next.op);
		last = next;
	}
	const outputs = last.outputs.filter((value): value is Value => value !== null && (value.uses.size > 0 || value.isGraphOutput));
	if (inputs.length === 0 || outputs.length === 0) return undefined;
	const attributes = [...node.attributes].map(([name, attr]) => `${name}=${String(attr.value)}`).sort();
	const signature = `${node.op}(${attributes.join(',')})${dims}${node.inputs.map((value) => (value ? 1 : 0)).join('')}>${tail.join('>')}`;
	return { name: node.label, node, nodes, inputs, outputs, weightBytes, signature };
}

function isStoredValue(value: Value): boolean {
	return value.initializer !== undefined && !isSparse(value.initializer);
}

/** Nodes that make a value out of stored tensors alone, in order; undefined where anything is computed from inputs. */
function constantNodes(value: Value, depth = 0): Node[] | undefined {
	const { producer } = value;
	if (!producer || depth > DEEPEST_CONSTANT || producer.subgraphs.length > 0) return undefined;
	if (producer.op === 'Constant' && producer.domain === '') return [producer];
	if (producer.inputs.every((input) => !input)) return undefined;
	const nodes: Node[] = [];
	for (const input of producer.inputs) {
		if (!input || isStoredValue(input)) continue;
		const before = constantNodes(input, depth + 1);
		if (!before) return undefined;
		for (const node of before) if (!nodes.includes(node)) nodes.push(node);
	}
	return [...nodes, producer];
}

/** The part as a model of its own, with inputs x0, x1 … of unknown size in each axis, and outputs in the order of `part.outputs`. */
export interface PartModel {
	readonly model: Model;
	readonly inputNames: readonly string[];
	readonly outputNames: readonly string[];
}

/** `rankOf`: axes of a computed input. Stored tensors are shared with the whole model. */
export function partModel(whole: Model, part: LayerPart, rankOf: (value: Value) => number): PartModel {
	const { model, inputs, outputs } = extractModel(whole, part.nodes, part.inputs, part.outputs, (value) =>
		tensorType('float32', new Array<null>(rankOf(value)).fill(null)),
	);
	return {
		model,
		inputNames: part.inputs.map((value) => inputs.get(value) ?? ''),
		outputNames: part.outputs.map((value) => outputs.get(value) ?? ''),
	};
}

/** The whole model once more; stored tensors are shared. */
export function copyModel(model: Model): Model {
	const { graph } = model;
	const inputs = graph.inputs.filter((value) => !value.initializer);
	const copy = extractModel(model, [...graph.nodes()], inputs, graph.outputs, (value) => value.type ?? tensorType('float32', null)).model;
	for (const [i, output] of copy.graph.outputs.entries()) {
		const type = graph.outputs[i]?.type;
		if (type) output.type = type;
	}
	for (const [key, value] of model.metadata) copy.metadata.set(key, value);
	return copy;
}
