import { constantOf } from '../ir/constants.ts';
import { dtypeBits, elementCount } from '../ir/dtype.ts';
import type { Node } from '../ir/graph.ts';
import { allNodes, type Model } from '../ir/model.ts';
import { storedBytes } from '../ir/stored-bytes.ts';
import type { InferredTypes } from './infer.ts';

/** Something that can take a tab down, or never end, when the model is run. */
export interface Hazard {
	readonly kind: 'may-not-end' | 'huge-tensor';
	readonly node: string;
	/** In words, for people. */
	readonly reason: string;
	/** Bytes of the tensor, for huge tensors. */
	readonly byteLength?: number;
}

/** A tensor above this is worth a word before it is made. */
const HUGE_BYTES = 1_000_000_000;

/**
 * What can be told to be dangerous from the structure alone: loops whose end depends on data, and tensors blown up from a
 * constant shape (ConstantOfShape, Expand, Tile). Reads nothing; shapes stored in the file are looked at by their type only
 * where they are declared.
 */
export function hazards(model: Model): Hazard[] {
	const found: Hazard[] = [];
	for (const node of allNodes(model)) {
		if (node.domain !== '') continue;
		if (node.op === 'Loop') {
			found.push({
				kind: 'may-not-end',
				node: node.label,
				reason: `${node.label} is a Loop: it ends when its own data says so, which may be never. Runs have a time limit and can be cancelled.`,
			});
		}
		const type = node.outputs[0]?.type;
		if (type?.kind === 'tensor' && type.shape?.every((dim) => typeof dim === 'number')) {
			const byteLength = (elementCount(type.shape as readonly number[]) * dtypeBits(type.dtype)) / 8;
			if (byteLength > HUGE_BYTES) found.push(hugeTensor(node, byteLength));
		}
	}
	return found;
}

/** As hazards, with the shapes that ConstantOfShape, Expand and Tile read from stored tensors. */
export async function hazardsWithShapes(model: Model): Promise<Hazard[]> {
	const found = hazards(model);
	for (const node of allNodes(model)) {
		if (node.domain !== '' || (node.op !== 'ConstantOfShape' && node.op !== 'Expand')) continue;
		const shape = constantOf(node.input(node.op === 'Expand' ? 1 : 0), model.irVersion);
		if (shape?.dtype !== 'int64' || shape.byteLength > 512) continue;
		const bytes = (await shape.bytes()).slice();
		const dims = Array.from(new BigInt64Array(bytes.buffer), Number);
		const byteLength = elementCount(dims) * 4;
		if (byteLength > HUGE_BYTES && !found.some((hazard) => hazard.node === node.label)) found.push(hugeTensor(node, byteLength));
	}
	return found;
}

function hugeTensor(node: Node, byteLength: number): Hazard {
	return {
		kind: 'huge-tensor',
		node: node.label,
		reason: `${node.label} makes a tensor of ${(byteLength / 1e9).toFixed(1)} GB.`,
		byteLength,
	};
}

/**
 * Bytes that one run needs at least: stored tensors twice (file and runtime), and the two largest activations whose shapes
 * are known, dimensions that are open taken as 1. A lower bound: a model above the budget is sure not to fit.
 */
export function estimateRunBytes(model: Model, types: InferredTypes): number {
	let first = 0;
	let second = 0;
	for (const node of allNodes(model)) {
		for (const output of node.outputs) {
			const type = output && types.typeOf(output);
			if (type?.kind !== 'tensor' || !type.shape) continue;
			const byteLength = (elementCount(type.shape.map((dim) => (typeof dim === 'number' ? dim : 1))) * dtypeBits(type.dtype)) / 8;
			if (byteLength > first) [first, second] = [byteLength, first];
			else if (byteLength > second) second = byteLength;
		}
	}
	return storedBytes(model) * 2 + first + second;
}
