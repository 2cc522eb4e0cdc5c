import type { Node } from '../../../core/ir/graph.ts';
import { allGraphs, allNodes } from '../../../core/ir/model.ts';
import { isDead } from '../removal.ts';
import type { Sweep } from '../rule.ts';

/**
 * Nodes that no output depends on, stored tensors that nothing reads and functions that nothing calls go. Inputs of the model stay:
 * they are its interface.
 */
export const unused: Sweep = {
	id: 'unused',
	title: 'Nodes, stored tensors and functions that nothing needs go.',
	needsTypes: false,
	run(context) {
		let changed = 0;
		for (const graph of allGraphs(context.model)) {
			const nodes: Node[] = [...graph.nodes()];
			for (let index = nodes.length - 1; index >= 0; index--) {
				const node = nodes[index] as Node;
				if (!node.placed || !isDead(node)) continue;
				context.removeDead(node);
				changed += 1;
			}
		}
		for (const graph of allGraphs(context.model)) {
			for (const value of [...graph.initializers]) {
				if (value.uses.size > 0 || value.isGraphOutput) continue;
				context.removeUnread(value);
				changed += Number(value.initializer === undefined);
			}
		}
		return { changed: changed + dropFunctions(context.model), notes: [] };
	},
};

function dropFunctions(model: Parameters<typeof allNodes>[0]): number {
	let dropped = 0;
	for (;;) {
		const called = new Set<string>();
		for (const node of allNodes(model)) called.add(`${node.domain}:${node.op}`);
		const kept = model.functions.filter((fn) => called.has(`${fn.domain}:${fn.name}`));
		if (kept.length === model.functions.length) return dropped;
		dropped += model.functions.length - kept.length;
		model.functions.splice(0, model.functions.length, ...kept);
	}
}
