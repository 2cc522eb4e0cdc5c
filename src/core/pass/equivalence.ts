import type { Model } from '../ir/model.ts';
import type { Feeds, TensorData } from '../ir/tensor-data.ts';
import { decodeFloat16 } from '../numeric/float16.ts';
import { FidelityAccumulator } from '../numeric/statistics.ts';
import type { Compute, ComputeOptions, ComputeSession } from './calibration.ts';

/** How far one output of two models differs, over all inputs. */
export interface OutputDifference {
	readonly output: string;
	/** Elements compared. */
	readonly count: number;
	/** max |before - after|; Infinity where only one is finite. */
	readonly maxAbs: number;
	/** maxAbs by the largest magnitude of the output before; 0 where both are 0 everywhere. */
	readonly relative: number;
	/** dB; Infinity where nothing differs, NaN where something is not finite. */
	readonly sqnrDb: number;
	/** Share of equal elements, for whole numbers, truths and text. */
	readonly equalShare: number;
}

export interface Equivalence {
	readonly equal: boolean;
	/** Inputs that both models ran on. */
	readonly runs: number;
	readonly outputs: readonly OutputDifference[];
	/** What cannot be told in numbers: an output that is missing, of another shape or type, or a model that does not run. */
	readonly problems: readonly string[];
}

export interface EquivalenceOptions extends ComputeOptions {
	/** Largest difference by the largest magnitude of an output. default 1e-5: rounding of float32. Whole numbers must be equal. */
	readonly tolerance?: number;
	readonly signal?: AbortSignal;
}

/** The largest relative difference of float32 rounding over a few hundred operators. */
export const ROUNDING = 1e-5;

/**
 * Runs two models on the same inputs and tells how far each output differs. Throws what the runtime throws where the first model
 * does not load or run; where only the second does not, that is a problem of it.
 */
export async function compareModels(
	compute: Compute,
	before: Model,
	after: Model,
	inputs: readonly Feeds[],
	options: EquivalenceOptions = {},
): Promise<Equivalence> {
	const expected = await runAll(compute, before, inputs, options);
	let actual: readonly Readonly<Record<string, TensorData>>[];
	try {
		actual = await runAll(compute, after, inputs, options);
	} catch (error) {
		options.signal?.throwIfAborted();
		return { equal: false, runs: 0, outputs: [], problems: [error instanceof Error ? error.message : String(error)] };
	}
	return compareResults(expected, actual, options.tolerance);
}

async function runAll(
	compute: Compute,
	model: Model,
	inputs: readonly Feeds[],
	options: EquivalenceOptions,
): Promise<Record<string, TensorData>[]> {
	// The runtime's own rewriting rounds differently too, often by more than what is looked for: it is off unless asked for.
	const session: ComputeSession = await compute.load(model, { graphOptimization: options.graphOptimization ?? 'disabled' });
	try {
		const results: Record<string, TensorData>[] = [];
		for (const feeds of inputs) {
			options.signal?.throwIfAborted();
			results.push(await session.run(feeds));
		}
		return results;
	} finally {
		await session.release();
	}
}

/** Compares what two models gave, run by run. */
export function compareResults(
	before: readonly Readonly<Record<string, TensorData>>[],
	after: readonly Readonly<Record<string, TensorData>>[],
	tolerance = ROUNDING,
): Equivalence {
	const problems = new Set<string>();
	const totals = new Map<string, Totals>();
	for (const [run, expected] of before.entries()) {
		const actual = after[run] ?? {};
		for (const [name, reference] of Object.entries(expected)) {
			const test = actual[name];
			if (!test) problems.add(`The output "${name}" is missing.`);
			else if (test.dtype !== reference.dtype) problems.add(`The output "${name}" is ${test.dtype} where it was ${reference.dtype}.`);
			else if (test.dims.join(',') !== reference.dims.join(',')) {
				problems.add(`The output "${name}" has shape [${test.dims.join(', ')}] where it was [${reference.dims.join(', ')}].`);
			} else {
				let sums = totals.get(name);
				if (!sums) {
					sums = new Totals(name);
					totals.set(name, sums);
				}
				sums.add(reference, test);
			}
		}
	}
	const outputs = [...totals.values()].map((sums) => sums.result());
	const equal = problems.size === 0 && outputs.every(({ relative, equalShare }) => relative <= tolerance && equalShare === 1);
	return { equal, runs: before.length, outputs, problems: [...problems] };
}

class Totals {
	readonly #name: string;
	readonly #fidelity = new FidelityAccumulator();
	#magnitude = 0;
	#discrete = 0;
	#same = 0;

	constructor(name: string) {
		this.#name = name;
	}

	add(reference: TensorData, test: TensorData): void {
		const [a, b] = [floatsOf(reference), floatsOf(test)];
		if (a && b) {
			this.#fidelity.add(a, b);
			for (let index = 0; index < a.length; index++) {
				const magnitude = Math.abs(a[index] as number);
				if (magnitude > this.#magnitude && magnitude < Number.POSITIVE_INFINITY) this.#magnitude = magnitude;
			}
			return;
		}
		this.#discrete += reference.data.length;
		for (let index = 0; index < reference.data.length; index++) if (reference.data[index] === test.data[index]) this.#same += 1;
	}

	result(): OutputDifference {
		const { count, maxAbs, sqnrDb } = this.#fidelity.result();
		return {
			output: this.#name,
			count: count + this.#discrete,
			maxAbs,
			relative: maxAbs === 0 ? 0 : maxAbs / (this.#magnitude || 1),
			sqnrDb,
			equalShare: this.#discrete === 0 ? 1 : this.#same / this.#discrete,
		};
	}
}

function floatsOf({ dtype, data }: TensorData): Float32Array | Float64Array | undefined {
	if (data instanceof Float32Array || data instanceof Float64Array) return data;
	return dtype === 'float16' && data instanceof Uint16Array ? decodeFloat16(data) : undefined;
}
