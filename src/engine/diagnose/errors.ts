import { HistogramReducer } from '../../core/calibrate/histogram.ts';
import type { TensorData } from '../../core/ir/tensor-data.ts';
import { type Fidelity, FidelityAccumulator } from '../../core/numeric/statistics.ts';
import { InjectionBoard, OutputErrors, type PlainOutputs } from '../../core/search/sensitivity.ts';
import { spreadIndices } from '../../core/study/examples.ts';
import { type CommonValue, type LayerPair, weightBytes } from './align.ts';
import { type Compared, compareGraphs, floatBytes, type Subjects } from './comparable.ts';
import { ExposedModel, floatsOf } from './exposed.ts';
import { type Coded, type LayerParts, loadParts } from './parts.ts';
import type {
	ErrorFigures,
	ErrorReport,
	LayerDiagnosis,
	LayerSensitivity,
	QuantizedTensorFigures,
	SensitivityReport,
	ValueHistogram,
} from './report.ts';

export interface ErrorOptions extends Subjects {
	/** Examples to run at most, spread over the set. default 16 */
	readonly limit?: number;
	/** Also what each layer alone does to the outputs, by putting its own error into the original where it arises. default true */
	readonly sensitivity?: boolean;
	/** Bytes of tensors and weights of layers held at once; more layers go in further rounds. default 120 MB */
	readonly heldBytes?: number;
}

const HELD_BYTES = 120_000_000;
const SHOWN_BINS = 64;

/**
 * Error of each changed layer of a variant, in one pass over the examples for each round of layers: alone on the original's inputs (all of it, its
 * weights, its activations), and accumulated. With `sensitivity` the error that a layer makes is added to the original's value and carried
 * to the outputs, as the search over mixed precision does. Memory: one example's values of the layers of a round, and their weights.
 */
export async function layerErrors(
	options: ErrorOptions,
): Promise<{ readonly errors: ErrorReport; readonly sensitivity?: SensitivityReport }> {
	const began = performance.now();
	const compared = await compareGraphs({ ...options, onProgress: (fraction, stage) => options.onProgress?.(0.1 * fraction, stage) });
	const run = new ErrorRun(options, compared);
	await run.all();
	return run.report(began);
}

interface Tally {
	readonly layer: LayerPair;
	readonly own: FidelityAccumulator;
	readonly weights: FidelityAccumulator;
	readonly activations: FidelityAccumulator;
	readonly accumulated: FidelityAccumulator;
	readonly outputs: OutputErrors;
	readonly values: Map<Coded, { readonly histogram: HistogramReducer; clipped: number; total: number }>;
	only?: 'weights' | 'activations';
	undivided?: string;
	split: boolean;
	weightValues?: ValueHistogram;
	reached: number;
	failed?: string;
}

class ErrorRun {
	readonly #options: ErrorOptions;
	readonly #compared: Compared;
	readonly #tallies: Tally[];
	readonly #indices: readonly number[];
	readonly #whole = new OutputErrors();
	readonly #outputs = new Map<string, FidelityAccumulator>();
	#measured = 0;

