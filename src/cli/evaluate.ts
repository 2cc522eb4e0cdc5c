import type { Model } from '../core/ir/model.ts';
import { changeText, isMeasurable, metricText } from '../core/study/metrics/metric-facts.ts';
import type { Evaluation, Hash } from '../core/study/study.ts';
import { type Task, taskKinds } from '../core/study/task.ts';
import type { Dataset } from '../data/dataset.ts';
import { failureOf } from '../engine/benchmark-group.ts';
import type { EarlyStop } from '../engine/early-stopping.ts';
import { createReference, evaluate as evaluateVariant, type Reference } from '../engine/evaluate.ts';
import { EngineError, type ModelBytes } from '../engine/port.ts';
import type { Command, CommandContext } from './command.ts';
import { leftOutText, settingsFrom } from './data-flags.ts';
import { refuseHazards, runOptionHelp, runOptions, startEngine } from './engine.ts';
import { exitCode, UsageError, WorkError } from './failure.ts';
import { hashModel } from './hash-file.ts';
import { openInputs } from './inputs.ts';
import { openModel } from './model-file.ts';
import { modelBytes, runnableBytes } from './runtime-model.ts';
import { bytesText, printable, table } from './text.ts';

/** A model at rest, with what opens it in the runtime. */
interface Opened {
	readonly path: string;
	readonly model: Model;
	readonly bytes: number;
	readonly sha256: Hash;
	readonly bytesOf: () => Promise<ModelBytes>;
}

interface Evaluated {
	readonly opened: Opened;
	readonly dataset: Dataset;
	readonly n: number;
	/** The model that fidelity and differences are measured against; absent for that model itself. */
	readonly against: string | undefined;
	readonly evaluation: Evaluation;
	readonly seconds: number;
}

export const evaluate: Command = {
	name: 'evaluate',
	usage: 'pare evaluate MODEL… --data FILE… [--preprocess FILE|auto] [--limit N] [--task KIND]',
	summary: 'Task metrics of models on labelled examples, with intervals.',
	details: `Data: .npz or .npy (arrays by the names of the inputs, labels as label, labels or y), IDX files, pictures or .wav sounds with a folder for each class
or a CSV or JSON file of labels, a CSV of features with a label column, text with a tokenizer.json; as files, folders or zips. A classes.txt (a line for each output)
maps folder names to outputs. How pictures are made inputs is found by trying the conventions in use on labelled examples, unless --preprocess names a file.
The task is proposed from outputs and labels: ${taskKinds.join(', ')}; --task says otherwise. Embeddings, sequences
and generic outputs are compared with those of the first model. --stop-early runs later models on the examples in random order and ends after an
eighth, a quarter or a half of them where a difference is measurable or surely smaller than the margin; the three looks and the last share the 5 %.
In JSON, a list with an entry for each model: task (kind, output, why), metrics (by name: value, interval at 95 %, n), preprocessing (text; picture: as data, which --preprocess takes;
evidence), dataset, skipped (count, and the first entries by name with reasons). Models after the first that take and give the same also have outputs (fidelity to the first) and paired differences.
Exit code 1 where a model could not be run.`,
	options: {
		data: { type: 'string', multiple: true },
		preprocess: { type: 'string' },
		limit: { type: 'string' },
		'sound-state': { type: 'string' },
		'leave-out': { type: 'string' },
		task: { type: 'string' },
		output: { type: 'string' },
		threshold: { type: 'string' },
		'stop-early': { type: 'string' },
		...runOptions,
	},
	optionHelp: [
		['--data FILE', 'examples: a file, a folder or a zip; may be repeated'],
		['--preprocess FILE', 'JSON of preprocessing for pictures; "auto" (the default) finds it'],
		['--limit N', 'at most N examples, spread evenly'],
		['--sound-state HOW', '"carried" from frame to frame (the default), or "zero" in each'],
		['--leave-out FILE', 'examples that are not used: content hashes of "pare data --health --json", a JSON list or one a line'],
		['--task KIND', `what the model is judged as: ${taskKinds.join(', ')}`],
		['--output NAME', 'the output that is judged, with --task; default: found'],
		['--threshold P', 'with --task binary or multi-label: a class applies from this probability on; default 0.5'],
		['--stop-early MARGIN', 'end where the answer is clear; a smaller difference does not matter, such as 0.01 for a point'],
		...runOptionHelp,
	],
	run: async (context) => {
		const { args, terminal, signal } = context;
		const paths = args.positionals;
		if (paths.length === 0) throw new UsageError('evaluate takes at least one model.');
		const data = args.texts('data');
		if (data.length === 0) throw new UsageError('evaluate needs examples.', 'Give them with --data.');
		const limit = args.count('limit');
		const settings = await settingsFrom(args.text('preprocess'), args.text('sound-state'), args.text('leave-out'));
		const task = taskFrom(args.text('task'), args.text('output'), args.text('threshold'));
		const stopEarly = marginFrom(args.text('stop-early'));
		const engine = await startEngine(context);
		const done: Evaluated[] = [];
		let first: { readonly opened: Opened; readonly dataset: Dataset; readonly reference: Reference } | undefined;
		for (const path of paths) {
			const opened = await describe(path, context);
			const began = performance.now();
			const rate = (stage: string) => (fraction: number) => terminal.progress(fraction, `${stage} ${printable(path)}`);
			if (first && sameInterface(first.opened.model, opened.model)) {
				const { dataset, reference } = first;
				const evaluation = await evaluateVariant({
					engine,
					variant: { id: opened.sha256, model: opened.bytesOf },
					reference,
					examples: dataset,
					stopEarly,
					signal,
					onProgress: rate('Running'),
				});
				const seconds = (performance.now() - began) / 1e3;
				const n = evaluation.stopped?.after ?? reference.indices.length;
				done.push({ opened, dataset, n, against: first.opened.path, evaluation, seconds });
				continue;
			}
			try {
				const dataset = await openInputs({ engine, model: opened.model, bytes: opened.bytesOf, data, limit, settings, signal, terminal });
				const { facts } = dataset;
				const running = performance.now();
				const reference = await createReference({
					engine,
					original: opened.bytesOf,
					examples: dataset,
					dataset: { hash: facts.hash, synthetic: false },
					task,
					signal,
					onProgress: rate('Running'),
				});
				const seconds = (performance.now() - running) / 1e3;
				done.push({ opened, dataset, n: reference.indices.length, against: undefined, evaluation: reference.evaluation, seconds });
				first ??= { opened, dataset, reference };
			} catch (error) {
				// A model that cannot be run is a result where others follow; alone it is the failure of the command.
				if (!(error instanceof EngineError) || error.code === 'unavailable' || paths.length === 1) throw error;
				done.push(failed(opened, error, engine.target));
			}
		}
		const exit = done.some(({ evaluation }) => evaluation.failure) ? exitCode.failed : exitCode.ok;
		return { document: done.map((entry) => documentOf(entry, engine.runtime)), text: textOf(done), exit };
	},
};

