import { dtypeFromCode, elementCount } from '../../core/ir/dtype.ts';
import type { Graph, Node, Value } from '../../core/ir/graph.ts';
import { graphsWithin } from '../../core/ir/model.ts';
import type { ElementTypes } from './element-types.ts';
import { ANGLES, ELEMENTWISE, MOVES } from './operators.ts';
import { signatureOf } from './signatures.ts';

/** A constant factor up to this size may be a table of frequencies; a larger one is a weight. */
const TABLE_ELEMENTS = 4096;

/**
 * Nodes that compute sizes, positions or angles in floating point: everything from a Cast of integers (or a Range) through arithmetic
 * with constants to a Cast back to integers, a Sin or Cos, or an input that must be float32 (the scales of Resize). float16
 * holds integers exactly only up to 2048: a picture wider than that, or a later token, would silently go wrong.
 */
export function exactNodes(graph: Graph, types: ElementTypes, opset: number): ReadonlySet<Node> {
	const counted = new Set<Value>();
	const nodes: Node[] = [];
	const isConstant = (value: Value): boolean =>
		value.initializer !== undefined || (value.producer?.domain === '' && value.producer.op === 'Constant');
	const isTable = (value: Value): boolean => {
		const attr = value.producer?.attributes.get('value');
		const tensor = value.initializer ?? (attr?.kind === 'tensor' ? attr.value : undefined);
		return tensor === undefined || elementCount(tensor.dims) <= TABLE_ELEMENTS;
	};
	for (const part of graphsWithin(graph)) {
		for (const node of part.nodes()) {
			if (node.domain !== '') continue;
			const output = node.outputs[0];
			if (!output || types.of(output) !== 'float32') continue;
			if (node.op === 'Range' || (node.op === 'Cast' && types.of(node.input(0)) === 'other')) counted.add(output);
			else if (ELEMENTWISE.has(node.op) || MOVES.has(node.op) || node.op === 'MatMul' || node.op === 'Einsum') {
				const floats = node.inputs.filter((value): value is Value => value !== null && types.of(value) === 'float32');
				const derived =
					floats.some((value) => counted.has(value)) &&
					floats.every((value) => counted.has(value) || (isConstant(value) && isTable(value)));
				if (!derived) continue;
				for (const value of node.outputs) if (value) counted.add(value);
				nodes.push(node);
			}
		}
	}
	const exact = new Set<Node>();
	for (const node of nodes.reverse()) {
		const reaches = node.outputs.some(
			(value) => value && [...value.uses].some((use) => exact.has(use.node) || needsExact(use.node, use.index, opset)),
		);
		if (reaches || ANGLES.has(node.op)) exact.add(node);
	}
	return exact;
}

function needsExact(node: Node, index: number, opset: number): boolean {
	if (node.domain !== '') return false;
	if (node.op === 'Cast') return dtypeFromCode(node.int('to', 0))?.includes('int') ?? false;
	if (node.op === 'Range') return true;
	return (node.op === 'Resize' || node.op === 'Upsample') && signatureOf(node.op, opset)?.input(index).kind === 'fixed';
}
