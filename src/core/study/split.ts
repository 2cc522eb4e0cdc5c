import { seededRandom } from '../numeric/random.ts';
import type { ExampleFacts } from './examples.ts';

export interface SplitOptions {
	/** The same seed and the same examples give the same split, in whatever order the examples come. */
	readonly seed: number;
	/** How many examples passes learn from: a whole number from 1 up, or a share below 1. Duplicates are left out before it is taken. */
	readonly calibration: number;
	/** Examples that take part in neither half: bad ones that a person switched off. */
	readonly leftOut?: ReadonlySet<number>;
}

/** The seed of every split that nobody chose a seed for: the page and the command line learn from the same examples. */
export const usualSplitSeed = 1;

/** Passes learn little from more; every example less makes the judgement worse. */
const mostCalibration = 100;

/** How many of `n` examples passes learn from unless somebody says otherwise: a quarter, at most a hundred. */
export function usualCalibration(n: number): number {
	return Math.max(1, Math.min(mostCalibration, Math.floor(n / 4)));
}

/** Examples that are the same to the model. */
export interface DuplicateGroup {
	/** Ascending; the first stands for all. */
	readonly indices: readonly number[];
	/** They are the same and yet have different labels: one of them is wrong. */
	readonly labelsDisagree: boolean;
}

export interface Split {
	readonly seed: number;
	/** Ascending. No example of it, and no copy of one, is in `evaluation`. */
	readonly calibration: readonly number[];
	/** Ascending. One of each group of copies, so that no example counts twice. */
	readonly evaluation: readonly number[];
	/** Copies that are in neither half, because the first of their group stands for them. */
	readonly droppedCopies: readonly number[];
	readonly duplicates: readonly DuplicateGroup[];
	/** Why the split is not all that was asked for, in words. */
	readonly notes: readonly string[];
}

/**
 * Splits a set into examples that passes learn from and examples that results are judged on. They never share an example: copies (equal
 * content hash) count as one. Where there are labels each class gives its share (largest remainder), so that both halves look like the whole.
 */
export function splitDataset(examples: readonly ExampleFacts[], options: SplitOptions): Split {
	const { seed, leftOut } = options;
	const groups = new Map<string, number[]>();
	examples.forEach(({ contentHash }, index) => {
		if (leftOut?.has(index)) return;
		const group = groups.get(contentHash);
		if (group) group.push(index);
		else groups.set(contentHash, [index]);
	});
	const duplicates: DuplicateGroup[] = [];
	const droppedCopies: number[] = [];
	for (const indices of groups.values()) {
		if (indices.length < 2) continue;
		const labels = new Set(indices.flatMap((index) => examples[index]?.label ?? []));
		duplicates.push({ indices, labelsDisagree: labels.size > 1 });
		droppedCopies.push(...indices.slice(1));
	}
	const n = groups.size;
	const notes: string[] = [];
	if (duplicates.length > 0) {
		notes.push(`${droppedCopies.length} of ${n + droppedCopies.length} examples are copies of others and are left out`);
		const contrary = duplicates.filter(({ labelsDisagree }) => labelsDisagree).length;
		if (contrary > 0) notes.push(`${contrary} ${contrary === 1 ? 'group' : 'groups'} of copies have labels that contradict each other`);
	}
	const wanted = calibrationSize(options.calibration, n, notes);
	const calibration = chooseStratified(
		examples,
		[...groups].map(([contentHash, indices]) => ({ contentHash, index: indices[0] as number })),
		wanted,
		seed,
	);
	const taken = new Set(calibration);
	const evaluation = [...groups.values()].map((indices) => indices[0] as number).filter((index) => !taken.has(index));
	return {
		seed,
		calibration: calibration.sort((a, b) => a - b),
		evaluation: evaluation.sort((a, b) => a - b),
		droppedCopies: droppedCopies.sort((a, b) => a - b),
		duplicates,
		notes,
	};
}

/** Whole number of calibration examples; at least one example is left to judge on, and half of a small set. */
function calibrationSize(wanted: number, n: number, notes: string[]): number {
	if (!(wanted > 0) || !Number.isFinite(wanted)) throw new RangeError(`A split needs a calibration size above 0, not ${wanted}.`);
	const asked = wanted < 1 ? Math.max(1, Math.round(wanted * n)) : Math.floor(wanted);
	const most = Math.floor(n / 2);
	if (asked > most) {
		notes.push(
			most === 0
				? 'the set is too small to be split: nothing to learn from is left'
				: `${asked} examples to learn from were asked for; ${most} are taken, so that half of the ${n} remain to judge on`,
		);
	}
	return Math.min(asked, most);
}

interface Candidate {
	readonly contentHash: string;
	readonly index: number;
}

function chooseStratified(examples: readonly ExampleFacts[], candidates: readonly Candidate[], count: number, seed: number): number[] {
	const classes = new Map<number, Candidate[]>();
	// By content, not by position: the same examples in another order give the same split.
	const ordered = [...candidates].sort((a, b) => (a.contentHash < b.contentHash ? -1 : a.contentHash > b.contentHash ? 1 : 0));
	for (const candidate of ordered) {
		const label = examples[candidate.index]?.label ?? -1;
		const members = classes.get(label);
		if (members) members.push(candidate);
		else classes.set(label, [candidate]);
	}
	const random = seededRandom(seed);
	const strata = [...classes].sort(([a], [b]) => a - b).map(([, members]) => ({ members: shuffled(members, random), tie: random.next() }));
	const shares = strata.map(({ members, tie }) => {
		const exact = (members.length * count) / Math.max(1, candidates.length);
		return { members, tie, size: Math.floor(exact), remainder: exact - Math.floor(exact) };
	});
	let missing = count - shares.reduce((sum, { size }) => sum + size, 0);
	// Largest remainders first; equal ones in random order, or classes of one example each would always give the first of them.
	for (const share of [...shares].sort((a, b) => b.remainder - a.remainder || a.tie - b.tie)) {
		if (missing === 0) break;
		if (share.size >= share.members.length) continue;
		share.size += 1;
		missing -= 1;
	}
	return shares.flatMap(({ members, size }) => members.slice(0, size).map(({ index }) => index));
}

function shuffled<T>(items: readonly T[], random: { below(limit: number): number }): T[] {
	const result = [...items];
	for (let i = result.length - 1; i > 0; i--) {
		const j = random.below(i + 1);
		[result[i], result[j]] = [result[j] as T, result[i] as T];
	}
	return result;
}
