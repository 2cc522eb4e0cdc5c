import { type SeededRandom, seededRandom } from '../../numeric/random.ts';
import { classificationMetrics } from '../classification.ts';
import { pairedDifference, proportion, quantileInterval } from '../intervals.ts';
import type { Interval, TaskMetric } from '../study.ts';
import { type BinaryAnswers, binaryMetrics } from './binary-metrics.ts';
import { type EmbeddingAnswers, embeddingMetrics } from './embedding-metrics.ts';
import { fidelityMetrics } from './fidelity-metrics.ts';
import { isMeasurable } from './metric-facts.ts';
import { type MultiLabelAnswers, multiLabelMetrics } from './multi-label-metrics.ts';
import { normalCdf } from './normal.ts';
import { type RegressionAnswers, regressionMetrics } from './regression-metrics.ts';
import { type SequenceAnswers, sequenceMetrics } from './sequence-metrics.ts';
import { looksOf } from './sequential.ts';

/** Studies of made-up models whose true figures are known, for bench/statistics.ts and, in a reduced form, for tests. */
export interface IntervalCell {
	readonly kind: string;
	readonly setting: string;
	study(seed: number): { readonly interval: Interval; readonly truth: number };
}

export interface NullCell {
	readonly kind: string;
	readonly setting: string;
	/** Whether this study says that the models differ. */
	alarm(seed: number): boolean;
}

export interface SequentialCell {
	readonly kind: string;
	readonly setting: string;
	study(seed: number): { readonly alarm: boolean; readonly held: boolean; readonly share: number };
}

const metric = (list: readonly TaskMetric[], name: string): TaskMetric => {
	const found = list.find((entry) => entry.metric === name);
	if (!found) throw new Error(`no ${name}`);
	return found;
};

/** Scores with normal noise: positives lie `apart` higher, so the area under the ROC curve is Phi(apart / sqrt 2). */
function binary(
	random: SeededRandom,
	n: number,
	prevalence: number,
	apart: number,
	noise = 0,
): { own: BinaryAnswers; original: BinaryAnswers } {
	const labels = new Int8Array(n);
	const scores = new Float64Array(n);
	const other = new Float64Array(n);
	for (let i = 0; i < n; i++) {
		const label = random.next() < prevalence ? 1 : 0;
		labels[i] = label;
		const shared = (label - 0.5) * apart + random.normal() * Math.sqrt(Math.max(0, 1 - noise * noise));
		scores[i] = shared + noise * random.normal();
		other[i] = shared + noise * random.normal();
	}
	const answers = (values: Float64Array): BinaryAnswers => ({ labels, scores: values, cut: 0, probabilities: false });
	return { own: answers(scores), original: answers(other) };
}

/** A figure of a large population, once. */
function population(figure: () => number): () => number {
	let known: number | undefined;
	return () => {
		known ??= figure();
		return known;
	};
}

function binaryCells(name: 'auc' | 'ap' | 'f1' | 'precision'): IntervalCell[] {
	return [
		[50, 0.5, 1],
		[100, 0.3, 1.5],
		[100, 0.5, 2.5],
		[400, 0.1, 1],
		[400, 0.5, 2],
	].map(([n = 0, prevalence = 0, apart = 0]) => {
		const truth = population(() => {
			if (name === 'auc') return normalCdf(apart / Math.SQRT2);
			const size = 400_000;
			const { own } = binary(seededRandom(99), size, prevalence, apart);
			const order = Array.from(own.scores.keys()).sort((a, b) => (own.scores[b] as number) - (own.scores[a] as number));
			let [hits, positives, area, claimed, claimedHits] = [0, 0, 0, 0, 0];
			for (const [rank, i] of order.entries()) {
				if ((own.scores[i] as number) >= 0) claimed += 1;
				if (own.labels[i] !== 1) continue;
				hits += 1;
				positives += 1;
				area += hits / (rank + 1);
				if ((own.scores[i] as number) >= 0) claimedHits += 1;
			}
			if (name === 'ap') return area / positives;
			return name === 'f1' ? (2 * claimedHits) / (positives + claimed) : claimedHits / claimed;
		});
		return {
			kind: `binary ${name}`,
			setting: `n ${n}, positives ${prevalence}, d' ${apart}`,
			study: (seed) => {
				const { own } = binary(seededRandom(seed), n, prevalence, apart);
				return { interval: metric(binaryMetrics(own, { seed }), name).interval, truth: truth() };
			},
		};
	});
}

