import { attribute } from '../../../core/ir/attribute.ts';
import type { Node, Value } from '../../../core/ir/graph.ts';
import { memoryTensor, type TensorRef } from '../../../core/ir/tensor.ts';
import { wholeTensor } from '../../../core/numeric/derived-tensor.ts';
import { float32View } from '../../../core/numeric/float-blocks.ts';
import { linearLayer, onlyProducer } from '../linear-layer.ts';
import type { Rule, RuleContext } from '../rule.ts';
import { pads } from './fuse-batch-norm.ts';

/** Products of weights beyond this many multiplications take longer than the optimizer may. */
const MOST_PRODUCTS = 2 ** 28;

/**
 * Two layers that mix channels at each position alone are one: W2 (W1 x + b1) + b2 = (W2 W1) x + (W2 b1 + b2).
 *
 * 1. Conv 1 x 1 after Conv 1 x 1; strides multiply.
 * 2. MatMul after MatMul, each by a stored matrix.
 *
 * Refused: where the product has more numbers than both factors (a bottleneck made smaller on purpose); where another node reads
 * the value in between; where the second pads.
 */
export const fusePointwise: Rule = {
	id: 'fuse-pointwise',
	title: '1 x 1 Convs, or MatMuls by stored matrices, in a row become one.',
	anchors: ['Conv', 'MatMul'],
	async apply(node, context) {
		const before = node.input(0)?.producer;
		if (before?.op !== node.op || before.domain !== '') return undefined;
		const [first, second] = [linearLayer(before, context), linearLayer(node, context)];
		if (!first || !second || !mixesChannels(before) || !mixesChannels(node)) return undefined;
		if (before.op === 'Conv' && (first.weight.dims.slice(2).some((k) => k !== 1) || second.weight.dims.slice(2).some((k) => k !== 1)))
			return undefined;
		const [inputs, middle, outputs] = [first.inputs, first.channels, second.channels];
		if (second.inputs !== middle || inputs * middle * outputs > MOST_PRODUCTS) return undefined;
		if (inputs * outputs > middle * (inputs + outputs)) return { kind: 'refused', reason: 'one layer would have more weights than both' };
		if (!onlyProducer(node.input(0))) return { kind: 'refused', reason: `another node reads what ${before.label} puts out` };
		if (pads(before) || pads(node)) return { kind: 'refused', reason: 'one of the layers pads' };
		if (before.input(1)?.uses.size !== 1 || node.input(1)?.uses.size !== 1)
			return { kind: 'refused', reason: 'the weights of one layer are used elsewhere' };
		const isConv = node.op === 'Conv';
		const dims = isConv ? [outputs, inputs, ...second.weight.dims.slice(2)] : [inputs, outputs];
		const weight = isConv
			? productTensor(second.weight, first.weight, [outputs, middle, inputs], dims)
			: productTensor(first.weight, second.weight, [inputs, middle, outputs], dims);
		const bias = isConv ? await combinedBias(node, before, second.weight, context) : undefined;
		const strides = isConv ? strideProduct(before, node, dims.length - 2) : undefined;
		const old = [node.input(1), node.input(2)].filter((value) => value !== null);
		node.setInputs([
			before.input(0),
			context.addConstant(node, (node.input(1) as Value).name, weight),
			...(bias ? [context.addConstant(node, `${node.output().name}_bias`, memoryTensor('float32', [bias.length], bias))] : []),
		]);
		if (strides?.some((stride) => stride !== 1)) node.setAttribute('strides', attribute.ints(strides));
		for (const value of old) context.removeUnread(value);
		context.removeDead(before);
		return { kind: 'changed', touched: [node] };
	},
};

function mixesChannels(node: Node): boolean {
	return node.int('group', 1) === 1 && ![...node.attributes.values()].some((attr) => attr.kind === 'ref');
}

function strideProduct(a: Node, b: Node, axes: number): number[] {
	const of = (node: Node): number[] => node.ints('strides') ?? new Array<number>(axes).fill(1);
	const second = of(b);
	return of(a).map((stride, axis) => stride * (second[axis] ?? 1));
}

/** A [rows, inner] times B [inner, columns], summed in float64. Computed when it is written. */
function productTensor(
	a: TensorRef,
	b: TensorRef,
	[rows, inner, columns]: readonly [number, number, number],
	dims: readonly number[],
): TensorRef {
	const bytes = rows * columns * 4;
	return wholeTensor(
		'float32',
		dims,
		async (signal) => {
			const [left, right] = [float32View(await a.bytes(signal)), float32View(await b.bytes(signal))];
			const result = new Float32Array(rows * columns);
			const sums = new Float64Array(columns);
			for (let row = 0; row < rows; row++) {
				sums.fill(0);
				for (let k = 0; k < inner; k++) {
					const factor = left[row * inner + k]!;
					const from = k * columns;
					for (let column = 0; column < columns; column++) sums[column]! += factor * right[from + column]!;
				}
				result.set(sums, row * columns);
			}
			return new Uint8Array(result.buffer);
		},
		bytes,
	);
}

async function combinedBias(node: Node, before: Node, weight: TensorRef, context: RuleContext): Promise<Float32Array | undefined> {
	const [first, second] = [
		await context.numbers(before.input(2), Number.MAX_SAFE_INTEGER),
		await context.numbers(node.input(2), Number.MAX_SAFE_INTEGER),
	];
	if (!first && !second) return undefined;
	const [outputs, middle] = weight.dims as [number, number];
	const values = first ? float32View(await weight.bytes()) : undefined;
	return Float32Array.from({ length: outputs }, (_, row) => {
		let sum = second?.[row] ?? 0;
		if (first && values) for (let k = 0; k < middle; k++) sum += values[row * middle + k]! * first[k]!;
		return sum;
	});
}
