import type { Node } from '../ir/graph.ts';
import { allGraphs, type Model } from '../ir/model.ts';
import { type AddedConstants, adapters, CHANGES, oldestOpset } from './opset-adapters.ts';

export interface RaiseResult {
	/** Whether the model now has at least the target opset. */
	readonly raised: boolean;
	/** What stands in the way, one entry per operator; empty when raised. */
	readonly refused: readonly { readonly node: string; readonly reason: string }[];
}

/** Newest opset that the table of changes covers. */
export const newestRaisedOpset = 21;

/** Oldest IR version that may hold each opset (onnx/docs/Versioning.md). */
export function irVersionFor(opset: number): number {
	if (opset >= 23) return 11;
	if (opset >= 21) return 10;
	if (opset >= 19) return 9;
	if (opset >= 15) return 8;
	if (opset >= 12) return 7;
	if (opset >= 11) return 6;
	if (opset >= 10) return 5;
	return opset >= 9 ? 4 : 3;
}

/**
 * Raises the standard opset of a model to `target` (at most 21), in place: operators whose meaning is the same stay, those
 * that changed are adapted (attributes that became inputs, Softmax over flattened axes, Upsample that became Resize …).
 * Nothing is changed unless every operator can follow; what cannot is told. The IR version rises with it where it must;
 * from IR version 3 on initializers then leave the input list, where they only stood because that version asked for it.
 */
export function raiseOpset(model: Model, target: number): RaiseResult {
	const from = model.opset;
	if (from >= target) {
		raiseIr(model, irVersionFor(target));
		return { raised: true, refused: [] };
	}
	const refused: { node: string; reason: string }[] = [];
	if (target > newestRaisedOpset) refused.push({ node: '', reason: `opset ${target} is newer than this version can raise to` });
	if (from < oldestOpset)
		refused.push({ node: '', reason: `the model has opset ${from}; only opset ${oldestOpset} and newer can be raised` });
	if (model.functions.length > 0) {
		refused.push({ node: '', reason: 'the model has functions of its own, which state opsets of their own' });
	}
	const work: { node: Node; version: number }[] = [];
	for (const graph of allGraphs(model)) {
		for (const node of graph.nodes()) {
			if (node.domain !== '') continue;
			for (const change of CHANGES.get(node.op) ?? []) {
				if (change.version <= from || change.version > target) continue;
				const obstacle = change.refuse?.(node, from);
				if (obstacle) refused.push({ node: node.label, reason: `${node.op} changed in opset ${change.version}: ${obstacle}` });
				else if (change.adapt) work.push({ node, version: change.version });
			}
		}
	}
	if (refused.length > 0) return { raised: false, refused };
	// One opset after the other, as each adapter expects the form of the opset before its own.
	work.sort((a, b) => a.version - b.version);
	const added: AddedConstants = new Map();
	for (const { node, version } of work) for (const adapt of adapters(node.op, version)) adapt(node, added);
	raiseIr(model, irVersionFor(target));
	model.setOpset('', target);
	return { raised: true, refused: [] };
}

/** Raises the IR version, never lowers it. */
export function raiseIr(model: Model, version: number): void {
	if (model.irVersion >= version) return;
	if (model.irVersion < 4 && version >= 4) {
		for (const graph of allGraphs(model)) {
			for (const value of [...graph.initializers]) if (value.isGraphInput) graph.removeInput(value);
		}
	}
	model.irVersion = version;
}
