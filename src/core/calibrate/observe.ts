import { giveBack } from '../bytes/give-back.ts';
import type { Value } from '../ir/graph.ts';
import { graphsWithin, type Model } from '../ir/model.ts';
import type { Feeds, TensorData } from '../ir/tensor-data.ts';
import { decodeFloat16 } from '../numeric/float16.ts';
import { inferTypes } from '../onnx/infer.ts';
import type { CalibrationSet, Compute, ComputeSession } from '../pass/calibration.ts';
import { type Example, releaseExample } from '../study/examples.ts';
import { ExamplesAhead } from '../study/examples-ahead.ts';
import { exposeForRun } from './expose.ts';
import { feedBytes, joinFeeds, sameShapes } from './join.ts';

/** What one run made of one value. */
export interface Observation {
	readonly value: Value;
	/** Float elements, row-major; float16 is widened. May be reused by the runtime after the visitor has returned. */
	readonly data: Float32Array;
	readonly dims: readonly number[];
	/** Position of the run's first example in the observed sequence (0 for the first), and how many are joined in this run. */
	readonly example: number;
	readonly count: number;
}

/** Called once for each value and run; awaited before the next. */
export type Observer = (observation: Observation) => void | Promise<void>;

export interface ObserveOptions {
	readonly compute: Compute;
	readonly calibration: CalibrationSet;
	/** Indices of the calibration set to run, in this order. default: all */
	readonly indices?: readonly number[];
	/** Examples joined into one run at most, where the set allows it and it changes nothing. default 16; 1: never */
	readonly batch?: number;
	/** Bytes of joined inputs at most: joining pays for small models only. default 200 kB */
	readonly batchBytes?: number;
	/** Bytes of observed values fetched by one run at most; more values are fetched by further runs. default 256 MB */
	readonly fetchBytes?: number;
	/** The visitor keeps nothing of the data it is shown: its memory is given back at once. default false */
	readonly passing?: boolean;
	readonly signal?: AbortSignal | undefined;
	/** fraction 0..1 */
	readonly onProgress?: (fraction: number) => void;
}

export interface ObserveReport {
	/** Examples that ran. */
	readonly examples: number;
	/** Values that were asked for and could not be observed, with the reason. */
	readonly missing: ReadonlyMap<Value | string, string>;
}

/** Values fetched by one run while their sizes are not known. */
const FIRST_GROUP = 16;

/**
 * Runs the model as it stands on the calibration set once and shows the visitor what the given values (by object, or by name in
 * the main graph) became, example after example; nothing is kept. The model is loaded once and is as it was when this settles.
 * Values of If, Loop and Scan bodies are seen too; graph inputs are shown from the feeds. Only float32 and float16 values are
 * shown, others are reported as missing. Throws the engine's error where the model itself cannot run.
 */
export async function observe(
	model: Model,
	values: readonly (Value | string)[],
	visit: Observer,
	options: ObserveOptions,
): Promise<ObserveReport> {
	const missing = new Map<Value | string, string>();
	const wanted = resolveValues(model, values, missing);
	const types = await inferTypes(model);
	const inputs = new Set<Value>();
	const inner: Value[] = [];
	for (const value of wanted) {
		const type = types.typeOf(value);
		if (value.initializer && !value.isGraphInput) missing.set(value, 'it is a constant');
		else if (type && (type.kind !== 'tensor' || (type.dtype !== 'float32' && type.dtype !== 'float16'))) {
			missing.set(value, 'it holds no float32 or float16 numbers');
		} else if (value.isGraphInput && !value.producer && value.graph === model.graph) inputs.add(value);
		else if (!value.producer && value.graph === model.graph) missing.set(value, 'nothing computes it');
		else inner.push(value);
	}
	const exposed = exposeForRun(model, inner, (value) => types.typeOf(value));
	for (const [value, reason] of exposed.refused) missing.set(value, reason);
	let session: ComputeSession | undefined;
	try {
		session = exposed.outputs.size > 0 ? await options.compute.load(model) : undefined;
	} finally {
		// What is loaded stays as it is: the model can have its outputs back at once.
		exposed.restore();
	}
	// Names as the loaded model has them: restoring renames nothing.
	const byName = new Map<string, Value[]>();
	for (const [value, output] of exposed.outputs) byName.set(output.name, [...(byName.get(output.name) ?? []), value]);
	try {
		const run = new ObservedRuns(session, byName, inputs, visit, options);
		return { examples: await run.all(), missing };
	} finally {
		await session?.release();
	}
}

