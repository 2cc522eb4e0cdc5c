import type { Model } from '../../core/ir/model.ts';
import type { Feeds } from '../../core/ir/tensor-data.ts';
import type { Compute } from '../../core/pass/calibration.ts';
import { compareModels, type Equivalence, type EquivalenceOptions } from '../../core/pass/equivalence.ts';
import type { OptimizeOptions } from './options.ts';
import { applyRules } from './run.ts';

/** The application of a rule from which on an output differs. */
export interface Culprit {
	readonly rule: string;
	/** Node at which it was applied; empty for a rewriting of the whole model. */
	readonly node: string;
	/** Which application it was, from 1, of how many. */
	readonly application: number;
	readonly applications: number;
	readonly difference: Equivalence;
}

export interface BisectOptions extends EquivalenceOptions {
	readonly compute: Compute;
	/** The model as it was, anew at each call: rules change it in place. */
	readonly open: () => Promise<Model>;
	readonly options: OptimizeOptions;
	readonly inputs: readonly Feeds[];
}

/**
 * Finds the rule that made an output differ, by halving the list of applications: the order of applications is always the same, so
 * a run can be stopped after any of them. undefined where the whole differs from the original by rounding only.
 */
export async function findCulprit({ compute, open, options, inputs, ...equivalence }: BisectOptions): Promise<Culprit | undefined> {
	const original = await open();
	const upTo = async (limit: number): Promise<{ difference: Equivalence; last: { rule: string; node: string }; count: number }> => {
		const model = await open();
		let count = 0;
		let last = { rule: '', node: '' };
		await applyRules(model, options, { signal: equivalence.signal, compute }, undefined, (rule, node) => {
			count += 1;
			last = { rule, node };
			return count < limit;
		});
		return { difference: await compareModels(compute, original, model, inputs, equivalence), last, count };
	};
	const whole = await upTo(Number.POSITIVE_INFINITY);
	if (whole.difference.equal) return undefined;
	let [good, bad] = [0, whole.count];
	let found = whole;
	while (bad - good > 1) {
		const middle = (good + bad) >> 1;
		const trial = await upTo(middle);
		if (trial.difference.equal) good = middle;
		else {
			bad = middle;
			found = trial;
		}
	}
	return { rule: found.last.rule, node: found.last.node, application: bad, applications: whole.count, difference: found.difference };
}
