import type { DType } from '../ir/dtype.ts';
import type { Dim } from '../ir/type.ts';
import { broadcast, dtypeOf, fromFront, intsOf, result, shapeAt } from './infer-dims.ts';
import type { InferContext, InferRule } from './infer-rules.ts';

/** Layers: convolutions, products, pools, reductions, recurrences, branches. */

/** Output length of a window along one axis (operator specification of Conv and the pools). */
function windowed(length: Dim, kernel: number, stride: number, dilation: number, padding: number, autoPad: string, ceil: boolean): Dim {
	if (typeof length !== 'number') return null;
	if (autoPad.startsWith('SAME')) return Math.ceil(length / stride);
	const span = length + (autoPad === 'VALID' ? 0 : padding) - (dilation * (kernel - 1) + 1);
	return Math.max(0, (ceil ? Math.ceil(span / stride) : Math.floor(span / stride)) + 1);
}

function spatial(context: InferContext, kernel: readonly Dim[]): Dim[] | undefined {
	const { node } = context;
	const shape = shapeAt(context, 0);
	if (!shape) return undefined;
	const strides = node.ints('strides');
	const dilations = node.ints('dilations');
	const pads = node.ints('pads');
	const rank = kernel.length;
	return kernel.map((size, index) =>
		typeof size === 'number'
			? windowed(
					shape[index + 2] ?? null,
					size,
					strides?.[index] ?? 1,
					dilations?.[index] ?? 1,
					(pads?.[index] ?? 0) + (pads?.[index + rank] ?? 0),
					node.string('auto_pad', 'NOTSET'),
					node.int('ceil_mode', 0) === 1,
				)
			: null,
	);
}

function convShape(context: InferContext, weightInput: number): Dim[] | undefined {
	const shape = shapeAt(context, 0);
	const weight = shapeAt(context, weightInput);
	const kernel = weight?.slice(2) ?? context.node.ints('kernel_shape');
	const size = kernel && spatial(context, kernel);
	return shape && size ? [shape[0] ?? null, weight?.[0] ?? null, ...size] : undefined;
}

const pool: InferRule = (context) => {
	const shape = shapeAt(context, 0);
	const size = spatial(context, context.node.ints('kernel_shape') ?? []);
	const out = shape && size ? [shape[0] ?? null, shape[1] ?? null, ...size] : undefined;
	return [result(dtypeOf(context, 0), out), result('int64', out)];
};

const globalPool: InferRule = (context) => [
	result(
		dtypeOf(context, 0),
		shapeAt(context, 0)?.map((dim, axis) => (axis < 2 ? dim : 1)),
	),
];

const convTranspose: InferRule = (context) => {
	const { node } = context;
	const shape = shapeAt(context, 0);
	const weight = shapeAt(context, 1);
	if (!shape || !weight) return [result(dtypeOf(context, 0), undefined)];
	const channels = weight[1];
	const given = node.ints('output_shape');
	const rank = weight.length - 2;
	const size = weight.slice(2).map((kernel, index): Dim => {
		const length = shape[index + 2];
		if (given) return given[given.length - rank + index] ?? null;
		if (typeof length !== 'number' || typeof kernel !== 'number') return null;
		const stride = node.ints('strides')?.[index] ?? 1;
		if (node.string('auto_pad', 'NOTSET').startsWith('SAME')) return length * stride;
		const pads = node.ints('pads');
		const dilation = node.ints('dilations')?.[index] ?? 1;
		return (
			stride * (length - 1) +
			(node.ints('output_padding')?.[index] ?? 0) +
			(kernel - 1) * dilation +
			1 -
			(pads?.[index] ?? 0) -
			(pads?.[index + rank] ?? 0)
		);
	});
	return [result(dtypeOf(context, 0), [shape[0] ?? null, typeof channels === 'number' ? channels * node.int('group', 1) : null, ...size])];
};

function matmulShape(a: readonly Dim[] | undefined, b: readonly Dim[] | undefined): Dim[] | undefined {
	if (!a || !b || a.length === 0 || b.length === 0) return undefined;
	const batch = broadcast([a.slice(0, -2), b.slice(0, -2)]);
	if (!batch) return undefined;
	return [...batch, ...(a.length > 1 ? [a[a.length - 2] ?? null] : []), ...(b.length > 1 ? [b[b.length - 1] ?? null] : [])];
}

