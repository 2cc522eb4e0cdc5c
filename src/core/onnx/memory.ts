import { dtypeBits, elementCount } from '../ir/dtype.ts';
import type { Node } from '../ir/graph.ts';
import { allNodes, type Model } from '../ir/model.ts';
import { storedBytes } from '../ir/stored-bytes.ts';
import type { ValueType } from '../ir/type.ts';
import { type InferredTypes, inferTypes } from './infer.ts';
import { sizeWithOpenAsOne } from './symbolic.ts';

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
 * What can be told to be dangerous from the structure and the declared types alone: loops whose end depends on data, and huge
 * tensors whose shape is declared. Reads nothing.
 */
export function hazards(model: Model): Hazard[] {
	return found(model, (node) => node.outputs[0]?.type);
}

/**
 * As hazards, with inferred shapes too, so that a tensor blown up from a stored or computed shape (ConstantOfShape, Expand, Tile,
 * Resize, Pad …) is seen. Dimensions left open count as 1.
 */
export async function hazardsWithShapes(model: Model, types?: InferredTypes): Promise<Hazard[]> {
	const known = types ?? (await inferTypes(model));
	return found(model, (node) => known.typeOf(node.outputs[0]));
}

function found(model: Model, typeOf: (node: Node) => ValueType | undefined): Hazard[] {
	const list: Hazard[] = [];
	for (const node of allNodes(model)) {
		if (node.domain === '' && node.op === 'Loop') {
			list.push({
				kind: 'may-not-end',
				node: node.label,
				reason: `${node.label} is a Loop: it ends when its own data says so, which may be never. Runs have a time limit and can be cancelled.`,
			});
		}
		const byteLength = tensorBytes(typeOf(node));
		if (byteLength > HUGE_BYTES) {
			list.push({
				kind: 'huge-tensor',
				node: node.label,
				reason: `${node.label} makes a tensor of ${(byteLength / 1e9).toFixed(1)} GB.`,
				byteLength,
			});
		}
	}
	return list;
}

/** Bytes of a dense tensor of a type, open dimensions taken as 1; 0 where the rank is not known. */
function tensorBytes(type: ValueType | undefined): number {
	if (type?.kind !== 'tensor' || !type.shape) return 0;
	return (elementCount(type.shape.map(sizeWithOpenAsOne)) * dtypeBits(type.dtype)) / 8;
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
			const byteLength = tensorBytes(types.typeOf(output));
			if (byteLength > first) [first, second] = [byteLength, first];
			else if (byteLength > second) second = byteLength;
		}
	}
	return storedBytes(model) * 2 + first + second;
}
