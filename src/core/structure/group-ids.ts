import { attributeGraphs } from '../ir/attribute.ts';
import type { Graph, Node } from '../ir/graph.ts';
import { bodyScope, type NodeKey, nodeKey } from '../study/node-figures.ts';
import type { Group } from './groups.ts';

/**
 * Names of groups that recipes use: the key of the layer that makes what can go (see NodeKey), the stored tensor where there is no such
 * node. Where one layer makes several groups, the later ones end in `#2`, `#3` and so on, in the order of the model. The same model gives
 * the same names, whatever its nodes are called.
 */
export function groupIds(groups: readonly Group[]): string[] {
	const taken = new Set<string>();
	return groups.map((group) => {
		const name = (group.maker && scopedKey(group.maker)) ?? group.places[0]?.value.name ?? group.name;
		let id = name;
		for (let n = 2; taken.has(id); n++) id = `${name}#${n}`;
		taken.add(id);
		return id;
	});
}

/** The key of a node with the bodies that it stands in. */
export function scopedKey(node: Node): NodeKey | undefined {
	return nodeKey(node, scopeOf(node.graph));
}

function scopeOf(graph: Graph): NodeKey {
	const { owner } = graph;
	if (!owner) return '';
	const own = scopedKey(owner);
	if (own === undefined) return '';
	for (const [name, attribute] of owner.attributes) {
		const at = attributeGraphs(attribute).indexOf(graph);
		if (at >= 0) return bodyScope(own, attribute.kind === 'graphs' ? `${name}.${at}` : name);
	}
	return own;
}
