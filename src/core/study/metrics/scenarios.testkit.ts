import { type SeededRandom, seededRandom } from '../../numeric/random.ts';
import { type Answers, classificationMetrics } from '../classification.ts';
import type { TaskMetric } from '../study.ts';
import { type BinaryAnswers, binaryMetrics, type MetricOptions } from './binary-metrics.ts';
import { embeddingMetrics } from './embedding-metrics.ts';
import { type ExampleDistance, fidelityMetrics } from './fidelity-metrics.ts';
import { type MultiLabelAnswers, multiLabelMetrics } from './multi-label-metrics.ts';
import { type RegressionAnswers, regressionMetrics } from './regression-metrics.ts';
import { type SequenceAnswers, sequenceMetrics } from './sequence-metrics.ts';

/**
 * Made-up tasks in which every metric and every paired difference is looked at in one study: small sets, models near perfect and near chance, ties,
 * rare classes, heavy tails. In a null scenario both models are equally good.
 */
export interface Scenario {
	readonly kind: string;
	readonly setting: string;
	readonly null: boolean;
	study(seed: number): readonly TaskMetric[];
	/** What the metrics are for the variant and for the original in a large population of so many examples, found once. */
	truth(population?: number): { readonly own: readonly TaskMetric[]; readonly original: readonly TaskMetric[] };
}

function scenario<A>(
	kind: string,
	setting: string,
	n: number,
	options: {
		readonly null: boolean;
		readonly population: number;
		readonly draw: (random: SeededRandom, n: number) => { readonly own: A; readonly original: A };
		readonly metrics: (own: A, options: MetricOptions, original?: A) => readonly TaskMetric[];
	},
): Scenario {
	let known: ReturnType<Scenario['truth']> | undefined;
	return {
		kind,
		setting: `n ${n}, ${setting}`,
		null: options.null,
		study: (seed) => {
			const { own, original } = options.draw(seededRandom(seed), n);
			return options.metrics(own, { seed, swaps: options.null ? 1000 : 0 }, original);
		},
		truth: (population = options.population) => {
			if (!known) {
				const { own, original } = options.draw(seededRandom(987_654_321), population);
				known = { own: options.metrics(own, { seed: 1 }), original: options.metrics(original, { seed: 1 }) };
			}
			return known;
		},
	};
}

const binary = (n: number, prevalence: number, apart: number, setting: string, nothing = false, ties = 0): Scenario =>
	scenario<BinaryAnswers>('binary', `${setting}, positives ${prevalence}`, n, {
		null: nothing,
		population: 400_000,
		draw: (random, count) => {
			const [labels, own, original] = [new Int8Array(count), new Float64Array(count), new Float64Array(count)];
			const round = (x: number): number => (ties === 0 ? x : Math.round(x * ties) / ties);
			for (let i = 0; i < count; i++) {
				labels[i] = random.next() < prevalence ? 1 : 0;
				const shared = ((labels[i] as number) - 0.5) * apart + 0.9 * random.normal();
				own[i] = round(shared + (nothing ? 0.45 : 0.7) * random.normal());
				original[i] = round(shared + 0.45 * random.normal());
			}
			const answers = (scores: Float64Array): BinaryAnswers => ({ labels, scores, cut: 0, probabilities: false });
			return { own: answers(own), original: answers(original) };
		},
		metrics: (own, options, original) => binaryMetrics(own, options, original),
	});

type Tail = 'normal' | 'heavy' | 'laplace';

const numbers = (n: number, tail: Tail, error: number, nothing = false): Scenario =>
	scenario<RegressionAnswers>('regression', `${tail} errors of ${error}`, n, {
		null: nothing,
		population: 1_000_000,
		draw: (random, count) => {
			const [targets, own, original] = [new Float64Array(count), new Float64Array(count), new Float64Array(count)];
			for (let i = 0; i < count; i++) {
				const target = random.normal();
				const scale = tail === 'heavy' && random.next() < 0.05 ? 4 : 1;
				const noise =
					tail === 'laplace'
						? -Math.log(1 - random.next()) * (random.next() < 0.5 ? -Math.SQRT1_2 : Math.SQRT1_2)
						: scale * random.normal();
				targets[i] = target;
				original[i] = target + error * (noise + (nothing ? 0.3 * random.normal() : 0));
				own[i] = target + error * ((nothing ? 1 : 1.1) * noise + 0.3 * random.normal());
			}
			return { own: { width: 1, targets, values: own }, original: { width: 1, targets, values: original } };
		},
		metrics: (own, options, original) => regressionMetrics(own, options, original),
	});