function resolveValues(model: Model, values: readonly (Value | string)[], missing: Map<Value | string, string>): Set<Value> {
	const wanted = new Set<Value>();
	let names: Map<string, Value> | undefined;
	for (const entry of values) {
		if (typeof entry !== 'string') {
			wanted.add(entry);
			continue;
		}
		names ??= namesOf(model);
		const value = names.get(entry);
		if (value) wanted.add(value);
		else missing.set(entry, 'there is no such value');
	}
	return wanted;
}

/** Values by name: the main graph's first, then those of subgraphs whose names are not taken. */
function namesOf(model: Model): Map<string, Value> {
	const names = new Map<string, Value>();
	for (const graph of graphsWithin(model.graph)) {
		for (const value of graph.inputs) if (!names.has(value.name)) names.set(value.name, value);
		for (const node of graph.nodes()) for (const value of node.outputs) if (value && !names.has(value.name)) names.set(value.name, value);
	}
	return names;
}

/** Sums of magnitudes by output, to tell whether joined examples give what single ones give. */
type Sums = Map<string, { sum: number; count: number }>;

class ObservedRuns {
	readonly #session: ComputeSession | undefined;
	readonly #byName: ReadonlyMap<string, readonly Value[]>;
	readonly #inputs: ReadonlySet<Value>;
	readonly #visit: Observer;
	readonly #options: ObserveOptions;
	/** Outputs fetched together; set by sizes once they are known. */
	#groups: string[][];
	readonly #bytes = new Map<string, number>();

	constructor(
		session: ComputeSession | undefined,
		byName: ReadonlyMap<string, readonly Value[]>,
		inputs: ReadonlySet<Value>,
		visit: Observer,
		options: ObserveOptions,
	) {
		this.#session = session;
		this.#byName = byName;
		this.#inputs = inputs;
		this.#visit = visit;
		this.#options = options;
		const names = [...byName.keys()];
		this.#groups = [];
		for (let at = 0; at < names.length; at += FIRST_GROUP) this.#groups.push(names.slice(at, at + FIRST_GROUP));
	}

