import type { Node, Value } from '../../core/ir/graph.ts';
import type { RuleContext, RuleOutcome } from './rule.ts';

/**
 * Lets readers of a node's output read `source` instead and removes the node. undefined, nothing changed, where the output is one
 * of its graph and `source` cannot take its name over: an input, a stored tensor, another output, or a value of another graph
 * would need an Identity node in its place.
 */
export function bypass(node: Node, source: Value, context: RuleContext): RuleOutcome {
	const output = node.outputs[0];
	if (!output) return undefined;
	if (output.isGraphOutput && !canTakeOver(output, source)) return undefined;
	const readers = [...output.uses].map((use) => use.node);
	node.graph.replaceUses(output, source);
	context.removeDead(node);
	return { kind: 'changed', touched: source.producer ? [...readers, source.producer] : readers };
}

/** Whether a value can stand for a graph output. */
export function canTakeOver(output: Value, source: Value): boolean {
	return source.graph === output.graph && source.producer !== undefined && !source.isGraphOutput && source.initializer === undefined;
}
