import { type Coverage, coverage, herding, kCenter } from '../core/data-health/choose.ts';
import type { Rows } from '../core/data-health/features.ts';
import { seededRandom } from '../core/numeric/random.ts';
import type { CalibrationSet } from '../core/pass/calibration.ts';
import { spreadIndices } from '../core/study/examples.ts';
import { splitDataset, usualCalibration, usualSplitSeed } from '../core/study/split.ts';
import type { Dataset } from './dataset.ts';

/** How sample inputs are chosen out of more than are wanted. */
export const calibrationChoices = ['spread', 'first', 'random', 'k-center', 'herding'] as const;
export type CalibrationChoice = (typeof calibrationChoices)[number];

/** How far all examples are from the chosen ones in the model's own features, and which were chosen. */
export interface ChosenCalibration {
	readonly calibration: CalibrationSet;
	readonly indices: readonly number[];
	/** Where the choice looked at features. */
	readonly coverage?: Coverage;
}

/**
 * At most `limit` sample inputs: spread evenly, the first, at random (seed 1), or by the features that the model makes of them, so that they stand for all
 * (k-center) or keep the mean (herding). `features` is asked only where the choice needs them.
 */
export async function chooseCalibration(
	dataset: Dataset,
	limit: number,
	choice: CalibrationChoice,
	features: (all: CalibrationSet) => Promise<Rows>,
): Promise<ChosenCalibration> {
	const all = Array.from({ length: dataset.n }, (_, index) => index);
	const chosen = (indices: readonly number[]): ChosenCalibration => ({ calibration: chosenExamples(dataset, indices), indices });
	if (limit >= dataset.n) return chosen(all);
	switch (choice) {
		case 'first':
			return chosen(all.slice(0, limit));
		case 'random': {
			const random = seededRandom(1);
			const order = all.map((index) => ({ index, at: random.next() })).sort((a, b) => a.at - b.at);
			return chosen(
				order
					.slice(0, limit)
					.map(({ index }) => index)
					.sort((a, b) => a - b),
			);
		}
		case 'k-center':
		case 'herding': {
			const rows = await features(chosenExamples(dataset, all));
			const indices = choice === 'herding' ? herding(rows, limit) : kCenter(rows, limit);
			return { ...chosen(indices), coverage: coverage(rows, indices) };
		}
		default:
			return chosen(spreadIndices(dataset.n, limit));
	}
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
