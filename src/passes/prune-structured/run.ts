import type { Node, Value } from '../../core/ir/graph.ts';
import { allNodes, type Model } from '../../core/ir/model.ts';
import { constantView } from '../../core/pass/constant-view.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import { copyModel } from '../../core/refit/copy.ts';
import { readDepthwise } from '../../core/refit/depthwise.ts';
import { readLayer } from '../../core/refit/layer.ts';
import { divergenceOf, referenceOutputs } from '../../core/refit/reference.ts';
import { divideSamples } from '../../core/refit/samples.ts';
import { valuesBehind } from '../../core/refit/targets.ts';
import { cutModel, keptIndices, remainingAfter } from '../../core/structure/cut.ts';
import { findStructure, type Group, type Structure } from '../../core/structure/groups.ts';
import { budgetOf, solvedCounts, uniformCounts } from './budget.ts';
import { type Learned, learnGroups } from './learn.ts';
import type { PruneOptions } from './options.ts';
import { bestRanking, probeGroups } from './probe.ts';
import { MOST_FEATURES, readersOf } from './readers.ts';
import { type Refit, type RefitResult, refitLayers } from './recover.ts';

/** Groups that the options let be cut. */
export function eligibleGroups(structure: Structure, options: PruneOptions): Group[] {
	const excluded = new Set(options.nodesToExclude);
	return structure.groups.filter((group) => {
		if (options.scope === 'inner' && group.consumers.length > 1) return false;
		const nodes = [
			...group.consumers.map((consumer) => consumer.node),
			...group.places.flatMap((place) => [...place.value.uses].map((use) => use.node)),
		];
		return !nodes.some((node) => excluded.has(node.name) || excluded.has(node.label));
	});
}

/** Reasons for layers whose output channels stay, one note for each reason. */
export function keptNotes(structure: Structure): Note[] {
	const byReason = new Map<string, string[]>();
	for (const { layer, node, reason } of structure.kept) {
		const key = `${reason} (${node})`;
		byReason.set(key, [...(byReason.get(key) ?? []), layer]);
	}
	return [...byReason].map(([reason, layers]): Note => {
		const shown = layers.slice(0, 3).join(', ') + (layers.length > 3 ? ` and ${layers.length - 3} more` : '');
		return { level: 'skip', node: layers[0] ?? '', reason: `the outputs of ${shown} stay: ${reason}` };
	});
}