/** Throws UsageError. */
function taskFrom(kind: string | undefined, output: string | undefined, threshold: string | undefined): Task | undefined {
	const known = taskKinds.find((each) => each === kind);
	if (kind === undefined) {
		if (output === undefined && threshold === undefined) return undefined;
		throw new UsageError(`--${output === undefined ? 'threshold' : 'output'} needs --task.`);
	}
	if (!known) throw new UsageError(`--task takes ${taskKinds.join(', ')}, not "${kind}".`);
	const at = threshold === undefined ? undefined : Number(threshold);
	if (at !== undefined && !(at > 0 && at < 1)) throw new UsageError(`--threshold takes a number between 0 and 1, not "${threshold}".`);
	if (at !== undefined && known !== 'binary' && known !== 'multi-label')
		throw new UsageError('--threshold goes with --task binary or multi-label.');
	return { kind: known, ...(output !== undefined && { output }), ...(at !== undefined && { threshold: at }) };
}

/** Throws UsageError. */
function marginFrom(text: string | undefined): EarlyStop | undefined {
	if (text === undefined) return undefined;
	const margin = Number(text);
	if (!(margin > 0 && margin < 1)) throw new UsageError(`--stop-early takes a number between 0 and 1, not "${text}".`);
	return { margin };
}

async function describe(path: string, context: CommandContext): Promise<Opened> {
	const { signal } = context;
	const file = await openModel(path, { whole: true, signal });
	try {
		if (file.byteLength > runnableBytes)
			throw new WorkError(`${path} has ${bytesText(file.byteLength)}: too large for the runtime here.`, 'memory');
		await refuseHazards(file.model, path, context);
		const sha256 = await hashModel(file, signal);
		const bytesOf = modelBytes(
			path,
			file.external.map((entry) => ({ location: entry.location, path: entry.path })),
		);
		return { path, model: file.model, bytes: file.byteLength, sha256, bytesOf };
	} finally {
		await file.close();
	}
}

/** Whether two models take and give values of the same names and types: one can be judged against the other. */
function sameInterface(a: Model, b: Model): boolean {
	const describePorts = ({ graph }: Model): string => {
		const inputs = graph.inputs.filter(({ initializer }) => !initializer);
		return JSON.stringify([inputs.map(({ name, type }) => [name, type]), graph.outputs.map(({ name }) => name)], (_, value: unknown) =>
			typeof value === 'bigint' ? String(value) : value,
		);
	};
	return describePorts(a) === describePorts(b);
}

