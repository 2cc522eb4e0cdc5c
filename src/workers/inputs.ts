import { ownBytes } from '../core/bytes/source.ts';
import { externalLocations } from '../core/onnx/external.ts';
import { inferTypes } from '../core/onnx/infer.ts';
import { estimateRunBytes } from '../core/onnx/memory.ts';
import type { Examples } from '../core/study/examples.ts';
import { type Split, splitDataset } from '../core/study/split.ts';
import { chosenExamples } from '../data/calibration.ts';
import type { Dataset, DataTarget, Trial } from '../data/dataset.ts';
import { idLimits } from '../data/id-limits.ts';
import { syntheticDataset } from '../data/synthetic.ts';
import { modelPorts } from '../engine/model-ports.ts';
import { type Engine, EngineError, type ModelBytes, type Session } from '../engine/port.ts';
import { createWebEngine } from '../engine/web/index.ts';
import { openRemotely, type RemoteDataset } from './data-client.ts';
import type { EngineSubject } from './engine-protocol.ts';
import type { ModelFiles } from './protocol.ts';
import type { Call } from './serve.ts';
import { openModel } from './sources.ts';

const syntheticExamples = 16;

let engine: Promise<Engine> | undefined;
/** The inputs of the last call: opening them (preprocessing found by trying) is not repeated for each variant. */
let opened: { readonly key: string; readonly dataset: Promise<Dataset | RemoteDataset>; dead: () => boolean } | undefined;

/** Other files may have the same names and sizes: what is asked for next is opened anew. */
export function forgetInputs(): void {
	// Whoever still reads it is told that it was closed; its worker gives its memory back.
	opened?.dataset.then(
		(dataset) => {
			if ('close' in dataset) dataset.close();
		},
		() => {},
	);
	opened = undefined;
	halves = undefined;
}

/** The worker serves the target of its first call; the host binds calls of one target to one worker. */
export function engineOf({ target }: Pick<EngineSubject, 'target'>): Promise<Engine> {
	engine ??= createWebEngine(target);
	return engine;
}

/** A model as the runtime takes it, read anew: for one load. */
export async function modelBytes(files: ModelFiles): Promise<ModelBytes> {
	const model = await ownBytes(files.model);
	if (files.external.length === 0) return { model, given: true };
	const parsed = await openModel(files);
	const names = externalLocations(parsed);
	const lookup = new Map(files.external.map((file) => [baseName(file.name), file.blob]));
	// The runtime looks files up by the very text in the model; they were dropped under their own names.
	const externalData = names.flatMap((path) => {
		const data = files.external.find((file) => file.name === path)?.blob ?? lookup.get(baseName(path));
		return data ? [{ path, data }] : [];
	});
	return { model, externalData, given: true };
}

function baseName(name: string): string {
	return name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1);
}

/** Names of the inputs as they tell one set from another within a study; the dataset's hash decides where it is known. */
export function inputsKey({ modelHash, inputs, maxExamples }: Omit<EngineSubject, 'target'>): string {
	const files = inputs.kind === 'files' ? inputs.files.map(({ name, blob }) => `${name}:${blob.size}`) : [`seed ${inputs.seed}`];
	// What the model is judged as, until when, and which inputs are learnt from does not change them.
	const { task: _, stopEarly: _s, learnFrom: _l, ...settings } = (inputs.kind === 'files' && inputs.settings) || {};
	return JSON.stringify([modelHash, maxExamples, settings, ...files]);
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

async function openInputs(subject: Omit<EngineSubject, 'target'>, call: Call): Promise<Dataset | RemoteDataset> {
	const { inputs, original, maxExamples, found, opened: before } = subject;
	const model = await openModel(original);
	const types = await inferTypes(model);
	refuseHuge(estimateRunBytes(model, types), subject.memoryBudgetBytes);
	let loading: Promise<Session> | undefined;
	const load = (): Promise<Session> => {
		loading ??= (async () => (await engineOf({ target: { backend: 'wasm', threads: 1 } })).load(await modelBytes(original)))();
		return loading;
	};
	try {
		// Whether the model runs at all was seen when its inputs were opened first.
		const ports = (before && modelPorts(model, types)) ?? (await load());
		const target: DataTarget = { inputs: ports.inputs, outputs: ports.outputs, idLimits: idLimits(model) };
		const trial: Trial = async (feeds) => (await load()).run(feeds);
		if (inputs.kind === 'synthetic') {
			return await syntheticDataset(target, { seed: inputs.seed, n: Math.min(syntheticExamples, maxExamples), trial });
		}
		return await openRemotely({
			files: inputs.files,
			target,
			limit: maxExamples,
			sample: inputs.sample,
			settings: found ? { preprocessing: found, ...inputs.settings } : inputs.settings,
			readable: before?.readable ?? false,
			trial,
			onProgress: (fraction) => call.progress(fraction, 'Reading the inputs'),
		});
	} finally {
		await loading?.then(
			(session) => session.release(),
			() => {},
		);
	}
}

/** The inputs of a subject, opened once. Throws what the readers throw for wrong files, and EngineError. */
export function datasetOf(subject: EngineSubject, call: Call): Promise<Dataset> {
	const key = inputsKey(subject);
	if (opened?.key !== key || opened.dead()) {
		forgetInputs();
		const dataset = openInputs(subject, call);
		const entry = { key, dataset, dead: () => false };
		opened = entry;
		dataset.then(
			(found) => {
				if ('alive' in found) entry.dead = () => !found.alive();
			},
			() => {},
		);
		// A failed opening is tried again by the next call.
		dataset.catch(() => {
			if (opened?.key === key) opened = undefined;
		});
	}
	return opened.dataset;
}

/** A set in what passes learn from and what results are judged on. */
interface Halves {
	readonly split: Split;
	readonly judged: Examples;
}

let halves: { readonly key: string; readonly value: Promise<Halves> } | undefined;

/** The two halves of a subject's inputs: its examples are read once to find copies. */
export function halvesOf(subject: EngineSubject, call: Call): Promise<Halves> {
	const { split } = subject;
	if (!split) throw new RangeError('these inputs are not split');
	const key = `${inputsKey(subject)} ${split.seed} ${split.calibration}`;
	if (halves?.key !== key) {
		const value = (async () => {
			const dataset = await datasetOf(subject, call);
			const facts = await dataset.exampleFacts(undefined, (fraction) => call.progress(fraction, 'Looking for copies'));
			const found = splitDataset(facts, split);
			return { split: found, judged: chosenExamples(dataset, found.evaluation) };
		})();
		halves = { key, value };
		value.catch(() => {
			if (halves?.key === key) halves = undefined;
		});
	}
	return halves.value;
}

/** The examples that results are judged on: all, or those that no pass learns from. */
export async function judgedOf(subject: EngineSubject, call: Call): Promise<Examples> {
	return subject.split ? (await halvesOf(subject, call)).judged : datasetOf(subject, call);
}
