import { createHash } from 'node:crypto';
import type { Attribute } from '../ir/attribute.ts';
import type { Graph, Value } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import { isSparse, type SparseTensorRef, type TensorRef } from '../ir/tensor.ts';
import { printType, type ValueType } from '../ir/type.ts';
import { originalType } from './decode-type.ts';

/**
 * Everything a model says, as text, tensor data as hashes: two models are structurally equal when their texts are. The
 * order of value_info and of unknown fields is not part of it, absent and empty texts are the same.
 */
export async function describeModel(model: Model): Promise<string> {
	const lines: string[] = [
		`ir ${model.irVersion} producer ${model.producerName}|${model.producerVersion} domain ${model.domain} version ${model.modelVersion}`,
		`doc ${JSON.stringify(model.docString)} unknown ${hash(model.unknown)}`,
		...[...model.opsets].map(([domain, version]) => `opset ${domain} ${version}`),
		...[...model.metadata].map(([key, value]) => `metadata ${JSON.stringify([key, value])}`),
	];
	await describeGraph(model.graph, lines, '');
	for (const fn of model.functions) {
		lines.push(`function ${fn.domain}.${fn.name}:${fn.overload} doc ${JSON.stringify(fn.docString)} unknown ${hash(fn.unknown)}`);
		lines.push(`attributes ${fn.attributes.join()} opsets ${[...fn.opsets].join()}`);
		for (const [name, attr] of fn.defaults) await describeAttribute(name, attr, lines, ' ');
		await describeGraph(fn.body, lines, ' ');
	}
	return lines.join('\n');
}

async function describeGraph(graph: Graph, lines: string[], indent: string): Promise<void> {
	lines.push(`${indent}graph ${graph.name} doc ${JSON.stringify(graph.docString)} unknown ${hash(graph.unknown)}`);
	for (const value of graph.inputs) lines.push(`${indent} input ${describeValue(value)}`);
	for (const value of graph.outputs) lines.push(`${indent} output ${describeValue(value)}`);
	for (const value of graph.initializers) {
		if (value.initializer) lines.push(`${indent} initializer ${describeValue(value)} ${await describeTensor(value.initializer)}`);
	}
	for (const node of graph.nodes()) {
		lines.push(
			`${indent} node ${node.name} ${node.domain}.${node.op}:${node.overload} doc ${JSON.stringify(node.docString)} unknown ${hash(node.unknown)}`,
		);
		lines.push(`${indent}  in ${names(node.inputs)}`);
		lines.push(`${indent}  out ${names(node.outputs)} ${node.outputs.map((value) => (value ? describeValue(value) : '')).join('; ')}`);
		for (const [name, attr] of node.attributes) await describeAttribute(name, attr, lines, `${indent}  `);
	}
}

function names(values: readonly (Value | null)[]): string {
	return values
		.map((value) => value?.name ?? '')
		.join(',')
		.replace(/,+$/, '');
}

function describeValue(value: Value): string {
	return `${value.name}: ${describeType(value.type)} doc ${JSON.stringify(value.docString)} unknown ${hash(value.unknown)}`;
}

function describeType(type: ValueType | undefined): string {
	if (!type) return '?';
	const original = originalType(type);
	return `${printType(type)}${original ? ` original ${hash(original)}` : ''}${type.kind === 'opaque' ? hash(type.raw) : ''}`;
}

async function describeTensor(tensor: TensorRef | SparseTensorRef): Promise<string> {
	if (isSparse(tensor)) {
		return `sparse [${tensor.dims}] values ${await describeTensor(tensor.values)} indices ${await describeTensor(tensor.indices)}`;
	}
	const data = tensor.dtype === 'string' ? ((await tensor.strings?.()) ?? []).map((text) => hash(text)).join() : hash(await tensor.bytes());
	return `${tensor.dtype}[${tensor.dims}] ${tensor.byteLength} doc ${JSON.stringify(tensor.docString ?? '')} ${data}`;
}

async function describeAttribute(name: string, attr: Attribute, lines: string[], indent: string): Promise<void> {
	const head = `${indent}${name} ${attr.kind} doc ${JSON.stringify(attr.docString ?? '')} unknown ${hash(attr.unknown)}`;
	switch (attr.kind) {
		case 'tensor':
		case 'sparseTensor':
			lines.push(`${head} ${await describeTensor(attr.value)}`);
			return;
		case 'tensors':
		case 'sparseTensors':
			lines.push(head);
			for (const tensor of attr.value) lines.push(`${indent} ${await describeTensor(tensor)}`);
			return;
		case 'graph':
		case 'graphs':
			lines.push(head);
			for (const graph of attr.kind === 'graph' ? [attr.value] : attr.value) await describeGraph(graph, lines, `${indent} `);
			return;
		case 'string':
		case 'opaque':
			lines.push(`${head} ${hash(attr.value)}`);
			return;
		case 'strings':
			lines.push(`${head} ${attr.value.map((text) => hash(text)).join()}`);
			return;
		case 'type':
			lines.push(`${head} ${describeType(attr.value)}`);
			return;
		case 'types':
			lines.push(`${head} ${attr.value.map(describeType).join('; ')}`);
			return;
		case 'float':
			lines.push(`${head} ${Object.is(attr.value, -0) ? '-0' : attr.value}`);
			return;
		case 'ref':
			lines.push(`${head} ${attr.type} ${attr.value}`);
			return;
		default:
			lines.push(`${head} ${String(attr.value)}`);
	}
}

function hash(bytes: Uint8Array | undefined): string {
	return bytes ? createHash('sha256').update(bytes).digest('hex').slice(0, 16) : '-';
}
