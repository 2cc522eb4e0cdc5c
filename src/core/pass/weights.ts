import type { Node, Use, Value } from '../ir/graph.ts';
import { MOVES_DATA } from './constant-view.ts';

/**
 * Input slots that read a stored value, operators that only move data looked through: who must be served when the value
 * is replaced. A Concat or Slice that ends in a graph output counts as a reader itself.
 */
export function readersOf(value: Value): Use[] {
	const readers: Use[] = [];
	const seen = new Set<Value>();
	const walk = (current: Value): void => {
		if (seen.has(current)) return;
		seen.add(current);
		for (const use of current.uses) {
			const { node, index } = use;
			const moves = node.domain === '' && MOVES_DATA.has(node.op) && (index === 0 || node.op === 'Concat');
			const output = node.outputs[0];
			if (!moves || !output || output.isGraphOutput) readers.push(use);
			else walk(output);
		}
	};
	walk(value);
	return readers;
}

/** Whether a value, or anything that is only its data moved, is an output of its graph: then its bytes must stay. */
export function reachesOutput(value: Value): boolean {
	const seen = new Set<Value>();
	const walk = (current: Value): boolean => {
		if (seen.has(current)) return false;
		seen.add(current);
		if (current.isGraphOutput) return true;
		for (const { node, index } of current.uses) {
			const output = node.outputs[0];
			if (output && node.domain === '' && MOVES_DATA.has(node.op) && (index === 0 || node.op === 'Concat') && walk(output)) return true;
		}
		return false;
	};
	return walk(value);
}

/** Removes a value that nothing reads any more, with the nodes and stored tensors that only it needed. */
export function dropUnused(value: Value | null): void {
	if (!value || value.uses.size > 0 || value.isGraphOutput) return;
	const { graph, producer } = value;
	if (!producer) {
		if (value.initializer === undefined) return;
		// An overridable initializer that nothing reads is no use as an input either.
		if (value.isGraphInput) graph.removeInput(value);
		graph.removeInitializer(value);
		return;
	}
	if (!producer.placed || producer.subgraphs.length > 0) return;
	if (producer.outputs.some((output) => output && (output.uses.size > 0 || output.isGraphOutput))) return;
	const inputs = [...producer.inputs];
	producer.graph.remove(producer);
	for (const input of inputs) dropUnused(input);
}

/** How people are told about a stored value: its name. */
export function weightLabel(value: Value, node: Node): string {
	return value.name ? `${node.label} (${value.name})` : node.label;
}
