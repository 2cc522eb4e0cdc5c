import type { Graph, Node } from './graph.ts';

/**
 * Puts the nodes of a graph into topological order, moving as few as needed: nodes that stand right keep their order.
 * What a node's subgraphs read counts as read by the node. Returns false, changing nothing, where there is a cycle.
 * Linear in nodes and edges.
 */
export function sortNodes(graph: Graph): boolean {
	const order: Node[] = [];
	const state = new Map<Node, 'open' | 'done'>();
	for (const root of graph.nodes()) {
		if (state.has(root)) continue;
		// Depth first with a stack of its own: generated graphs nest deeper than the call stack.
		const stack: { node: Node; needs: Iterator<Node> }[] = [{ node: root, needs: producersOf(root, graph).values() }];
		state.set(root, 'open');
		while (stack.length > 0) {
			const top = stack[stack.length - 1]!;
			const next = top.needs.next();
			if (next.done) {
				state.set(top.node, 'done');
				order.push(top.node);
				stack.pop();
				continue;
			}
			const known = state.get(next.value);
			if (known === 'open') return false;
			if (known === 'done') continue;
			state.set(next.value, 'open');
			stack.push({ node: next.value, needs: producersOf(next.value, graph).values() });
		}
	}
	let sorted = true;
	let index = 0;
	for (const node of graph.nodes()) if (node !== order[index++]) sorted = false;
	if (!sorted) for (const node of order) graph.append(node);
	return true;
}

/** Nodes of `graph` that give what `node`, or a subgraph in it, reads. */
function producersOf(node: Node, graph: Graph): Node[] {
	const producers: Node[] = [];
	const collect = (reader: Node): void => {
		for (const input of reader.inputs) {
			const producer = input?.producer;
			if (producer && producer.graph === graph && producer.placed) producers.push(producer);
		}
		for (const sub of reader.subgraphs) {
			for (const inner of sub.nodes()) collect(inner);
			for (const output of sub.outputs) if (output.producer?.graph === graph) producers.push(output.producer);
		}
	};
	collect(node);
	return producers;
}
