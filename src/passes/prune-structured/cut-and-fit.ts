import type { Node, Value } from '../../core/ir/graph.ts';
import { allNodes, type Model } from '../../core/ir/model.ts';
import type { Compute } from '../../core/pass/calibration.ts';
import { constantView } from '../../core/pass/constant-view.ts';
import type { Note, PassContext } from '../../core/pass/pass.ts';
import { copyModel } from '../../core/refit/copy.ts';
import { readDepthwise } from '../../core/refit/depthwise.ts';
import { readLayer } from '../../core/refit/layer.ts';
import { divergenceOf, type Reference } from '../../core/refit/reference.ts';
import type { Samples } from '../../core/refit/samples.ts';
import { valuesBehind } from '../../core/refit/targets.ts';
import { type CutShape, cutModel, keptIndices, remainingAfter } from '../../core/structure/cut.ts';
import type { Structure } from '../../core/structure/groups.ts';
import type { Learned } from './learn.ts';
import type { PruneOptions } from './options.ts';
import { MOST_FEATURES } from './readers.ts';
import { type Refit, type RefitResult, refitLayers } from './recover.ts';

/** Multiply-accumulates of all examples up to which every layer behind a cut is fitted anew. */
const CHEAP_MACS = 1e10;

export interface CutResult {
	/** Bytes, as they were, of stored tensors that shrank. */
	readonly bytes: number;
	readonly shapes: readonly CutShape[];
	readonly fitted: readonly RefitResult[];
	/** Why the fits were left out, where they were; the layers have the weights that cutting left. */
	readonly leftOut?: string;
	readonly notes: readonly Note[];
}

/** Atoms that go, of a structure of this model or of a copy of it: groups and units stand in the same places. */
export function goneAtoms(structure: Structure, learned: readonly Learned[], counts: readonly number[]): Set<number> {
	return new Set(
		learned.flatMap(({ group, order }, i) => order.slice(0, counts[i]).map((unit) => structure.groups[group.index]?.units[unit] as number)),
	);
}

/** Takes units out of a model and fits what reads them anew; `structure` is that of the model, and spent thereafter. */
export async function cutAndFit(
	model: Model,
	structure: Structure,
	gone: ReadonlySet<number>,
	known: { readonly samples: Samples; readonly reference: Reference },
	options: PruneOptions,
	context: PassContext & { readonly compute: Compute },
): Promise<CutResult> {
	const { samples, reference } = known;
	const { compute, signal } = context;
	const original = copyModel(model);
	const cheap = structure.macs * samples.all.length <= CHEAP_MACS;
	const readersOnly = options.recover === 'readers' || (options.recover === 'auto' && !cheap);
	const refits = options.refit ? await refitsFor(model, structure, gone, original.nodes, readersOnly) : [];
	const { bytes, shapes } = cutModel(structure.trace, gone);
	if (!options.refit) return { bytes, shapes, fitted: [], notes: [] };
	const unfitted = copyModel(model).model;
	const fitted = await refitLayers(model, original.model, refits, samples, context);
	const before = await divergenceOf(unfitted, reference, samples, compute, signal);
	const after = await divergenceOf(model, reference, samples, compute, signal);
	const said: Note = {
		level: after <= before ? 'info' : 'warn',
		reason: `outputs of ${samples.held.length} held-out examples diverge by ${after.toPrecision(3)} after refitting, ${before.toPrecision(3)} without`,
	};
	if (after <= before) return { bytes, shapes, fitted, notes: [said] };
	takeBack(model, unfitted, refits);
	const leftOut = `outputs of held-out examples diverged by ${after.toPrecision(3)} with it, ${before.toPrecision(3)} without`;
	return { bytes, shapes, fitted, leftOut, notes: [said, { level: 'warn', reason: 'refitting did not help and was left out' }] };
}

/** Layers that something reaches that differs once the classes go, with what stays of their outputs. Told before cutting. */
async function refitsFor(
	model: Model,
	structure: Structure,
	gone: ReadonlySet<number>,
	originals: ReadonlyMap<Node, Node>,
	readersOnly: boolean,
): Promise<Refit[]> {
	const { trace } = structure;
	const remaining = remainingAfter(trace, gone);
	const shrinks = (value: Value): boolean => trace.axes.get(value)?.some((labels) => keptIndices(labels, remaining) !== undefined) ?? false;
	const behind = valuesBehind(model, shrinks);
	const refits: Refit[] = [];
	for (const node of allNodes(model)) {
		const original = originals.get(node);
		const input = node.input(0);
		if (!original || !input || !behind.has(input)) continue;
		if (readersOnly && !shrinks(input)) continue;
		// A depthwise kernel sums over no channel that went: its own rows gain nothing but what came in from before.
		const depthwise = await readDepthwise(node);
		if (readersOnly && depthwise) continue;
		const layer = depthwise ?? (await readLayer(node));
		if (typeof layer === 'string' || ('features' in layer && layer.features > MOST_FEATURES)) continue;
		const axes = trace.axes.get(node.output());
		const outputs = keptIndices(axes?.[node.op === 'Conv' ? 1 : axes.length - 1], remaining);
		const dims = node.op === 'Conv' ? ((await constantView(node.input(1)))?.tensor.dims ?? []) : [];
		refits.push({ node, original, outputs, kernel: dims.slice(2), depthwise: depthwise !== undefined });
	}
	return refits;
}

/** Gives the fitted layers the weights back that they had after cutting. */
function takeBack(model: Model, unfitted: Model, refits: readonly Refit[]): void {
	const before = [...unfitted.graph.nodes()];
	const now = [...model.graph.nodes()];
	const wanted = new Set(refits.map((refit) => refit.node));
	for (const [i, node] of now.entries()) {
		const old = before[i];
		if (!old || !(wanted.has(node) || node.inputs.some((input) => input?.initializer && !old.inputs.includes(input)))) continue;
		for (const [slot, input] of node.inputs.entries()) {
			const stored = old.input(slot)?.initializer;
			if (input?.initializer && stored && input.initializer !== stored) input.initializer = stored;
		}
	}
}
