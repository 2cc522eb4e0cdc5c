import type { Attribute } from './attribute.ts';
import type { Graph, Node, Value } from './graph.ts';
import type { Model } from './model.ts';
import { isSparse } from './tensor.ts';
import { printType } from './type.ts';

const decoder = new TextDecoder();

/** A model as text: one line a node, stable, for tests, diffs and people. Weights show type and shape, never values. */
export function printModel(model: Model): string {
	const opsets = [...model.opsets].map(([domain, version]) => `${domain || 'ai.onnx'} ${version}`).join(', ');
	const lines = [`model ir ${model.irVersion}, ${opsets}`, printGraph(model.graph)];
	for (const fn of model.functions) lines.push(`function ${fn.domain}.${fn.name}`, printGraph(fn.body));
	return lines.join('\n');
}

/** A graph as text, subgraphs indented below their node. */
export function printGraph(graph: Graph, indent = ''): string {
	const lines = [`${indent}graph ${graph.name}(${graph.inputs.map(port).join(', ')}) -> (${graph.outputs.map(port).join(', ')})`];
	for (const value of graph.initializers) {
		const tensor = value.initializer;
		if (tensor) lines.push(`${indent}  ${value.name} = ${isSparse(tensor) ? 'sparse ' : ''}${tensor.dtype}[${tensor.dims.join(', ')}]`);
	}
	for (const node of graph.nodes()) {
		lines.push(`${indent}  ${printNode(node)}`);
		for (const sub of node.subgraphs) lines.push(printGraph(sub, `${indent}    `));
	}
	return lines.join('\n');
}

/** `y = Conv(x, w, b) {strides = [2, 2]}`. */
export function printNode(node: Node): string {
	const outputs = node.outputs.map((value) => value?.name ?? '_').join(', ');
	const inputs = node.inputs.map((value) => value?.name ?? '_').join(', ');
	const attributes = [...node.attributes].map(([name, attr]) => `${name} = ${printAttribute(attr)}`).join(', ');
	return `${outputs ? `${outputs} = ` : ''}${node.qualifiedOp}(${inputs})${attributes ? ` {${attributes}}` : ''}`;
}

function port(value: Value): string {
	return `${value.name}: ${printType(value.type)}`;
}

/** A value as text: small ones whole, tensors and graphs by what they are. */
export function printAttribute(attr: Attribute): string {
	switch (attr.kind) {
		case 'int':
			return `${attr.value}`;
		case 'float':
			return `${attr.value}`;
		case 'string':
			return JSON.stringify(decoder.decode(attr.value));
		case 'ints':
			return `[${attr.value.join(', ')}]`;
		case 'floats':
			return `[${attr.value.join(', ')}]`;
		case 'strings':
			return `[${attr.value.map((text) => JSON.stringify(decoder.decode(text))).join(', ')}]`;
		case 'tensor':
			return `${attr.value.dtype}[${attr.value.dims.join(', ')}]`;
		case 'graph':
			return `graph ${attr.value.name}`;
		case 'ref':
			return `@${attr.value}`;
		default:
			return attr.kind;
	}
}
