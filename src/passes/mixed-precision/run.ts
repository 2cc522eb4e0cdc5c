import type { Model } from '../../core/ir/model.ts';
import { storedBytes } from '../../core/ir/stored-bytes.ts';
import { inferTypes } from '../../core/onnx/infer.ts';
import type { CalibrationSet, Compute } from '../../core/pass/calibration.ts';
import type { Note, PassContext, PassResult } from '../../core/pass/pass.ts';
import type { RecipeStep } from '../../core/pass/recipe.ts';
import { copyModel, layerParts } from '../../core/search/layer-part.ts';
import { type LayerTrial, type Treatment, tryLayers } from '../../core/search/layer-trials.ts';
import { decibels, floatOutputs, OutputErrors, type PlainOutputs } from '../../core/search/sensitivity.ts';
import { interleave, median, ratioInterval } from '../../core/search/timing.ts';
import { spreadIndices } from '../../core/study/examples.ts';
import { type Choice, type Chosen, choose } from './choose.ts';
import type { Options } from './options.ts';
import { treatments as allTreatments } from './treatments.ts';

const unit = 'layers';
/** Errors are put in by Add. */
const LEAST_OPSET = 7;
/** Sample inputs that passes learn from while choices are tried; the final one learns from all. */
const TRIAL_EXAMPLES = 24;
/** Sample inputs that single layers and whole choices are judged on, and that passes learn from where single layers are tried. */
const LEAST = { single: 4, judged: 8, learning: 12 };
const MOST = { single: 64, judged: 48, learning: 24 };
/** Time that goes into judging at most, where that leaves the least number of examples. */
const SINGLE_MS = 20_000;
const JUDGED_MS = 3_000;
const ROUNDS = 5;
/** Aimed at a little inside the limit: other inputs differ. */
const MARGIN = 0.9;

type FullContext = PassContext & { readonly compute: Compute; readonly calibration: CalibrationSet };

/** Ids of forms that are not known are an error: a recipe that names them means something. */
function chosenTreatments(options: Options): Treatment[] {
	for (const id of options.treatments) {
		if (!allTreatments.some((treatment) => treatment.id === id)) {
			throw new Error(`there is no form ${id}; forms are ${allTreatments.map((treatment) => treatment.id).join(', ')}`);
		}
	}
	return allTreatments.filter(({ id }) => options.treatments.includes(id));
}

export async function run(model: Model, options: Options, context: PassContext): Promise<PassResult> {
	const { compute, calibration, apply } = context;
	if (!compute || !calibration || !apply) throw new Error('mixed precision needs sample inputs and a runtime');
	const full: FullContext = { ...context, compute, calibration };
	const treatments = chosenTreatments(options);
	const types = await inferTypes(model);
	const { parts, notes } = await layerParts(model, types);
	if (model.opset < LEAST_OPSET) {
		notes.push({ level: 'skip', reason: `layers cannot be measured in opset ${model.opset}: Add broadcasts from opset ${LEAST_OPSET} on` });
		return { changed: 0, eligible: parts.length, bytesTouched: 0, unit, notes, found: [] };
	}
	const eligible = parts.length;
	const candidates = parts.filter(({ name }) => !options.nodesToExclude.includes(name));
	if (candidates.length === 0 || treatments.length === 0) {
		return { changed: 0, eligible, bytesTouched: 0, unit, notes, found: [] };
	}
	const fastest = options.aim === 'fastest';
	const { judged, single, learning } = shareOut(
		calibration.n,
		await counts(model, full, candidates.length * treatments.length, options.examples),
	);

	const { trials, notes: tried } = await tryLayers({
		model,
		types,
		parts: candidates,
		treatments,
		examples: single,
		learning: learning.length > 0 ? learning : single,
		context: full,
		timed: fastest || treatments.some(({ computes }) => computes),
		wanted: (trial) => isWanted(trial, options.aim, treatments),
		onProgress: (fraction, layer) => context.progress(0.02 + 0.58 * fraction, `each layer alone: ${layer}`),
	});
	notes.push(...tried);
	const weightBytes = new Map(candidates.map(({ name, weightBytes: bytes }) => [name, bytes]));
	const search = new Search(model, full, options, treatments, trials, judged);
	const found = await search.find((fraction) => context.progress(0.6 + 0.25 * fraction, 'whole choices'));
	notes.push(...found.notes);
	notes.push(
		...tellLayers(
			candidates.map(({ name }) => name),
			trials,
			found.choice,
			options,
		),
	);
	const steps = stepsOf(found.choice, treatments);
	if (steps.length > 0) {
		context.progress(0.86, 'the choice');
		const reports = await apply(model, steps);
		for (const { notes: inner } of reports) notes.push(...inner.filter(({ level }) => level === 'warn'));
		const reached = await search.noiseOf(model);
		notes.unshift({ level: 'info', reason: `${decibels(reached).toFixed(1)} dB at the outputs on ${judged.length} sample inputs` });
	}
	let bytesTouched = 0;
	for (const layer of found.choice.keys()) bytesTouched += weightBytes.get(layer) ?? 0;
	return {
		changed: found.choice.size,
		eligible,
		bytesTouched,
		unit,
		notes,
		found: steps,
		headline: headlineOf(found, eligible, options),
	};
}

