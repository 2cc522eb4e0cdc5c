import type { Value } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import type { Feeds, TensorData } from '../ir/tensor-data.ts';
import { tensorType } from '../ir/type.ts';
import type { InferredTypes } from '../onnx/infer-rules.ts';
import type { Compute, ComputeSession } from '../pass/calibration.ts';

/** How far outputs are from the plain model's. */
export interface OutputError {
	/** Noise over signal power at the worst output: 10^(-SQNR/10). */
	readonly noise: number;
	/** Mean Kullback-Leibler divergence of the first output's rows taken as class scores, in nats; absent where they are none. */
	readonly kl?: number;
}

/** Noise of outputs that became infinite or changed their shape: worse than any that is measured. */
const BROKEN = 1e9;

/** Plain outputs of one example, by name. */
export type PlainOutputs = ReadonlyMap<string, Float32Array>;

/**
 * The model with an input at each of the given values that is added to it, in one loaded graph: error that a changed layer makes is put
 * where it arises, and what comes of it is read at the outputs. One run shows one layer in one form; nothing is quantized or loaded
 * anew. Values inside If, Loop and Scan bodies can be given too. The model is as it was once this is loaded.
 */
export class InjectionBoard {
	readonly #session: ComputeSession;
	readonly #inputs: ReadonlyMap<Value, string>;
	/** Float outputs: names as loaded by names of the model. */
	readonly #outputs: ReadonlyMap<string, string>;

	private constructor(session: ComputeSession, inputs: ReadonlyMap<Value, string>, outputs: ReadonlyMap<string, string>) {
		this.#session = session;
		this.#inputs = inputs;
		this.#outputs = outputs;
	}

	static async load(model: Model, values: readonly Value[], types: InferredTypes, compute: Compute): Promise<InjectionBoard> {
		const { graph } = model;
		const undo: (() => void)[] = [];
		const inputs = new Map<Value, string>();
		const names = graph.outputs.map((value) => value.name);
		const isFloat = graph.outputs.map((value) => {
			const type = types.typeOf(value);
			return value.producer !== undefined && (!type || (type.kind === 'tensor' && type.dtype === 'float32'));
		});
		try {
			for (const value of values) {
				const { producer } = value;
				if (!producer) continue;
				const inside = value.graph;
				const input = graph.addInput(graph.ledger.fresh('error'), tensorType('float32', null));
				inputs.set(value, input.name);
				undo.push(() => graph.removeInput(input));
				const uses = [...value.uses].map(({ node, index }) => ({ node, index }));
				const sum = inside.insertAfter(
					producer,
					inside.createNode({ op: 'Add', inputs: [value, input], outputs: [graph.ledger.fresh('disturbed')] }),
				);
				for (const { node, index } of uses) node.setInput(index, sum.output());
				const listed = inside.outputs;
				if (value.isGraphOutput) inside.setOutputs(listed.map((output) => (output === value ? sum.output() : output)));
				undo.push(() => {
					if (inside.outputs !== listed) inside.setOutputs(listed);
					for (const { node, index } of uses) node.setInput(index, value);
					inside.remove(sum);
				});
			}
			const outputs = new Map<string, string>();
			for (const [i, value] of graph.outputs.entries()) if (isFloat[i]) outputs.set(names[i] ?? '', value.name);
			return new InjectionBoard(await compute.load(model, { graphOptimization: 'all' }), inputs, outputs);
		} finally {
			while (undo.length > 0) undo.pop()?.();
		}
	}

	/** Outputs with these errors added; none: the plain outputs. */
	async run(feeds: Feeds, errors: ReadonlyMap<Value, TensorData> = new Map()): Promise<PlainOutputs> {
		const added: Record<string, TensorData> = {};
		for (const [value, name] of this.#inputs) {
			added[name] = errors.get(value) ?? { dtype: 'float32', dims: [], data: Float32Array.of(0) };
		}
		const results = await this.#session.run({ ...feeds, ...added }, [...this.#outputs.values()]);
		return floatOutputs(results, this.#outputs);
	}

	async release(): Promise<void> {
		await this.#session.release();
	}
}

/** Float outputs of a run, copied, by the names that `names` maps to those of the run. */
export function floatOutputs(results: Readonly<Record<string, TensorData>>, names: ReadonlyMap<string, string>): PlainOutputs {
	const outputs = new Map<string, Float32Array>();
	for (const [name, loaded] of names) {
		const data = results[loaded]?.data;
		if (data instanceof Float32Array) outputs.set(name, data.slice());
	}
	return outputs;
}

/** Gathers errors over examples. */
export class OutputErrors {
	readonly #powers = new Map<string, { signal: number; noise: number }>();
	#kl = 0;
	#rows = 0;

	/** `classes`: length of the rows of the first output, where they are scores of classes. */
	add(reference: PlainOutputs, outputs: PlainOutputs, classes?: number): void {
		let first = true;
		for (const [name, wanted] of reference) {
			const got = outputs.get(name);
			const sums = this.#powers.get(name) ?? { signal: 0, noise: 0 };
			this.#powers.set(name, sums);
			let signal = 0;
			let noise = 0;
			for (let i = 0; i < wanted.length; i++) {
				const x = wanted[i] as number;
				if (!Number.isFinite(x)) continue;
				const difference = x - ((got?.[i] as number | undefined) ?? Number.NaN);
				signal += x * x;
				noise += difference * difference;
			}
			sums.signal += signal;
			// An output of another length is another answer: NonMaxSuppression kept other boxes, for one.
			sums.noise += got?.length === wanted.length && Number.isFinite(noise) ? noise : BROKEN * signal;
			if (first && classes && classes > 1 && got?.length === wanted.length) this.#addDivergence(wanted, got, classes);
			first = false;
		}
	}

	#addDivergence(wanted: Float32Array, got: Float32Array, classes: number): void {
		for (let at = 0; at + classes <= wanted.length; at += classes) {
			const p = probabilities(wanted, at, classes);
			const q = probabilities(got, at, classes);
			for (let i = 0; i < classes; i++) {
				const share = p[i] as number;
				if (share > 0) this.#kl += share * Math.log(share / Math.max(q[i] as number, 1e-12));
			}
			this.#rows += 1;
		}
	}

	result(): OutputError {
		let noise = 0;
		for (const { signal, noise: power } of this.#powers.values()) if (signal > 0) noise = Math.max(noise, power / signal);
		const kl = this.#rows > 0 ? Math.max(0, this.#kl / this.#rows) : undefined;
		return { noise: Math.min(noise, BROKEN), ...(kl !== undefined && { kl }) };
	}
}

/** A row as it is where it holds probabilities already, else its softmax. */
function probabilities(values: Float32Array, from: number, length: number): Float64Array {
	const row = new Float64Array(length);
	let sum = 0;
	let least = Number.POSITIVE_INFINITY;
	let most = Number.NEGATIVE_INFINITY;
	for (let i = 0; i < length; i++) {
		const x = values[from + i] as number;
		row[i] = x;
		sum += x;
		least = Math.min(least, x);
		most = Math.max(most, x);
	}
	if (least >= 0 && Math.abs(sum - 1) < 1e-3) return row;
	let total = 0;
	for (let i = 0; i < length; i++) {
		row[i] = Math.exp((row[i] as number) - most);
		total += row[i] as number;
	}
	for (let i = 0; i < length; i++) row[i] = (row[i] as number) / total;
	return row;
}

export const decibels = (noise: number): number => -10 * Math.log10(noise);
