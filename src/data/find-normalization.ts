import type { TensorData } from '../core/ir/tensor-data.ts';
import { decodeFloat16 } from '../core/numeric/float16.ts';
import { seededRandom } from '../core/numeric/random.ts';
import type { Evidence } from './dataset.ts';
import type { Normalization } from './preprocessing.ts';

export interface NormalizationSearch {
	readonly candidates: readonly { readonly name: string; readonly normalization: Normalization }[];
	/** Class of each example; undefined where it has none. */
	readonly labels: readonly (number | undefined)[];
	/** The output that gives the class. */
	readonly output: string | undefined;
	/** Runs the model on one example under a convention. */
	readonly score: (normalization: Normalization, index: number) => Promise<Record<string, TensorData>>;
}

/** Examples of the first look at all conventions, and in all for the best of them. */
const firstLook = 8;
const secondLook = 24;
const finalists = 4;

/**
 * Tries conventions on a few labelled examples and keeps the one that gets most right; of equal ones the one that is surer of the right
 * class. All are tried on 8 examples, the best four on 24. undefined where there are too few labels, where the output gives no class, or
 * where no convention does better than chance by a clear margin.
 */
export async function findNormalization(
	search: NormalizationSearch,
): Promise<{ normalization: Normalization; evidence: Evidence } | undefined> {
	const labelled = search.labels.flatMap((label, index) => (label === undefined ? [] : [{ label, index }]));
	const { output } = search;
	if (labelled.length < 4 || output === undefined) return undefined;
	// Shuffled, so that the first few are no less mixed than all of them; the same ones each time.
	const random = seededRandom(1);
	const order = labelled.map((example) => ({ example, at: random.next() })).sort((a, b) => a.at - b.at);
	const entries = search.candidates.map((candidate) => ({ ...candidate, right: 0, likelihood: 0, n: 0 }));
	let classes = 0;
	const extend = async (entry: (typeof entries)[number], upTo: number): Promise<boolean> => {
		for (; entry.n < Math.min(upTo, order.length); entry.n++) {
			const { label, index } = (order[entry.n] as (typeof order)[number]).example;
			const tensor = (await search.score(entry.normalization, index))[output];
			const values = tensor && valuesOf(tensor);
			if (!values || label >= values.length || values.length < 2) return false;
			classes = values.length;
			entry.likelihood += logLikelihood(values, label);
			if (largest(values) === label) entry.right += 1;
		}
		return true;
	};
	const better = (a: (typeof entries)[number], b: (typeof entries)[number]): number =>
		b.right / b.n - a.right / a.n || b.likelihood / b.n - a.likelihood / a.n;
	for (const entry of entries) if (!(await extend(entry, firstLook))) return undefined;
	entries.sort(better);
	const best = entries.slice(0, finalists);
	for (const entry of best) if (!(await extend(entry, secondLook))) return undefined;
	best.sort(better);
	const winner = best[0];
	// Chance, and two standard deviations of it: below that the labels do not tell the conventions apart.
	const chance = 1 / classes;
	if (!winner || winner.right < winner.n * chance + 2 * Math.sqrt(winner.n * chance * (1 - chance)) + 1) return undefined;
	return {
		normalization: winner.normalization,
		evidence: {
			what: 'Preprocessing, by how many labelled examples the original gets right',
			candidates: [...best, ...entries.slice(finalists)].map((entry) => ({
				name: entry.name,
				score: `${entry.right} of ${entry.n}`,
				chosen: entry === winner,
			})),
		},
	};
}

function largest(values: ArrayLike<number>): number {
	let best = 0;
	for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
	return best;
}

function valuesOf({ dtype, data }: TensorData): Float32Array | Float64Array | undefined {
	if (dtype === 'float16') return decodeFloat16(data as Uint16Array);
	return data instanceof Float32Array || data instanceof Float64Array ? data : undefined;
}

/** Log of the right class's share: of probabilities as they are, of anything else after softmax. */
function logLikelihood(values: Float32Array | Float64Array, label: number): number {
	let sum = 0;
	let probabilities = true;
	let most = Number.NEGATIVE_INFINITY;
	for (const x of values) {
		sum += x;
		if (!(x >= 0)) probabilities = false;
		if (x > most) most = x;
	}
	const own = values[label] as number;
	if (probabilities && Math.abs(sum - 1) < 1e-2) return Math.log(Math.max(own, 1e-12));
	let total = 0;
	for (const x of values) total += Math.exp(x - most);
	const value = own - most - Math.log(total);
	return Number.isFinite(value) ? value : -1e6;
}