/** Targets normal, predictions off by noise that is normal or (heavy) now and then much larger. */
function regression(
	random: SeededRandom,
	n: number,
	error: number,
	heavy: boolean,
	noise = 0,
): { own: RegressionAnswers; original: RegressionAnswers } {
	const targets = new Float64Array(n);
	const values = new Float64Array(n);
	const other = new Float64Array(n);
	for (let i = 0; i < n; i++) {
		targets[i] = random.normal();
		const wide = heavy && random.next() < 0.05 ? 4 : 1;
		const shared = (targets[i] as number) + error * wide * random.normal();
		values[i] = shared + noise * random.normal();
		other[i] = shared + noise * random.normal();
	}
	return { own: { width: 1, targets, values }, original: { width: 1, targets, values: other } };
}

function regressionCells(name: 'mae' | 'rmse' | 'r2'): IntervalCell[] {
	return [
		[50, 0.5, false],
		[100, 0.5, false],
		[100, 0.2, true],
		[400, 1, false],
		[400, 0.5, true],
	].map(([n, error, heavy]) => {
		const [count, off, wide] = [Number(n), Number(error), heavy === true];
		const square = off * off * (wide ? 0.95 + 0.05 * 16 : 1);
		const absolute = off * Math.sqrt(2 / Math.PI) * (wide ? 0.95 + 0.05 * 4 : 1);
		const truth = name === 'mae' ? absolute : name === 'rmse' ? Math.sqrt(square) : 1 - square;
		return {
			kind: `regression ${name}`,
			setting: `n ${count}, error ${off}${wide ? ', heavy tails' : ''}`,
			study: (seed) => {
				const { own } = regression(seededRandom(seed), count, off, wide);
				return { interval: metric(regressionMetrics(own, { seed }), name).interval, truth };
			},
		};
	});
}

/** Classes with scores: confidence is what it should be less `over`. */
function classes(random: SeededRandom, n: number, count: number, right: number, over: number) {
	const labels = new Int32Array(n);
	const predicted = new Int32Array(n);
	const confidence = new Float64Array(n);
	for (let i = 0; i < n; i++) {
		const label = random.below(count);
		const sure = Math.min(0.999, Math.max(0.05, right + 0.15 * (random.next() - 0.5) * 2));
		labels[i] = label;
		predicted[i] = random.next() < sure ? label : (label + 1 + random.below(count - 1)) % count;
		confidence[i] = Math.min(0.9999, sure + over);
	}
	return { labels, predicted, confidence };
}

const macroCells: IntervalCell[] = (['recall', 'precision', 'f1'] as const).flatMap((name) =>
	[
		[60, 3, 0.7],
		[200, 5, 0.8],
		[400, 10, 0.8],
	].map(([n = 0, count = 0, right = 0]): IntervalCell => {
		// Errors are spread evenly, so precision, recall and F1 are the share that is right.
		return {
			kind: `macro ${name}`,
			setting: `n ${n}, ${count} classes, right ${right}`,
			study: (seed) => ({
				interval: metric(classificationMetrics(classes(seededRandom(seed), n, count, right, 0), { seed }), name).interval,
				truth: right,
			}),
		};
	}),
);

const calibrationCells: IntervalCell[] = [
	[200, 0.7, 0.1],
	[400, 0.7, 0.15],
	[1000, 0.7, 0.1],
].map(([n = 0, right = 0, over = 0]) => ({
	kind: 'calibration error',
	setting: `n ${n}, over-confident by ${over}`,
	study: (seed) => ({
		interval: metric(classificationMetrics(classes(seededRandom(seed), n, 5, right, over), { seed }), 'ece').interval,
		truth: over,
	}),
}));

function multiLabel(random: SeededRandom, n: number, width: number, noise = 0): { own: MultiLabelAnswers; original: MultiLabelAnswers } {
	const labels = new Int8Array(n * width);
	const scores = new Float64Array(n * width);
	const other = new Float64Array(n * width);
	for (let i = 0; i < n; i++) {
		const mood = random.normal();
		for (let j = 0; j < width; j++) {
			const at = i * width + j;
			labels[at] = random.next() < 0.3 ? 1 : 0;
			// Labels of an example hang together through its mood.
			const shared = (labels[at] as number) * 1.5 + 0.6 * mood + 0.8 * random.normal();
			scores[at] = shared + noise * random.normal();
			other[at] = shared + noise * random.normal();
		}
	}
	const answers = (values: Float64Array): MultiLabelAnswers => ({ width, labels, scores: values, cut: 0.75 });
	return { own: answers(scores), original: answers(other) };
}

