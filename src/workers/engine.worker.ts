import { blobSource } from '../core/bytes/source.ts';
import { externalLocations } from '../core/onnx/external.ts';
import { inferTypes } from '../core/onnx/infer.ts';
import { estimateRunBytes } from '../core/onnx/memory.ts';
import { resolveRecipe } from '../core/pass/resolve.ts';
import type { DatasetFacts } from '../core/study/study.ts';
import type { Dataset, DataTarget, Trial } from '../data/dataset.ts';
import { idLimits } from '../data/id-limits.ts';
import { openDataset } from '../data/open.ts';
import { syntheticDataset } from '../data/synthetic.ts';
import { decodePicture } from '../data/web/codecs.ts';
import { benchmark as measure, referenceOutputs } from '../engine/benchmark.ts';
import { evaluate as compare, createReference, type Reference } from '../engine/evaluate.ts';
import { type Outputs, outputBytes } from '../engine/outputs.ts';
import { type Engine, EngineError, type ModelBytes, type Session } from '../engine/port.ts';
import { engineProbe } from '../engine/probe.ts';
import { createWebEngine } from '../engine/web/index.ts';
import { passes } from '../passes/registry.ts';
import type { EngineMethods, EngineSubject } from './engine-protocol.ts';
import type { ModelFiles } from './protocol.ts';
import { type Call, serve } from './serve.ts';
import { openModel, totalBytes } from './sources.ts';

type Args<M extends keyof EngineMethods> = Parameters<EngineMethods[M]>[0];
type Result<M extends keyof EngineMethods> = Promise<ReturnType<EngineMethods[M]>>;

const syntheticExamples = 16;
/** Outputs beyond this are not carried to the page and back; such a model is compared with its own first outputs only. */
const keptReferenceBytes = 16_000_000;

let engine: Promise<Engine> | undefined;
/** The inputs of the last call: opening them (preprocessing found by trying) is not repeated for each variant. */
let opened: { readonly key: string; readonly dataset: Promise<Dataset> } | undefined;
let reference: { readonly key: string; readonly value: Promise<Reference> } | undefined;

/** The worker serves the target of its first call; the host binds calls of one target to one worker. */
function engineOf({ target }: Pick<EngineSubject, 'target'>): Promise<Engine> {
	engine ??= createWebEngine(target);
	return engine;
}

async function modelBytes(files: ModelFiles): Promise<ModelBytes> {
	const model = new Uint8Array(await files.model.arrayBuffer());
	if (files.external.length === 0) return { model };
	const parsed = await openModel(files);
	const names = externalLocations(parsed);
	const lookup = new Map(files.external.map((file) => [baseName(file.name), file.blob]));
	// The runtime looks files up by the very text in the model; they were dropped under their own names.
	const externalData = names.flatMap((path) => {
		const data = files.external.find((file) => file.name === path)?.blob ?? lookup.get(baseName(path));
		return data ? [{ path, data }] : [];
	});
	return { model, externalData };
}

function baseName(name: string): string {
	return name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
}

/** Names of the inputs as they tell one set from another within a study; the dataset's hash decides where it is known. */
function inputsKey({ modelHash, inputs, maxExamples }: Omit<EngineSubject, 'target'>): string {
	const files = inputs.kind === 'files' ? inputs.files.map(({ name, blob }) => `${name}:${blob.size}`) : [`seed ${inputs.seed}`];
	return JSON.stringify([modelHash, maxExamples, ...files]);
}

/** A tab that is killed for lack of memory takes everything with it that was not stored yet: better a word before. */
function refuseHuge(neededBytes: number, budgetBytes: number): void {
	if (neededBytes <= budgetBytes) return;
	const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
	throw new EngineError(
		'memory',
		`One run of this model needs at least ${gigabytes(neededBytes)}; the limit set here is ${gigabytes(budgetBytes)}. It was not run.`,
		'',
		'It can be changed and downloaded all the same with the command line. Raise the memory limit under Settings if this device has it.',
	);
}

