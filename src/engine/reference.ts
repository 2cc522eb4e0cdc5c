import { type Answers, classificationMetrics, confusions } from '../core/study/classification.ts';
import { type Examples, spreadIndices } from '../core/study/examples.ts';
import type { Evaluation, Hash } from '../core/study/study.ts';
import { AnswerList, bootstrapSeed, mostConfusions } from './answers.ts';
import { type ExampleResult, runExamples } from './batches.ts';
import { classifies, RowStatistics, rankOf } from './classifier.ts';
import type { OutputLog } from './output-log.ts';
import { isFloatData, numbersOf, type Outputs, outputBytes } from './outputs.ts';
import type { Engine, ModelBytes, Port } from './port.ts';
import { metricsOf, perfectFidelity } from './task-metrics.ts';

export interface ReferenceOptions {
	readonly engine: Engine;
	/** Asked for again where outputs did not fit the memory. */
	readonly original: () => ModelBytes | Promise<ModelBytes>;
	readonly examples: Examples;
	readonly dataset: { readonly hash: Hash; readonly synthetic: boolean };
	/** Most examples; default all. They are spread evenly over the set, always the same ones. */
	readonly limit?: number;
	/** Bytes of the original's outputs that are kept; default 256 MB. What does not fit is computed again for each variant. */
	readonly memoryBudgetBytes?: number;
	readonly batch?: number;
	/** Where a run that was ended goes on from. */
	readonly log?: OutputLog | undefined;
	readonly signal?: AbortSignal;
	readonly onProgress?: (fraction: number) => void;
}

/** What the original says to the examples: computed once, compared with every variant. */
export interface Reference {
	readonly original: () => ModelBytes | Promise<ModelBytes>;
	readonly dataset: { readonly hash: Hash; readonly synthetic: boolean };
	readonly indices: readonly number[];
	readonly outputs: readonly Port[];
	/** Outputs of the i-th index; undefined where they were not kept. */
	kept(i: number): Outputs | undefined;
	/** How each output classifies, where it does. */
	readonly classifying: ReadonlyMap<string, 'example' | 'rows'>;
	/** Outputs whose rows are probabilities. */
	readonly probabilities: ReadonlySet<string>;
	/** The output that labels are about. */
	readonly labelOutput: string | undefined;
	/** Rank of the right class by example, with labels; -1 without one. */
	readonly labelRanks: Int32Array;
	/** What the original answers to each example, with labels. */
	readonly answers: Answers | undefined;
	/** The original's own figures. */
	readonly evaluation: Evaluation;
}

/** Runs the original on the examples. Throws EngineError where it cannot be loaded or run, and the signal's reason. */
export async function createReference(options: ReferenceOptions): Promise<Reference> {
	const { engine, examples, signal, onProgress } = options;
	const indices = spreadIndices(examples.n, options.limit ?? examples.n);
	const budget = options.memoryBudgetBytes ?? 256_000_000;
	const session = await engine.load(await options.original());
	try {
		const kept: (Outputs | undefined)[] = [];
		const statistics = new Map(session.outputs.map((port) => [port.name, new RowStatistics()]));
		const ranks = new Map(session.outputs.map((port) => [port.name, new Int32Array(indices.length).fill(-1)]));
		const answering = new Map(session.outputs.map((port) => [port.name, new AnswerList(indices.length)]));
		let largestLabel: number | undefined;
		let bytes = 0;
		let done = 0;
		const look = ({ example, outputs }: ExampleResult): void => {
			const { label } = example;
			if (label !== undefined) largestLabel = Math.max(largestLabel ?? 0, label);
			for (const [name, tensor] of Object.entries(outputs)) {
				if (!isFloatData(tensor)) continue;
				const values = numbersOf(tensor);
				if (!values) continue;
				statistics.get(name)?.add(tensor.dims, values);
				if (label === undefined || values.length !== (tensor.dims.at(-1) ?? 0)) continue;
				const rank = rankOf(values, label);
				const list = ranks.get(name);
				if (list) list[done] = Math.min(rank, 0x7fffffff);
				answering.get(name)?.set(done, label, values);
			}
		};
		for await (const result of runExamples({
			session,
			examples,
			indices,
			signal,
			log: options.log,
			...(options.batch && { batch: options.batch }),
		})) {
			look(result);
			bytes += outputBytes(result.outputs);
			kept.push(bytes <= budget ? result.outputs : undefined);
			done += 1;
			onProgress?.(done / indices.length);
		}
		const classifying = new Map<string, 'example' | 'rows'>();
		const probabilities = new Set<string>();
		for (const [name, rows] of statistics) {
			const how = classifies(name, rows, { inputs: session.inputs, ...(largestLabel !== undefined && { largestLabel }) });
			if (how) classifying.set(name, how);
			if (rows.probabilities) probabilities.add(name);
		}
		const labelOutput =
			largestLabel === undefined ? undefined : session.outputs.find((port) => classifying.get(port.name) === 'example')?.name;
		const answers = labelOutput === undefined ? undefined : answering.get(labelOutput)?.answers;
		const labelRanks = labelOutput === undefined ? new Int32Array(0) : (ranks.get(labelOutput) ?? new Int32Array(0));
		return {
			original: options.original,
			dataset: options.dataset,
			indices,
			outputs: session.outputs,
			kept: (i) => kept[i],
			classifying,
			probabilities,
			labelOutput,
			labelRanks,
			answers,
			evaluation: {
				variant: 'original',
				dataset: options.dataset.hash,
				synthetic: options.dataset.synthetic,
				target: engine.target,
				outputs: session.outputs.map((port) =>
					perfectFidelity(port, indices.length, statistics.get(port.name), classifying.get(port.name)),
				),
				metrics:
					labelOutput === undefined
						? []
						: [
								...metricsOf(labelRanks, statistics.get(labelOutput)?.width ?? 0),
								...(answers ? classificationMetrics(answers, bootstrapSeed) : []),
							],
				...(answers && { confusions: confusions(answers, mostConfusions) }),
				disagreements: [],
				measuredAt: new Date().toISOString(),
			},
		};
	} finally {
		await session.release();
	}
}