const multiLabelCells: IntervalCell[] = [
	[60, 3],
	[150, 5],
	[400, 8],
].map(([n = 0, width = 0]) => ({
	kind: 'multi-label auc',
	setting: `n ${n}, ${width} labels`,
	study: (seed) => ({
		interval: metric(multiLabelMetrics(multiLabel(seededRandom(seed), n, width).own, { seed }), 'auc').interval,
		truth: normalCdf(1.5 / Math.SQRT2),
	}),
}));

function embeddings(random: SeededRandom, n: number, width: number, noise: number): { own: EmbeddingAnswers; original: EmbeddingAnswers } {
	const vectors = Float64Array.from({ length: n * width }, () => random.normal());
	return { own: { width, vectors: vectors.map((x) => x + noise * random.normal()) }, original: { width, vectors } };
}

const embeddingCells: IntervalCell[] = [
	[60, 8, 0.2],
	[150, 8, 0.4],
	[300, 16, 0.3],
].flatMap(([n = 0, width = 0, noise = 0]): IntervalCell[] => {
	const figures = (seed: number) => {
		const { own, original } = embeddings(seededRandom(seed), n, width, noise);
		return embeddingMetrics(own, original, { seed });
	};
	// What a set of this size has on average is what its interval is about.
	const mean = (name: string) =>
		population(() => {
			let sum = 0;
			const sets = Math.ceil(200_000 / n / 4);
			for (let k = 0; k < sets; k++) sum += metric(figures(1_000_000 + k), name).value;
			return sum / sets;
		});
	return ['neighbours', 'cosine'].map((name) => {
		const truth = mean(name);
		return {
			kind: name === 'neighbours' ? 'same nearest neighbour' : 'mean cosine',
			setting: `n ${n}, ${width} axes, noise ${noise}`,
			study: (seed) => ({ interval: metric(figures(seed), name).interval, truth: truth() }),
		};
	});
});

/** Sequences of different lengths whose errors come in company. */
function sequences(random: SeededRandom, n: number, base: number): { answers: SequenceAnswers; original: SequenceAnswers } {
	const right = Array.from({ length: n }, () => Array.from({ length: 5 + random.below(20) }, () => 1 + random.below(50)));
	const damaged = right.map((row) => {
		// Half of the rows are hard, with errors four times as often.
		const chance = base * (random.next() < 0.5 ? 0.4 : 1.6);
		return row.map((token) => (random.next() < chance ? 51 + random.below(10) : token));
	});
	const steps = damaged.map((row) => Int32Array.from(row));
	return {
		answers: { steps, said: damaged, right },
		original: { steps: right.map((row) => Int32Array.from(row)), said: right, right: right.map(() => undefined) },
	};
}

const sequenceCells: IntervalCell[] = (['cer', 'steps'] as const).flatMap((name) =>
	[
		[60, 0.1],
		[200, 0.05],
		[400, 0.1],
	].map(
		([n = 0, base = 0]): IntervalCell => ({
			kind: name === 'cer' ? 'character error rate' : 'same steps',
			setting: `n ${n}, errors ${base}`,
			study: (seed) => {
				const { answers, original } = sequences(seededRandom(seed), n, base);
				return { interval: metric(sequenceMetrics(answers, { seed }, original), name).interval, truth: name === 'cer' ? base : 1 - base };
			},
		}),
	),
);

const fidelityCells: IntervalCell[] = [60, 150, 400].flatMap((n): IntervalCell[] => {
	const width = 16;
	const make = (seed: number) => {
		const random = seededRandom(seed);
		return Array.from({ length: n }, () => {
			let [signal, noise, maxAbs] = [0, 0, 0];
			// Some examples are noisier than others.
			const scale = 0.05 * Math.exp(0.5 * random.normal());
			for (let j = 0; j < width; j++) {
				const [a, e] = [random.normal(), scale * random.normal()];
				signal += a * a;
				noise += e * e;
				maxAbs = Math.max(maxAbs, Math.abs(e));
			}
			return { signal, noise, cosine: 1 - noise / (2 * signal), maxAbs };
		});
	};
	const big = population(() => {
		const values = Array.from({ length: Math.ceil(200_000 / n) }, (_, k) => make(2_000_000 + k).map(({ maxAbs }) => maxAbs)).flat();
		return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
	});
	return [
		{
			kind: 'SQNR',
			setting: `n ${n}`,
			study: (seed) => ({
				interval: metric(fidelityMetrics(make(seed), { seed }), 'sqnr').interval,
				truth: -10 * Math.log10(0.05 * 0.05 * Math.exp(0.5)),
			}),
		},
		{
			kind: 'median largest difference',
			setting: `n ${n}`,
			study: (seed) => ({
				interval: quantileInterval(
					make(seed)
						.map(({ maxAbs }) => maxAbs)
						.sort((a, b) => a - b),
					0.5,
				),
				truth: big(),
			}),
		},
	];
});

