import { extractModel } from '../calibrate/extract.ts';
import { StagedRun } from '../calibrate/stages.ts';
import type { Value } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import type { TensorData } from '../ir/tensor-data.ts';
import type { CalibrationSet, Compute } from '../pass/calibration.ts';

export interface ExampleRunsOptions {
	readonly compute: Compute;
	readonly calibration: CalibrationSet;
	/** Examples at most. */
	readonly samples: number;
	/** Bytes of activations that may lie between two stages. default 128 MB */
	readonly liveBytes?: number;
	/** Also run the model as it was at first. */
	readonly besideOriginal: boolean;
	readonly signal?: AbortSignal | undefined;
}

/** Called with the index of an example in the calibration set. Keeps nothing of the data: its memory is given back. */
export type ExampleVisitor = (tensor: TensorData, example: number) => void;

/** Examples that advance together. */
interface Cohort {
	readonly run: StagedRun;
	readonly reference: StagedRun | undefined;
	readonly indices: readonly number[];
}

/**
 * A model that changes layer by layer, and the original beside it, run stage by stage on as many examples as memory allows: few
 * while activations are large, and more as soon as they get smaller. Later examples catch up through the part that is done.
 */
export class ExampleRuns {
	readonly #model: Model;
	readonly #targets: readonly Value[];
	readonly #options: ExampleRunsOptions;
	readonly #original: OriginalModel | undefined;
	/** Calibration indices in an order any beginning of which is spread over the set. */
	readonly #order: readonly number[];
	readonly #cohorts: Cohort[] = [];
	/** Examples that may run at each stage. */
	#allowed: number[] = [];
	#started = 0;

	/** `targets`: values in graph order, one for each stage. */
	constructor(model: Model, targets: readonly Value[], options: ExampleRunsOptions) {
		this.#model = model;
		this.#targets = targets;
		this.#options = options;
		this.#original = options.besideOriginal ? originalModel(model, targets) : undefined;
		this.#order = spreadOrder(options.calibration.n).slice(0, options.samples);
	}

	/** Runs one example through, to learn how large activations are. */
	async prepare(): Promise<void> {
		const { compute, calibration, signal, liveBytes = 128_000_000 } = this.#options;
		const first = this.#order.slice(0, 1);
		const run = new StagedRun(this.#model, this.#targets, { compute, calibration, indices: first, passing: true, signal });
		await run.start();
		const bytes: number[] = [];
		for (const target of this.#targets) {
			await run.advance(target, () => undefined);
			bytes.push(run.liveBytes * (this.#original ? 2 : 1));
		}
		let largest = 1;
		this.#allowed = bytes
			.reverse()
			.map((size) => {
				largest = Math.max(largest, size);
				return Math.min(this.#order.length, Math.max(4, Math.floor(liveBytes / largest)));
			})
			.reverse();
	}

	/** Examples that stage `index` runs on. */
	examplesAt(index: number): number {
		const allowed = this.#allowed[index] ?? this.#order.length;
		// A few more are not worth a run of their own.
		return this.#started > 0 && allowed < Math.min(this.#order.length, this.#started * 1.5) ? this.#started : allowed;
	}

	/** Computes target `index` for all examples: what the model as it is now gives, and what the original gives. */
	async stage(index: number, visit: ExampleVisitor, visitOriginal: ExampleVisitor): Promise<void> {
		const target = this.#targets[index];
		if (!target) throw new RangeError(`there is no stage ${index}`);
		const count = this.examplesAt(index);
		if (count > this.#started) {
			await this.#start(index, this.#order.slice(this.#started, count));
			this.#started = count;
		}
		const beside = this.#original?.targets.get(target);
		for (const { run, reference, indices } of this.#cohorts) {
			await run.advance(target, (tensor, i) => visit(tensor, indices[i] ?? 0));
			if (reference && beside) await reference.advance(beside, (tensor, i) => visitOriginal(tensor, indices[i] ?? 0));
		}
	}

	async #start(index: number, indices: readonly number[]): Promise<void> {
		const { compute, calibration, signal } = this.#options;
		const staged = { compute, calibration, indices, passing: true, signal };
		const targets = this.#targets.slice(index);
		const run = new StagedRun(this.#model, targets, staged);
		await run.start();
		const beside = targets.flatMap((target) => this.#original?.targets.get(target) ?? []);
		const reference = this.#original && new StagedRun(this.#original.model, beside, staged);
		await reference?.start();
		this.#cohorts.push({ run, reference, indices });
	}
}

/** 0 … n - 1, each beginning spread over the whole: steps near the golden section that meet every number. */
export function spreadOrder(n: number): number[] {
	let step = Math.max(1, Math.round(n * 0.618));
	while (step > 1 && divisor(step, n) !== 1) step -= 1;
	return Array.from({ length: n }, (_, i) => (i * step) % n);
}

function divisor(a: number, b: number): number {
	return b === 0 ? a : divisor(b, a % b);
}

interface OriginalModel {
	readonly model: Model;
	readonly targets: ReadonlyMap<Value, Value>;
}

/** A copy of the graph as it is now, stored tensors shared. */
function originalModel(model: Model, targets: readonly Value[]): OriginalModel {
	const inputs = model.graph.inputs.filter((value) => !value.initializer);
	const unknown = { kind: 'tensor', dtype: 'float32', shape: null } as const;
	const computed = targets.filter((value) => value.producer);
	const extracted = extractModel(model, [...model.graph.nodes()], inputs, computed, (value) => value.type ?? unknown);
	const byName = new Map<string, Value>();
	for (const value of extracted.model.graph.inputs) byName.set(value.name, value);
	for (const node of extracted.model.graph.nodes()) for (const value of node.outputs) if (value) byName.set(value.name, value);
	const found = new Map<Value, Value>();
	for (const value of targets) {
		const name = extracted.outputs.get(value) ?? extracted.inputs.get(value);
		const copy = name === undefined ? undefined : byName.get(name);
		if (copy) found.set(value, copy);
	}
	return { model: extracted.model, targets: found };
}
