import type { Graph, Node, Value } from '../../core/ir/graph.ts';
import { graphsWithin, type Model } from '../../core/ir/model.ts';
import { storedBytes } from '../../core/ir/stored-bytes.ts';
import { inferTypes } from '../../core/onnx/infer.ts';
import type { OptionsOf } from '../../core/pass/options.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import { type Cut, findCut, type Refusal } from './cut.ts';
import type { extractOptions } from './index.ts';

type Options = OptionsOf<typeof extractOptions>;

export function describeExtracting(model: Model, options: Options): Note[] {
	if (asksNothing(options)) return [nothingAsked];
	const cut = findCut(model, options);
	return Array.isArray(cut) ? cut.map(skipped) : notesOf(model, cut);
}

export async function runExtracting(model: Model, options: Options, context: PassContext): Promise<PassResult> {
	const { graph } = model;
	const eligible = graph.nodeCount;
	const unchanged = (notes: readonly Note[]): PassResult => ({ changed: 0, eligible, bytesTouched: 0, unit: 'nodes', notes });
	if (asksNothing(options)) return unchanged([nothingAsked]);
	const cut = findCut(model, options);
	if (Array.isArray(cut)) return unchanged(cut.map(skipped));
	const types = await inferTypes(model);
	context.signal?.throwIfAborted();
	const untyped = cut.inputs.filter((value) => !value.isGraphInput && !types.typeOf(value));
	if (untyped.length > 0) {
		return unchanged(
			untyped.map((value) =>
				skipped({
					tensor: value.name,
					reason: `its type is unknown, since ${value.producer?.label ?? 'its operator'} has no rule for it; an input needs one`,
				}),
			),
		);
	}
	const notes = notesOf(model, cut);
	const bytesBefore = storedBytes(model);
	for (const value of cut.outputs) value.type ??= types.typeOf(value);

	const inputs = cut.inputs.map((value) => (value.isGraphInput ? value : asInput(graph, value, types.typeOf(value))));
	graph.setOutputs(cut.outputs);
	const gone = [...graph.nodes()].filter((node) => !cut.nodes.has(node));
	for (const node of gone) unlink(node);
	for (const node of gone) graph.remove(node);
	for (const value of [...graph.initializers]) {
		if (value.uses.size > 0 || value.isGraphOutput) continue;
		if (value.isGraphInput) graph.removeInput(value);
		graph.removeInitializer(value);
	}
	const keep = new Set(inputs);
	const overridable = graph.inputs.filter((value) => value.initializer && !keep.has(value));
	for (const value of [...graph.inputs]) graph.removeInput(value);
	for (const value of [...inputs, ...overridable]) graph.listAsInput(value);
	return {
		changed: gone.length,
		eligible,
		bytesTouched: bytesBefore - storedBytes(model),
		unit: 'nodes',
		notes,
		headline: `Kept ${graph.nodeCount} of ${eligible} nodes, between ${listed(inputs)} and ${listed(cut.outputs)}.`,
	};
}

const nothingAsked: Note = { level: 'skip', reason: 'no input and no output was chosen' };

function asksNothing({ inputs, outputs }: Options): boolean {
	return inputs.length === 0 && outputs.length === 0;
}

function skipped({ tensor, reason }: Refusal): Note {
	return { level: 'skip', node: tensor, reason };
}

function notesOf(model: Model, cut: Cut): Note[] {
	const kept = new Set<Value>([...cut.inputs, ...cut.unread]);
	const dropped = model.graph.inputs.filter((value) => !value.initializer && !kept.has(value));
	return [
		...cut.unread.map(
			(value): Note => ({ level: 'info', node: value.name, reason: 'no chosen output depends on it: it is not an input of the part' }),
		),
		...dropped.map((value): Note => ({ level: 'info', node: value.name, reason: 'this input of the model is no longer needed' })),
	];
}

/** Puts a graph input of the same name in the place of a computed value. What computed it keeps its link under another name. */
function asInput(graph: Graph, value: Value, type: Value['type']): Value {
	const { name } = value;
	value.name = graph.ledger.fresh(`${name}_computed`);
	const input = graph.addInput(name, type);
	for (const { node, index } of [...value.uses]) node.setInput(index, input);
	return input;
}

/** Lets a node, and the nodes inside it, read nothing any more. */
function unlink(node: Node): void {
	node.setInputs([]);
	for (const sub of node.subgraphs) {
		for (const inner of graphsWithin(sub)) {
			for (const each of inner.nodes()) each.setInputs([]);
			inner.setOutputs([]);
		}
	}
}

function listed(values: readonly Value[]): string {
	const names = values.slice(0, 4).map((value) => value.name);
	return values.length > 4 ? `${names.join(', ')} and ${values.length - 4} more` : names.join(', ') || 'nothing';
}
