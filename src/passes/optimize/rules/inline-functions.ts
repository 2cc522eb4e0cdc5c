import type { Attribute } from '../../../core/ir/attribute.ts';
import type { Node, Value } from '../../../core/ir/graph.ts';
import { graphsWithin, type Model, type ModelFunction } from '../../../core/ir/model.ts';
import type { Note } from '../../../core/pass/pass.ts';
import { canTakeOver } from '../bypass.ts';
import { copyBefore } from '../copy-nodes.ts';
import type { Sweep } from '../rule.ts';

/**
 * A call of a model function becomes the nodes of its body, parameters put in (onnx/docs/IR.md, Functions). Refused where the body
 * imports another version of an operator set than the model, so that its operators would change their meaning, and where functions
 * call each other without end.
 */
export const inlineFunctions: Sweep = {
	id: 'inline-functions',
	title: 'Functions of the model become part of the graph that calls them.',
	needsTypes: false,
	run(context) {
		const { model } = context;
		const notes: Note[] = [];
		const functions = new Map(model.functions.map((fn) => [`${fn.domain}:${fn.name}:${fn.overload}`, fn]));
		if (functions.size === 0) return { changed: 0, notes };
		const refused = new Map<ModelFunction, string>();
		for (const fn of model.functions) {
			const reason = obstacle(fn, model);
			if (reason) refused.set(fn, reason);
		}
		let changed = 0;
		let nodes = 0;
		// A body that calls another function is met again when its nodes stand in the graph.
		const pending: { node: Node; depth: number }[] = [];
		for (const graph of graphsWithin(model.graph)) for (const node of graph.nodes()) pending.push({ node, depth: 0 });
		for (let next = pending.pop(); next; next = pending.pop()) {
			const { node, depth } = next;
			const fn = functions.get(`${node.domain}:${node.op}:${node.overload}`);
			if (!fn || !node.placed) continue;
			const reason = refused.get(fn) ?? (depth > DEEPEST || nodes > MOST_NODES ? 'its calls are nested too deeply' : undefined);
			if (reason) {
				notes.push({ level: 'skip', node: node.label, reason });
				continue;
			}
			for (const [domain, version] of fn.opsets) if (!model.opsets.has(domain)) model.setOpset(domain, version);
			const made = inline(node, fn);
			context.removeDead(node);
			for (const inner of made) {
				pending.push({ node: inner, depth: depth + 1 });
				for (const sub of inner.subgraphs) {
					for (const graph of graphsWithin(sub)) for (const each of graph.nodes()) pending.push({ node: each, depth: depth + 1 });
				}
			}
			nodes += made.length;
			changed += 1;
		}
		return { changed, notes };
	},
};

const DEEPEST = 32;
const MOST_NODES = 200_000;

function obstacle(fn: ModelFunction, model: Model): string | undefined {
	for (const [domain, version] of fn.opsets) {
		const own = model.opsets.get(domain);
		if (own !== undefined && own !== version) {
			return `${fn.name} is written for version ${version} of ${domain || 'ai.onnx'}, the model for ${own}`;
		}
	}
	return undefined;
}

function inline(node: Node, fn: ModelFunction): Node[] {
	const { graph } = node;
	const parameters = new Map<string, Attribute>(fn.defaults);
	for (const [name, attr] of node.attributes) parameters.set(name, attr);
	const values = new Map<Value, Value | null>();
	for (const [index, parameter] of fn.body.inputs.entries()) values.set(parameter, node.input(index));
	const made = copyBefore(node, fn.body, { values, parameters, prefix: node.name ? `${node.name}/` : '' });
	for (const [index, output] of node.outputs.entries()) {
		const given = fn.body.outputs[index];
		if (!output || !given) continue;
		let source = values.get(given);
		if (!source) continue;
		if (output.isGraphOutput && !canTakeOver(output, source)) {
			source = graph.insertBefore(node, graph.createNode({ op: 'Identity', inputs: [source], outputs: 1 })).output();
		}
		graph.replaceUses(output, source);
	}
	return made;
}
