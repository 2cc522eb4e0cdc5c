import { attribute } from '../../core/ir/attribute.ts';
import { elementCount } from '../../core/ir/dtype.ts';
import type { Graph, Node, Value } from '../../core/ir/graph.ts';
import { allGraphs, type Model } from '../../core/ir/model.ts';
import { isSparse, type SparseTensorRef, type TensorRef } from '../../core/ir/tensor.ts';
import type { Note } from '../../core/pass/pass.ts';
import type { PruneMagnitudeOptions } from './index.ts';

/** Input slots that hold weights, and the axis that the operator sums over. */
interface WeightSlot {
	readonly index: number;
	/** Summed axis of the weight; undefined where the rank does not fit. */
	axis(dims: readonly number[], node: Node): number | undefined;
	/** Groups along that axis must not cross multiples of this length; undefined: the whole axis. */
	segment?(dims: readonly number[], node: Node): number;
}

const recurrent: readonly WeightSlot[] = [
	{ index: 1, axis: (dims) => (dims.length === 3 ? 2 : undefined) },
	{ index: 2, axis: (dims) => (dims.length === 3 ? 2 : undefined) },
];

const SLOTS: Readonly<Record<string, readonly WeightSlot[]>> = {
	Conv: [{ index: 1, axis: (dims) => (dims.length >= 3 ? 1 : undefined) }],
	ConvTranspose: [
		{
			index: 1,
			axis: (dims) => (dims.length >= 3 ? 0 : undefined),
			segment: (dims, node) => (dims[0] ?? 1) / Math.max(1, node.int('group', 1)),
		},
	],
	Gemm: [
		{ index: 1, axis: (dims, node) => (dims.length !== 2 ? undefined : node.int('transB', 0) ? 1 : 0) },
		{ index: 0, axis: (dims, node) => (dims.length !== 2 ? undefined : node.int('transA', 0) ? 0 : 1) },
	],
	MatMul: [
		{ index: 1, axis: (dims) => (dims.length === 0 ? undefined : Math.max(0, dims.length - 2)) },
		{ index: 0, axis: (dims) => (dims.length === 0 ? undefined : dims.length - 1) },
	],
	LSTM: recurrent,
	GRU: recurrent,
	RNN: recurrent,
	Gather: [{ index: 0, axis: (dims) => (dims.length >= 2 ? dims.length - 1 : undefined) }],
};

/** Operators pruned unless told otherwise. */
export const PRUNED_OPS: readonly string[] = ['Conv', 'ConvTranspose', 'Gemm', 'MatMul', 'LSTM', 'GRU', 'RNN'];

/** A weight to prune, once, however many nodes read it. */
export interface Weight {
	/** Name of the tensor. */
	readonly name: string;
	readonly tensor: TensorRef;
	readonly count: number;
	readonly nodes: readonly Node[];
	readonly axis: number | undefined;
	readonly segment: number | undefined;
	/** Whether the tensor may become a sparse initializer. */
	readonly isInitializer: boolean;
	replace(tensor: TensorRef | SparseTensorRef): void;
}

interface Holder {
	readonly key: Value | Node;
	readonly tensor: TensorRef;
	readonly name: string;
	/** The operator reads the elements in another arrangement than they are stored in. */
	readonly moved: boolean;
}

/** Operators that hand every element on once. All but Identity change the arrangement. */
const PASSING: ReadonlySet<string> = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose']);

/** Where the numbers behind a value are stored: an initializer or a Constant node, looked up through what only rearranges them. */
function holderOf(value: Value): Holder | undefined {
	let current: Value | null = value;
	let moved = false;
	for (let steps = 0; current && steps < 16; steps++) {
		const stored: TensorRef | SparseTensorRef | undefined = current.initializer;
		if (stored) return isSparse(stored) ? undefined : { key: current, tensor: stored, name: current.name, moved };
		const producer: Node | undefined = current.producer;
		if (producer?.domain !== '') return undefined;
		if (producer.op === 'Constant') {
			const attr = producer.attributes.get('value');
			return attr?.kind === 'tensor' ? { key: producer, tensor: attr.value, name: current.name, moved } : undefined;
		}
		if (!PASSING.has(producer.op)) return undefined;
		moved ||= producer.op !== 'Identity';
		current = producer.input(0);
	}
	return undefined;
}

