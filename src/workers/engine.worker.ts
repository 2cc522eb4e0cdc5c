import { resolveRecipe } from '../core/pass/resolve.ts';
import type { Examples } from '../core/study/examples.ts';
import { hashText } from '../core/study/identity.ts';
import type { ChosenExamples } from '../core/study/learning.ts';
import type { Split } from '../core/study/split.ts';
import type { DatasetFacts } from '../core/study/study.ts';
import { taskKey } from '../core/study/task.ts';
import { toTensor } from '../data/preprocessing.ts';
import { benchmark as measure, referenceOutputs } from '../engine/benchmark.ts';
import { evaluate as compare, createReference, type Reference } from '../engine/evaluate.ts';
import type { OutputLog } from '../engine/output-log.ts';
import { numbersOf, type Outputs, outputBytes } from '../engine/outputs.ts';
import type { Engine, TensorData } from '../engine/port.ts';
import { engineProbe } from '../engine/probe.ts';
import { sampleAnswers } from '../engine/sample-answers.ts';
import { passes } from '../passes/registry.ts';
import { answersFolder, dropAnswers } from '../platform/artifacts.ts';
import { hasOpfs, opfsRoot } from '../platform/opfs.ts';
import { answerLog } from './answer-log.ts';
import { chosenFrom } from './choose-learning.ts';
import type { EngineMethods, EngineSubject, InputPreview, MeasuredFile } from './engine-protocol.ts';
import { datasetOf, engineOf, forgetInputs, halvesOf, inputsKey, judgedOf, modelBytes } from './inputs.ts';
import { dataHealth, drawnInputs, sampleDetail } from './samples.ts';
import { type Call, serve } from './serve.ts';
import { openModel, totalBytes } from './sources.ts';

type Args<M extends keyof EngineMethods> = Parameters<EngineMethods[M]>[0];
type Result<M extends keyof EngineMethods> = Promise<ReturnType<EngineMethods[M]>>;

/** Outputs beyond this are not carried to the page and back; such a model is compared with its own first outputs only. */
const keptReferenceBytes = 16_000_000;

let reference: { readonly key: string; readonly value: Promise<Reference> } | undefined;

async function describeInputs(args: Args<'describeInputs'>, call: Call): Result<'describeInputs'> {
	// Always opened anew: other files may have the same names and sizes.
	forgetInputs();
	reference = undefined;
	const subject = { ...args, target: { backend: 'wasm', threads: 1 } as const };
	const dataset = await datasetOf(subject, call);
	const facts: DatasetFacts = { ...dataset.facts, limit: args.maxExamples };
	return args.split ? inHalves(subject, facts, call) : facts;
}

/** Facts of the half that results are judged on, with what was set aside. */
async function inHalves(subject: EngineSubject, facts: DatasetFacts, call: Call): Promise<DatasetFacts> {
	const { split, judged } = await halvesOf(subject, call);
	const { chosen, notes } = await chosenOf(subject, split, call);
	return {
		...facts,
		hash: await hashText(`${facts.hash} ${split.seed} ${split.calibration.join()}`),
		n: judged.n,
		split: { seed: split.seed, of: facts.n, calibration: split.calibration, notes: [...split.notes, ...notes], ...(chosen && { chosen }) },
	};
}

/** What a person chose to learn from, made again for what was read now. Where that cannot be, all that is kept is learnt from, and it is said. */
async function chosenOf(
	subject: EngineSubject,
	{ calibration }: Split,
	call: Call,
): Promise<{ readonly chosen?: ChosenExamples; readonly notes: readonly string[] }> {
	const learnFrom = subject.inputs.kind === 'files' ? subject.inputs.settings?.learnFrom : undefined;
	if (!learnFrom || learnFrom.n >= calibration.length) return { notes: [] };
	try {
		return { chosen: await chosenFrom(subject, calibration, learnFrom, call), notes: [] };
	} catch (error) {
		if (!(error instanceof RangeError)) throw error;
		return { notes: [`no examples to learn from could be chosen (${error.message}): all ${calibration.length} are learnt from`] };
	}
}

async function referenceOf(args: Args<'evaluate'>, examples: Examples, call: Call): Promise<Reference> {
	const { task } = args.dataset.settings ?? {};
	const key = `${inputsKey(args)} ${args.dataset.hash} ${taskKey(task)}`;
	if (reference?.key !== key) {
		const value = createReference({
			engine: await engineOf(args),
			original: () => modelBytes(args.original),
			examples,
			dataset: { hash: args.dataset.hash, synthetic: args.dataset.kind === 'synthetic' },
			limit: args.maxExamples,
			task,
			log: await logOf(args, 'original'),
			onProgress: (fraction) => call.progress(fraction, 'Running the original'),
		});
		reference = { key, value };
		value.catch(() => {
			if (reference?.key === key) reference = undefined;
		});
	}
	return reference.value;
}

/** What was kept of a model's outputs on these inputs; undefined where nothing can be kept. */
async function logOf({ study, dataset }: Args<'evaluate'>, model: string): Promise<OutputLog | undefined> {
	if (study === undefined || !(await hasOpfs())) return undefined;
	return answerLog(answersFolder(opfsRoot(), study, model, dataset.hash));
}

/** The original's outputs stay for the next visit; those of a finished variant are of no more use. */
async function dropLogs({ study, dataset, variant }: Args<'evaluate'>): Promise<void> {
	if (study === undefined || !(await hasOpfs())) return;
	await dropAnswers(opfsRoot(), study, dataset.hash, variant.id === 'original' ? undefined : variant.id).catch(() => {});
}