function count(random: SeededRandom, n: number, p: number): number {
	let hits = 0;
	for (let i = 0; i < n; i++) if (random.next() < p) hits += 1;
	return hits;
}

const shareCells: IntervalCell[] = [50, 100, 400, 2000].flatMap((n) =>
	[0.5, 0.7, 0.8, 0.9, 0.95].map((p) => ({
		kind: 'share (Wilson)',
		setting: `n ${n}, p ${p}`,
		study: (seed) => ({ interval: proportion(count(seededRandom(seed), n, p), n).interval, truth: p }),
	})),
);

/** Right and wrong answers of two models on the same examples. */
function pair(random: SeededRandom, n: number, lost: number, gained: number): { lost: number; gained: number } {
	let [a, b] = [0, 0];
	for (let i = 0; i < n; i++) {
		const x = random.next();
		if (x < lost) a += 1;
		else if (x < lost + gained) b += 1;
	}
	return { lost: a, gained: b };
}

const pairedCells: IntervalCell[] = [
	[100, 0.1, 0.05],
	[400, 0.05, 0.05],
	[400, 0.04, 0.02],
	[2000, 0.02, 0.01],
].map(([n = 0, lost = 0, gained = 0]) => ({
	kind: 'difference of shares (paired)',
	setting: `n ${n}, lost ${lost}, gained ${gained}`,
	study: (seed) => {
		const found = pair(seededRandom(seed), n, lost, gained);
		return { interval: pairedDifference(found.lost, found.gained, n).interval, truth: gained - lost };
	},
}));

const differenceCells: IntervalCell[] = [
	...[60, 150, 400].map(
		(n): IntervalCell => ({
			kind: 'difference of MAE (paired)',
			setting: `n ${n}`,
			study: (seed) => {
				const random = seededRandom(seed);
				const { own, original } = regression(random, n, 0.5, false);
				// The variant's errors are a tenth larger, and its own noise comes on top.
				const worse = own.values.map(
					(value, i) => (own.targets[i] as number) + 1.1 * (value - (own.targets[i] as number)) + 0.1 * random.normal(),
				);
				const truth = (Math.sqrt(0.55 ** 2 + 0.01) - 0.5) * Math.sqrt(2 / Math.PI);
				const { difference } = metric(regressionMetrics({ ...own, values: worse }, { seed, swaps: 0 }, original), 'mae');
				return { interval: difference?.interval ?? [0, 0], truth };
			},
		}),
	),
	...[60, 150, 400].map(
		(n): IntervalCell => ({
			kind: 'difference of ROC-AUC (paired)',
			setting: `n ${n}`,
			study: (seed) => {
				const random = seededRandom(seed);
				const { own } = binary(random, n, 0.4, 1.5);
				const noisy = { ...own, scores: own.scores.map((x) => x + 0.5 * random.normal()) };
				const truth = normalCdf(1.5 / Math.sqrt(2 * 1.25)) - normalCdf(1.5 / Math.SQRT2);
				const { difference } = metric(binaryMetrics(noisy, { seed, swaps: 0 }, own), 'auc');
				return { interval: difference?.interval ?? [0, 0], truth };
			},
		}),
	),
];

export const intervalCells: readonly IntervalCell[] = [
	...shareCells,
	...pairedCells,
	...binaryCells('auc'),
	...binaryCells('ap'),
	...binaryCells('precision'),
	...binaryCells('f1'),
	...macroCells,
	...calibrationCells,
	...multiLabelCells,
	...regressionCells('mae'),
	...regressionCells('rmse'),
	...regressionCells('r2'),
	...embeddingCells,
	...sequenceCells,
	...fidelityCells,
	...differenceCells,
];

