import { extractModel } from '../calibrate/extract.ts';
import type { Graph, Node } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import { tensorType } from '../ir/type.ts';

/** A model that shares its stored tensors with another, and the nodes that stand for the other's. */
export interface Copy {
	readonly model: Model;
	readonly nodes: ReadonlyMap<Node, Node>;
}

/** Copies a model's graph, not its weights. */
export function copyModel(model: Model): Copy {
	const inputs = model.graph.inputs.filter((value) => !value.initializer);
	const nodes = [...model.graph.nodes()];
	const extracted = extractModel(model, nodes, inputs, model.graph.outputs, (value) => value.type ?? tensorType('float32', null));
	const pairs = new Map<Node, Node>();
	pair(model.graph, extracted.model.graph, pairs);
	return { model: extracted.model, nodes: pairs };
}

function pair(from: Graph, to: Graph, pairs: Map<Node, Node>): void {
	const others = to.nodes();
	for (const node of from.nodes()) {
		const other = others.next().value as Node | undefined;
		if (!other) return;
		pairs.set(node, other);
		for (const [i, graph] of node.subgraphs.entries()) {
			const inner = other.subgraphs[i];
			if (inner) pair(graph, inner, pairs);
		}
	}
}