	constructor(options: ErrorOptions, compared: Compared) {
		this.#options = options;
		this.#compared = compared;
		this.#indices = spreadIndices(options.examples.n, options.limit ?? 16);
		this.#tallies = compared.layers.map((layer) => ({
			layer,
			own: new FidelityAccumulator(),
			weights: new FidelityAccumulator(),
			activations: new FidelityAccumulator(),
			accumulated: new FidelityAccumulator(),
			outputs: new OutputErrors(),
			values: new Map(),
			split: false,
			reached: 0,
		}));
	}

	async all(): Promise<void> {
		const { original, variant, compute } = this.#options;
		const { originalTypes, variantTypes } = this.#compared;
		const points = [...new Set(this.#tallies.flatMap(({ layer }) => [layer.output, ...layer.inputs]))];
		const outputs = outputNames(this.#options);
		const board = await InjectionBoard.load(
			original,
			this.#sensitive().map(({ layer }) => layer.output.original),
			originalTypes,
			compute,
		);
		try {
			const ours = await ExposedModel.load(
				original,
				points.map((point) => point.original),
				originalTypes,
				compute,
			);
			try {
				const theirs = await ExposedModel.load(
					variant,
					[...this.#tallies.map(({ layer }) => layer.output.variant), ...outputs.map((name) => valueNamed(variant, name))],
					variantTypes,
					compute,
				);
				try {
					for (const [round, tallies] of this.#rounds().entries()) await this.#round(tallies, round === 0, ours, theirs, board, outputs);
				} finally {
					await theirs.release();
				}
			} finally {
				await ours.release();
			}
		} finally {
			await board.release();
		}
	}

	#sensitive(): readonly Tally[] {
		return this.#options.sensitivity === false ? [] : this.#tallies;
	}

	/** Layers whose values and weights fit the memory together. */
	#rounds(): Tally[][] {
		const rounds: Tally[][] = [];
		let room = 0;
		for (const tally of this.#tallies) {
			const { layer } = tally;
			let bytes = 0;
			for (const point of [layer.output, ...layer.inputs]) bytes += 3 * floatBytes(this.#compared.shapes.get(point)?.dims ?? []);
			for (const node of [...layer.originalPart, ...layer.variantPart]) bytes += 3 * weightBytes(node);
			if (bytes > room || rounds.length === 0) {
				rounds.push([]);
				room = this.#options.heldBytes ?? HELD_BYTES;
			}
			rounds.at(-1)?.push(tally);
			room -= bytes;
		}
		return rounds.length > 0 ? rounds : [[]];
	}

	async #round(
		tallies: readonly Tally[],
		first: boolean,
		ours: ExposedModel,
		theirs: ExposedModel,
		board: InjectionBoard,
		outputs: readonly string[],
	): Promise<void> {
		const { original, variant, compute, examples, signal, onProgress } = this.#options;
		const loaded: { readonly tally: Tally; readonly parts: LayerParts }[] = [];
		try {
			for (const tally of tallies) {
				signal?.throwIfAborted();
				if (!this.#compared.shapes.has(tally.layer.output)) continue;
				try {
					const parts = await loadParts(tally.layer, { original, variant }, this.#compared, compute);
					loaded.push({ tally, parts });
					this.#describe(tally, parts);
				} catch (error) {
					signal?.throwIfAborted();
					tally.failed = `it does not run alone: ${error instanceof Error ? error.message : String(error)}`;
				}
			}
			const points = [...new Set(tallies.flatMap(({ layer }) => [layer.output, ...layer.inputs]))];
			const classes = this.#classes();
			for (const index of this.#indices) {
				signal?.throwIfAborted();
				const { feeds } = await examples.example(index, signal);
				const plain = await ours.run(
					feeds,
					points.map((point) => point.original),
				);
				const changed = await theirs.run(feeds, [
					...tallies.map(({ layer }) => layer.output.variant),
					...(first ? outputs.map((name) => valueNamed(variant, name)) : []),
				]);
				const tensors = new Map<CommonValue, TensorData>();
				for (const point of points) {
					const tensor = plain.get(point.original);
					if (tensor) tensors.set(point, tensor);
				}
				const reference = first || this.#sensitive().length > 0 ? await board.run(feeds) : new Map();
				if (first) this.#judge(reference, changed, outputs, classes);
				for (const [at, { tally, parts }] of loaded.entries()) {
					signal?.throwIfAborted();
					const error = await this.#layer(tally, parts, tensors, floatsOf(changed.get(tally.layer.output.variant)));
					if (error && this.#sensitive().length > 0) {
						const disturbed = await board.run(feeds, new Map([[tally.layer.output.original, error]]));
						tally.outputs.add(reference, disturbed, classes);
					}
					const done = this.#measured + (loaded.length === 0 ? 1 : at / loaded.length);
					onProgress?.(0.1 + (0.9 * done) / (this.#indices.length * this.#rounds().length), 'Errors by layer');
				}
				this.#measured += 1;
			}
		} finally {
			for (const { parts } of loaded) await parts.release();
		}
	}

	#describe(tally: Tally, parts: LayerParts): void {
		if (parts.only) tally.only = parts.only;
		if (parts.undivided !== undefined) tally.undivided = parts.undivided;
		tally.split = parts.weights !== undefined;
		for (const coded of parts.coded) tally.values.set(coded, { histogram: new HistogramReducer(1024), clipped: 0, total: 0 });
		if (parts.weight && parts.weight.length > 0) {
			const reducer = new HistogramReducer(1024);
			reducer.add(parts.weight);
			const shown = shownHistogram(reducer);
			if (shown) tally.weightValues = shown;
		}
	}

	/** Measures a layer on one example; gives the error that it makes by itself. */
	async #layer(
		tally: Tally,
		parts: LayerParts,
		tensors: ReadonlyMap<CommonValue, TensorData>,
		changed: Float32Array | undefined,
	): Promise<TensorData | undefined> {
		const { layer } = tally;
		const plain = tensors.get(layer.output);
		const wanted = floatsOf(plain);
		if (!plain || !wanted) return undefined;
		const run = async (part: LayerParts['original']): Promise<Float32Array | undefined> => {
			const floats = floatsOf(await part.run(tensors));
			return floats?.length === wanted.length ? floats : undefined;
		};
		// The original alone, not its value in the whole graph: the runtime may round otherwise in another place.
		const base = (await run(parts.original)) ?? wanted;
		const own = await run(parts.variant);
		if (!own) return undefined;
		tally.reached += 1;
		tally.own.add(base, own);
		if (changed?.length === wanted.length) tally.accumulated.add(wanted, changed);
		const error = new Float32Array(own.length);
		for (let i = 0; i < error.length; i++) error[i] = (own[i] as number) - (base[i] as number);
		if (parts.weights && parts.activations) {
			const weights = await run(parts.weights);
			const activations = await run(parts.activations);
			if (weights) tally.weights.add(base, weights);
			if (activations) tally.activations.add(base, activations);
		}
		for (const [coded, sums] of tally.values) {
			const read = floatsOf(tensors.get(coded.value));
			if (!read) continue;
			const [low, high] = coded.bounds;
			const values =
				low === Number.NEGATIVE_INFINITY && high === Number.POSITIVE_INFINITY ? read : read.map((x) => Math.min(high, Math.max(low, x)));
			sums.histogram.add(values);
			sums.total += values.length;
			const { clip } = coded;
			if (clip) for (const x of values) if (x < clip[0] || x > clip[1]) sums.clipped += 1;
		}
		return { dtype: 'float32', dims: plain.dims, data: error };
	}

	#judge(
		reference: PlainOutputs,
		changed: ReadonlyMap<unknown, TensorData>,
		outputs: readonly string[],
		classes: number | undefined,
	): void {
		const got = new Map<string, Float32Array>();
		for (const name of outputs) {
			const floats = floatsOf(changed.get(valueNamed(this.#options.variant, name)));
			const wanted = reference.get(name);
			if (!floats || !wanted) continue;
			got.set(name, floats);
			const sums = this.#outputs.get(name) ?? new FidelityAccumulator();
			this.#outputs.set(name, sums);
			if (floats.length === wanted.length) sums.add(wanted, floats);
		}
		this.#whole.add(reference, got, classes);
	}

	/** Length of the first output's rows where its type says that the last axis has at least two entries. */
	#classes(): number | undefined {
		return classesOf(this.#options, this.#compared);
	}

	report(began: number): { errors: ErrorReport; sensitivity?: SensitivityReport } {
		const { synthetic } = this.#options;
		const durationMs = performance.now() - began;
		const layers = this.#tallies.map((tally) => diagnosisOf(tally));
		const rank = ({ own }: LayerDiagnosis): number => (own ? (own.sqnrDb ?? (own.maxAbs === null ? -1e9 : 1e9)) : 2e9);
		layers.sort((a, b) => rank(a) - rank(b));
		const { unmatched, notes } = this.#compared;
		const errors: ErrorReport = {
			layers,
			examples: this.#indices.length,
			synthetic,
			output: worstOf([...this.#outputs.values()].map((sums) => figuresOf(sums.result()))),
			notes: [...notes, ...unmatched.map(({ label, reason }) => `${label} was not compared: ${reason}.`)],
			durationMs,
		};
		if (this.#options.sensitivity === false) return { errors };
		const sensitive: LayerSensitivity[] = this.#tallies
			.filter(({ reached }) => reached > 0)
			.map(({ layer, outputs }) => {
				const { noise, kl } = outputs.result();
				return { node: layer.node, label: layer.originalNode.label, sqnrDb: noiseDb(noise), ...(kl !== undefined && { kl }) };
			});
		sensitive.sort((a, b) => (a.sqnrDb ?? 1e9) - (b.sqnrDb ?? 1e9));
		const whole = noiseDb(this.#whole.result().noise);
		return { errors, sensitivity: { way: 'alone', layers: sensitive, whole, examples: this.#indices.length, synthetic, durationMs } };
	}
}

function diagnosisOf(tally: Tally): LayerDiagnosis {
	const { layer } = tally;
	const own = tally.reached > 0 ? figuresOf(tally.own.result()) : undefined;
	const bytesOf = (nodes: LayerPair['variantPart']): number =>
		nodes.reduce((sum, node) => sum + (isMain(node, layer) ? weightBytes(node) : 0), 0);
	const quantized: QuantizedTensorFigures[] = [];
	for (const [coded, { histogram, clipped, total }] of tally.values) {
		const shown = shownHistogram(histogram);
		if (!shown) continue;
		quantized.push({
			name: coded.value.name,
			histogram: shown,
			codes: coded.codes,
			...(coded.clip && { clip: coded.clip, clippedShare: total > 0 ? clipped / total : 0 }),
		});
	}
	const accumulated = tally.accumulated.result();
	return {
		node: layer.node,
		label: layer.originalNode.label,
		op: layer.originalNode.qualifiedOp,
		variantOp: layer.variantNode.qualifiedOp,
		value: layer.output.name,
		originalBytes: bytesOf(layer.originalPart),
		bytes: bytesOf(layer.variantPart),
		quantized,
		...(own && { own }),
		...(own && tally.split && { weights: figuresOf(tally.weights.result()), activations: figuresOf(tally.activations.result()) }),
		...(own && tally.only && { [tally.only]: own }),
		...(tally.undivided !== undefined && { undivided: tally.undivided }),
		...(accumulated.count > 0 && { accumulated: figuresOf(accumulated) }),
		...(tally.weightValues && { weightValues: tally.weightValues }),
		...(!own && { missing: tally.failed ?? 'no example reached it' }),
	};
}

function isMain(node: LayerPair['variantNode'], layer: LayerPair): boolean {
	return node === layer.variantNode || node === layer.originalNode;
}

/** Plain data has no infinities: equal values have no noise to tell. */
export function figuresOf({ cosine, sqnrDb, maxAbs, count }: Fidelity): ErrorFigures {
	const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);
	return { sqnrDb: count === 0 ? null : finite(sqnrDb), cosine: finite(cosine), maxAbs: finite(maxAbs) };
}

function worstOf(all: readonly ErrorFigures[]): ErrorFigures {
	const rank = ({ sqnrDb, maxAbs }: ErrorFigures): number => (maxAbs === null ? -1e9 : (sqnrDb ?? 1e9));
	return [...all].sort((a, b) => rank(a) - rank(b))[0] ?? { sqnrDb: null, cosine: null, maxAbs: null };
}

export function noiseDb(noise: number): number | null {
	return noise > 0 ? -10 * Math.log10(noise) : null;
}

/** Bins merged to a number that can be drawn; edges at whole multiples of the new width. */
function shownHistogram(reducer: HistogramReducer): ValueHistogram | undefined {
	const { histogram } = reducer;
	if (!histogram) return undefined;
	const { low, width, counts, min, max } = histogram;
	const merge = Math.max(1, Math.ceil(counts.length / SHOWN_BINS));
	const merged: number[] = [];
	for (let at = 0; at < counts.length; at += merge) merged.push(counts.slice(at, at + merge).reduce((sum, count) => sum + count, 0));
	return { low, width: width * merge, counts: merged, min, max };
}

/** Float outputs of the main graph that both models have. */
export function outputNames({ original, variant }: Pick<Subjects, 'original' | 'variant'>): string[] {
	const names = new Set(variant.graph.outputs.map(({ name }) => name));
	return original.graph.outputs.filter((value) => value.producer !== undefined && names.has(value.name)).map(({ name }) => name);
}

export function valueNamed(model: Subjects['variant'], name: string) {
	const value = model.graph.outputs.find((output) => output.name === name);
	if (!value) throw new Error(`there is no output ${name}`);
	return value;
}

export function classesOf(
	{ original }: Pick<Subjects, 'original'>,
	{ originalTypes }: Pick<Compared, 'originalTypes'>,
): number | undefined {
	const type = originalTypes.typeOf(original.graph.outputs[0]);
	const last = type?.kind === 'tensor' ? type.shape?.at(-1) : undefined;
	return typeof last === 'number' && last > 1 ? last : undefined;
}
