import { graphsWithin, type Model } from '../../core/ir/model.ts';
import { isStored } from '../../core/pass/constant-view.ts';
import type { Note } from '../../core/pass/pass.ts';
import { traits } from './operators.ts';
import type { Options } from './options.ts';

/** What run will do, told from the graph alone: nothing is read. */
export function survey(model: Model, options: Options): Note[] {
	const notes: Note[] = [];
	const chosen = new Set(options.opTypesToQuantize);
	const opset = Math.max(model.opset, 13);
	for (const graph of graphsWithin(model.graph)) {
		for (const node of graph.nodes()) {
			const trait = node.domain === '' ? traits.get(node.op) : undefined;
			if (!trait || trait.treatment === 'move' || !chosen.has(node.op)) continue;
			const reason = options.nodesToExclude.includes(node.name) ? 'excluded by name' : trait.refuse?.(node, opset);
			if (reason) notes.push({ level: 'skip', node: node.label, reason });
			else if (trait.weight && isStored(node.input(trait.weight.slot))) {
				const only = options.nodesWeightOnly.includes(node.name);
				notes.push({ level: 'info', node: node.label, reason: only ? 'int8 weights, computes in fp32' : `${node.op} with int8 weights` });
			} else notes.push({ level: 'info', node: node.label, reason: `${node.op} on codes` });
		}
	}
	return notes;
}