	async all(): Promise<number> {
		const { calibration, signal, onProgress } = this.#options;
		const indices = this.#options.indices ?? Array.from({ length: calibration.n }, (_, i) => i);
		const ahead = new ExamplesAhead(calibration, indices, signal);
		const load = (at: number): Promise<Example> => ahead.take(at);
		const seen = (examples: readonly Example[]): void => {
			if (this.#options.passing) for (const example of examples) releaseExample(example);
		};
		let at = 0;
		const step = async (feeds: Feeds, count: number, sums?: Sums): Promise<void> => {
			await this.#run(feeds, at, count, sums);
			at += count;
			onProgress?.(at / indices.length);
		};
		let size = 1;
		const axes = calibration.batchAxes;
		const most = this.#options.batch ?? 16;
		if (axes && most > 1 && indices.length > 4) {
			const sums: Sums = new Map();
			const loaded = [await load(0), await load(1)] as const;
			const pair = [loaded[0].feeds, loaded[1].feeds] as const;
			await step(pair[0], 1, sums);
			this.#regroup(1);
			await step(pair[1], 1, sums);
			const bytes = feedBytes(pair[0]);
			const room = Math.floor((this.#options.batchBytes ?? 200_000) / Math.max(1, bytes));
			if (Math.min(most, room) > 1 && sameShapes(...pair) && (await this.#joinable(joinFeeds(pair, axes), sums))) {
				size = Math.min(most, room);
				this.#regroup(size);
			}
			seen(loaded);
		}
		while (at < indices.length) {
			const loaded: Example[] = [];
			const count = Math.min(size, indices.length - at);
			for (let i = 0; i < count; i++) loaded.push(await load(at + i));
			const batch = loaded.map(({ feeds }) => feeds);
			const first = batch[0] as Feeds;
			const together = batch.length > 1 && batch.every((feeds) => sameShapes(first, feeds)) ? joinFeeds(batch, axes ?? {}) : undefined;
			if (together) await step(together, count);
			else for (const feeds of batch) await step(feeds, 1);
			seen(loaded);
			if (at <= 1) this.#regroup(1);
		}
		return at;
	}

	/** Whether two joined examples give the numbers of both alone. A model that refuses the batch is not joinable. */
	async #joinable(feeds: Feeds | undefined, alone: Sums): Promise<boolean> {
		if (!feeds) return false;
		const joined: Sums = new Map();
		try {
			for (const group of this.#groups) {
				const results = await this.#session?.run(feeds, group);
				for (const name of group) {
					const data = results?.[name] && floatsOf(results[name]);
					if (data) addTo(joined, name, data);
				}
			}
		} catch {
			this.#options.signal?.throwIfAborted();
			return false;
		}
		for (const [name, { sum, count }] of alone) {
			const other = joined.get(name);
			if (other?.count !== count || Math.abs(other.sum - sum) > 1e-4 * sum + 1e-30) return false;
		}
		return true;
	}

	async #run(feeds: Feeds, example: number, count: number, sums?: Sums): Promise<void> {
		for (const value of this.#inputs) {
			const tensor = feeds[value.name];
			const data = tensor && floatsOf(tensor);
			if (tensor && data && data.length > 0) await this.#visit({ value, data, dims: tensor.dims, example, count });
		}
		for (const group of this.#groups) {
			this.#options.signal?.throwIfAborted();
			const results = await this.#session?.run(feeds, group);
			for (const name of group) {
				const tensor = results?.[name];
				const data = tensor && floatsOf(tensor);
				if (!tensor || !data) continue;
				this.#bytes.set(name, Math.max(this.#bytes.get(name) ?? 0, (data.length * 4) / count));
				if (sums) addTo(sums, name, data);
				// Empty: an If that took its other branch.
				if (data.length === 0) continue;
				for (const value of this.#byName.get(name) ?? []) await this.#visit({ value, data, dims: tensor.dims, example, count });
				if (this.#options.passing) giveBack(tensor.data);
			}
		}
	}

	/** Groups outputs so that one run fetches no more than the limit, as far as sizes are known. */
	#regroup(examples: number): void {
		const limit = this.#options.fetchBytes ?? 256_000_000;
		const groups: string[][] = [];
		let room = 0;
		for (const name of this.#byName.keys()) {
			const bytes = (this.#bytes.get(name) ?? 0) * examples;
			const last = groups.at(-1);
			if (!last || bytes > room) {
				groups.push([name]);
				room = limit - bytes;
			} else {
				last.push(name);
				room -= bytes;
			}
		}
		this.#groups = groups;
	}
}

function addTo(sums: Sums, name: string, data: Float32Array): void {
	let sum = 0;
	for (let i = 0; i < data.length; i++) sum += Math.abs(data[i] as number);
	const entry = sums.get(name) ?? { sum: 0, count: 0 };
	entry.sum += Number.isFinite(sum) ? sum : 0;
	entry.count += data.length;
	sums.set(name, entry);
}

function floatsOf(tensor: TensorData): Float32Array | undefined {
	if (tensor.data instanceof Float32Array) return tensor.data;
	return tensor.dtype === 'float16' && tensor.data instanceof Uint16Array ? decodeFloat16(tensor.data) : undefined;
}