const called = (list: readonly TaskMetric[], name: string, alpha?: number): boolean => {
	const { difference } = metric(list, name);
	return difference !== undefined && isMeasurable(difference, alpha);
};

export const nullCells: readonly NullCell[] = [
	...[50, 100, 400, 2000].flatMap((n) =>
		[0.01, 0.05, 0.2].map(
			(discordant): NullCell => ({
				kind: 'accuracy (McNemar)',
				setting: `n ${n}, ${discordant * 100} % each way`,
				alarm: (seed) => {
					const { lost, gained } = pair(seededRandom(seed), n, discordant, discordant);
					return isMeasurable(pairedDifference(lost, gained, n));
				},
			}),
		),
	),
	...[50, 200].flatMap((n) =>
		(['auc', 'ap', 'f1'] as const).map(
			(name): NullCell => ({
				kind: `binary ${name}`,
				setting: `n ${n}`,
				alarm: (seed) => {
					const { own, original } = binary(seededRandom(seed), n, 0.3, 1.5, 0.5);
					return called(binaryMetrics(own, { seed }, original), name);
				},
			}),
		),
	),
	...[50, 200].flatMap((n) =>
		(['mae', 'rmse', 'r2'] as const).map(
			(name): NullCell => ({
				kind: `regression ${name}`,
				setting: `n ${n}, heavy tails`,
				alarm: (seed) => {
					const { own, original } = regression(seededRandom(seed), n, 0.5, true, 0.3);
					return called(regressionMetrics(own, { seed }, original), name);
				},
			}),
		),
	),
	...[60, 200].map(
		(n): NullCell => ({
			kind: 'multi-label auc',
			setting: `n ${n}, 4 labels`,
			alarm: (seed) => {
				const { own, original } = multiLabel(seededRandom(seed), n, 4, 0.5);
				return called(multiLabelMetrics(own, { seed }, original), 'auc');
			},
		}),
	),
];

/** An evaluation with looks on the way, as the engine makes it: it ends at a measurable difference or within the margin. */
export const sequentialCells: readonly SequentialCell[] = [
	...[
		[400, 0.05, 0.05],
		[400, 0.01, 0.01],
		[2000, 0.02, 0.02],
		[400, 0.1, 0.02],
		[2000, 0.03, 0.02],
	].map(
		([n = 0, lost = 0, gained = 0]): SequentialCell => ({
			kind: 'accuracy',
			setting: `n ${n}, lost ${lost}, gained ${gained}, 1 point`,
			study: (seed) => {
				const random = seededRandom(seed);
				const results = Array.from({ length: n }, () => {
					const x = random.next();
					return x < lost ? -1 : x < lost + gained ? 1 : 0;
				});
				return sequential(n, 0.01, gained - lost, (after, alpha) => {
					const seen = results.slice(0, after);
					return pairedDifference(seen.filter((x) => x < 0).length, seen.filter((x) => x > 0).length, after, alpha);
				});
			},
		}),
	),
	...[300].map(
		(n): SequentialCell => ({
			kind: 'regression MAE',
			setting: `n ${n}, null, 2 %`,
			study: (seed) => {
				const { own, original } = regression(seededRandom(seed), n, 0.5, true, 0.1);
				const cut = (answers: RegressionAnswers, after: number): RegressionAnswers => ({
					width: 1,
					targets: answers.targets.slice(0, after),
					values: answers.values.slice(0, after),
				});
				return sequential(n, 0.02 * 0.5, 0, (after, alpha) => {
					const { difference } = metric(regressionMetrics(cut(own, after), { seed, alpha }, cut(original, after)), 'mae');
					return difference as NonNullable<TaskMetric['difference']>;
				});
			},
		}),
	),
];

function sequential(
	n: number,
	margin: number,
	truth: number,
	look: (after: number, alpha: number) => NonNullable<TaskMetric['difference']>,
): { alarm: boolean; held: boolean; share: number } {
	const looks = looksOf(n);
	for (const [k, { after, alpha }] of looks.entries()) {
		const difference = look(after, alpha);
		const measurable = isMeasurable(difference, alpha);
		const within = Math.max(Math.abs(difference.interval[0]), Math.abs(difference.interval[1])) <= margin;
		if (!measurable && !within && k < looks.length - 1) continue;
		return {
			alarm: measurable && truth === 0,
			held: difference.interval[0] <= truth && truth <= difference.interval[1],
			share: after / n,
		};
	}
	throw new Error('no look');
}
