import type { Node } from '../ir/graph.ts';

/**
 * Figures measured node by node: list, chart and graph show the same ones.
 *
 * A node is named by its scope and its first named output, because names of nodes are optional in ONNX and names of
 * values are not: `conv1_out`, or `if_out/then_branch/x` for a node in the body of the node whose first output is
 * `if_out`. A pass that keeps the name of a layer's output keeps the layer recognizable in its result.
 */
export type NodeKey = string;

/** What a column of figures says of a node. Units: milliseconds, decibels, bytes. */
export type NodeFigureKind = 'latency-ms' | 'error-db' | 'sensitivity-db' | 'bytes';

/** One measured overlay. Nodes that were not measured are absent, with the reason in `missing` where one is known. */
export interface NodeFigures {
	readonly kind: NodeFigureKind;
	/** What was measured and how, in words for the legend: "time per run on WASM, 1 thread, 20 runs". */
	readonly method: string;
	readonly values: ReadonlyMap<NodeKey, number>;
	readonly missing?: ReadonlyMap<NodeKey, string>;
}

/** Whether large values of a kind are the ones to look at (time, bytes) or small ones (decibels of agreement). */
export function worstIsLargest(kind: NodeFigureKind): boolean {
	return kind === 'latency-ms' || kind === 'bytes';
}

/** The key of a node inside the scope with the given key ('' for the main graph). A node without outputs has none. */
export function nodeKey(node: Node, scope: NodeKey = ''): NodeKey | undefined {
	for (const value of node.outputs) {
		if (value && value.name !== '') return scope === '' ? value.name : `${scope}/${value.name}`;
	}
	return undefined;
}

/** The scope of a body of a node: its key and the name of the attribute that holds the body. */
export function bodyScope(node: NodeKey, attribute: string): NodeKey {
	return `${node}/${attribute}`;
}
