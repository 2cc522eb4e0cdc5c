import { allGraphs, type Model } from './model.ts';

/** Bytes of all stored tensors: initializers and tensors of Constant nodes, in every graph. */
export function storedBytes(model: Model): number {
	let total = 0;
	for (const graph of allGraphs(model)) {
		for (const value of graph.initializers) total += value.initializer?.byteLength ?? 0;
		for (const node of graph.nodes()) {
			for (const attr of node.attributes.values()) if (attr.kind === 'tensor') total += attr.value.byteLength;
		}
	}
	return total;
}
