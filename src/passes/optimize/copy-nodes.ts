import type { Attribute } from '../../core/ir/attribute.ts';
import { Graph, type Node, type Value } from '../../core/ir/graph.ts';

/** How nodes are copied into another graph. */
export interface Copying {
	/** Values of the copied part by those that stand for them; null: an input left out. Grows as nodes are copied. */
	readonly values: Map<Value, Value | null>;
	/** What references to parameters become: those of a function call. undefined: references stay. */
	readonly parameters: ReadonlyMap<string, Attribute> | undefined;
	/** Put before names of nodes. */
	readonly prefix: string;
}

/** Copies the nodes of `from`, in order, before `place` in its graph. Values get fresh names made from theirs. */
export function copyBefore(place: Node, from: Graph, copying: Copying): Node[] {
	const made: Node[] = [];
	for (const node of from.nodes()) made.push(place.graph.insertBefore(place, copyNode(node, place.graph, copying)));
	return made;
}

function copyNode(node: Node, into: Graph, copying: Copying): Node {
	const attributes = new Map<string, Attribute>();
	for (const [name, attr] of node.attributes) {
		const copied = copyAttribute(attr, into, copying);
		if (copied) attributes.set(name, copied);
	}
	const copy = into.createNode({
		op: node.op,
		domain: node.domain,
		overload: node.overload,
		name: node.name && copying.prefix + node.name,
		inputs: node.inputs.map((input) => resolved(input, copying)),
		outputs: node.outputs.map((output) => (output ? into.ledger.fresh(output.name || 'value') : null)),
		attributes,
		docString: node.docString,
	});
	for (const [index, output] of node.outputs.entries()) {
		const made = copy.outputs[index];
		if (!output || !made) continue;
		if (output.type && !copying.parameters) made.type = output.type;
		copying.values.set(output, made);
	}
	return copy;
}

function resolved(value: Value | null, { values }: Copying): Value | null {
	if (!value) return null;
	const known = values.get(value);
	// A value of a graph around the copied part stands for itself.
	return known === undefined ? value : known;
}

/** undefined: the attribute refers to a parameter that the call does not give. */
function copyAttribute(attr: Attribute, into: Graph, copying: Copying): Attribute | undefined {
	if (attr.kind === 'ref') return copying.parameters ? copying.parameters.get(attr.value) : attr;
	if (attr.kind === 'graph') return { ...attr, value: copyGraph(attr.value, into, copying) };
	if (attr.kind === 'graphs') return { ...attr, value: attr.value.map((graph) => copyGraph(graph, into, copying)) };
	return attr;
}

function copyGraph(graph: Graph, outer: Graph, copying: Copying): Graph {
	const copy = new Graph(outer.ledger, graph.name);
	copy.docString = graph.docString;
	for (const value of graph.inputs) {
		const input = copy.addInput(outer.ledger.fresh(value.name || 'input'), value.type);
		if (value.initializer) copy.adoptInitializer(input, value.initializer);
		copying.values.set(value, input);
	}
	for (const value of graph.initializers) {
		if (value.initializer && !value.isGraphInput)
			copying.values.set(value, copy.addInitializer(value.name || 'constant', value.initializer));
	}
	for (const node of graph.nodes()) copy.append(copyNode(node, copy, copying));
	copy.setOutputs(graph.outputs.map((value) => resolved(value, copying) ?? value));
	return copy;
}
