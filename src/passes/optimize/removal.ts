import type { Node, Value } from '../../core/ir/graph.ts';

/**
 * Taking things out of a graph without leaving readers behind. What loses its last reader thereby goes too: producers,
 * and stored tensors that are no input of the model.
 */

/** Whether nothing reads any output of a node and none is a graph output. */
export function isDead(node: Node): boolean {
	return node.outputs.every((output) => !output || (output.uses.size === 0 && !output.isGraphOutput));
}

/** Removes a node that nobody reads, then what it alone read. Does nothing where an output is still read. */
export function removeDead(node: Node, irVersion: number): void {
	const pending: Value[] = [];
	if (!node.placed || !isDead(node)) return;
	take(node, pending);
	for (let value = pending.pop(); value; value = pending.pop()) {
		if (value.uses.size > 0 || value.isGraphOutput) continue;
		const { producer } = value;
		if (producer) {
			if (producer.placed && isDead(producer)) take(producer, pending);
		} else dropStored(value, irVersion);
	}
}

/** Removes a value that nobody reads: its producer where no other output is read, or its stored tensor. */
export function removeUnread(value: Value, irVersion: number): void {
	if (value.uses.size > 0 || value.isGraphOutput) return;
	if (value.producer) removeDead(value.producer, irVersion);
	else dropStored(value, irVersion);
}

/** Before IR version 4 an initializer had to be listed as input: it goes with its listing. Later such a listing is an input of the model. */
function dropStored(value: Value, irVersion: number): void {
	if (!value.initializer || (value.isGraphInput && irVersion >= 4)) return;
	if (value.isGraphInput) value.graph.removeInput(value);
	value.graph.removeInitializer(value);
}

function take(node: Node, pending: Value[]): void {
	const read = (reader: Node): void => {
		for (const input of reader.inputs) if (input) pending.push(input);
	};
	read(node);
	unlinkBodies(node, read);
	node.graph.remove(node);
}

/** Nodes inside the subgraphs of a node that goes stop reading values of the graphs around it. */
function unlinkBodies(node: Node, read: (reader: Node) => void): void {
	for (const sub of node.subgraphs) {
		sub.setOutputs([]);
		for (const inner of sub.nodes()) {
			read(inner);
			unlinkBodies(inner, read);
			inner.setInputs([]);
		}
	}
}
