import type { Model } from '../../core/ir/model.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import { copyModel } from '../../core/refit/copy.ts';
import { referenceOutputs } from '../../core/refit/reference.ts';
import { divideSamples } from '../../core/refit/samples.ts';
import { findStructure, type Group, type Structure } from '../../core/structure/groups.ts';
import { type Budget, budgetOf, countFor, leftOf, solvedCounts, uniformCounts } from './budget.ts';
import { cutAndFit, goneAtoms } from './cut-and-fit.ts';
import { countsAboveFloor } from './floor.ts';
import { measureLatency, timeModels } from './latency.ts';
import { forgetWeights, type Learned, learnGroups } from './learn.ts';
import { groupEntries, groupNotes, keptNotes, recoveryEntries, refitNotes, shapeEntries, unfittedEntries } from './notes.ts';
import type { PruneOptions } from './options.ts';
import { bestRanking, probeGroups } from './probe.ts';
import { askedShares } from './ratios.ts';
import { readersOf } from './readers.ts';

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

export async function run(model: Model, options: PruneOptions, context: PassContext): Promise<PassResult> {
	const { compute, calibration, signal } = context;
	if (!compute || !calibration) throw new Error('a runtime and sample inputs are needed');
	if (calibration.n < 2) throw new Error('at least two sample inputs are needed: some to fit on, some to judge by');
	const full = { ...context, compute };
	const structure = await findStructure(model);
	const eligible = eligibleGroups(structure, options);
	const asked = askedShares(structure, eligible, options);
	const countAsked = (group: Group): number => countFor(group.units.length, asked?.(group) ?? 0, options);
	// Groups that stay whole are not looked at.
	const groups = asked ? eligible.filter((group) => countAsked(group) > 0) : eligible;
	const whole = eligible.filter((group) => !groups.includes(group));
	const notes: Note[] = keptNotes(structure);
	if (groups.length === 0 && eligible.length > 0)
		notes.unshift({ level: 'skip', reason: 'the shares asked for take no unit of any group' });
	if (groups.length === 0) return { changed: 0, eligible: eligible.length, bytesTouched: 0, unit: 'groups', notes };
	if (calibration.synthetic)
		notes.push({ level: 'warn', reason: 'the sample inputs are made up: what is cut and fitted on them may not suit real ones' });
	context.progress(0.02, `${groups.length} groups of channels that can go`);
	const samples = await divideSamples(calibration, options, signal);
	const readers = await readersOf(structure, groups, signal);
	for (const reader of readers) {
		if (!reader.layer) notes.push({ level: 'skip', node: reader.node.label, reason: `it is not fitted anew: ${reader.reason}` });
	}
	const latency =
		options.msChange < 0
			? await measureLatency(model, structure, groups, {
					compute,
					calibration,
					signal,
					onProgress: (fraction, layer) => context.progress(0.02 + 0.08 * fraction, `timing ${layer}`),
				})
			: undefined;
	const budget = budgetOf(structure, options, latency);
	const searching = options.floor > 0;
	const solving = (budget !== undefined || searching) && options.allocation !== 'uniform';
	const ranked = solving ? options : { ...options, allocation: 'uniform' as const };
	const rankings = await learnGroups(model, structure, groups, readers, samples, ranked, full, asked);
	const reference = await referenceOutputs(model, samples, compute, signal);
	const { ranking: learned, lost } = await bestRanking(model, rankings, readers, reference, samples, full);
	if (rankings.length > 1) {
		const much = rankings.indexOf(learned as Learned[]) > 0;
		notes.push({
			level: 'info',
			reason: `ranked with ${much ? 'much' : 'little'} damping: outputs of held-out examples diverge by ${lost.map((each) => each.toPrecision(3)).join(' with little and ')} with much, a quarter of every group gone`,
		});
	}
	forgetWeights(rankings, learned);
	if (solving && options.allocation === 'sensitivity') await probeGroups(model, learned, readers, reference, samples, full);
	forgetWeights(rankings);
	const countsFor = (wanted: Budget | undefined): number[] =>
		asked
			? learned.map(({ group }) => countAsked(group))
			: solving && wanted
				? solvedCounts(structure, learned, options, wanted)
				: uniformCounts(structure, learned, options, wanted);
	const known = { samples, reference };
	let counts: readonly number[];
	if (searching) {
		const found = await countsAboveFloor(model, structure, learned, budget, countsFor, known, options, full);
		counts = found.counts;
		notes.push(...found.notes);
	} else counts = countsFor(budget);
	const gone = goneAtoms(structure, learned, counts);
	if (gone.size === 0) {
		return {
			changed: 0,
			eligible: eligible.length,
			bytesTouched: 0,
			unit: 'groups',
			notes,
			entries: groupEntries(structure, learned, counts),
		};
	}
	// Told before cutting: what is stored shrinks then.
	const estimate = leftOf(structure, learned, counts, latency);
	const { feeds } = await calibration.example(0, signal);
	const untouched = latency && copyModel(model).model;
	const entries = groupEntries(
		structure,
		[...learned, ...whole.map(unlearned)],
		counts,
		latency && (({ group }) => latency.groupMs(group)),
	);
	const { macs, bytes } = structure;
	const cut = await cutAndFit(model, structure, gone, known, options, full);
	notes.push(...cut.notes, ...groupNotes(learned, counts), ...(cut.leftOut === undefined ? refitNotes(cut.fitted) : []));
	const changed = counts.filter((count) => count > 0).length;
	if (budget && (estimate.macs > budget.macs * 1.02 || estimate.bytes > budget.bytes * 1.02 || estimate.ms > budget.ms * 1.02)) {
		notes.unshift({ level: 'warn', reason: 'the budget cannot be met: all that can go, as far as the options let it, is gone' });
	}
	let measured = '';
	if (untouched) {
		const [before, after] = await timeModels([untouched, model], feeds, compute, signal);
		measured = ` A run takes ${percent(after / before)} of the time (median of interleaved runs).`;
		if (after > before * (1 + options.msChange) * 1.05) {
			notes.push({
				level: 'warn',
				reason: `less time was saved than asked for: ${percent(after / before)} instead of ${percent(1 + options.msChange)}`,
			});
		}
	}
	return {
		changed,
		eligible: eligible.length,
		bytesTouched: cut.bytes,
		unit: 'groups',
		notes,
		entries: [
			...entries,
			...shapeEntries(cut.shapes),
			...recoveryEntries(cut.fitted, cut.leftOut),
			...unfittedEntries(options.refit ? readers : []),
		],
		headline: `${gone.size} channels, hidden units or heads of ${changed} groups are gone: ${percent(estimate.macs / macs)} of the multiply-accumulates and ${percent(estimate.bytes / bytes)} of the weights are left.${measured}`,
	};
}

const unlearned = (group: Group): Learned => ({ group, order: [], most: 0, curve: [], probes: [] });

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
