import type { CalibrationSet } from '../core/pass/calibration.ts';
import { spreadIndices } from '../core/study/examples.ts';
import { splitDataset, usualCalibration, usualSplitSeed } from '../core/study/split.ts';
import type { Dataset } from './dataset.ts';

/** Examples of a set as sample inputs for passes: at most `limit`, spread over the set, always the same ones. */
export function calibrationSet(dataset: Dataset, limit: number): CalibrationSet {
	return chosenExamples(dataset, spreadIndices(dataset.n, limit));
}

/**
 * One set in two halves that share nothing: what passes learn from, and what results are judged on. Made-up examples are not split: there
 * is nothing to be honest about, and few of them.
 */
export async function learnAndJudge(
	dataset: Dataset,
	options: { readonly seed?: number; readonly calibration?: number; readonly signal?: AbortSignal } = {},
): Promise<{ readonly calibration: CalibrationSet; readonly judged: readonly number[]; readonly notes: readonly string[] }> {
	const everything = Array.from({ length: dataset.n }, (_, index) => index);
	if (dataset.facts.kind === 'synthetic') return { calibration: chosenExamples(dataset, everything), judged: everything, notes: [] };
	const split = splitDataset(await dataset.exampleFacts(options.signal), {
		seed: options.seed ?? usualSplitSeed,
		calibration: options.calibration ?? usualCalibration(dataset.n),
	});
	return { calibration: chosenExamples(dataset, split.calibration), judged: split.evaluation, notes: split.notes };
}

/** These examples of a set, in this order, as sample inputs for passes. */
export function chosenExamples(dataset: Dataset, indices: readonly number[]): CalibrationSet {
	const all = indices.length === dataset.n;
	return {
		n: indices.length,
		// Which examples they are is part of what is learnt from them.
		hash: all ? dataset.facts.hash : `${dataset.facts.hash}:${indices.join(',')}`,
		synthetic: dataset.facts.kind === 'synthetic',
		...(dataset.batchAxes && { batchAxes: dataset.batchAxes }),
		...(dataset.classNames && { classNames: dataset.classNames }),
		example: (index, signal) => {
			const at = indices[index];
			if (at === undefined) throw new RangeError(`There is no sample input ${index}: there are ${indices.length}.`);
			return dataset.example(at, signal);
		},
	};
}
