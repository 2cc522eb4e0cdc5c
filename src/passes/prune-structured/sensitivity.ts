import type { Model } from '../../core/ir/model.ts';
import type { Note, PassContext } from '../../core/pass/pass.ts';
import type { EffectPoint } from '../../core/pass/report.ts';
import { referenceOutputs } from '../../core/refit/reference.ts';
import { divideSamples } from '../../core/refit/samples.ts';
import { groupIds } from '../../core/structure/group-ids.ts';
import { findStructure } from '../../core/structure/groups.ts';
import { costCurves } from './budget.ts';
import { forgetWeights, learnGroups } from './learn.ts';
import type { PruneOptions } from './options.ts';
import { bestRanking, probeGroups } from './probe.ts';
import { readersOf } from './readers.ts';

/** What a group's loss does, as budgets are spread by it. */
export interface GroupSensitivity {
	/** As the option `ratios` names it. */
	readonly id: string;
	/** Units that could be ranked. */
	readonly most: number;
	/** Error of its readers by number of removed units, others making up for them; empty where no reader could be looked at. */
	readonly curve: readonly { readonly removed: number; readonly error: number }[];
	/** What the outputs of held-out examples lost on trial, ascending. */
	readonly probes: readonly EffectPoint[];
	/** The same at every point of the curve, drawn from trials and the curve. */
	readonly drawn: readonly EffectPoint[];
}

export interface StructureSensitivity {
	readonly groups: readonly GroupSensitivity[];
	/** Held-out examples on which outputs were compared. */
	readonly examples: number;
	readonly synthetic: boolean;
	/** Outputs are classes: figures are Kullback-Leibler divergences in nats. Else squared errors over variance. */
	readonly classes: boolean;
	readonly notes: readonly Note[];
}

/** Takes a part of each group out on trial, what reads it making up for that, and compares the outputs. Changes nothing in the model. */
export async function structureSensitivity(
	model: Model,
	options: PruneOptions,
	context: PassContext & {
		readonly compute: NonNullable<PassContext['compute']>;
		readonly calibration: NonNullable<PassContext['calibration']>;
	},
): Promise<StructureSensitivity> {
	const { compute, calibration, signal } = context;
	if (calibration.n < 2) throw new Error('at least two sample inputs are needed: some to fit on, some to judge by');
	const structure = await findStructure(model);
	const { groups } = structure;
	const samples = await divideSamples(calibration, options, signal);
	const facts = { examples: samples.held.length, synthetic: calibration.synthetic };
	if (groups.length === 0) return { groups: [], ...facts, classes: false, notes: [] };
	const readers = await readersOf(structure, groups, signal);
	const rankings = await learnGroups(model, structure, groups, readers, samples, options, context);
	const reference = await referenceOutputs(model, samples, compute, signal);
	const { ranking } = await bestRanking(model, rankings, readers, reference, samples, context);
	forgetWeights(rankings, ranking);
	await probeGroups(model, ranking, readers, reference, samples, context);
	forgetWeights([ranking]);
	const ids = groupIds(groups);
	const costs = costCurves(ranking, options);
	const drawn = (i: number, levels: readonly number[]): EffectPoint[] =>
		levels.map((removed) => ({ removed, divergence: costs[i]?.(removed) ?? 0 }));
	return {
		groups: ranking.map(({ group, most, curve, probes }, i) => ({
			id: ids[group.index] as string,
			most,
			curve: curve.map(({ removed, error }) => ({ removed, error })),
			probes: probes.map(({ removed, divergence }) => ({ removed, divergence })),
			drawn: drawn(
				i,
				curve.map(({ removed }) => removed),
			),
		})),
		...facts,
		classes: [...reference.kinds.values()].some((kind) => kind !== 'numbers'),
		notes: readers.flatMap(({ node, layer, reason }): Note[] =>
			layer ? [] : [{ level: 'skip', node: node.label, reason: `its error is not known: ${reason}` }],
		),
	};
}
