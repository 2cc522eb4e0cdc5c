import type { Graph, Node, Value } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import { printAttribute } from '../ir/print.ts';
import { isSparse } from '../ir/tensor.ts';
import { printType } from '../ir/type.ts';
import type { InferredTypes } from '../onnx/infer.ts';
import { macsOf } from '../onnx/macs.ts';
import { bodyScope, type NodeKey, nodeKey } from '../study/node-figures.ts';

/** A tensor stored in the file that a node reads. */
export interface DrawnTensor {
	readonly name: string;
	readonly dtype: string;
	readonly dims: readonly number[];
	readonly byteLength: number;
}

/** One value that a node reads or makes. */
export interface DrawnPort {
	readonly name: string;
	/** As printed by printType; `?` where nothing is known. */
	readonly type: string;
	readonly stored?: DrawnTensor;
}

/** A node of one graph as a page shows it: plain data. Inputs and outputs of the graph are nodes too. */
export interface DrawnNode {
	/** Place in the list of nodes. */
	readonly id: number;
	/** Names the node in figures; absent for nodes without outputs. */
	readonly key?: NodeKey;
	readonly kind: 'operator' | 'constant' | 'input' | 'output';
	/** Name of the node, or its operator and first output. */
	readonly label: string;
	/** Operator with its domain; for inputs and outputs their name. */
	readonly op: string;
	readonly name: string;
	/** Parts of the name that stand for groups: `/encoder/layer.0/MatMul` is in encoder, layer.0. */
	readonly groups: readonly string[];
	readonly attributes: readonly { readonly name: string; readonly text: string }[];
	readonly inputs: readonly DrawnPort[];
	readonly outputs: readonly DrawnPort[];
	/** Stored bytes that it reads and no node before it: initializers and outputs of Constant nodes. */
	readonly bytes: number;
	/** Multiply-accumulates of one run, unknown dimensions taken as 1; 0 where it has none. */
	readonly macs: number;
	/** Graphs inside it, to be entered: name of the attribute and scope. */
	readonly bodies: readonly { readonly attribute: string; readonly scope: NodeKey }[];
}

export interface DrawnEdge {
	readonly from: number;
	readonly to: number;
	readonly name: string;
	readonly type: string;
}

export interface GraphDrawing {
	/** '' is the main graph; else the scope of a body, as in node keys. */
	readonly scope: NodeKey;
	readonly nodes: readonly DrawnNode[];
	readonly edges: readonly DrawnEdge[];
	/** Ways up, from the main graph down to this one. */
	readonly path: readonly { readonly title: string; readonly scope: NodeKey }[];
}

/** The graph with the scope of a body; undefined where the model has none. */
export function graphAt(model: Model, scope: NodeKey): { readonly graph: Graph; readonly path: GraphDrawing['path'] } | undefined {
	const path: { title: string; scope: NodeKey }[] = [{ title: 'main graph', scope: '' }];
	const walk = (graph: Graph, at: NodeKey): Graph | undefined => {
		if (at === scope) return graph;
		for (const node of graph.nodes()) {
			const key = nodeKey(node, at);
			if (key === undefined) continue;
			for (const { name, body } of bodiesOf(node)) {
				const inner = bodyScope(key, name);
				if (scope !== inner && !scope.startsWith(`${inner}/`)) continue;
				path.push({ title: `${node.op} ${name}`, scope: inner });
				const found = walk(body, inner);
				if (found) return found;
				path.pop();
			}
		}
		return undefined;
	};
	const graph = walk(model.graph, '');
	return graph && { graph, path };
}

function* bodiesOf(node: Node): IterableIterator<{ name: string; body: Graph }> {
	for (const [name, attribute] of node.attributes) {
		if (attribute.kind === 'graph') yield { name, body: attribute.value };
		else if (attribute.kind === 'graphs') for (const [i, body] of attribute.value.entries()) yield { name: `${name}.${i}`, body };
	}
}