export async function run(model: Model, options: PruneOptions, context: PassContext): Promise<PassResult> {
	const { compute, calibration, signal } = context;
	if (!compute || !calibration) throw new Error('a runtime and sample inputs are needed');
	if (calibration.n < 2) throw new Error('at least two sample inputs are needed: some to fit on, some to judge by');
	const full = { ...context, compute };
	const structure = await findStructure(model);
	const groups = eligibleGroups(structure, options);
	const notes: Note[] = keptNotes(structure);
	if (groups.length === 0) return { changed: 0, eligible: 0, bytesTouched: 0, unit: 'groups', notes };
	if (calibration.synthetic)
		notes.push({ level: 'warn', reason: 'the sample inputs are made up: what is cut and fitted on them may not suit real ones' });
	context.progress(0.02, `${groups.length} groups of channels that can go`);
	const samples = await divideSamples(calibration, options, signal);
	const readers = await readersOf(structure, groups, signal);
	for (const reader of readers) {
		if (!reader.layer) notes.push({ level: 'skip', node: reader.node.label, reason: `it is not fitted anew: ${reader.reason}` });
	}
	const budget = budgetOf(structure, options);
	const solving = budget !== undefined && options.allocation !== 'uniform';
	const rankings = await learnGroups(
		model,
		structure,
		groups,
		readers,
		samples,
		solving ? options : { ...options, allocation: 'uniform' },
		full,
	);
	const reference = await referenceOutputs(model, samples, compute, signal);
	const learned = await bestRanking(model, rankings, readers, reference, samples, full);
	if (rankings.length > 1) {
		const much = rankings.indexOf(learned as Learned[]) > 0;
		notes.push({
			level: 'info',
			reason: `ranked with ${much ? 'much' : 'little'} damping: on held-out examples the outputs lose less that way${much ? '; the sample inputs are few, or unlike each other' : ''}`,
		});
	}
	if (solving && options.allocation === 'sensitivity') await probeGroups(model, learned, readers, reference, samples, full);
	const counts = solving ? solvedCounts(structure, learned, options, budget) : uniformCounts(structure, learned, options, budget);
	const gone = new Set(learned.flatMap(({ group, order }, i) => order.slice(0, counts[i]).map((unit) => group.units[unit] as number)));
	if (gone.size === 0) return { changed: 0, eligible: groups.length, bytesTouched: 0, unit: 'groups', notes };

	// Told before cutting: what is stored shrinks then.
	const estimate = structure.estimate(countsByGroup(structure, learned, counts));
	const original = copyModel(model);
	const refits = options.refit ? await refitsFor(model, structure, gone, original.nodes, options) : [];
	const cut = cutModel(structure.trace, gone);
	const unfitted = copyModel(model).model;
	let fitted: readonly RefitResult[] = [];
	if (options.refit) {
		fitted = await refitLayers(model, original.model, refits, samples, full);
		const [before, after] = [
			await divergenceOf(unfitted, reference, samples, compute, signal),
			await divergenceOf(model, reference, samples, compute, signal),
		];
		notes.push({
			level: after <= before ? 'info' : 'warn',
			reason: `outputs of ${samples.held.length} held-out examples diverge by ${after.toPrecision(3)} after refitting, ${before.toPrecision(3)} without`,
		});
		if (after > before) {
			takeBack(model, unfitted, refits);
			notes.push({ level: 'warn', reason: 'refitting did not help and was left out' });
			fitted = [];
		}
	}
	notes.push(...groupNotes(learned, counts), ...refitNotes(fitted));
	const changed = counts.filter((count) => count > 0).length;
	if (budget && (estimate.macs > budget.macs * 1.02 || estimate.bytes > budget.bytes * 1.02)) {
		notes.unshift({ level: 'warn', reason: 'the budget cannot be met: all that can go, as far as the options let it, is gone' });
	}
	return {
		changed,
		eligible: groups.length,
		bytesTouched: cut.bytes,
		unit: 'groups',
		notes,
		headline: `${gone.size} channels, hidden units or heads of ${changed} groups are gone: ${percent(estimate.macs / structure.macs)} of the multiply-accumulates and ${percent(estimate.bytes / structure.bytes)} of the weights are left.`,
	};
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function countsByGroup(structure: Structure, learned: readonly Learned[], counts: readonly number[]): number[] {
	const gone = new Array<number>(structure.groups.length).fill(0);
	for (const [i, { group }] of learned.entries()) gone[group.index] = counts[i] as number;
	return gone;
}

/** Layers that something reaches that differs once the classes go, with what stays of their outputs. Told before cutting. */
async function refitsFor(
	model: Model,
	structure: Structure,
	gone: ReadonlySet<number>,
	originals: ReadonlyMap<Node, Node>,
	options: PruneOptions,
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
		if (options.recover === 'readers' && !shrinks(input)) continue;
		const depthwise = await readDepthwise(node);
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

function groupNotes(learned: readonly Learned[], counts: readonly number[]): Note[] {
	return learned.flatMap(({ group, probes }, i): Note[] => {
		const count = counts[i] as number;
		if (count === 0) return [];
		const what = group.kind === 'blocks' ? `blocks of ${group.width}` : 'channels';
		const cost = probes.map((probe) => `; ${probe.removed} fewer alone move the outputs by ${probe.divergence.toPrecision(3)}`).join('');
		return [{ level: 'info', node: group.name, reason: `${group.units.length} → ${group.units.length - count} ${what}${cost}` }];
	});
}

function refitNotes(results: readonly RefitResult[]): Note[] {
	return results.map((result): Note => {
		const errors = `error on held-out rows ${result.before.toPrecision(3)} → ${result.after.toPrecision(3)}`;
		const how =
			result.strength === undefined
				? 'left as it was'
				: result.strength === Number.POSITIVE_INFINITY
					? 'bias fitted'
					: `regularization ${result.strength}`;
		return { level: 'info', node: result.node.label, reason: `refitted: ${errors} (${how})` };
	});
}
