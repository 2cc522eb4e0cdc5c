import type { Node, Value } from '../ir/graph.ts';
import { graphsWithin, type Model } from '../ir/model.ts';
import { layerOutput } from './layer.ts';

/** The sum that a layer's output goes into, with what is added to it there. */
export interface ResidualSum {
	readonly sum: Value;
	readonly other: Value;
}

/**
 * Where a layer's output is added to another value and read by nothing else: fitted to the sum, the layer makes up for what that other
 * value has lost too. `position`: order of nodes; the other value must be settled before the layer is.
 */
export function residualSum(node: Node, position: ReadonlyMap<Node, number>): ResidualSum | undefined {
	const output = layerOutput(node);
	const [use, ...others] = output.uses;
	if (!use || others.length > 0 || output.isGraphOutput || use.node.op !== 'Add' || use.node.domain !== '') return undefined;
	if (use.node.graph !== node.graph) return undefined;
	const other = use.node.input(1 - use.index);
	if (!other || other === output || other.initializer || other.graph !== node.graph) return undefined;
	const made = other.producer ? (position.get(other.producer) ?? Number.POSITIVE_INFINITY) : -1;
	return made < (position.get(node) ?? -1) ? { sum: use.node.output(), other } : undefined;
}

/** Order of all nodes, bodies where their owners stand. */
export function nodePositions(model: Model): Map<Node, number> {
	const position = new Map<Node, number>();
	for (const graph of graphsWithin(model.graph)) for (const node of graph.nodes()) position.set(node, position.size);
	return position;
}

/** Values that differ once the stored values that `isChanged` names have changed: all that is computed from one of them. */
export function valuesBehind(model: Model, isChanged: (value: Value) => boolean): Set<Value> {
	const values = new Set<Value>();
	const visit = (node: Node): void => {
		let differs = node.inputs.some((input) => input !== null && (values.has(input) || isChanged(input)));
		for (const graph of node.subgraphs) {
			if (differs) for (const input of graph.inputs) values.add(input);
			for (const inner of graph.nodes()) visit(inner);
			if (graph.outputs.some((output) => values.has(output))) differs = true;
		}
		if (differs) for (const output of node.outputs) if (output) values.add(output);
	};
	for (const node of model.graph.nodes()) visit(node);
	return values;
}