export interface Found {
	readonly weights: readonly Weight[];
	/** Tensors that the operators hold, treated or not. */
	readonly eligible: number;
	readonly notes: readonly Note[];
}

/** The weights that the options choose, in the order of the nodes, and why others were left alone. */
export function findWeights(model: Model, options: PruneMagnitudeOptions): Found {
	const notes: Note[] = [];
	const ops = new Set(options.opTypes);
	for (const op of ops) if (!SLOTS[op]) notes.push({ level: 'warn', node: op, reason: 'there is no such operator with weights to prune' });
	const excluded = new Set(options.nodesToExclude);
	const kept = options.keepFirstAndLast ? outermost(model.graph, ops) : new Set<Node>();
	const found = new Map<Value | Node, { weight: Weight; nodes: Node[] }>();
	const left = new Map<Value | Node, Note>();
	const protectedBy = new Map<Value | Node, string>();
	const seen = new Set<string>();
	for (const graph of allGraphs(model)) {
		for (const node of graph.nodes()) {
			if (node.name) seen.add(node.name);
			for (const { slot, holder } of slotsOf(node, ops)) {
				const { tensor, key, name } = holder;
				const note = (reason: string): void => void left.set(key, { level: 'skip', node: node.label, reason });
				if (excluded.has(node.name) || kept.has(node)) {
					const reason =
						kept.has(node) && !excluded.has(node.name) ? 'it is the first or the last layer' : 'it is on the list of nodes left alone';
					protectedBy.set(key, node.label);
					note(reason);
					continue;
				}
				if (tensor.dtype !== 'float32' && tensor.dtype !== 'float16') {
					note(`its weights are ${tensor.dtype}: prune before quantizing`);
					continue;
				}
				const count = elementCount(tensor.dims);
				if (count < options.minElements) {
					note(`it has fewer than ${options.minElements} weights`);
					continue;
				}
				const known = found.get(key);
				if (known) {
					known.nodes.push(node);
					continue;
				}
				const nodes = [node];
				const axis = holder.moved ? undefined : slot.axis(tensor.dims, node);
				const replace = (result: TensorRef | SparseTensorRef): void => {
					if ('op' in key) {
						if (!isSparse(result)) key.setAttribute('value', attribute.tensor(result));
					} else key.initializer = result;
				};
				const weight: Weight = {
					name,
					tensor,
					count,
					nodes,
					axis,
					segment: slot.segment?.(tensor.dims, node),
					isInitializer: !('op' in key),
					replace,
				};
				found.set(key, { weight, nodes });
			}
		}
	}
	for (const [key, label] of protectedBy) {
		if (found.delete(key)) left.set(key, { level: 'skip', node: label, reason: 'it shares its weights with a layer that is left alone' });
	}
	for (const key of found.keys()) left.delete(key);
	notes.push(...left.values());
	for (const name of excluded)
		if (!seen.has(name))
			notes.push({ level: 'warn', node: name, reason: 'the list of nodes left alone names it, but the model has no such node' });
	return { weights: [...found.values()].map(({ weight }) => weight), eligible: found.size + left.size, notes };
}

/** Constant weights of a node: the first slot that is constant for products, every one for recurrent layers. */
function slotsOf(node: Node, ops: ReadonlySet<string>): { readonly slot: WeightSlot; readonly holder: Holder }[] {
	if (node.domain !== '' || !ops.has(node.op)) return [];
	const result: { slot: WeightSlot; holder: Holder }[] = [];
	for (const slot of SLOTS[node.op] ?? []) {
		const value = node.input(slot.index);
		const holder = value ? holderOf(value) : undefined;
		if (!holder) continue;
		result.push({ slot, holder });
		if (node.op === 'MatMul' || node.op === 'Gemm') break;
	}
	return result;
}

/** First and last layers with weights; within an If, those of each branch. */
function outermost(graph: Graph, ops: ReadonlySet<string>): Set<Node> {
	const firstOf = (inner: Graph, nodes: (graph: Graph) => Node[]): Node[] => {
		for (const node of nodes(inner)) {
			if (slotsOf(node, ops).length > 0) return [node];
			const below = node.subgraphs.flatMap((sub) => firstOf(sub, nodes));
			if (below.length > 0) return below;
		}
		return [];
	};
	return new Set([...firstOf(graph, (inner) => [...inner.nodes()]), ...firstOf(graph, (inner) => [...inner.nodes()].reverse())]);
}
