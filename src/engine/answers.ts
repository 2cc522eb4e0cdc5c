import type { NumberArray } from '../core/numeric/statistics.ts';
import { type Answers, classChanges, classificationMetrics, confusions } from '../core/study/classification.ts';
import { type BinaryAnswers, binaryMetrics, type MetricOptions } from '../core/study/metrics/binary-metrics.ts';
import { type EmbeddingAnswers, embeddingMetrics } from '../core/study/metrics/embedding-metrics.ts';
import { distanceOf, type ExampleDistance, fidelityMetrics } from '../core/study/metrics/fidelity-metrics.ts';
import { labelFigures, type MultiLabelAnswers, multiLabelMetrics } from '../core/study/metrics/multi-label-metrics.ts';
import { type RegressionAnswers, regressionMetrics } from '../core/study/metrics/regression-metrics.ts';
import { decodeSteps, type SequenceAnswers, sequenceMetrics } from '../core/study/metrics/sequence-metrics.ts';
import { steady } from '../core/study/metrics/steady.ts';
import type { Evaluation, TaskMetric } from '../core/study/study.ts';
import { type Labels, labelAs, type TaskFacts } from '../core/study/task.ts';
import { argmax, rankOf } from './classifier.ts';
import { isFloatData, numbersOf, type Outputs } from './outputs.ts';
import type { Feeds, TensorData } from './port.ts';
import { metricsOf } from './task-metrics.ts';

/** All figures of a study resample with the same seed, so that the same outputs give the same intervals anywhere. */
export const bootstrapSeed = 1;
export const mostConfusions = 100;

/** One example as a model answered it. */
export interface Answered {
	/** Place of the example among those that are run. */
	readonly at: number;
	readonly labels: Labels;
	/** Which steps of the input count, where the model is told. */
	readonly mask?: Uint8Array | undefined;
	readonly outputs: Outputs;
	/** What the original says to it; absent for the original itself. */
	readonly expected?: Outputs | undefined;
}

type Details = Pick<Evaluation, 'confusions' | 'classChanges' | 'labelFigures'>;

/** What a model answers to the examples, as its task needs it, collected while it runs. */
export interface TaskAnswers {
	add(answered: Answered): void;
	/** With the original's answers, compared with them. */
	metrics(original: TaskAnswers | undefined, options?: Partial<MetricOptions>): TaskMetric[];
	details(original: TaskAnswers | undefined): Details;
}

/** Collects answers of `n` examples for a task. */
export function collectAnswers(task: TaskFacts, n: number, classNames?: readonly string[]): TaskAnswers {
	switch (task.kind) {
		case 'classification':
			return new ClassificationAnswers(task, n);
		case 'binary':
			return new BinaryAnswerList(task, n);
		case 'multi-label':
			return new MultiLabelAnswerList(task, n);
		case 'regression':
			return new RegressionAnswerList(task, n);
		case 'embedding':
			return new EmbeddingAnswerList(task, n);
		case 'sequence':
			return new SequenceAnswerList(task, n, classNames);
		case 'generic':
			return new Distances(task, n);
	}
}

const settings = (options: Partial<MetricOptions> | undefined): MetricOptions => ({ seed: bootstrapSeed, ...options });

function tensorOf(task: TaskFacts, outputs: Outputs): TensorData | undefined {
	return task.output === undefined ? Object.values(outputs)[0] : outputs[task.output];
}

function valuesOf(task: TaskFacts, outputs: Outputs): NumberArray | undefined {
	const tensor = tensorOf(task, outputs);
	return tensor && numbersOf(tensor);
}

/** From which score on a class applies. */
function cutOf({ scores, threshold = 0.5 }: TaskFacts): number {
	return scores === 'logit' ? Math.log(threshold / (1 - threshold)) : threshold;
}

class ClassificationAnswers implements TaskAnswers {
	readonly #task: TaskFacts;
	readonly #ranks: Int32Array;
	readonly #answers: Answers;
	#classes = 0;

