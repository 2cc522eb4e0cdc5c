import type { Model } from '../ir/model.ts';
import type { TensorData } from '../ir/tensor-data.ts';

/** How outputs of a model are compared: scores of classes by their distributions, anything else by its numbers. */
export type OutputKind = 'logits' | 'probabilities' | 'numbers';

/** What each output of a model looks like, told from the operator that makes it and the shape it had in a run. */
export function outputKinds(model: Model, sample: Readonly<Record<string, TensorData>>): Map<string, OutputKind> {
	const kinds = new Map<string, OutputKind>();
	for (const output of model.graph.outputs) {
		const tensor = sample[output.name];
		if (tensor?.dtype !== 'float32') continue;
		const classes = tensor.dims.at(-1) ?? 1;
		const op = output.producer?.op ?? '';
		const dense = ['Gemm', 'MatMul', 'Add'].includes(op) && tensor.dims.length === 2 && tensor.dims[0] === 1;
		if (op === 'Softmax' && classes > 1) kinds.set(output.name, 'probabilities');
		else kinds.set(output.name, dense && classes > 1 ? 'logits' : 'numbers');
	}
	return kinds;
}

/** Variance of each output over all its numbers in all examples: what errors of numbers are measured by. */
export function outputVariances(
	kinds: ReadonlyMap<string, OutputKind>,
	outputs: readonly Readonly<Record<string, TensorData>>[],
): Map<string, number> {
	const variances = new Map<string, number>();
	for (const name of kinds.keys()) {
		let [count, sum, square] = [0, 0, 0];
		for (const example of outputs) {
			const data = example[name]?.data;
			if (!(data instanceof Float32Array)) continue;
			for (const x of data) {
				count += 1;
				sum += x;
				square += x * x;
			}
		}
		const mean = sum / Math.max(1, count);
		variances.set(name, Math.max(square / Math.max(1, count) - mean * mean, 1e-12 * (square / Math.max(1, count)), 1e-30));
	}
	return variances;
}

/**
 * How far outputs are from the original's, averaged over outputs: Kullback-Leibler divergence in nats of each row for classes, squared
 * error over variance for numbers.
 */
export function divergence(
	kinds: ReadonlyMap<string, OutputKind>,
	variances: ReadonlyMap<string, number>,
	original: Readonly<Record<string, TensorData>>,
	variant: Readonly<Record<string, TensorData>>,
): number {
	let total = 0;
	for (const [name, kind] of kinds) {
		const [a, b] = [original[name], variant[name]];
		if (!(a?.data instanceof Float32Array) || !(b?.data instanceof Float32Array)) continue;
		const width = a.dims.at(-1) ?? 1;
		total += kind === 'numbers' ? meanSquare(a.data, b.data) / (variances.get(name) ?? 1) : rowsKl(a.data, b.data, width, kind);
	}
	return total / Math.max(1, kinds.size);
}

function meanSquare(a: Float32Array, b: Float32Array): number {
	let error = 0;
	for (let i = 0; i < a.length; i++) error += ((a[i] as number) - (b[i] as number)) ** 2;
	return Number.isFinite(error) ? error / Math.max(1, a.length) : 1e30;
}

function rowsKl(a: Float32Array, b: Float32Array, width: number, kind: 'logits' | 'probabilities'): number {
	let total = 0;
	for (let at = 0; at < a.length; at += width) {
		const p = logProbabilities(a.subarray(at, at + width), kind);
		const q = logProbabilities(b.subarray(at, at + width), kind);
		for (let i = 0; i < width; i++) total += Math.exp(p[i] as number) * ((p[i] as number) - (q[i] as number));
	}
	const mean = total / Math.max(1, a.length / width);
	return Number.isFinite(mean) ? Math.max(0, mean) : 1e6;
}

function logProbabilities(row: Float32Array, kind: 'logits' | 'probabilities'): Float64Array {
	if (kind === 'probabilities') return Float64Array.from(row, (p) => Math.log(Math.max(p, 1e-9)));
	const largest = row.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY);
	let sum = 0;
	for (const x of row) sum += Math.exp(x - largest);
	const shift = largest + Math.log(sum);
	return Float64Array.from(row, (x) => x - shift);
}
