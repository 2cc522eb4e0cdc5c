import type { Node } from '../ir/graph.ts';
import { allGraphs, type Model } from '../ir/model.ts';
import type { Dim } from '../ir/type.ts';
import type { InferredTypes } from './infer.ts';

/**
 * Multiply-accumulates of one run, open dimensions taken as 1; a branch counts fully, a loop body once. undefined where a
 * layer that counts has an unknown shape.
 */
export function countMacs(model: Model, types: InferredTypes): number | undefined {
	let total = 0;
	for (const graph of allGraphs(model)) {
		for (const node of graph.nodes()) {
			const macs = macsOf(node, types);
			if (macs === undefined) return undefined;
			total += macs;
		}
	}
	return total;
}

const product = (dims: readonly Dim[]): number => dims.reduce<number>((total, dim) => total * (typeof dim === 'number' ? dim : 1), 1);

/** Multiply-accumulates of one node; 0 for operators that do not multiply matrices; undefined where shapes are not known. */
export function macsOf(node: Node, types: InferredTypes): number | undefined {
	const output = types.shapeOf(node.outputs[0]);
	switch (node.qualifiedOp) {
		case 'Conv':
		case 'ConvInteger':
		case 'QLinearConv': {
			const weight = types.shapeOf(node.input(node.op === 'QLinearConv' ? 3 : 1));
			return weight && output ? product(output) * product(weight.slice(1)) : undefined;
		}
		case 'ConvTranspose': {
			const input = types.shapeOf(node.input(0));
			const weight = types.shapeOf(node.input(1));
			return weight && input ? product(input) * product(weight.slice(1)) : undefined;
		}
		case 'MatMul':
		case 'MatMulInteger':
		case 'com.microsoft.DynamicQuantizeMatMul':
		case 'com.microsoft.MatMulIntegerToFloat': {
			const input = types.shapeOf(node.input(0));
			return input && output ? product(output) * product(input.slice(-1)) : undefined;
		}
		case 'com.microsoft.MatMulNBits':
			return output ? product(output) * node.int('K', 1) : undefined;
		case 'Gemm': {
			const input = types.shapeOf(node.input(0));
			const inner = input?.[node.int('transA', 0) === 1 ? 0 : 1];
			return output && input ? product(output) * (typeof inner === 'number' ? inner : 1) : undefined;
		}
		case 'LSTM':
		case 'GRU':
		case 'RNN': {
			const input = types.shapeOf(node.input(0));
			const weight = types.shapeOf(node.input(1));
			const recurrence = types.shapeOf(node.input(2));
			return input && weight && recurrence ? product(input.slice(0, 2)) * (product(weight) + product(recurrence)) : undefined;
		}
		default:
			return 0;
	}
}