const matmul =
	(dtype: DType | undefined, right = 1): InferRule =>
	(context) => [result(dtype ?? dtypeOf(context, 0), matmulShape(shapeAt(context, 0), shapeAt(context, right)))];

const gemm: InferRule = (context) => {
	const { node } = context;
	const a = shapeAt(context, 0);
	const b = shapeAt(context, 1);
	return [
		result(dtypeOf(context, 0), [a?.[node.int('transA', 0) === 1 ? 1 : 0] ?? null, b?.[node.int('transB', 0) === 1 ? 0 : 1] ?? null]),
	];
};

const reduce =
	(dtype?: DType): InferRule =>
	(context) => {
		const shape = shapeAt(context, 0);
		const keep = context.node.int('keepdims', 1) === 1;
		const axes = context.node.attributes.has('axis') ? [context.node.int('axis', 0)] : intsOf(context, 'axes', 1);
		if (!shape || (!axes && context.node.input(1))) return [result(dtype ?? dtypeOf(context, 0), undefined)];
		const over = dtype === 'int64' && !axes ? [0] : (axes ?? shape.map((_, axis) => axis));
		if (over.length === 0 && context.node.int('noop_with_empty_axes', 0) === 1) return [result(dtype ?? dtypeOf(context, 0), shape)];
		const places = new Set((over.length > 0 ? over : shape.map((_, axis) => axis)).map((axis) => fromFront(axis, shape.length)));
		const out = keep ? shape.map((dim, axis) => (places.has(axis) ? 1 : dim)) : shape.filter((_, axis) => !places.has(axis));
		return [result(dtype ?? dtypeOf(context, 0), out)];
	};

const recurrent: InferRule = (context) => {
	const shape = shapeAt(context, 0);
	const hidden = context.node.int('hidden_size', 0) || null;
	const directions = context.node.string('direction', 'forward') === 'bidirectional' ? 2 : 1;
	const [sequence = null, batch = null] = shape ?? [];
	const dtype = dtypeOf(context, 0);
	const state = [directions, batch, hidden];
	return [result(dtype, [sequence, directions, batch, hidden]), result(dtype, state), result(dtype, state)];
};

/** Outputs of If: what both branches agree on. */
const branches: InferRule = (context) => {
	const [first, second] = context.node.subgraphs;
	return (first?.outputs ?? []).map((output, index) => {
		const a = context.typeOf(output);
		const b = context.typeOf(second?.outputs[index]);
		if (a?.kind !== 'tensor' || b?.kind !== 'tensor' || a.dtype !== b.dtype) return undefined;
		const shape =
			a.shape && b.shape && a.shape.length === b.shape.length
				? a.shape.map((dim, axis) => (dim === b.shape?.[axis] ? dim : null))
				: undefined;
		return result(a.dtype, shape);
	});
};

const REDUCTIONS = 'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare';

export const layerRules: Readonly<Record<string, InferRule>> = {
	Conv: (context) => [result(dtypeOf(context, 0), convShape(context, 1))],
	ConvInteger: (context) => [result('int32', convShape(context, 1))],
	QLinearConv: (context) => [result(dtypeOf(context, 7), convShape(context, 3))],
	'com.microsoft.FusedConv': (context) => [result(dtypeOf(context, 0), convShape(context, 1))],
	ConvTranspose: convTranspose,
	MatMul: matmul(undefined),
	MatMulInteger: matmul('int32'),
	QLinearMatMul: (context) => [result(dtypeOf(context, 7), matmulShape(shapeAt(context, 0), shapeAt(context, 3)))],
	'com.microsoft.DynamicQuantizeMatMul': matmul('float32'),
	'com.microsoft.MatMulIntegerToFloat': matmul('float32'),
	'com.microsoft.MatMulNBits': (context) => {
		const shape = shapeAt(context, 0);
		return [result(dtypeOf(context, 0), shape ? [...shape.slice(0, -1), context.node.int('N', 0)] : undefined)];
	},
	Gemm: gemm,
	AveragePool: pool,
	MaxPool: pool,
	LpPool: pool,
	GlobalAveragePool: globalPool,
	GlobalMaxPool: globalPool,
	GlobalLpPool: globalPool,
	...Object.fromEntries(REDUCTIONS.split(' ').map((op) => [op, reduce()])),
	ArgMax: reduce('int64'),
	ArgMin: reduce('int64'),
	LSTM: recurrent,
	GRU: recurrent,
	RNN: recurrent,
	'com.microsoft.DynamicQuantizeLSTM': recurrent,
	If: branches,
};