const classes = (n: number, shares: readonly number[], right: number, setting: string, nothing = false): Scenario =>
	scenario<Answers>('classes', setting, n, {
		null: nothing,
		population: 400_000,
		draw: (random, count) => {
			const labels = new Int32Array(count);
			const own = { predicted: new Int32Array(count), confidence: new Float64Array(count) };
			const original = { predicted: new Int32Array(count), confidence: new Float64Array(count) };
			const draw = (): number => {
				let x = random.next();
				for (let c = 0; c < shares.length - 1; c++) {
					x -= shares[c] as number;
					if (x < 0) return c;
				}
				return shares.length - 1;
			};
			for (let i = 0; i < count; i++) {
				const label = draw();
				labels[i] = label;
				const sure = Math.min(0.995, Math.max(0.02, right + Math.min(0.15, (1 - right) / 2) * (2 * random.next() - 1)));
				const shared = random.next() < sure ? label : draw();
				const other = random.next() < 0.08 ? draw() : shared;
				own.predicted[i] = random.next() < (nothing ? 0.08 : 0.12) ? draw() : shared;
				original.predicted[i] = nothing ? other : shared;
				own.confidence[i] = Math.min(0.9999, sure + 0.05);
				original.confidence[i] = Math.min(0.9999, sure + (nothing ? 0.05 : 0));
			}
			return { own: { labels, ...own }, original: { labels, ...original } };
		},
		metrics: (own, options, original) => classificationMetrics(own, options, original),
	});

const labels = (n: number, width: number, prevalence: number, apart: number, nothing = false): Scenario =>
	scenario<MultiLabelAnswers>('multi-label', `${width} labels of ${prevalence}, d' ${apart}`, n, {
		null: nothing,
		population: 200_000,
		draw: (random, count) => {
			const given = new Int8Array(count * width);
			const [own, original] = [new Float64Array(count * width), new Float64Array(count * width)];
			for (let i = 0; i < count; i++) {
				const mood = random.normal();
				for (let j = 0; j < width; j++) {
					const at = i * width + j;
					given[at] = random.next() < prevalence ? 1 : 0;
					const shared = (given[at] as number) * apart + 0.5 * mood + 0.75 * random.normal();
					own[at] = shared + (nothing ? 0.4 : 0.7) * random.normal();
					original[at] = shared + 0.4 * random.normal();
				}
			}
			const answers = (scores: Float64Array): MultiLabelAnswers => ({ width, labels: given, scores, cut: apart / 2 });
			return { own: answers(own), original: answers(original) };
		},
		metrics: (own, options, original) => multiLabelMetrics(own, options, original),
	});

const sequences = (n: number, base: number, setting: string, nothing = false): Scenario =>
	scenario<SequenceAnswers>('sequences', `${setting}, errors ${base}`, n, {
		null: nothing,
		population: 60_000,
		draw: (random, count) => {
			const right = Array.from({ length: count }, () => Array.from({ length: 5 + random.below(20) }, () => 1 + random.below(50)));
			const hard = right.map(() => (random.next() < 0.5 ? 0.4 : 1.6));
			const damaged = (rate: number) =>
				right.map((row, i) => row.map((token) => (random.next() < rate * (hard[i] as number) ? 51 + random.below(10) : token)));
			const answers = (said: number[][]): SequenceAnswers => ({ steps: said.map((row) => Int32Array.from(row)), said, right });
			return { own: answers(damaged(nothing ? base : 1.3 * base)), original: answers(damaged(base)) };
		},
		// Steps are compared with the original's: the other scenarios look at them.
		metrics: (own, options, original) =>
			sequenceMetrics(own, options, original).filter(({ metric }) => metric === 'cer' || metric === 'exact'),
	});

const distances = (n: number, scale: number, uneven: number): Scenario =>
	scenario<readonly ExampleDistance[]>('outputs', `noise ${scale}, uneven by ${uneven}`, n, {
		null: false,
		population: 400_000,
		draw: (random, count) => {
			const own = Array.from({ length: count }, () => {
				let [signal, noise, maxAbs] = [0, 0, 0];
				const size = scale * Math.exp(uneven * random.normal());
				for (let j = 0; j < 16; j++) {
					const [a, e] = [random.normal(), size * random.normal()];
					signal += a * a;
					noise += e * e;
					maxAbs = Math.max(maxAbs, Math.abs(e));
				}
				return { signal, noise, cosine: 1 - noise / (2 * signal), maxAbs };
			});
			return { own, original: own };
		},
		metrics: (own, options) => fidelityMetrics(own, options),
	});

