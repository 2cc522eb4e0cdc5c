import type { Attribute } from '../ir/attribute.ts';
import { Graph, type Node, type Value } from '../ir/graph.ts';
import { Model } from '../ir/model.ts';
import type { ValueType } from '../ir/type.ts';

/** A part of a model as a model of its own. */
export interface Extracted {
	readonly model: Model;
	/** Names of the part's inputs and outputs by the value of the whole model that they stand for. */
	readonly inputs: ReadonlyMap<Value, string>;
	readonly outputs: ReadonlyMap<Value, string>;
}

/**
 * The nodes of the main graph in `nodes` (in graph order, closed: what they read is made by them, stored, or among `inputs`) as a
 * model with `outputs`. Stored tensors are shared, not copied; the whole model is not changed. `inputType` states inputs' types.
 * Throws where a node reads a value that is none of these.
 */
export function extractModel(
	whole: Model,
	nodes: readonly Node[],
	inputs: readonly Value[],
	outputs: readonly Value[],
	inputType: (value: Value) => ValueType,
): Extracted {
	const model = new Model();
	model.irVersion = Math.max(whole.irVersion, 4);
	for (const [domain, version] of whole.opsets) model.setOpset(domain, version);
	model.functions.push(...whole.functions);
	const { graph } = model;
	const known = new Map<Value, Value>();
	const inputNames = new Map<Value, string>();
	for (const value of inputs) {
		const name = model.ledger.fresh(value.name || 'input');
		known.set(value, graph.addInput(name, inputType(value)));
		inputNames.set(value, name);
	}
	for (const node of nodes) cloneNode(node, graph, known, graph);
	const outputNames = new Map<Value, string>();
	const listed: Value[] = [];
	for (const value of outputs) {
		const clone = known.get(value);
		if (!clone) throw new Error(`${value.name} is not computed by the part`);
		// An input cannot be an output as well.
		const shown = clone.isGraphInput ? graph.append(graph.createNode({ op: 'Identity', inputs: [clone], outputs: 1 })).output() : clone;
		outputNames.set(value, shown.name);
		listed.push(shown);
	}
	graph.setOutputs(listed);
	return { model, inputs: inputNames, outputs: outputNames };
}

/**
 * Appends a copy of a node to `into`. `known`: what the values that it reads have become; its outputs and the stored tensors that it brings
 * along (added to `main`) are entered. Throws where it reads anything else.
 */
export function cloneNode(node: Node, into: Graph, known: Map<Value, Value>, main: Graph): void {
	const input = (value: Value | null): Value | null => {
		if (!value) return null;
		const found = known.get(value);
		if (found) return found;
		if (!value.initializer) throw new Error(`${node.label} reads ${value.name}, which is not part of what was taken out`);
		const stored = main.addInitializer(value.name || 'constant', value.initializer);
		known.set(value, stored);
		return stored;
	};
	const attributes = new Map<string, Attribute>();
	for (const [name, attr] of node.attributes) {
		if (attr.kind === 'graph') attributes.set(name, { ...attr, value: cloneGraph(attr.value, into, known, main) });
		else if (attr.kind === 'graphs') attributes.set(name, { ...attr, value: attr.value.map((sub) => cloneGraph(sub, into, known, main)) });
		else attributes.set(name, attr);
	}
	const clone = into.createNode({
		op: node.op,
		domain: node.domain,
		overload: node.overload,
		name: node.name,
		inputs: node.inputs.map(input),
		outputs: node.outputs.map((output) => (output ? into.ledger.fresh(output.name || 'value') : null)),
		attributes,
	});
	node.outputs.forEach((output, index) => {
		const made = clone.outputs[index];
		if (!output || !made) return;
		if (output.type) made.type = output.type;
		known.set(output, made);
	});
	into.append(clone);
}

function cloneGraph(graph: Graph, outer: Graph, known: Map<Value, Value>, main: Graph): Graph {
	const clone = new Graph(outer.ledger, graph.name);
	for (const value of graph.inputs) {
		if (!value.initializer) known.set(value, clone.addInput(outer.ledger.fresh(value.name || 'input'), value.type));
	}
	for (const value of graph.initializers) {
		if (value.initializer) known.set(value, clone.addInitializer(value.name || 'constant', value.initializer));
	}
	for (const node of graph.nodes()) cloneNode(node, clone, known, main);
	clone.setOutputs(
		graph.outputs.map((value) => {
			const found = known.get(value);
			if (!found) throw new Error(`${value.name} is not computed by its graph`);
			return found;
		}),
	);
	return clone;
}
