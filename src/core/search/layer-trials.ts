import { observe } from '../calibrate/observe.ts';
import { elementCount } from '../ir/dtype.ts';
import type { Value } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import { storedBytes } from '../ir/stored-bytes.ts';
import type { Feeds, TensorData } from '../ir/tensor-data.ts';
import { sqnrDb } from '../numeric/statistics.ts';
import type { InferredTypes } from '../onnx/infer-rules.ts';
import type { CalibrationSet, Compute, ComputeSession } from '../pass/calibration.ts';
import type { Note, PassContext } from '../pass/pass.ts';
import type { RecipeStep } from '../pass/recipe.ts';
import { type LayerPart, type PartModel, partModel } from './layer-part.ts';
import { InjectionBoard, OutputErrors, type PlainOutputs } from './sensitivity.ts';
import { interleave, median, ratioInterval } from './timing.ts';

/** A form that a layer can take: steps of other passes that bring the named layers into it. */
export interface Treatment {
	readonly id: string;
	/** Operators that it is tried on. */
	readonly operators: readonly string[];
	/** Whether the layer computes otherwise, so that it is worth timing. Forms that are expanded when a model is loaded cost no time. */
	readonly computes: boolean;
	steps(layers: readonly string[]): readonly RecipeStep[];
}

/** One layer in one form, measured. */
export interface LayerTrial {
	readonly layer: string;
	readonly treatment: string;
	/** Median time of the layer alone on the first example, plain and so treated, ms. Equal where the time was not told apart. */
	readonly plainMs: number;
	readonly timeMs: number;
	/** Stored bytes, plain and so treated. */
	readonly plainBytes: number;
	readonly bytes: number;
	/** Error at the model's outputs with this layer alone so treated; absent where the time told that it is not wanted. */
	readonly noise?: number;
	readonly kl?: number;
	/** Signal to noise of the layer's own output on plain inputs, dB. */
	readonly isolatedDb?: number;
}

export interface TrialOptions {
	readonly model: Model;
	readonly types: InferredTypes;
	readonly parts: readonly LayerPart[];
	readonly treatments: readonly Treatment[];
	/** Indices of the sample inputs that errors are measured on. */
	readonly examples: readonly number[];
	/** Indices of those that passes learn from meanwhile: others, so that what they have not seen counts. */
	readonly learning: readonly number[];
	readonly context: PassContext & { readonly compute: Compute; readonly calibration: CalibrationSet };
	/** Whether times are measured; otherwise all forms take the plain time, 0. */
	readonly timed: boolean;
	/** Whether a form's error is worth measuring. */
	wanted(trial: LayerTrial): boolean;
	/** fraction 0..1 */
	onProgress(fraction: number, layer: string): void;
}

/** Inputs of layers held at once, over all examples. */
const HELD_BYTES = 160_000_000;

/**
 * Tries every form on every layer: time alone in the runtime (interleaved with the plain layer, medians; layers alike are timed once),
 * stored bytes, and the error at the model's outputs when this layer alone is changed, injected where it arises. A form that a pass
 * refuses or the runtime does not load is left out, with a note.
 */
export async function tryLayers(options: TrialOptions): Promise<{ readonly trials: LayerTrial[]; readonly notes: Note[] }> {
	return new LayerTrials(options).all();
}

interface Held {
	readonly part: LayerPart;
	/** Feeds of the part's model, by example. */
	readonly feeds: Map<number, Map<Value, TensorData>>;
}

class LayerTrials {
	readonly #options: TrialOptions;
	readonly #trials: LayerTrial[] = [];
	readonly #notes: Note[] = [];
	readonly #timed = new Map<string, { readonly plainMs: number; readonly timeMs: number }>();
	readonly #references = new Map<number, PlainOutputs>();
	readonly #modelFeeds = new Map<number, Feeds>();
	readonly #dims = new Map<Value, readonly number[]>();
	readonly #all: readonly number[];
	#classes: number | undefined;
	#done = 0;

	constructor(options: TrialOptions) {
		this.#options = options;
		this.#all = [...new Set([...options.examples, ...options.learning])];
	}

