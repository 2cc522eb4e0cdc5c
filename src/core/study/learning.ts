import type { Coverage } from '../data-health/choose.ts';
import type { DatasetFacts, Variant } from './study.ts';

/** How examples to learn from are chosen out of more than are wanted. */
export const calibrationChoices = ['spread', 'first', 'random', 'k-center', 'herding'] as const;
export type CalibrationChoice = (typeof calibrationChoices)[number];

/** How many of the examples that are kept to learn from are learnt from, and which. Absent: all of them. */
export interface LearnFrom {
	readonly choice: CalibrationChoice;
	readonly n: number;
}

/** The examples that were chosen so. */
export interface ChosenExamples {
	readonly choice: CalibrationChoice;
	/** Of the whole set, ascending; all of them are among those kept to learn from. */
	readonly indices: readonly number[];
	readonly names: readonly string[];
	/** How far the examples that are kept are from the chosen ones, in the model's own features; absent where nothing of it can be observed. */
	readonly coverage?: Coverage;
	/** The same of as many drawn at random, on average. */
	readonly random?: Coverage;
}

/** The examples that passes learn from, by their places in the whole set. */
export function learntIndices(dataset: DatasetFacts): readonly number[] {
	return dataset.split?.chosen?.indices ?? dataset.split?.calibration ?? allOf(dataset);
}

/** Made-up inputs are not split: there is nothing to be honest about, and few of them. */
function allOf({ n }: DatasetFacts): readonly number[] {
	return Array.from({ length: n }, (_, index) => index);
}

/** Names the examples that passes learn from: other examples make another variant. */
export function learntKey({ hash, split }: DatasetFacts): string {
	// Of the split itself the hash tells already.
	return split?.chosen ? `${hash} ${split.chosen.indices.join()}` : hash;
}

/** What a variant is told to learn from when it is asked for, so that it learns from just that whenever it is made. */
export function learntFromOf(dataset: DatasetFacts): NonNullable<Variant['learntFrom']> {
	const { chosen } = dataset.split ?? {};
	return {
		dataset: dataset.hash,
		n: learntIndices(dataset).length,
		synthetic: dataset.kind === 'synthetic',
		...(chosen && { chosen: { choice: chosen.choice, indices: chosen.indices } }),
	};
}

/** What a variant was told to learn from; of another set than this one, what is learnt from now. */
export function pinned(dataset: DatasetFacts, learntFrom: Variant['learntFrom']): NonNullable<Variant['learntFrom']> {
	return learntFrom?.dataset === dataset.hash ? learntFrom : learntFromOf(dataset);
}

/** The examples that a variant learns from, or learnt from, by their places in the whole set. */
export function indicesOf(dataset: DatasetFacts, learntFrom: Variant['learntFrom']): readonly number[] {
	return pinned(dataset, learntFrom).chosen?.indices ?? dataset.split?.calibration ?? allOf(dataset);
}
