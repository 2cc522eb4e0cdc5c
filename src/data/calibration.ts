import { type Coverage, coverage, herding, kCenter, randomCoverage, randomIndices } from '../core/data-health/choose.ts';
import type { Rows } from '../core/data-health/features.ts';
import type { CalibrationSet } from '../core/pass/calibration.ts';
import { spreadIndices } from '../core/study/examples.ts';
import type { CalibrationChoice, LearnFrom } from '../core/study/learning.ts';
import { splitDataset, usualCalibration, usualSplitSeed } from '../core/study/split.ts';
import type { Dataset } from './dataset.ts';

export { type CalibrationChoice, calibrationChoices } from '../core/study/learning.ts';

/** How far all examples are from the chosen ones in the model's own features, and which were chosen. */
export interface ChosenCalibration {
	readonly calibration: CalibrationSet;
	readonly indices: readonly number[];
	/** Where the choice looked at features. */
	readonly coverage?: Coverage;
	/** The coverage of as many drawn at random, where it was asked for. */
	readonly random?: Coverage;
}

/** What a model makes of all examples that may be chosen: a row each. */
export type FeaturesOf = (all: CalibrationSet) => Promise<Rows>;

/**
 * At most `limit` sample inputs: spread evenly, the first, at random (seed 1), or by the features that the model makes of them, so that they stand for all
 * (k-center) or keep the mean (herding). `features` is asked only where the choice needs them.
 */
export async function chooseCalibration(
	dataset: Dataset,
	limit: number,
	choice: CalibrationChoice,
	features: FeaturesOf,
): Promise<ChosenCalibration> {
	const all = Array.from({ length: dataset.n }, (_, index) => index);
	let rows: Rows | undefined;
	const indices = await chooseIndices(dataset.n, limit, choice, async () => {
		rows = await features(chosenExamples(dataset, all));
		return rows;
	});
	return { calibration: chosenExamples(dataset, indices), indices, ...(rows && { coverage: coverage(rows, indices) }) };
}

/**
 * Of the examples that are kept to learn from (places in the whole set, ascending) those that are learnt from, and how well they stand for all
 * that are kept, beside as many at random. Results are judged on the same others whatever is chosen. A choice that needs no features is made
 * also where the model shows none; then there is no coverage. Throws what `features` throws where the choice needs them, and the signal's reason.
 */
export async function chooseLearning(
	dataset: Dataset,
	kept: readonly number[],
	{ choice, n }: LearnFrom,
	features: FeaturesOf,
	signal?: AbortSignal,
): Promise<ChosenCalibration> {
	let asked: Promise<Rows> | undefined;
	const rowsOf = (): Promise<Rows> => {
		asked ??= features(chosenExamples(dataset, kept));
		return asked;
	};
	const places = await chooseIndices(kept.length, n, choice, rowsOf);
	const indices = places.map((place) => kept[place] as number);
	const chosen = { calibration: chosenExamples(dataset, indices), indices };
	if (places.length === kept.length) return chosen;
	let rows: Rows;
	try {
		rows = await rowsOf();
	} catch {
		signal?.throwIfAborted();
		return chosen;
	}
	return { ...chosen, coverage: coverage(rows, places), random: randomCoverage(rows, places.length) };
}

async function chooseIndices(n: number, limit: number, choice: CalibrationChoice, features: () => Promise<Rows>): Promise<number[]> {
	if (limit >= n) return Array.from({ length: n }, (_, index) => index);
	switch (choice) {
		case 'first':
			return Array.from({ length: limit }, (_, index) => index);
		case 'random':
			return randomIndices(n, limit, 1);
		case 'k-center':
			return kCenter(await features(), limit);
		case 'herding':
			return herding(await features(), limit);
		default:
			return spreadIndices(n, limit);
	}
}

/**
 * One set in two halves that share nothing: what passes learn from, and what results are judged on. Made-up examples are not split: there
 * is nothing to be honest about, and few of them.
 */
export async function learnAndJudge(
	dataset: Dataset,
	options: { readonly seed?: number; readonly calibration?: number; readonly signal?: AbortSignal } = {},
): Promise<{
	readonly calibration: CalibrationSet;
	/** Which examples `calibration` holds. */
	readonly learnt: readonly number[];
	readonly judged: readonly number[];
	readonly notes: readonly string[];
}> {
	const everything = Array.from({ length: dataset.n }, (_, index) => index);
	if (dataset.facts.kind === 'synthetic') {
		return { calibration: chosenExamples(dataset, everything), learnt: everything, judged: everything, notes: [] };
	}
	const split = splitDataset(await dataset.exampleFacts(options.signal), {
		seed: options.seed ?? usualSplitSeed,
		calibration: options.calibration ?? usualCalibration(dataset.n),
	});
	return {
		calibration: chosenExamples(dataset, split.calibration),
		learnt: split.calibration,
		judged: split.evaluation,
		notes: split.notes,
	};
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