	async all(): Promise<{ readonly trials: LayerTrial[]; readonly notes: Note[] }> {
		const { model, types, context, examples } = this.#options;
		const { calibration, compute, signal } = context;
		await this.#measureSizes();
		const reached = this.#options.parts.filter((part) => {
			if (part.inputs.every((value) => this.#dims.has(value))) return true;
			this.#notes.push({ level: 'skip', node: part.name, reason: 'no sample input reached it, so nothing could be measured' });
			return false;
		});
		if (reached.length === 0) return { trials: this.#trials, notes: this.#notes };
		const board = await InjectionBoard.load(
			model,
			reached.flatMap(({ outputs }) => outputs),
			types,
			compute,
		);
		try {
			for (const example of examples) {
				const { feeds } = await calibration.example(example, signal);
				this.#modelFeeds.set(example, feeds);
				this.#references.set(example, await board.run(feeds));
			}
			this.#classes = this.#rowLength();
			for (const chunk of this.#chunks(reached)) {
				const held = await this.#observe(chunk);
				for (const entry of held) {
					signal?.throwIfAborted();
					this.#options.onProgress(this.#done / reached.length, entry.part.name);
					await this.#tryPart(entry, board);
					entry.feeds.clear();
					this.#done += 1;
				}
			}
		} finally {
			await board.release();
		}
		return { trials: this.#trials, notes: this.#notes };
	}

	/** Shapes of all parts' inputs on the first example that reaches them. */
	async #measureSizes(): Promise<void> {
		const { model, parts, examples, context } = this.#options;
		const values = [...new Set(parts.flatMap(({ inputs }) => inputs))];
		const { compute, calibration, signal } = context;
		for (const example of [...examples, ...this.#options.learning]) {
			const missing = values.filter((value) => !this.#dims.has(value));
			if (missing.length === 0) break;
			await observe(
				model,
				missing,
				({ value, dims, data }) => {
					if (data.length > 0) this.#dims.set(value, [...dims]);
				},
				{ compute, calibration, indices: [example], batch: 1, signal },
			);
		}
	}

	/** Length of the first output's rows where the type says that its last axis has at least two entries. */
	#rowLength(): number | undefined {
		const { model, types } = this.#options;
		const type = types.typeOf(model.graph.outputs[0]);
		const last = type?.kind === 'tensor' ? type.shape?.at(-1) : undefined;
		return typeof last === 'number' && last > 1 ? last : undefined;
	}

	#chunks(parts: readonly LayerPart[]): LayerPart[][] {
		const chunks: LayerPart[][] = [];
		let room = 0;
		for (const part of parts) {
			let bytes = 0;
			for (const value of part.inputs) bytes += 4 * elementCount(this.#dims.get(value) ?? []) * this.#all.length;
			if (bytes > room || chunks.length === 0) {
				chunks.push([]);
				room = HELD_BYTES;
			}
			chunks.at(-1)?.push(part);
			room -= bytes;
		}
		return chunks;
	}

	async #observe(parts: readonly LayerPart[]): Promise<Held[]> {
		const { model, context } = this.#options;
		const { compute, calibration, signal } = context;
		const examples = this.#all;
		const seen = new Map<Value, Map<number, TensorData>>();
		await observe(
			model,
			[...new Set(parts.flatMap(({ inputs }) => inputs))],
			({ value, data, dims, example }) => {
				if (data.length === 0) return;
				const byExample = seen.get(value) ?? new Map<number, TensorData>();
				seen.set(value, byExample);
				byExample.set(examples[example] as number, { dtype: 'float32', dims: [...dims], data: data.slice() });
			},
			{ compute, calibration, indices: examples, batch: 1, signal },
		);
		return parts.map((part) => {
			const feeds = new Map<number, Map<Value, TensorData>>();
			for (const example of examples) {
				const values = new Map<Value, TensorData>();
				for (const value of part.inputs) {
					const tensor = seen.get(value)?.get(example);
					if (tensor) values.set(value, tensor);
				}
				if (values.size === part.inputs.length) feeds.set(example, values);
			}
			return { part, feeds };
		});
	}

	async #tryPart({ part, feeds }: Held, board: InjectionBoard): Promise<void> {
		const { model, treatments, context, timed } = this.#options;
		const { compute } = context;
		const rankOf = (value: Value): number => this.#dims.get(value)?.length ?? 0;
		const made = partModel(model, part, rankOf);
		const named = (values: Map<Value, TensorData>): Feeds =>
			Object.fromEntries(part.inputs.map((value, i) => [made.inputNames[i] ?? '', values.get(value) as TensorData]));
		const all = [...feeds].map(([example, values]) => ({ example, feeds: named(values) }));
		const examples = all.filter(({ example }) => this.#options.examples.includes(example));
		const learning = all.filter(({ example }) => this.#options.learning.includes(example));
		const plainBytes = storedBytes(made.model);
		const plain = await compute.load(made.model, { graphOptimization: 'all' });
		const opened: ComputeSession[] = [plain];
		try {
			const forms: { readonly treatment: Treatment; readonly session: ComputeSession; readonly form: PartModel; readonly bytes: number }[] =
				[];
			for (const treatment of treatments) {
				if (!treatment.operators.includes(part.node.op)) continue;
				const form = partModel(model, part, rankOf);
				try {
					const reports = await context.apply?.(
						form.model,
						treatment.steps([part.name]),
						calibrationOf(part.name, learning.length > 0 ? learning : all),
					);
					if (!reports?.some(({ changed }) => changed > 0)) continue;
					const bytes = storedBytes(form.model);
					const session = await compute.load(form.model, { graphOptimization: 'all' });
					opened.push(session);
					forms.push({ treatment, session, form, bytes });
				} catch (error) {
					context.signal?.throwIfAborted();
					this.#notes.push({ level: 'info', node: part.name, reason: `${treatment.id} cannot be had: ${(error as Error).message}` });
				}
			}
			const times = timed ? await this.#time(part, plain, forms, all[0]?.feeds ?? {}) : new Map();
			for (const { treatment, session, form, bytes } of forms) {
				const time = times.get(treatment.id) ?? { plainMs: 0, timeMs: 0 };
				let trial: LayerTrial = { layer: part.name, treatment: treatment.id, ...time, plainBytes, bytes };
				if (this.#options.wanted(trial)) {
					trial = { ...trial, ...(await this.#error(part, plain, made, session, form, examples, board)) };
				}
				this.#trials.push(trial);
			}
		} finally {
			for (const session of opened) await session.release();
		}
	}

	async #time(
		part: LayerPart,
		plain: ComputeSession,
		forms: readonly { readonly treatment: Treatment; readonly session: ComputeSession }[],
		feeds: Feeds,
	): Promise<Map<string, { readonly plainMs: number; readonly timeMs: number }>> {
		const shapes = Object.values(feeds)
			.map(({ dims }) => `[${dims}]`)
			.join('');
		const keyOf = (treatment: Treatment): string => `${part.signature}${shapes}@${treatment.id}`;
		const result = new Map<string, { readonly plainMs: number; readonly timeMs: number }>();
		const computing = forms.filter(({ treatment }) => treatment.computes);
		if (computing.some(({ treatment }) => !this.#timed.has(keyOf(treatment)))) {
			const { times } = await interleave(
				[plain, ...computing.map(({ session }) => session)].map((session) => () => session.run(feeds)),
				{ signal: this.#options.context.signal },
			);
			const plainTimes = times[0] ?? [];
			const plainMs = median(plainTimes);
			for (const [k, { treatment }] of computing.entries()) {
				const own = times[k + 1] ?? [];
				const { low, high } = ratioInterval(plainTimes, own);
				// A difference that may be chance is none.
				this.#timed.set(keyOf(treatment), { plainMs, timeMs: high < 1 || low > 1 ? median(own) : plainMs });
			}
		}
		let plainMs = 0;
		for (const { treatment } of computing) {
			const time = this.#timed.get(keyOf(treatment));
			if (time) {
				result.set(treatment.id, time);
				plainMs = time.plainMs;
			}
		}
		for (const { treatment } of forms) if (!treatment.computes) result.set(treatment.id, { plainMs, timeMs: plainMs });
		return result;
	}

	async #error(
		part: LayerPart,
		plain: ComputeSession,
		made: PartModel,
		session: ComputeSession,
		form: PartModel,
		examples: readonly { readonly example: number; readonly feeds: Feeds }[],
		board: InjectionBoard,
	): Promise<{ noise: number; kl?: number; isolatedDb?: number }> {
		const errors = new OutputErrors();
		const decibels: number[] = [];
		for (const { example, feeds } of examples) {
			this.#options.context.signal?.throwIfAborted();
			const wanted = await plain.run(feeds);
			const got = await session.run(feeds);
			const injected = new Map<Value, TensorData>();
			for (const [i, value] of part.outputs.entries()) {
				const a = wanted[made.outputNames[i] ?? ''];
				const b = got[form.outputNames[i] ?? ''];
				if (!(a?.data instanceof Float32Array) || !(b?.data instanceof Float32Array)) continue;
				const error = new Float32Array(a.data.length);
				for (let j = 0; j < error.length; j++) error[j] = (b.data[j] as number) - (a.data[j] as number);
				injected.set(value, { dtype: 'float32', dims: a.dims, data: error });
				if (i === 0) decibels.push(sqnrDb(a.data, b.data));
			}
			const outputs = await board.run(this.#modelFeeds.get(example) ?? {}, injected);
			errors.add(this.#references.get(example) ?? new Map(), outputs, this.#classes);
		}
		return { ...errors.result(), isolatedDb: median(decibels) };
	}
}

/** Inputs that a layer saw, as sample inputs of the layer alone. */
function calibrationOf(name: string, examples: readonly { readonly example: number; readonly feeds: Feeds }[]): CalibrationSet {
	return {
		n: examples.length,
		hash: `inputs of ${name}`,
		synthetic: false,
		async example(index) {
			const entry = examples[index];
			if (!entry) throw new RangeError(`there is no example ${index}`);
			return { name: `${entry.example}`, feeds: entry.feeds };
		},
	};
}
