import type { Node, Value } from '../../../core/ir/graph.ts';
import { graphsWithin } from '../../../core/ir/model.ts';
import { tensorType } from '../../../core/ir/type.ts';
import { canTakeOver } from '../bypass.ts';
import { copyBefore } from '../copy-nodes.ts';
import type { Sweep, SweepContext } from '../rule.ts';

/**
 * An If whose condition is known always takes the same branch: its nodes take the place of the If. The condition is constant, or
 * shape inference knows it (exporters guard squeezes and empty inputs so). Function bodies keep theirs: there the condition may
 * differ from call to call.
 */
export const constantIf: Sweep = {
	id: 'constant-if',
	title: 'Branches of If that are always taken become part of the graph.',
	needsTypes: true,
	async run(context) {
		let changed = 0;
		for (const graph of [...graphsWithin(context.model.graph)]) {
			for (const node of [...graph.nodes()]) {
				if (node.op !== 'If' || node.domain !== '' || !node.placed) continue;
				const taken = await condition(node, context);
				if (taken === undefined) continue;
				inline(node, taken ? 'then_branch' : 'else_branch', context);
				changed += 1;
			}
		}
		return { changed, notes: [] };
	},
};

async function condition(node: Node, context: SweepContext): Promise<boolean | undefined> {
	const value = node.input(0);
	const stored = await context.numbers(value, 1);
	const known = stored?.[0] ?? context.elementsOf(value)?.[0];
	return typeof known === 'number' ? known !== 0 : undefined;
}

function inline(node: Node, branch: 'then_branch' | 'else_branch', context: SweepContext): void {
	const attr = node.attributes.get(branch);
	if (attr?.kind !== 'graph') return;
	const body = attr.value;
	const { graph } = node;
	const values = new Map<Value, Value | null>();
	for (const value of body.initializers) {
		if (!value.initializer) continue;
		const stored = graph.addInitializer(value.name || 'constant', value.initializer);
		if (context.model.irVersion < 4) {
			stored.type = tensorType(value.initializer.dtype, value.initializer.dims);
			if (!graph.outer) graph.listAsInput(stored);
		}
		values.set(value, stored);
	}
	copyBefore(node, body, { values, parameters: undefined, prefix: '' });
	for (const [index, output] of node.outputs.entries()) {
		const given = body.outputs[index];
		if (!output || !given) continue;
		let source = values.get(given) ?? given;
		if (output.isGraphOutput && !canTakeOver(output, source)) {
			source = graph.insertBefore(node, graph.createNode({ op: 'Identity', inputs: [source], outputs: 1 })).output();
		}
		graph.replaceUses(output, source);
	}
	context.removeDead(node);
}