interface Counts {
	readonly single: number;
	readonly judged: number;
	readonly learning: number;
}

/** As many examples as the time of one run allows: errors of single examples differ, by orders of magnitude in sound. */
async function counts(model: Model, { compute, calibration, signal }: FullContext, forms: number, asked: number): Promise<Counts> {
	const session = await compute.load(model, { graphOptimization: 'all' });
	try {
		const { feeds } = await calibration.example(0, signal);
		const { times } = await interleave([() => session.run(feeds)], { leastRounds: 3, mostRounds: 9, budgetMs: 300, signal });
		const runMs = Math.max(0.01, median(times[0] ?? []));
		const within = (n: number, kind: keyof Counts): number => Math.min(MOST[kind], Math.max(LEAST[kind], Math.floor(n)));
		return {
			single: asked > 0 ? asked : within(SINGLE_MS / (forms * runMs), 'single'),
			judged: within(JUDGED_MS / runMs, 'judged'),
			learning: within(JUDGED_MS / runMs, 'learning'),
		};
	} finally {
		await session.release();
	}
}

/** Examples for whole choices, for single layers, and for what passes learn meanwhile: others, as far as there are enough. */
function shareOut(n: number, count: Counts): { judged: number[]; single: number[]; learning: number[] } {
	const spread = spreadIndices(n, count.judged + count.single + count.learning);
	const [judged, single, learning]: [number[], number[], number[]] = [[], [], []];
	const room = [count.single, count.judged, count.learning];
	const lists = [single, judged, learning];
	// In turn, so that each kind is spread over the set.
	for (const [i, index] of spread.entries()) {
		for (let k = 0; k < 3; k++) {
			const list = lists[(i + k) % 3] as number[];
			if (list.length >= (room[(i + k) % 3] as number)) continue;
			list.push(index);
			break;
		}
	}
	if (judged.length === 0) judged.push(...single);
	return { judged, single, learning };
}

function isWanted(trial: LayerTrial, aim: Options['aim'], treatments: readonly Treatment[]): boolean {
	const computes = treatments.find(({ id }) => id === trial.treatment)?.computes ?? false;
	if (aim === 'fastest') return computes ? trial.timeMs < trial.plainMs : trial.bytes < trial.plainBytes;
	return trial.bytes < trial.plainBytes;
}

/** One step for each form that some layer takes. */
function stepsOf(choice: Choice, treatments: readonly Treatment[]): RecipeStep[] {
	return treatments.flatMap((treatment) => {
		const layers = [...choice].filter(([, trial]) => trial.treatment === treatment.id).map(([layer]) => layer);
		return layers.length > 0 ? treatment.steps(layers) : [];
	});
}

interface Found {
	readonly choice: Choice;
	readonly notes: readonly Note[];
	/** Median of paired ratios of time to the plain model's, where it was measured. */
	readonly ratio?: { readonly ratio: number; readonly low: number; readonly high: number };
	readonly noise?: number;
}

/** Tries whole choices: single layers predict, the whole is what counts. */
class Search {
	readonly #model: Model;
	readonly #context: FullContext;
	readonly #options: Options;
	readonly #treatments: readonly Treatment[];
	readonly #trials: readonly LayerTrial[];
	readonly #judged: readonly number[];
	readonly #layers: readonly string[];
	#references: Map<number, PlainOutputs> | undefined;
	readonly #restBytes: number;

