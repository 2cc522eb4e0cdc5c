import type { Graph, Node } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import type { Dim } from '../ir/type.ts';
import type { InferredTypes } from './infer.ts';
import { sizeWithOpenAsOne } from './symbolic.ts';

/**
 * Multiply-accumulates of one run, open dimensions taken as 1. Of the branches of an If the dearest counts (the one taken, where its
 * condition is constant), a loop body once, a model function at each call. undefined where a layer that counts has weights of unknown
 * shape.
 */
export function countMacs(model: Model, types: InferredTypes): number | undefined {
	const functions = new Map(model.functions.map((fn) => [`${fn.domain}:${fn.name}:${fn.overload}`, fn.body]));
	const counted = new Map<Graph, number>();
	/** NaN stands for unknown: it carries through sums and maxima. */
	const ofGraph = (graph: Graph, depth: number): number => {
		const known = counted.get(graph);
		if (known !== undefined) return known;
		if (depth > 100) return Number.NaN;
		let total = 0;
		for (const node of graph.nodes()) {
			const called = functions.get(`${node.domain}:${node.op}:${node.overload}`);
			total += called ? ofGraph(called, depth + 1) : (macsOf(node, types) ?? Number.NaN);
			const inner = node.subgraphs.map((sub) => ofGraph(sub, depth + 1));
			if (node.op === 'If') total += taken(node, types, inner);
			else for (const macs of inner) total += macs;
		}
		counted.set(graph, total);
		return total;
	};
	const total = ofGraph(model.graph, 0);
	return Number.isNaN(total) ? undefined : total;
}

function taken(node: Node, types: InferredTypes, branches: readonly number[]): number {
	const condition = types.elementsOf(node.input(0))?.[0];
	if (typeof condition !== 'number') return Math.max(0, ...branches);
	const names = [...node.attributes].flatMap(([name, attr]) => (attr.kind === 'graph' ? [name] : []));
	return branches[names.indexOf(condition ? 'then_branch' : 'else_branch')] ?? 0;
}

const product = (dims: readonly Dim[]): number => dims.reduce<number>((total, dim) => total * sizeWithOpenAsOne(dim), 1);

/** Multiply-accumulates of one node; 0 for operators that do not multiply matrices; undefined where its weights are of unknown shape. */
export function macsOf(node: Node, types: InferredTypes): number | undefined {
	const shape = (index: number): readonly Dim[] | undefined => types.shapeOf(node.input(index));
	const output = types.shapeOf(node.outputs[0]);
	switch (node.qualifiedOp) {
		case 'Conv':
		case 'ConvInteger':
		case 'QLinearConv':
		case 'DeformConv':
		case 'com.microsoft.FusedConv':
		case 'com.microsoft.QLinearConv': {
			const weight = shape(node.op === 'QLinearConv' ? 3 : 1);
			// One output position where the number of positions is not known.
			return weight && product(output ?? weight.slice(0, 1)) * product(weight.slice(1));
		}
		case 'ConvTranspose': {
			const weight = shape(1);
			return weight && product(shape(0) ?? weight.slice(0, 1)) * product(weight.slice(1));
		}
		case 'MatMul':
		case 'MatMulInteger':
		case 'QLinearMatMul':
		case 'com.microsoft.FusedMatMul':
		case 'com.microsoft.DynamicQuantizeMatMul':
		case 'com.microsoft.MatMulIntegerToFloat': {
			const a = shape(0);
			const b = shape(node.op === 'QLinearMatMul' ? 3 : 1);
			const inner = typeof a?.at(-1) === 'number' ? a.at(-1) : b?.at(-2);
			return output ? product(output) * product([inner ?? null]) : b && product(b);
		}
		case 'com.microsoft.MatMulNBits':
			return product(output?.slice(0, -1) ?? []) * node.int('N', 1) * node.int('K', 1);
		case 'Gemm':
		case 'com.microsoft.QGemm':
		case 'com.microsoft.FusedGemm': {
			const b = shape(node.op === 'QGemm' ? 3 : 1);
			const rows = output?.[0];
			return b && sizeWithOpenAsOne(rows ?? null) * product(b);
		}
		case 'LSTM':
		case 'GRU':
		case 'RNN':
		case 'com.microsoft.DynamicQuantizeLSTM': {
			const weight = shape(1);
			const recurrence = shape(2);
			return weight && recurrence && product(shape(0)?.slice(0, 2) ?? []) * (product(weight) + product(recurrence));
		}
		default:
			return 0;
	}
}
