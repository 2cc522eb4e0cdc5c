import { allGraphs, type Model } from '../../core/ir/model.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import { OptimizeContext } from './context.ts';
import { type DriverOptions, type DriverResult, optimizeGraph, type Phase } from './driver.ts';
import type { OptimizeOptions } from './options.ts';
import { cleanRules, cleanSweeps, foldRules, foldSweeps, fusionRules, inlineSweeps } from './rules/index.ts';

/** Every rule and sweep by id. */
export function ruleIds(): string[] {
	return [...inlineSweeps, ...foldSweeps, ...cleanSweeps, ...cleanRules, ...foldRules, ...fusionRules].map((rule) => rule.id);
}

/** First the graph is cleaned alone, so that fusions meet clean patterns; then both together, until nothing is left to do. */
export function phasesOf(options: OptimizeOptions): Phase[] {
	const off = new Set(options.rulesOff);
	const chosen = <T extends { readonly id: string }>(on: boolean, list: readonly T[]): T[] =>
		on ? list.filter(({ id }) => !off.has(id)) : [];
	const sweeps = [...chosen(options.inline, inlineSweeps), ...chosen(options.fold, foldSweeps), ...chosen(options.clean, cleanSweeps)];
	const rules = [...chosen(options.clean, cleanRules), ...chosen(options.fold, foldRules)];
	const first: Phase = { sweeps, rules };
	const fusions = chosen(options.fuse, fusionRules);
	return fusions.length > 0 ? [first, { sweeps, rules: [...rules, ...fusions] }] : [first];
}

export function describeOptimize(model: Model, options: OptimizeOptions): Note[] {
	const notes: Note[] = unknownRules(options);
	const listed = weightInputs(model);
	if (listed > 0 && options.weightsAsConstants) notes.push({ level: 'info', reason: listedNote(listed) });
	return notes;
}

export async function runOptimize(model: Model, options: OptimizeOptions, context: PassContext): Promise<PassResult> {
	const notes = unknownRules(options);
	const nodesBefore = countNodes(model);
	const listed = options.weightsAsConstants ? weightInputs(model) : 0;
	if (listed > 0) notes.push({ level: 'info', reason: listedNote(listed) });
	const result = await applyRules(model, options, context, (fraction, detail) => context.progress(fraction, detail));
	const nodesAfter = countNodes(model);
	for (const [id, times] of result.applied)
		notes.push({ level: 'info', reason: `${id}: applied ${times} ${times === 1 ? 'time' : 'times'}` });
	notes.push(...result.notes);
	if (!result.settled) notes.push({ level: 'warn', reason: 'Stopped before nothing was left to do: run it again to go on.' });
	const changed = [...result.applied.values()].reduce((sum, times) => sum + times, 0) + listed;
	return {
		changed,
		eligible: changed + result.notes.filter((note) => note.level === 'skip').length,
		bytesTouched: 0,
		unit: 'places',
		notes,
		headline:
			changed === 0
				? `Changed nothing: no rule applies to the ${nodesBefore} nodes.`
				: `${nodesBefore} nodes became ${nodesAfter}, subgraphs counted.`,
	};
}

/** The rules alone, for the pass and for tools that look for the rule that changed an output. */
export async function applyRules(
	model: Model,
	options: OptimizeOptions,
	context: Pick<PassContext, 'signal' | 'compute'>,
	onProgress?: DriverOptions['onProgress'],
	onApplied?: DriverOptions['onApplied'],
): Promise<DriverResult> {
	if (options.weightsAsConstants) unlistWeights(model);
	const rules = new OptimizeContext(model, {
		allowContrib: options.allowContrib,
		sizeBudget: options.sizeBudget,
		compute: options.runtimeFolding ? context.compute : undefined,
		signal: context.signal,
	});
	return optimizeGraph(model, rules, {
		phases: phasesOf(options),
		...(onProgress && { onProgress }),
		...(onApplied && { onApplied }),
	});
}

/** Nodes of the main graph, of subgraphs and of function bodies. */
export function countNodes(model: Model): number {
	let count = 0;
	for (const graph of allGraphs(model)) count += graph.nodeCount;
	return count;
}

function unknownRules(options: OptimizeOptions): Note[] {
	const known = new Set(ruleIds());
	return options.rulesOff.filter((id) => !known.has(id)).map((id) => ({ level: 'warn', reason: `There is no rule "${id}".` }));
}

function weightInputs(model: Model): number {
	if (model.irVersion < 4) return 0;
	return model.graph.inputs.filter((value) => value.initializer).length;
}

function unlistWeights(model: Model): void {
	if (model.irVersion < 4) return;
	for (const value of model.graph.inputs.filter(({ initializer }) => initializer)) model.graph.removeInput(value);
}

function listedNote(count: number): string {
	return `${count} weights were listed as inputs, which lets a caller override them: they are constants now.`;
}