/** A graph of a model as plain data. Throws RangeError where the model has no graph of that scope. */
export function drawGraph(model: Model, types: InferredTypes, scope: NodeKey = ''): GraphDrawing {
	const found = graphAt(model, scope);
	if (!found) throw new RangeError(`the model has no graph ${scope}`);
	const { graph, path } = found;
	const nodes: DrawnNode[] = [];
	const edges: DrawnEdge[] = [];
	const makers = new Map<Value, number>();
	const counted = new Set<Value>();
	const typeText = (value: Value): string => printType(types.typeOf(value) ?? value.type);
	const port = (value: Value | null): DrawnPort => {
		if (!value) return { name: '', type: 'left out' };
		const stored = storedOf(value);
		return { name: value.name, type: typeText(value), ...(stored && { stored }) };
	};
	const outer = (value: Value): boolean => value.graph !== graph;
	const terminal = (kind: 'input' | 'output', value: Value): number => {
		const id = nodes.length;
		const own = { name: value.name, type: typeText(value) };
		nodes.push({
			id,
			kind,
			label: value.name,
			op: value.name,
			name: value.name,
			groups: [],
			attributes: [],
			inputs: kind === 'input' ? [] : [own],
			outputs: kind === 'input' ? [own] : [],
			bytes: 0,
			macs: 0,
			bodies: [],
		});
		return id;
	};
	for (const value of graph.inputs) if (!value.initializer) makers.set(value, terminal('input', value));
	for (const node of graph.nodes()) {
		const id = nodes.length;
		const key = nodeKey(node, scope);
		let bytes = 0;
		for (const value of node.inputs) {
			if (!value || counted.has(value)) continue;
			counted.add(value);
			bytes += storedOf(value)?.byteLength ?? 0;
		}
		nodes.push({
			id,
			...(key !== undefined && { key }),
			kind: node.op === 'Constant' && node.domain === '' ? 'constant' : 'operator',
			label: node.label,
			op: node.qualifiedOp,
			name: node.name,
			groups: groupsOf(node.name),
			attributes: [...node.attributes].map(([name, attribute]) => ({ name, text: shorten(printAttribute(attribute)) })),
			inputs: node.inputs.map(port),
			outputs: node.outputs.map(port),
			bytes,
			macs: macsOf(node, types) ?? 0,
			bodies: key === undefined ? [] : [...bodiesOf(node)].map(({ name }) => ({ attribute: name, scope: bodyScope(key, name) })),
		});
		for (const value of node.outputs) if (value) makers.set(value, id);
	}
	const at = new Map<Node, number>();
	let next = nodes.findIndex(({ kind }) => kind !== 'input');
	for (const node of graph.nodes()) at.set(node, next++);
	for (const node of graph.nodes()) {
		const to = at.get(node) as number;
		// A body reads values of the graph around its node: an edge to the node says so.
		const read = new Set<Value>([...node.inputs.filter((value) => value !== null), ...captured(node)]);
		for (const value of read) {
			const from = makers.get(value);
			if (from !== undefined && !outer(value)) edges.push({ from, to, name: value.name, type: typeText(value) });
		}
	}
	for (const value of graph.outputs) {
		const from = makers.get(value);
		const to = terminal('output', value);
		if (from !== undefined) edges.push({ from, to, name: value.name, type: typeText(value) });
	}
	return { scope, nodes, edges, path };
}

/** Values that the bodies of a node read from around it. */
function* captured(node: Node): IterableIterator<Value> {
	for (const body of node.subgraphs) {
		for (const inner of body.nodes()) {
			for (const value of inner.inputs) if (value && value.graph === node.graph) yield value;
			for (const value of captured(inner)) if (value.graph === node.graph) yield value;
		}
	}
}

/** The stored tensor behind a value: an initializer, or the output of a Constant. */
function storedOf(value: Value): DrawnTensor | undefined {
	const tensor = value.initializer;
	if (tensor) {
		return {
			name: value.name,
			dtype: isSparse(tensor) ? `sparse ${tensor.dtype}` : tensor.dtype,
			dims: tensor.dims,
			byteLength: tensor.byteLength,
		};
	}
	const { producer } = value;
	if (producer?.op !== 'Constant' || producer.domain !== '') return undefined;
	for (const attribute of producer.attributes.values()) {
		if (attribute.kind === 'tensor') {
			const { dtype, dims, byteLength } = attribute.value;
			return { name: value.name, dtype, dims, byteLength };
		}
	}
	return undefined;
}

/** Names of exporters are paths: `/model/layer.0/attention/MatMul`. Names without slashes have no groups. */
function groupsOf(name: string): string[] {
	const parts = name.split('/').filter((part) => part !== '');
	return parts.slice(0, -1);
}

function shorten(text: string): string {
	return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
