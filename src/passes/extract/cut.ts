import type { Graph, Node, Value } from '../../core/ir/graph.ts';
import { graphsWithin, type Model } from '../../core/ir/model.ts';

/** A closed cut: every chosen output can be computed from the chosen inputs and stored tensors. */
export interface Cut {
	/** In the order asked for; of the model's own inputs, in its order. */
	readonly inputs: readonly Value[];
	readonly outputs: readonly Value[];
	/** Nodes of the main graph that the outputs need. */
	readonly nodes: ReadonlySet<Node>;
	/** Inputs asked for that no chosen output depends on. */
	readonly unread: readonly Value[];
}

export interface Refusal {
	/** Tensor that it speaks of. */
	readonly tensor: string;
	readonly reason: string;
}

/** Names of the main graph's values; those inside control flow with the node that holds them. */
interface NameTable {
	readonly values: ReadonlyMap<string, Value>;
	readonly inside: ReadonlyMap<string, Node>;
	readonly nodes: ReadonlyMap<string, Node>;
}

/** Finds what lies between the named tensors. Gives every reason against it where it cannot be cut; changes nothing. */
export function findCut(
	model: Model,
	wanted: { readonly inputs: readonly string[]; readonly outputs: readonly string[] },
): Cut | Refusal[] {
	const { graph } = model;
	const table = nameTable(graph);
	const refusals: Refusal[] = [];
	const resolve = (names: readonly string[]): Value[] => {
		const found = new Set<Value>();
		for (const name of names) {
			const value = table.values.get(name);
			if (value) found.add(value);
			else refusals.push({ tensor: name, reason: whyMissing(name, table) });
		}
		return [...found];
	};
	const chosen = resolve(wanted.inputs);
	const outputs = wanted.outputs.length > 0 ? resolve(wanted.outputs) : [...graph.outputs];
	const stops = new Set(chosen);
	for (const value of chosen) {
		if (value.initializer && !value.isGraphInput)
			refusals.push({ tensor: value.name, reason: 'it is a stored tensor, not something that the model is fed' });
	}
	for (const value of outputs) {
		if (stops.has(value)) refusals.push({ tensor: value.name, reason: 'it is asked for as input and as output' });
		else if (wanted.outputs.length > 0 && !value.producer && !graph.outputs.includes(value)) {
			refusals.push({ tensor: value.name, reason: 'no node computes it: it is an input or a stored tensor' });
		}
	}
	if (refusals.length > 0) return refusals;

	const { nodes, reached, missing } = walkBack(graph, outputs, stops, wanted.inputs.length > 0);
	if (missing.size > 0) {
		return [...missing].map(([value, reader]) => ({
			tensor: value.name,
			reason: `the cut is not closed: ${reader} also needs this input of the model; add it to the inputs, or choose a tensor after it`,
		}));
	}
	const own = graph.inputs.filter((value) => reached.has(value) && !stops.has(value));
	return {
		inputs: wanted.inputs.length > 0 ? [...chosen.filter((value) => reached.has(value)), ...own] : own,
		outputs,
		nodes,
		unread: chosen.filter((value) => !reached.has(value)),
	};
}

/** Everything that the outputs need, up to the stops. `missing`: inputs of the model that must be fed and are no stop. */
function walkBack(graph: Graph, outputs: readonly Value[], stops: ReadonlySet<Value>, onlyStops: boolean) {
	const nodes = new Set<Node>();
	const reached = new Set<Value>();
	const missing = new Map<Value, string>();
	const open: { value: Value; reader: string }[] = outputs.map((value) => ({ value, reader: value.name }));
	while (open.length > 0) {
		const { value, reader } = open.pop()!;
		if (reached.has(value)) continue;
		reached.add(value);
		if (stops.has(value)) continue;
		const { producer } = value;
		if (!producer) {
			if (onlyStops && value.isGraphInput && !value.initializer) missing.set(value, reader);
			continue;
		}
		if (nodes.has(producer)) continue;
		nodes.add(producer);
		for (const read of outerReads(producer, graph)) open.push({ value: read, reader: producer.label });
	}
	return { nodes, reached, missing };
}

/** Values of `graph` that a node reads, itself or in its subgraphs. */
function outerReads(node: Node, graph: Graph): Value[] {
	const reads = node.inputs.filter((value): value is Value => value !== null);
	for (const sub of node.subgraphs) {
		for (const inner of graphsWithin(sub)) {
			for (const each of inner.nodes()) for (const value of each.inputs) if (value?.graph === graph) reads.push(value);
			for (const value of inner.outputs) if (value.graph === graph) reads.push(value);
		}
	}
	return reads;
}

function nameTable(graph: Graph): NameTable {
	const values = new Map<string, Value>();
	const inside = new Map<string, Node>();
	const nodes = new Map<string, Node>();
	for (const value of [...graph.inputs, ...graph.initializers]) values.set(value.name, value);
	for (const node of graph.nodes()) {
		if (node.name) nodes.set(node.name, node);
		for (const output of node.outputs) if (output) values.set(output.name, output);
		for (const sub of node.subgraphs) {
			for (const inner of graphsWithin(sub)) {
				for (const each of inner.nodes()) for (const output of each.outputs) if (output) inside.set(output.name, node);
			}
		}
	}
	return { values, inside, nodes };
}

function whyMissing(name: string, { inside, nodes }: NameTable): string {
	const holder = inside.get(name);
	if (holder) return `it stands inside ${holder.label}; only tensors of the main graph can be inputs or outputs`;
	const outputs = nodes.get(name)?.outputs.flatMap((value) => (value ? [value.name] : []));
	if (outputs) return `it is the name of a node; the tensors that it gives are ${outputs.join(', ')}`;
	return 'the model has no tensor of this name';
}
