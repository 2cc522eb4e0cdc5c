import { observe } from '../calibrate/observe.ts';
import { constantOf } from '../ir/constants.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import { seededRandom } from '../numeric/random.ts';
import type { CalibrationSet, Compute } from '../pass/calibration.ts';

/** A row of numbers for each example. */
export interface Rows {
	readonly n: number;
	readonly width: number;
	/** [n, width], row-major. */
	readonly data: Float32Array;
}

/** What a model makes of examples shortly before its answer, and the answer. */
export interface ModelFeatures {
	/** Input of the last layer with weights before the output, averaged over space and time. */
	readonly features: Rows;
	/** The value that the features are of. */
	readonly from: string;
	/** The main output, where each example gives the same number of values. */
	readonly outputs: Rows | undefined;
}

export interface FeatureOptions {
	readonly compute: Compute;
	readonly examples: CalibrationSet;
	/** Longer rows are projected to this many numbers at random (Achlioptas 2003: signs, distances kept within a few percent). default 512 */
	readonly width?: number;
	/** default 1 */
	readonly seed?: number;
	readonly signal?: AbortSignal | undefined;
	readonly onProgress?: (fraction: number) => void;
}

/** Rows up to this long are kept as they are. */
const plainWidth = 2048;
/** Outputs beyond this many values for an example are no answer of a classifier. */
const mostAnswers = 100_000;

/**
 * Runs a model on examples once and keeps a row of features for each: the input of the last Gemm, MatMul or Conv with stored weights
 * before the first output; without one, that output itself. Memory is n rows, whatever the model makes. Throws the engine's error where the
 * model cannot run, and RangeError where nothing of it can be observed.
 */
export async function modelFeatures(model: Model, options: FeatureOptions): Promise<ModelFeatures> {
	const { compute, examples, signal, onProgress, seed = 1, width: projected = 512 } = options;
	const output = model.graph.outputs[0];
	if (!output) throw new RangeError('the model has no output');
	const value = penultimate(output, model.irVersion) ?? output;
	const found: Float32Array[] = new Array(examples.n);
	const answers: Float32Array[] = new Array(examples.n);
	let sizes: ReturnType<typeof projection> | undefined;
	const report = await observe(
		model,
		value === output ? [value] : [value, output],
		({ value: seen, data, dims, example, count }) => {
			const each = data.length / count;
			for (let i = 0; i < count; i++) {
				const part = data.subarray(i * each, (i + 1) * each);
				if (seen === output && each <= mostAnswers) answers[example + i] = part.slice();
				if (seen !== value) continue;
				const row = pooled(part, dims);
				if (row.length <= plainWidth) found[example + i] = row;
				else {
					sizes ??= projection(row.length, projected, seed);
					found[example + i] = sizes(row);
				}
			}
		},
		{ compute, calibration: examples, signal, ...(onProgress && { onProgress }) },
	);
	const width = Math.min(...found.map((row) => row?.length ?? 0));
	if (report.missing.size > 0 || !(width > 0)) {
		throw new RangeError(`nothing of the model can be observed: ${[...report.missing.values()][0] ?? 'no example ran'}`);
	}
	return { features: rowsOf(found, width), from: value.name, outputs: sameLength(answers) };
}

function rowsOf(list: readonly Float32Array[], width: number): Rows {
	const data = new Float32Array(list.length * width);
	for (const [i, row] of list.entries()) data.set(row.subarray(0, width), i * width);
	return { n: list.length, width, data };
}

function sameLength(list: readonly (Float32Array | undefined)[]): Rows | undefined {
	const width = list[0]?.length ?? 0;
	return width > 0 && list.every((row) => row?.length === width) ? rowsOf(list as readonly Float32Array[], width) : undefined;
}

const layers: ReadonlySet<string> = new Set(['Gemm', 'MatMul', 'Conv']);
/** How far back from the output a layer is looked for. */
const mostSteps = 64;

/** What the last layer with weights reads. */
function penultimate(output: Value, irVersion: number): Value | undefined {
	let value: Value | null = output;
	for (let steps = 0; value && steps < mostSteps; steps++) {
		const node: Node | undefined = value.producer;
		if (!node) return undefined;
		if (layers.has(node.op) && isStored(node.input(1), irVersion)) return node.input(0) ?? undefined;
		// Along the input that is computed; of several the first.
		value = node.inputs.find((input) => input && !isStored(input, irVersion)) ?? null;
	}
	return undefined;
}

/** A stored tensor, or what is made of stored ones on the way: another shape, codes that become numbers. */
function isStored(value: Value | null, irVersion: number, depth = 0): boolean {
	if (!value) return true;
	if (constantOf(value, irVersion)) return true;
	const { producer } = value;
	return (
		producer !== undefined &&
		depth < 6 &&
		producer.inputs.length > 0 &&
		producer.inputs.every((input) => isStored(input, irVersion, depth + 1))
	);
}

/** [1, C, …] becomes C means; [1, T, D] becomes D means; [1, D] stays. */
function pooled(data: Float32Array, dims: readonly number[]): Float32Array {
	const rank = dims.length;
	if (rank <= 2) return data.slice();
	if (rank === 3) {
		const width = dims[2] as number;
		const rows = data.length / width;
		const mean = new Float32Array(width);
		for (let at = 0; at < data.length; at++) mean[at % width] = (mean[at % width] as number) + (data[at] as number) / rows;
		return mean;
	}
	const channels = dims[1] as number;
	const space = data.length / channels;
	const mean = new Float32Array(channels);
	for (let c = 0; c < channels; c++) {
		let sum = 0;
		for (let i = 0; i < space; i++) sum += data[c * space + i] as number;
		mean[c] = sum / space;
	}
	return mean;
}

/** Random signs, the same for each row. */
function projection(from: number, to: number, seed: number): (row: Float32Array) => Float32Array {
	const random = seededRandom(seed);
	const target = Uint16Array.from({ length: from }, () => random.below(to));
	const sign = Int8Array.from({ length: from }, () => (random.next() < 0.5 ? -1 : 1));
	return (row) => {
		const result = new Float32Array(to);
		for (let i = 0; i < Math.min(from, row.length); i++) {
			const at = target[i] as number;
			result[at] = (result[at] as number) + (sign[i] as number) * (row[i] as number);
		}
		return result;
	};
}
