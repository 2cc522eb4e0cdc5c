import type { Attribute } from '../../../core/ir/attribute.ts';
import type { Node, Value } from '../../../core/ir/graph.ts';
import { allGraphs } from '../../../core/ir/model.ts';
import { canTakeOver } from '../bypass.ts';
import type { Sweep } from '../rule.ts';

/**
 * Two nodes of one graph with the same operator, attributes and inputs give the same outputs: the later goes. In graph order, so
 * that equal chains fall together in one go. Random operators and nodes with subgraphs stay, as does a node whose output and that
 * of its double are both outputs of the graph.
 */
export const commonSubexpressions: Sweep = {
	id: 'common-subexpressions',
	title: 'Nodes that compute the same from the same inputs become one.',
	needsTypes: false,
	run(context) {
		let changed = 0;
		const numbers = new Map<object, number>();
		const idOf = (thing: object): number => {
			let id = numbers.get(thing);
			if (id === undefined) {
				id = numbers.size;
				numbers.set(thing, id);
			}
			return id;
		};
		for (const graph of allGraphs(context.model)) {
			const seen = new Map<string, Node>();
			for (const node of graph.nodes()) {
				if (RANDOM.has(node.op) || node.subgraphs.length > 0 || node.outputs.length === 0) continue;
				const key = keyOf(node, idOf);
				const first = key === undefined ? undefined : seen.get(key);
				if (key === undefined) continue;
				if (!first) seen.set(key, node);
				else if (standsFor(node, first)) {
					for (const [index, output] of node.outputs.entries()) if (output) graph.replaceUses(output, first.output(index));
					context.removeDead(node);
					changed += 1;
				}
			}
		}
		return { changed, notes: [] };
	},
};

const RANDOM: ReadonlySet<string> = new Set([
	'RandomNormal',
	'RandomUniform',
	'RandomNormalLike',
	'RandomUniformLike',
	'Multinomial',
	'Bernoulli',
	'Dropout',
]);

function standsFor(node: Node, first: Node): boolean {
	return node.outputs.every((output, index) => !output?.isGraphOutput || canTakeOver(output, first.outputs[index] as Value));
}

function keyOf(node: Node, idOf: (thing: object) => number): string | undefined {
	const attributes: string[] = [];
	for (const [name, attr] of node.attributes) {
		const text = attributeText(attr, idOf);
		if (text === undefined) return undefined;
		attributes.push(`${name}=${text}`);
	}
	const inputs = node.inputs.map((input) => (input ? idOf(input) : '_'));
	const outputs = node.outputs.map((output) => (output ? 'o' : '_'));
	return [node.domain, node.op, node.overload, inputs.join(','), outputs.join(''), ...attributes.sort()].join('|');
}

function attributeText(attr: Attribute, idOf: (thing: object) => number): string | undefined {
	switch (attr.kind) {
		case 'int':
			return `i${attr.value}`;
		case 'float':
			return Object.is(attr.value, -0) ? 'f-0' : `f${attr.value}`;
		case 'string':
			return `s${attr.value.join(',')}`;
		case 'ints':
			return `I${attr.value.join(',')}`;
		case 'floats':
			return `F${attr.value.map((value) => (Object.is(value, -0) ? '-0' : `${value}`)).join(',')}`;
		case 'strings':
			return `S${attr.value.map((text) => text.join(',')).join(';')}`;
		case 'tensor':
			return `t${idOf(attr.value)}`;
		case 'ref':
			return `r${attr.type}:${attr.value}`;
		default:
			return undefined;
	}
}