function failed(opened: Opened, error: EngineError, target: Evaluation['target']): Evaluated {
	const nothing: Dataset = {
		n: 0,
		evidence: [],
		facts: { hash: '', name: '', kind: 'arrays', n: 0, labelled: false, preprocessing: '', skipped: [] },
		example: async () => ({ name: '', feeds: {} }),
		exampleFacts: async () => [],
	};
	const evaluation: Evaluation = {
		variant: opened.sha256,
		dataset: '',
		synthetic: false,
		target,
		outputs: [],
		metrics: [],
		disagreements: [],
		failure: failureOf(error),
		measuredAt: new Date().toISOString(),
	};
	return { opened, dataset: nothing, n: 0, against: undefined, evaluation, seconds: 0 };
}

function documentOf({ opened, dataset, n, against, evaluation, seconds }: Evaluated, runtime: string): unknown {
	const { skipped, skippedCount, preprocessing, picture, ...facts } = dataset.facts;
	return {
		model: opened.path,
		bytes: opened.bytes,
		sha256: opened.sha256,
		runtime,
		target: { ...evaluation.target },
		n,
		...(evaluation.task && { task: evaluation.task }),
		metrics: Object.fromEntries(evaluation.metrics.map(({ metric, ...figures }) => [metric, figures])),
		...(evaluation.labelFigures && { labels: evaluation.labelFigures }),
		...(evaluation.stopped && { stopped: evaluation.stopped }),
		...(against !== undefined && { against, outputs: evaluation.outputs }),
		preprocessing: { text: preprocessing, ...(picture && { picture }), evidence: dataset.evidence },
		dataset: facts,
		skipped: { count: skippedCount ?? skipped.length, entries: skipped },
		examplesPerSecond: seconds > 0 ? n / seconds : 0,
		...(evaluation.failure && { failure: evaluation.failure }),
	};
}

/** Why a model has no metric. */
function nothingWords({ task, variant }: Evaluation, dataset: Dataset): string {
	if (task?.kind === 'embedding' || task?.kind === 'generic' || task?.kind === 'sequence') {
		if (variant === 'original') return 'others are compared with it';
	}
	return dataset.facts.labelled ? 'no metric fits the labels' : 'no labels';
}

function textOf(done: readonly Evaluated[]): string {
	const rows: string[][] = [];
	const notes: string[] = [];
	for (const { opened, dataset, n, evaluation, seconds } of done) {
		const { failure, metrics } = evaluation;
		const lead = [printable(opened.path), bytesText(opened.bytes), String(n)];
		if (failure) {
			rows.push([...lead, 'could not run', '', '', '']);
			notes.push(`! ${printable(opened.path)}: ${printable(failure.message)}${failure.advice ? ` ${printable(failure.advice)}` : ''}`);
			continue;
		}
		if (metrics.length === 0) rows.push([...lead, nothingWords(evaluation, dataset), '', '', '']);
		metrics.forEach(({ metric, value, interval, difference }, i) => {
			rows.push([
				...(i === 0 ? lead : ['', '', '']),
				metric,
				metricText(metric, value),
				`[${interval.map((x) => metricText(metric, x)).join(', ')}]`,
				difference
					? `${changeText(metric, difference.value, difference.interval)}${isMeasurable(difference, evaluation.stopped?.alpha) ? '' : ', not measurable'}`
					: '',
			]);
		});
		const { task, stopped } = evaluation;
		if (task)
			notes.push(
				`${printable(opened.path)}: judged as ${task.kind}${task.output ? `, output "${printable(task.output)}"` : ''}. ${printable(task.why)}`,
			);
		if (stopped)
			notes.push(
				`${printable(opened.path)}: after ${stopped.after} of ${stopped.of} examples. ${stopped.why} Intervals at ${(100 * (1 - stopped.alpha)).toFixed(1)} %.`,
			);
		if (seconds > 0) notes.push(`${printable(opened.path)}: ${(n / seconds).toFixed(1)} examples a second`);
	}
	const titles = ['model', 'size', 'n', 'metric', 'value', '95 % interval', 'from the first'];
	const shown = table(
		titles.map((title, i) => ({ title, right: i === 1 || i === 2 || i === 4 })),
		rows,
	);
	for (const facts of new Set(done.map(({ dataset }) => dataset.facts))) {
		if (facts.n === 0) continue;
		notes.push(`${printable(facts.name)}: ${printable(facts.preprocessing)}`);
		const gone = leftOutText(facts.settings ?? {}, facts.leftOutCount);
		if (gone) notes.push(gone);
		const count = facts.skippedCount ?? facts.skipped.length;
		if (count > 0) notes.push(`${count} ${count === 1 ? 'entry' : 'entries'} left out:`);
		for (const { name, reason } of facts.skipped.slice(0, 10)) notes.push(`  ${printable(name)}: ${printable(reason)}`);
	}
	return `${[shown.trimEnd(), '', ...notes].join('\n')}\n`;
}
