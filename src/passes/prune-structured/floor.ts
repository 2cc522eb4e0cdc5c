import type { Model } from '../../core/ir/model.ts';
import type { Compute } from '../../core/pass/calibration.ts';
import type { Note, PassContext } from '../../core/pass/pass.ts';
import { copyModel } from '../../core/refit/copy.ts';
import { type KeptAnswers, keptAnswers } from '../../core/refit/kept-answers.ts';
import type { Reference } from '../../core/refit/reference.ts';
import type { Samples } from '../../core/refit/samples.ts';
import { findStructure, type Structure } from '../../core/structure/groups.ts';
import type { Budget } from './budget.ts';
import { cutAndFit, goneAtoms } from './cut-and-fit.ts';
import type { Learned } from './learn.ts';
import type { PruneOptions } from './options.ts';

/** Most that is tried, and halvings between nothing and that. */
const MOST_CHANGE = -0.8;
const HALVINGS = 4;

/**
 * The most that can be cut, up to the budget where there is one, so that the share of held-out answers that stay is at least the floor.
 * Each trial cuts and fits a copy: bisection over multiply-accumulates, to a twentieth of them.
 */
export async function countsAboveFloor(
	model: Model,
	structure: Structure,
	learned: readonly Learned[],
	budget: Budget | undefined,
	countsFor: (budget: Budget) => number[],
	known: { readonly samples: Samples; readonly reference: Reference },
	options: PruneOptions,
	context: PassContext & { readonly compute: Compute },
): Promise<{ readonly counts: readonly number[]; readonly notes: readonly Note[] }> {
	const { compute, signal } = context;
	const inner = { ...context, progress: () => undefined };
	const none = learned.map(() => 0);
	let trials = 0;
	const attempt = async (counts: readonly number[]): Promise<KeptAnswers> => {
		trials += 1;
		context.progress(0.7, `what stays of the answers, trial ${trials}`);
		const copy = copyModel(model).model;
		const own = await findStructure(copy);
		await cutAndFit(copy, own, goneAtoms(own, learned, counts), known, options, inner);
		return keptAnswers(copy, known.reference, known.samples, compute, signal);
	};
	const countsAt = (change: number): number[] =>
		countsFor({ macs: structure.macs * (1 + change), bytes: Number.POSITIVE_INFINITY, ms: Number.POSITIVE_INFINITY });
	const asked = budget ? countsFor(budget) : countsAt(MOST_CHANGE);
	let kept = await attempt(asked);
	const say = (found: KeptAnswers, whole: boolean): Note[] => [
		{
			level: whole ? 'info' : 'warn',
			reason: `accuracy floor ${options.floor}: ${(found.share * 100).toFixed(1)} % (${found.kind}, ${found.of} held-out) stay${whole ? '' : '; less is cut than the budget asks for'}`,
		},
	];
	if (kept.share >= options.floor) return { counts: asked, notes: say(kept, true) };
	let best: { counts: readonly number[]; kept: KeptAnswers } | undefined;
	const gone = budget ? 1 - leftShare(structure, learned, asked) : -MOST_CHANGE;
	let [low, high] = [0, gone];
	for (let i = 0; i < HALVINGS; i++) {
		const middle = (low + high) / 2;
		const counts = countsAt(-middle);
		kept = await attempt(counts);
		if (kept.share >= options.floor) {
			best = { counts, kept };
			low = middle;
		} else high = middle;
	}
	if (best) return { counts: best.counts, notes: say(best.kept, budget === undefined) };
	return { counts: none, notes: [{ level: 'warn', reason: `nothing can be cut above the accuracy floor of ${options.floor}` }] };
}

function leftShare(structure: Structure, learned: readonly Learned[], counts: readonly number[]): number {
	const gone = new Array<number>(structure.groups.length).fill(0);
	for (const [i, { group }] of learned.entries()) gone[group.index] = counts[i] as number;
	return structure.estimate(gone).macs / Math.max(1, structure.macs);
}