	constructor(
		model: Model,
		context: FullContext,
		options: Options,
		treatments: readonly Treatment[],
		trials: readonly LayerTrial[],
		judged: readonly number[],
	) {
		this.#model = model;
		this.#context = context;
		this.#options = options;
		this.#treatments = treatments;
		this.#trials = trials;
		this.#judged = judged;
		this.#layers = [...new Set(trials.map(({ layer }) => layer))];
		let layerBytes = 0;
		for (const layer of this.#layers) layerBytes += trials.find((trial) => trial.layer === layer)?.plainBytes ?? 0;
		this.#restBytes = Math.max(0, storedBytes(model) - layerBytes);
	}

	async find(onProgress: (fraction: number) => void): Promise<Found> {
		const { aim, leastSqnr, largestSize } = this.#options;
		const limit = leastSqnr > 0 ? 10 ** (-leastSqnr / 10) : Number.POSITIVE_INFINITY;
		const bytes = largestSize > 0 ? Math.max(0, largestSize * 1e6 - this.#restBytes) : Number.POSITIVE_INFINITY;
		const notes: Note[] = [];
		let budget = limit * MARGIN;
		let best: { readonly chosen: Chosen; readonly noise: number } | undefined;
		for (let round = 0; round < ROUNDS; round++) {
			onProgress(round / ROUNDS);
			const chosen = choose(this.#layers, this.#trials, aim, { noise: budget, bytes });
			if (!chosen.feasible) {
				notes.push({
					level: 'warn',
					reason: `no choice holds the limits: the nearest has ${decibels(chosen.noise).toFixed(1)} dB and ${megabytes(chosen.bytes + this.#restBytes)} MB, as predicted from single layers`,
				});
			}
			if (chosen.choice.size === 0) {
				best ??= { chosen, noise: 0 };
				break;
			}
			const noise = await this.#noiseOfChoice(chosen);
			notes.push({
				level: 'info',
				reason: `${chosen.choice.size} layers changed: ${decibels(noise).toFixed(1)} dB at the outputs (${decibels(chosen.noise).toFixed(1)} predicted)`,
			});
			const holds = noise <= limit;
			if (holds && (!best || rank(chosen, aim) < rank(best.chosen, aim))) best = { chosen, noise };
			if (!Number.isFinite(limit) || !chosen.feasible) {
				best ??= { chosen, noise };
				break;
			}
			// Everything that gains is in it already, or the budget is used up.
			const spent = chosen.noise > budget * 0.7;
			if (holds && (!spent || noise > limit * 0.6 || round >= 2)) break;
			budget *= Math.min(4, Math.max(0.05, (limit * (holds ? MARGIN : 0.8)) / noise));
		}
		if (!best) {
			notes.push({ level: 'warn', reason: `no choice kept ${leastSqnr} dB; all layers stay as they are` });
			return { choice: new Map(), notes };
		}
		if (aim !== 'fastest' || best.chosen.choice.size === 0) return { choice: best.chosen.choice, notes, noise: best.noise };
		const ratio = await this.#timeRatio(best.chosen);
		if (ratio.high >= 1) {
			notes.push({
				level: 'info',
				reason: `the whole took ${ratio.ratio.toFixed(2)} of its time before (95 % interval ${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)}), which is not surely faster: no layer computes on integers`,
			});
			// Forms that are expanded when a model is loaded cost no time.
			const computing = new Set(this.#treatments.filter(({ computes }) => computes).map(({ id }) => id));
			const stored = new Map([...best.chosen.choice].filter(([, { treatment }]) => !computing.has(treatment)));
			return { choice: stored, notes };
		}
		return { choice: best.chosen.choice, notes, ratio, noise: best.noise };
	}

	/** Noise at the outputs of a model beside the plain one's, over the judged examples. */
	async noiseOf(model: Model): Promise<number> {
		const references = await this.#plainOutputs();
		const { compute, calibration, signal } = this.#context;
		const session = await compute.load(model, { graphOptimization: 'all' });
		try {
			const errors = new OutputErrors();
			for (const [example, reference] of references) {
				signal?.throwIfAborted();
				const { feeds } = await calibration.example(example, signal);
				const names = new Map([...reference.keys()].map((name) => [name, name]));
				errors.add(reference, floatOutputs(await session.run(feeds, [...names.keys()]), names));
			}
			return errors.result().noise;
		} finally {
			await session.release();
		}
	}

	/** Measured before the model is changed; kept. */
	async #plainOutputs(): Promise<Map<number, PlainOutputs>> {
		if (this.#references) return this.#references;
		const { compute, calibration, signal } = this.#context;
		const session = await compute.load(this.#model, { graphOptimization: 'all' });
		const references = new Map<number, PlainOutputs>();
		try {
			const names = new Map(session.outputs.filter(({ dtype }) => dtype === 'float32').map(({ name }) => [name, name]));
			for (const example of this.#judged) {
				const { feeds } = await calibration.example(example, signal);
				references.set(example, floatOutputs(await session.run(feeds, [...names.keys()]), names));
			}
		} finally {
			await session.release();
		}
		this.#references = references;
		return references;
	}

	async #made({ choice }: Chosen): Promise<Model> {
		const { calibration, apply } = this.#context;
		const copy = copyModel(this.#model);
		const indices = spreadIndices(calibration.n, TRIAL_EXAMPLES);
		await apply?.(copy, stepsOf(choice, this.#treatments), {
			...calibration,
			n: indices.length,
			hash: `${calibration.hash}/${indices.length}`,
			example: (index, signal) => calibration.example(indices[index] ?? 0, signal),
		});
		return copy;
	}

	async #noiseOfChoice(chosen: Chosen): Promise<number> {
		await this.#plainOutputs();
		return this.noiseOf(await this.#made(chosen));
	}

	async #timeRatio(chosen: Chosen): Promise<{ ratio: number; low: number; high: number }> {
		const { compute, calibration, signal } = this.#context;
		const { feeds } = await calibration.example(this.#judged[0] ?? 0, signal);
		const plain = await compute.load(this.#model, { graphOptimization: 'all' });
		try {
			const session = await compute.load(await this.#made(chosen), { graphOptimization: 'all' });
			try {
				const { times } = await interleave([() => plain.run(feeds), () => session.run(feeds)], {
					leastRounds: 15,
					mostRounds: 401,
					budgetMs: 3000,
					signal,
				});
				return ratioInterval(times[0] ?? [], times[1] ?? []);
			} finally {
				await session.release();
			}
		} finally {
			await plain.release();
		}
	}
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(2);

function rank({ timeMs, bytes, noise }: Chosen, aim: Options['aim']): number {
	return aim === 'fastest' ? timeMs : aim === 'smallest' ? bytes : noise;
}

/** What was measured of each layer, and why it is what it is. */
function tellLayers(layers: readonly string[], trials: readonly LayerTrial[], choice: Choice, { aim }: Options): Note[] {
	const told = (trial: LayerTrial): string => {
		const time = trial.plainMs > 0 && trial.timeMs !== trial.plainMs ? `${(trial.timeMs / trial.plainMs).toFixed(2)} of its time, ` : '';
		const size = `${(trial.bytes / Math.max(1, trial.plainBytes)).toFixed(2)} of its bytes`;
		return `${trial.treatment}: ${time}${size}${trial.noise === undefined ? '' : `, alone ${decibels(trial.noise).toFixed(1)} dB at the outputs`}`;
	};
	return layers.flatMap((layer): Note[] => {
		const own = trials.filter((trial) => trial.layer === layer);
		const chosen = choice.get(layer);
		if (chosen) return [{ level: 'info', node: layer, reason: told(chosen) }];
		const measured = own.filter(({ noise }) => noise !== undefined);
		if (own.length === 0) return [{ level: 'skip', node: layer, reason: 'none of the forms can be had for it' }];
		if (measured.length === 0) {
			const nearest = own.reduce((a, b) => (a.timeMs <= b.timeMs ? a : b));
			const why = aim === 'fastest' ? 'no form is faster' : 'no form is smaller';
			return [{ level: 'skip', node: layer, reason: `stays in fp32: ${why}; ${told(nearest)}` }];
		}
		const quietest = measured.reduce((a, b) => ((a.noise ?? 0) <= (b.noise ?? 0) ? a : b));
		return [
			{ level: 'skip', node: layer, reason: `stays in fp32, other layers gain more for the error that may be made; ${told(quietest)}` },
		];
	});
}

function headlineOf({ choice, ratio, noise }: Found, eligible: number, { aim }: Options): string {
	if (choice.size === 0) {
		return aim === 'fastest'
			? 'Changed nothing: no choice of forms is surely faster here.'
			: 'Changed nothing: no choice of forms holds the limits.';
	}
	const time = ratio ? `, ${ratio.ratio.toFixed(2)} of the time here (${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)})` : '';
	return `Changed ${choice.size} of ${eligible} layers${time}${noise ? `, ${decibels(noise).toFixed(1)} dB at the outputs` : ''}.`;
}
