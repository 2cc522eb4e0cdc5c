import { type Examples, spreadIndices } from '../core/study/examples.ts';
import type { Evaluation, Hash } from '../core/study/study.ts';
import type { Labels, Task, TaskFacts } from '../core/study/task.ts';
import { collectAnswers, maskOf, type TaskAnswers } from './answers.ts';
import { type ExampleResult, runExamples } from './batches.ts';
import { classifies, RowStatistics } from './classifier.ts';
import type { OutputLog } from './output-log.ts';
import { isFloatData, numbersOf, type Outputs, outputBytes } from './outputs.ts';
import type { Engine, ModelBytes, Port } from './port.ts';
import { LabelSurvey, taskOf, withBlank } from './task.ts';
import { perfectFidelity } from './task-metrics.ts';

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
	/** What a person said of the task; the rest is proposed. */
	readonly task?: Task | undefined;
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
	/** What the model is judged as. */
	readonly task: TaskFacts;
	/** What the original answers to each example, as the task needs it. */
	readonly answers: TaskAnswers;
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
		const survey = new LabelSurvey();
		const labels: Labels[] = [];
		const masks: (Uint8Array | undefined)[] = [];
		// Outputs that are small are kept beyond the budget: what labels are about mostly is.
		const small: (Outputs | undefined)[] = [];
		let smallLeft = smallBudgetBytes;
		let bytes = 0;
		let done = 0;
		const look = ({ example, outputs }: ExampleResult): void => {
			const { label, labels: several, targets, text } = example;
			labels.push({
				...(label !== undefined && { label }),
				...(several && { labels: several }),
				...(targets && { targets }),
				...(text !== undefined && { text }),
			});
			survey.add(example);
			masks.push(maskOf(example.feeds));
			for (const [name, tensor] of Object.entries(outputs)) {
				const values = numbersOf(tensor);
				if (values) statistics.get(name)?.add(tensor.dims, values, isFloatData(tensor));
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
			const fits = bytes <= budget;
			kept.push(fits ? result.outputs : undefined);
			const few = fits || smallLeft <= 0 ? undefined : smallOutputs(result.outputs);
			small.push(few);
			if (few) smallLeft -= outputBytes(few);
			done += 1;
			onProgress?.(done / indices.length);
		}
		const classifying = new Map<string, 'example' | 'rows'>();
		const probabilities = new Set<string>();
		for (const [name, rows] of statistics) {
			const { largest } = survey;
			const how = rows.float
				? classifies(name, rows, { inputs: session.inputs, ...(largest !== undefined && { largestLabel: largest }) })
				: undefined;
			if (how) classifying.set(name, how);
			if (rows.probabilities) probabilities.add(name);
		}
		const proposed = taskOf(options.task, session.outputs, statistics, classifying, survey);
		const collect = async (task: TaskFacts): Promise<TaskAnswers> => {
			const list = collectAnswers(task, indices.length, examples.classNames);
			for (const [at, index] of indices.entries()) {
				let outputs = kept[at];
				const few = small[at];
				if (!outputs && few && task.output !== undefined && few[task.output]) outputs = few;
				if (!outputs && task.kind === 'generic') continue;
				outputs ??= await session.run((await examples.example(index, signal)).feeds);
				list.add({ at, labels: labels[at] ?? {}, mask: masks[at], outputs });
			}
			return list;
		};
		const first = await collect(proposed);
		const task = withBlank(proposed, first);
		const answers = task === proposed ? first : await collect(task);
		const metrics = answers.metrics(undefined);
		return {
			original: options.original,
			dataset: options.dataset,
			indices,
			outputs: session.outputs,
			kept: (i) => kept[i],
			classifying,
			probabilities,
			task,
			answers,
			evaluation: {
				variant: 'original',
				dataset: options.dataset.hash,
				synthetic: options.dataset.synthetic,
				target: engine.target,
				outputs: session.outputs.map((port) =>
					perfectFidelity(port, indices.length, statistics.get(port.name), classifying.get(port.name)),
				),
				task,
				metrics,
				...answers.details(undefined),
				disagreements: [],
				measuredAt: new Date().toISOString(),
			},
		};
	} finally {
		await session.release();
	}
}

const smallOutputBytes = 16_384;
const smallBudgetBytes = 64_000_000;

function smallOutputs(outputs: Outputs): Outputs | undefined {
	const few = Object.entries(outputs).filter(([name, tensor]) => outputBytes({ [name]: tensor }) <= smallOutputBytes);
	return few.length > 0 ? Object.fromEntries(few) : undefined;
}