async function openInputs(subject: Omit<EngineSubject, 'target'>, call: Call): Promise<Dataset> {
	const { inputs, original, maxExamples } = subject;
	const model = await openModel(original);
	refuseHuge(estimateRunBytes(model, await inferTypes(model)), subject.memoryBudgetBytes);
	const running = await engineOf({ target: { backend: 'wasm', threads: 1 } });
	const session: Session = await running.load(await modelBytes(original));
	try {
		const target: DataTarget = { inputs: session.inputs, outputs: session.outputs, idLimits: idLimits(model) };
		const trial: Trial = (feeds) => session.run(feeds);
		if (inputs.kind === 'synthetic') {
			return await syntheticDataset(target, { seed: inputs.seed, n: Math.min(syntheticExamples, maxExamples), trial });
		}
		return await openDataset(
			inputs.files.map(({ name, blob }) => ({ name, source: blobSource(blob) })),
			target,
			{
				decode: decodePicture,
				limit: maxExamples,
				trial,
				sample: inputs.sample,
				onProgress: (fraction) => call.progress(fraction, 'Reading the inputs'),
			},
		);
	} finally {
		await session.release();
	}
}

function datasetOf(subject: EngineSubject, call: Call): Promise<Dataset> {
	const key = inputsKey(subject);
	if (opened?.key !== key) {
		const dataset = openInputs(subject, call);
		opened = { key, dataset };
		// A failed opening is tried again by the next call.
		dataset.catch(() => {
			if (opened?.key === key) opened = undefined;
		});
	}
	return opened.dataset;
}

async function describeInputs(args: Args<'describeInputs'>, call: Call): Result<'describeInputs'> {
	// Always opened anew: other files may have the same names and sizes.
	opened = undefined;
	reference = undefined;
	const { facts } = await datasetOf({ ...args, target: { backend: 'wasm', threads: 1 } }, call);
	return facts;
}

async function referenceOf(args: EngineSubject & { readonly dataset: DatasetFacts }, examples: Dataset, call: Call): Promise<Reference> {
	const key = `${inputsKey(args)} ${args.dataset.hash}`;
	if (reference?.key !== key) {
		const value = createReference({
			engine: await engineOf(args),
			original: () => modelBytes(args.original),
			examples,
			dataset: { hash: args.dataset.hash, synthetic: args.dataset.kind === 'synthetic' },
			limit: args.maxExamples,
			onProgress: (fraction) => call.progress(fraction, 'Running the original'),
		});
		reference = { key, value };
		value.catch(() => {
			if (reference?.key === key) reference = undefined;
		});
	}
	return reference.value;
}

async function evaluate(args: Args<'evaluate'>, call: Call): Result<'evaluate'> {
	const running = await engineOf(args);
	const examples = await datasetOf(args, call);
	const original = await referenceOf(args, examples, call);
	const evaluation =
		args.variant.id === 'original'
			? original.evaluation
			: await compare({
					engine: running,
					variant: { id: args.variant.id, model: () => modelBytes(args.variant.files) },
					reference: original,
					examples,
					onProgress: (fraction) => call.progress(fraction, 'Comparing with the original'),
				});
	if (evaluation.failure && evaluation.outputs.length === 0) return { evaluation };
	const outputs = await referenceFor(running, args.variant.files, examples);
	return { evaluation, ...(outputs && { reference: outputs }) };
}

async function referenceFor(running: Engine, files: ModelFiles, examples: Dataset): Promise<Outputs | undefined> {
	const { feeds } = await examples.example(0);
	const outputs = await referenceOutputs(running, await modelBytes(files), feeds);
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
			.map(({ id, files, reference: outputs }) => ({
				id,
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

serve({
	describeInputs,
	evaluate,
	resolve,
	benchmark,
	reference: async (args: Args<'reference'>, call: Call): Result<'reference'> =>
		(await referenceFor(await engineOf(args), args.variant.files, await datasetOf(args, call))) ?? null,
	feeds: async (args: Args<'feeds'>, call: Call): Result<'feeds'> => (await (await datasetOf(args, call)).example(0)).feeds,
});
