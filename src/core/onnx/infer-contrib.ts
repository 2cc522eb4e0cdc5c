import type { Dim } from '../ir/type.ts';
import { broadcast, counted } from './infer-dims.ts';
import { convolved, gemmShape, matrixProduct, recurrentShapes } from './infer-layers.ts';
import { each, type InferContext, type InferRule, shaped } from './infer-rules.ts';

/** Contributed operators of ONNX Runtime (docs/ContribOperators.md there): those that Pare writes and those common in published models. */

const same: InferRule = (context) => shaped(context.shape(0));

const matMulNBits: InferRule = (context) => {
	const shape = context.shape(0);
	return shaped(shape && [...shape.slice(0, -1), context.int('N', 0) || null]);
};

/** Rows of a packed table with their last axis unpacked; the axis gathered along is replaced by the indices. */
const gatherBlockQuantized: InferRule = (context) => {
	const data = context.shape(0);
	const indices = context.shape(1);
	if (!data || !indices) return [];
	const packed = context.dtype(0) === 'uint8' ? 8 / context.int('bits', 4) : 1;
	const unpacked = data.map((dim, at): Dim => (at === data.length - 1 && typeof dim === 'number' ? dim * packed : dim));
	const axis = context.int('gather_axis', 0);
	const at = axis < 0 ? axis + data.length : axis;
	return shaped([...unpacked.slice(0, at), ...indices, ...unpacked.slice(at + 1)]);
};

const swapped = (shape: readonly Dim[] | undefined): readonly Dim[] | undefined =>
	shape && shape.length > 1 ? [...shape.slice(0, -2), shape.at(-1) ?? null, shape.at(-2) ?? null] : shape;

const fusedMatMul: InferRule = (context) => {
	if (context.int('transBatchA', 0) === 1 || context.int('transBatchB', 0) === 1) return [];
	const a = context.int('transA', 0) === 1 ? swapped(context.shape(0)) : context.shape(0);
	const b = context.int('transB', 0) === 1 ? swapped(context.shape(1)) : context.shape(1);
	return shaped(matrixProduct(a, b));
};

const skipNormalization: InferRule = (context) => {
	const shape = context.shape(0);
	const statistics = shape?.map((dim, at) => (at === shape.length - 1 ? 1 : dim));
	return [{ shape }, { shape: statistics }, { shape: statistics }, { shape }];
};

/** [B, S, hidden] with packed projections [W, 3 * hidden] at input 1. */
const packedAttention: InferRule = (context) => {
	const [batch = null, length = null] = context.shape(0) ?? [];
	const width = context.shape(1)?.[1];
	const sizes = context.ints('qkv_hidden_sizes');
	const hidden = sizes ? (sizes[2] ?? null) : typeof width === 'number' ? counted(width / 3) : null;
	return shaped([batch, length, hidden]);
};

const multiHeadAttention: InferRule = (context) => {
	const query = context.shape(0);
	if (query?.length !== 3) return [];
	const value = context.shape(2);
	const width = value?.length === 3 ? (value[2] ?? null) : context.has(2) ? null : (query[2] ?? null);
	return shaped([query[0] ?? null, query[1] ?? null, width]);
};

const embedding: InferRule = (context) => {
	const [batch = null, length = null] = context.shape(0) ?? [];
	const full = { shape: [batch, length, context.shape(2)?.at(-1) ?? null] };
	return [full, { shape: [batch] }, full];
};

const between =
	(first: number, second: number): InferRule =>
	(context) =>
		shaped(broadcast([context.shape(first), context.shape(second)]));

const reducedToOne = (context: InferContext): Dim[] | undefined => {
	const shape = context.shape(0);
	const last = context.int('channels_last', 0) === 1;
	return shape?.map((dim, axis) => (axis === 0 || axis === (last ? shape.length - 1 : 1) ? dim : 1));
};

const contributed: Readonly<Record<string, InferRule>> = {
	...each(
		'Gelu FastGelu QuickGelu BiasGelu BiasAdd BiasDropout BiasSoftmax GroupNorm RotaryEmbedding QuantizeLinear DequantizeLinear QLinearLeakyRelu QLinearSigmoid QLinearSoftmax Trilu Inverse NhwcMaxPool',
		same,
	),
	MatMulNBits: matMulNBits,
	MatMulBnb4: matMulNBits,
	GatherBlockQuantized: gatherBlockQuantized,
	...each('DynamicQuantizeMatMul MatMulIntegerToFloat MatMulInteger16', (context) =>
		shaped(matrixProduct(context.shape(0), context.shape(1))),
	),
	...each('FusedMatMul TransposeMatMul', fusedMatMul),
	FusedGemm: (context) => shaped(gemmShape(context, 0, 1)),
	QGemm: (context) => shaped(gemmShape(context, 0, 3)),
	// The weights are stored transposed: R is [directions, hidden, 4 * hidden].
	DynamicQuantizeLSTM: (context) => recurrentShapes(context, context.int('hidden_size', 0) || (context.shape(2)?.[1] ?? null)),
	QLinearConv: (context) => (context.int('channels_last', 0) === 1 ? [] : shaped(convolved(context, 0, 3))),
	QLinearAdd: between(0, 3),
	QLinearMul: between(0, 3),
	MulInteger: between(0, 2),
	QLinearGlobalAveragePool: (context) => shaped(reducedToOne(context)),
	...each('SkipLayerNormalization SkipSimplifiedLayerNormalization', skipNormalization),
	...each('Attention QAttention', packedAttention),
	MultiHeadAttention: multiHeadAttention,
	...each('EmbedLayerNormalization QEmbedLayerNormalization', embedding),
	IsAllFinite: () => shaped([]),
};

export const contribRules: Readonly<Record<string, InferRule>> = Object.fromEntries(
	Object.entries(contributed).map(([op, rule]) => [`com.microsoft.${op}`, rule]),
);