async function evaluate(args: Args<'evaluate'>, call: Call): Result<'evaluate'> {
	const running = await engineOf(args);
	const examples = await judgedOf(args, call);
	const original = await referenceOf(args, examples, call);
	const evaluation =
		args.variant.id === 'original'
			? original.evaluation
			: await compare({
					engine: running,
					variant: { id: args.variant.id, model: () => modelBytes(args.variant.files), ports: args.variant.ports },
					reference: original,
					examples,
					log: await logOf(args, args.variant.id),
					stopEarly: args.dataset.settings?.stopEarly,
					onProgress: (fraction) => call.progress(fraction, 'Comparing with the original'),
				});
	await dropLogs(args);
	if (evaluation.failure && evaluation.outputs.length === 0) return { evaluation };
	const outputs = await referenceFor(running, args.variant, examples);
	return { evaluation, ...(outputs && { reference: outputs }) };
}

async function referenceFor(running: Engine, { files, ports }: MeasuredFile, examples: Examples): Promise<Outputs | undefined> {
	const { feeds } = await examples.example(0);
	const outputs = await referenceOutputs(running, await modelBytes(files), feeds, ports);
	return outputBytes(outputs) <= keptReferenceBytes ? outputs : undefined;
}

async function resolve(args: Args<'resolve'>, call: Call): Result<'resolve'> {
	const running = await engineOf(args);
	const examples = await datasetOf(args, call);
	const model = await openModel(args.original);
	const probe = engineProbe(model, {
		engine: running,
		examples,
		onProgress: (fraction) => call.progress(fraction, 'Measuring intermediate values of the original'),
	});
	return resolveRecipe(args.recipe, model, probe, passes);
}

async function benchmark(args: Args<'benchmark'>, call: Call): Result<'benchmark'> {
	const running = await engineOf(args);
	const { feeds } = args;
	const original = args.variants.find(({ id }) => id === 'original');
	const { runs, unfinished } = await measure({
		engine: running,
		original: {
			id: 'original',
			model: () => modelBytes(args.original),
			byteLength: totalBytes(args.original),
			...(args.originalReference && { reference: args.originalReference }),
		},
		variants: args.variants
			.filter((variant) => variant !== original)
			.map(({ id, files, ports, reference: outputs }) => ({
				id,
				...(ports && { ports }),
				model: () => modelBytes(files),
				byteLength: totalBytes(files),
				...(outputs && { reference: outputs }),
			})),
		feeds,
		rounds: args.rounds,
		budgetMs: args.budgetMs,
		memoryBudgetBytes: args.memoryBudgetBytes,
		onProgress: (fraction, stage) => call.progress(fraction, stage),
	});
	return { runs, unfinished };
}

async function previews(args: Args<'previews'>, call: Call): Result<'previews'> {
	const dataset = await datasetOf(args, call);
	const as = args.as ?? dataset.facts.picture;
	const shown: InputPreview[] = [];
	for (const index of args.indices) {
		const picture = as && (await dataset.preview?.(index, args.as));
		if (!picture) continue;
		const { name, label } = await dataset.example(index);
		const { least, most } = rangeOf(toTensor(picture, as));
		const { width, height, data } = picture;
		const of = label === undefined ? undefined : (dataset.classNames?.[label] ?? String(label));
		shown.push({
			name,
			...(of !== undefined && { label: of }),
			picture: { width, height, data: new Uint8ClampedArray(data) },
			least,
			most,
		});
	}
	return shown;
}

async function samples(args: Args<'samples'>, call: Call): Result<'samples'> {
	const engine = await engineOf(args);
	const examples = await judgedOf(args, call);
	const original = await referenceOf(args, examples, call);
	const { variant } = args;
	const found = await sampleAnswers({
		engine,
		reference: original,
		examples,
		variant: variant.id === 'original' ? undefined : { model: () => modelBytes(variant.files), ports: variant.ports },
		onProgress: (fraction) => call.progress(fraction, 'Asking the variant'),
	});
	const { n, classNames } = await datasetOf(args, call);
	const places = args.split ? (await halvesOf(args, call)).split.evaluation : Array.from({ length: n }, (_, index) => index);
	return { samples: found, places, ...(classNames && { classNames }) };
}

function rangeOf(tensor: TensorData): { least: number; most: number } {
	let least = Number.POSITIVE_INFINITY;
	let most = Number.NEGATIVE_INFINITY;
	for (const value of numbersOf(tensor) ?? []) {
		if (value < least) least = value;
		if (value > most) most = value;
	}
	return { least, most };
}

serve({
	describeInputs,
	splitInputs: (args: Args<'splitInputs'>, call: Call): Result<'splitInputs'> => inHalves(args, args.facts, call),
	chooseLearning: (args: Args<'chooseLearning'>, call: Call): Result<'chooseLearning'> => chosenFrom(args, args.kept, args.learnFrom, call),
	evaluate,
	resolve,
	benchmark,
	previews,
	samples,
	health: async (args: Args<'health'>, call: Call): Result<'health'> =>
		dataHealth(await datasetOf(args, call), args.original, await engineOf(args), call),
	drawInputs: async (args: Args<'drawInputs'>, call: Call): Result<'drawInputs'> => drawnInputs(await datasetOf(args, call), args.indices),
	sampleDetail: async (args: Args<'sampleDetail'>, call: Call): Result<'sampleDetail'> =>
		sampleDetail(await datasetOf(args, call), args, await engineOf(args), call),
	reference: async (args: Args<'reference'>, call: Call): Result<'reference'> =>
		(await referenceFor(await engineOf(args), args.variant, await judgedOf(args, call))) ?? null,
	feeds: async (args: Args<'feeds'>, call: Call): Result<'feeds'> => (await (await judgedOf(args, call)).example(0)).feeds,
});