const vectors = (n: number, noise: number): Scenario =>
	scenario<{ readonly width: number; readonly vectors: Float64Array; readonly before: Float64Array }>('embeddings', `noise ${noise}`, n, {
		null: false,
		population: 100_000,
		draw: (random, count) => {
			const before = Float64Array.from({ length: count * 8 }, () => random.normal());
			const own = { width: 8, vectors: before.map((x) => x + noise * random.normal()), before };
			return { own, original: own };
		},
		// Agreement of neighbours depends on how many examples there are: simulation.testkit.ts looks at it.
		metrics: (own, options) => {
			const n = own.vectors.length / own.width;
			if (n <= 2000)
				return embeddingMetrics(own, { width: own.width, vectors: own.before }, options).filter(({ metric }) => metric === 'cosine');
			let sum = 0;
			for (let i = 0; i < n; i++) {
				let [ab, aa, bb] = [0, 0, 0];
				for (let k = i * 8; k < i * 8 + 8; k++) {
					const [a, b] = [own.vectors[k] as number, own.before[k] as number];
					ab += a * b;
					aa += a * a;
					bb += b * b;
				}
				sum += ab / Math.sqrt(aa * bb);
			}
			return [{ metric: 'cosine', value: sum / n, interval: [0, 0], n }];
		},
	});

export const scenarios: readonly Scenario[] = [
	binary(20, 0.5, 1, 'small'),
	binary(50, 0.5, 3.3, 'near perfect'),
	binary(50, 0.5, 0.1, 'near chance'),
	binary(200, 0.1, 1.5, 'imbalance'),
	binary(100, 0.4, 1.5, 'ties', false, 1),
	binary(400, 0.3, 1.5, 'usual'),
	numbers(20, 'normal', 0.5),
	numbers(20, 'heavy', 0.5),
	numbers(50, 'heavy', 0.1),
	numbers(50, 'laplace', 1),
	numbers(200, 'heavy', 0.5),
	numbers(1000, 'heavy', 0.5),
	classes(20, [0.4, 0.3, 0.3], 0.7, '3 classes'),
	classes(60, [0.6, 0.25, 0.15], 0.7, '3 classes, imbalance'),
	classes(100, [0.25, 0.25, 0.25, 0.25], 0.97, '4 classes, near perfect'),
	classes(200, [0.2, 0.2, 0.2, 0.2, 0.2], 0.05, '5 classes, near chance'),
	classes(
		400,
		Array.from({ length: 10 }, () => 0.1),
		0.8,
		'10 classes',
	),
	labels(50, 3, 0.3, 1.5),
	labels(200, 5, 0.1, 1.5),
	labels(100, 4, 0.3, 3),
	sequences(20, 0.1, 'small'),
	sequences(50, 0.005, 'near perfect'),
	sequences(200, 0.05, 'usual'),
	distances(20, 0.05, 0),
	distances(20, 0.05, 0.5),
	distances(50, 0.005, 0.5),
	distances(1000, 0.05, 0.5),
	vectors(20, 0.3),
	vectors(50, 0.02),
	vectors(400, 0.3),
	binary(20, 0.5, 1.5, 'null, small', true),
	binary(60, 0.3, 1.5, 'null, ties', true, 1),
	binary(200, 0.1, 1.5, 'null, imbalance', true),
	numbers(20, 'heavy', 0.5, true),
	numbers(100, 'heavy', 0.5, true),
	numbers(100, 'laplace', 0.5, true),
	classes(50, [0.6, 0.25, 0.15], 0.7, 'null, 3 classes, imbalance', true),
	classes(200, [0.2, 0.2, 0.2, 0.2, 0.2], 0.9, 'null, 5 classes', true),
	labels(60, 4, 0.3, 1.5, true),
	sequences(50, 0.05, 'null', true),
];

/** What studies of a scenario come to, by metric. */
export interface Tally {
	readonly metric: string;
	/** Studies in which it was defined. */
	count: number;
	covered: number;
	width: number;
	/** Studies that call it measurable. */
	alarms: number;
}

/** Runs studies of a scenario. Differences are called "metric (difference)". */
export function tallyOf(
	{ study, truth }: Scenario,
	studies: number,
	isMeasurable: (difference: NonNullable<TaskMetric['difference']>) => boolean,
	population?: number,
): Tally[] {
	const tallies = new Map<string, Tally>();
	const { own, original } = truth(population);
	const figureOf = (list: readonly TaskMetric[], name: string): number => list.find(({ metric }) => metric === name)?.value ?? Number.NaN;
	const add = (metric: string, [low, high]: readonly [number, number], right: number, alarm: boolean): void => {
		const tally = tallies.get(metric) ?? { metric, count: 0, covered: 0, width: 0, alarms: 0 };
		tallies.set(metric, tally);
		tally.count += 1;
		if (low <= right && right <= high) tally.covered += 1;
		tally.width += high - low;
		if (alarm) tally.alarms += 1;
	};
	for (let seed = 1; seed <= studies; seed++) {
		for (const { metric, interval, difference } of study(seed)) {
			const right = figureOf(own, metric);
			add(metric, interval, right, false);
			if (difference) add(`${metric} (difference)`, difference.interval, right - figureOf(original, metric), isMeasurable(difference));
		}
	}
	return [...tallies.values()];
}