	constructor(task: TaskFacts, n: number) {
		this.#task = task;
		this.#ranks = new Int32Array(n).fill(-1);
		this.#answers = {
			labels: new Int32Array(n).fill(-1),
			predicted: new Int32Array(n).fill(-1),
			confidence: new Float64Array(n).fill(Number.NaN),
		};
	}

	add({ at, labels, outputs }: Answered): void {
		const scores = valuesOf(this.#task, outputs);
		if (!scores) return;
		const { label } = labelAs(labels, 'classification', scores.length);
		if (label === undefined) return;
		this.#classes = scores.length;
		this.#ranks[at] = Math.min(rankOf(scores, label), 0x7fffffff);
		const best = argmax(scores);
		this.#answers.labels[at] = label;
		this.#answers.predicted[at] = best;
		if (best >= 0) this.#answers.confidence[at] = probability(scores, best);
	}

	metrics(original: TaskAnswers | undefined, options?: Partial<MetricOptions>): TaskMetric[] {
		const other = original instanceof ClassificationAnswers ? original : undefined;
		const given = settings(options);
		return [
			...metricsOf(this.#ranks, this.#classes, other ? other.#ranks : undefined, given.alpha),
			...classificationMetrics(this.#answers, given, other ? other.#answers : undefined),
		];
	}

	details(original: TaskAnswers | undefined): Details {
		if (!this.#answers.labels.some((label) => label >= 0)) return {};
		const other = original instanceof ClassificationAnswers ? original : undefined;
		return {
			confusions: confusions(this.#answers, mostConfusions),
			...(other && { classChanges: classChanges(this.#answers, other.#answers, mostConfusions) }),
		};
	}
}

function probability(scores: NumberArray, best: number): number {
	let sum = 0;
	let proper = true;
	for (let i = 0; i < scores.length; i++) {
		const x = scores[i] as number;
		sum += x;
		if (!(x >= -1e-6 && x <= 1 + 1e-6)) proper = false;
	}
	const top = scores[best] as number;
	if (proper && Math.abs(sum - 1) <= 2e-3) return Math.min(1, top);
	let total = 0;
	for (let i = 0; i < scores.length; i++) total += Math.exp((scores[i] as number) - top);
	return steady(1 / total);
}

class BinaryAnswerList implements TaskAnswers {
	readonly #task: TaskFacts;
	readonly #answers: BinaryAnswers;

	constructor(task: TaskFacts, n: number) {
		this.#task = task;
		this.#answers = {
			labels: new Int8Array(n).fill(-1),
			scores: new Float64Array(n).fill(Number.NaN),
			cut: cutOf(task),
			probabilities: task.scores !== 'logit',
		};
	}

	add({ at, labels, outputs }: Answered): void {
		const values = valuesOf(this.#task, outputs);
		const { label } = labelAs(labels, 'binary', 2);
		if (!values || label === undefined || values.length < 1 || values.length > 2) return;
		this.#answers.labels[at] = label;
		this.#answers.scores[at] = binaryScore(values, this.#task.scores === 'logit');
	}

	metrics(original: TaskAnswers | undefined, options?: Partial<MetricOptions>): TaskMetric[] {
		return binaryMetrics(this.#answers, settings(options), original instanceof BinaryAnswerList ? original.#answers : undefined);
	}

	details(): Details {
		return {};
	}
}

/** The score of the class 1. Of two logits the difference is what softmax makes a probability. */
function binaryScore(values: NumberArray, logits: boolean): number {
	if (values.length === 1) return values[0] as number;
	return logits ? (values[1] as number) - (values[0] as number) : (values[1] as number);
}

class MultiLabelAnswerList implements TaskAnswers {
	readonly #task: TaskFacts;
	readonly #n: number;
	#answers: MultiLabelAnswers | undefined;

	constructor(task: TaskFacts, n: number) {
		this.#task = task;
		this.#n = n;
	}

	add({ at, labels, outputs }: Answered): void {
		const values = valuesOf(this.#task, outputs);
		if (!values) return;
		const width = values.length;
		this.#answers ??= {
			width,
			labels: new Int8Array(this.#n * width).fill(-1),
			scores: new Float64Array(this.#n * width).fill(Number.NaN),
			cut: cutOf(this.#task),
		};
		const { labels: right } = labelAs(labels, 'multi-label', width);
		if (!right || width !== this.#answers.width) return;
		for (let j = 0; j < width; j++) {
			this.#answers.labels[at * width + j] = right[j] === 1 ? 1 : 0;
			this.#answers.scores[at * width + j] = values[j] as number;
		}
	}

	metrics(original: TaskAnswers | undefined, options?: Partial<MetricOptions>): TaskMetric[] {
		const other = original instanceof MultiLabelAnswerList ? original.#answers : undefined;
		return this.#answers ? multiLabelMetrics(this.#answers, settings(options), other) : [];
	}

	details(original: TaskAnswers | undefined): Details {
		const other = original instanceof MultiLabelAnswerList ? original.#answers : undefined;
		const figures = this.#answers ? labelFigures(this.#answers, other) : [];
		return figures.length > 0 ? { labelFigures: figures } : {};
	}
}

class RegressionAnswerList implements TaskAnswers {
	readonly #task: TaskFacts;
	readonly #n: number;
	#answers: RegressionAnswers | undefined;

	constructor(task: TaskFacts, n: number) {
		this.#task = task;
		this.#n = n;
	}

	add({ at, labels, outputs }: Answered): void {
		const values = valuesOf(this.#task, outputs);
		if (!values) return;
		const width = values.length;
		this.#answers ??= {
			width,
			targets: new Float64Array(this.#n * width).fill(Number.NaN),
			values: new Float64Array(this.#n * width).fill(Number.NaN),
		};
		const { targets } = labelAs(labels, 'regression', width);
		if (!targets || width !== this.#answers.width || targets.some(Number.isNaN)) return;
		this.#answers.targets.set(targets, at * width);
		this.#answers.values.set(values, at * width);
	}

	metrics(original: TaskAnswers | undefined, options?: Partial<MetricOptions>): TaskMetric[] {
		const other = original instanceof RegressionAnswerList ? original.#answers : undefined;
		return this.#answers ? regressionMetrics(this.#answers, settings(options), other) : [];
	}

	details(): Details {
		return {};
	}
}

class EmbeddingAnswerList implements TaskAnswers {
	readonly #task: TaskFacts;
	readonly #vectors: (Float64Array | undefined)[];

	constructor(task: TaskFacts, n: number) {
		this.#task = task;
		this.#vectors = Array<Float64Array | undefined>(n).fill(undefined);
	}

	add({ at, outputs, mask }: Answered): void {
		const tensor = tensorOf(this.#task, outputs);
		const values = tensor && numbersOf(tensor);
		if (tensor && values) this.#vectors[at] = pooled(tensor.dims, values, mask);
	}

	metrics(original: TaskAnswers | undefined, options?: Partial<MetricOptions>): TaskMetric[] {
		if (!(original instanceof EmbeddingAnswerList)) return [];
		const width = this.#vectors.find((vector) => vector !== undefined)?.length ?? 0;
		const both = this.#vectors.flatMap((vector, i) => (vector?.length === width && original.#vectors[i]?.length === width ? [i] : []));
		const joined = (list: EmbeddingAnswerList): EmbeddingAnswers => {
			const vectors = new Float64Array(both.length * width);
			both.forEach((i, k) => {
				vectors.set(list.#vectors[i] as Float64Array, k * width);
			});
			return { width, vectors };
		};
		return embeddingMetrics(joined(this), joined(original), settings(options));
	}

	details(): Details {
		return {};
	}
}

/** The vector of an example: what is there, or the mean over steps that the mask counts. */
function pooled(dims: readonly number[], values: NumberArray, mask: Uint8Array | undefined): Float64Array {
	const width = dims.at(-1) ?? 0;
	const rows = width === 0 ? 0 : values.length / width;
	if (rows <= 1) return Float64Array.from(values);
	const vector = new Float64Array(width);
	const counts = mask?.length === rows && mask.some((x) => x !== 0) ? mask : undefined;
	let total = 0;
	for (let row = 0; row < rows; row++) {
		if (counts && counts[row] === 0) continue;
		total += 1;
		for (let j = 0; j < width; j++) vector[j]! += values[row * width + j] as number;
	}
	return vector.map((sum) => sum / total);
}

class SequenceAnswerList implements TaskAnswers {
	readonly #task: TaskFacts;
	readonly #names: readonly string[] | undefined;
	readonly steps: (Int32Array | undefined)[];
	readonly #right: Labels[];
	width = 0;

	constructor(task: TaskFacts, n: number, names: readonly string[] | undefined) {
		this.#task = task;
		this.#names = names;
		this.steps = Array<Int32Array | undefined>(n).fill(undefined);
		this.#right = Array<Labels>(n).fill({});
	}

	add({ at, labels, outputs }: Answered): void {
		const tensor = tensorOf(this.#task, outputs);
		const values = tensor && numbersOf(tensor);
		if (!tensor || !values) return;
		this.#right[at] = labelAs(labels, 'sequence', 0);
		if (!isFloatData(tensor)) {
			this.steps[at] = Int32Array.from(values);
			return;
		}
		const width = tensor.dims.at(-1) ?? 0;
		this.width = Math.max(this.width, width);
		const rows = width === 0 ? 0 : values.length / width;
		this.steps[at] = Int32Array.from({ length: rows }, (_, row) => argmax(values, row * width, width));
	}

	metrics(original: TaskAnswers | undefined, options?: Partial<MetricOptions>): TaskMetric[] {
		const other = original instanceof SequenceAnswerList ? original : undefined;
		return sequenceMetrics(this.#sequences(), settings(options), other ? other.#sequences() : undefined);
	}

	details(): Details {
		return {};
	}

	#sequences(): SequenceAnswers {
		const blank = this.#task.blank ?? null;
		const names = this.#names;
		const tokens = this.steps.map((steps) => steps && decodeSteps(steps, blank));
		const texts = names !== undefined && this.#right.some(({ text }) => text !== undefined);
		return {
			steps: this.steps,
			said: texts ? tokens.map((list) => list?.flatMap((token) => [...(names[token] ?? '\ufffd')])) : tokens,
			right: this.#right.map(({ text, targets }) =>
				texts ? (text === undefined ? undefined : [...text]) : targets && withoutPadding(targets, blank),
			),
		};
	}
}

/** Rows of right tokens are filled up at the end with -1 or with the blank. */
function withoutPadding(targets: readonly number[], blank: number | null): number[] {
	const kept = [...targets];
	while (kept.length > 0 && ((kept.at(-1) as number) < 0 || kept.at(-1) === blank)) kept.pop();
	return kept;
}

class Distances implements TaskAnswers {
	readonly #task: TaskFacts;
	readonly #distances: (ExampleDistance | undefined)[];

	constructor(task: TaskFacts, n: number) {
		this.#task = task;
		this.#distances = Array<ExampleDistance | undefined>(n).fill(undefined);
	}

	add({ at, outputs, expected }: Answered): void {
		const before = expected && valuesOf(this.#task, expected);
		const values = valuesOf(this.#task, outputs);
		if (before && values && before.length === values.length) this.#distances[at] = distanceOf(before, values);
	}

	metrics(_original: TaskAnswers | undefined, options?: Partial<MetricOptions>): TaskMetric[] {
		return fidelityMetrics(
			this.#distances.filter((distance) => distance !== undefined),
			settings(options),
		);
	}

	details(): Details {
		return {};
	}
}

/** The steps of a sequence model, and its classes. */
export function stepsOf(answers: TaskAnswers): { readonly steps: readonly (Int32Array | undefined)[]; readonly width: number } | undefined {
	return answers instanceof SequenceAnswerList ? { steps: answers.steps, width: answers.width } : undefined;
}

/** Which steps of an input count: the input named like a mask, of whole numbers. */
export function maskOf(feeds: Feeds): Uint8Array | undefined {
	for (const [name, { dtype, data }] of Object.entries(feeds)) {
		if (!/mask/i.test(name) || !(dtype === 'int64' || dtype === 'int32' || dtype === 'bool')) continue;
		return Uint8Array.from(data as ArrayLike<number | bigint>, (x) => (Number(x) === 0 ? 0 : 1));
	}
	return undefined;
}
