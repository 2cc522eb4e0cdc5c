import { type DType, dtypeFromCode } from '../ir/dtype.ts';
import type { Dim } from '../ir/type.ts';
import { broadcast, dtypeOf, result, shapeAt } from './infer-dims.ts';
import type { InferContext, InferRule } from './infer-rules.ts';

/** Operators that work element by element: the shape of their input, or all inputs broadcast together. */

const same: InferRule = (context) => [
	result(
		dtypeOf(context, 0),
		shapeAt(context, 0),
		PASSES_ELEMENTS.has(context.node.op) ? context.elementsOf(context.node.input(0)) : undefined,
	),
];

const PASSES_ELEMENTS: ReadonlySet<string> = new Set(['Identity', 'Cast']);

const allShapes = (context: InferContext): Dim[] | undefined => broadcast(context.node.inputs.map((input) => context.shapeOf(input)));

const broadcasting: InferRule = (context) => [result(dtypeOf(context, 0), allShapes(context), arithmetic(context))];

const comparing: InferRule = (context) => [result('bool', allShapes(context))];

const asBool: InferRule = (context) => [result('bool', shapeAt(context, 0))];

const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
	Add: (a, b) => a + b,
	Sub: (a, b) => a - b,
	Mul: (a, b) => a * b,
	Div: (a, b) => Math.trunc(a / b),
	Max: Math.max,
	Min: Math.min,
};

/** Shape arithmetic: small integer tensors of which the elements are known. */
function arithmetic(context: InferContext): Dim[] | undefined {
	const { node } = context;
	const apply = ARITHMETIC[node.op];
	const dtype = dtypeOf(context, 0);
	if (!apply || node.inputs.length !== 2 || (dtype !== 'int64' && dtype !== 'int32')) return undefined;
	const a = context.elementsOf(node.input(0));
	const b = context.elementsOf(node.input(1));
	if (!a || !b || (a.length !== b.length && a.length !== 1 && b.length !== 1)) return undefined;
	return Array.from({ length: Math.max(a.length, b.length) }, (_, index) => {
		const x = a[a.length === 1 ? 0 : index] ?? null;
		const y = b[b.length === 1 ? 0 : index] ?? null;
		return typeof x === 'number' && typeof y === 'number' ? apply(x, y) : null;
	});
}

function castTarget(context: InferContext): DType | undefined {
	return dtypeFromCode(context.node.int('to', 0));
}

const UNARY =
	'Abs Acos Acosh Asin Asinh Atan Atanh Bernoulli Ceil Celu Clip Cos Cosh CumSum Dropout Elu Erf Exp Floor Gelu HardSigmoid HardSwish Hardmax Identity InstanceNormalization LRN LeakyRelu Log LogSoftmax LpNormalization MeanVarianceNormalization Mish Neg Not PRelu Reciprocal Relu Round ScatterElements ScatterND Selu Shrink Sigmoid Sign Sin Sinh Softmax Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu Trilu GroupNormalization RMSNormalization com.microsoft.Gelu com.microsoft.FastGelu com.microsoft.QuickGelu com.microsoft.BiasGelu';

export const elementwiseRules: Readonly<Record<string, InferRule>> = {
	...Object.fromEntries(UNARY.split(' ').map((op) => [op, same])),
	...Object.fromEntries(
		'Add Sub Mul Div Mod Pow Max Min Mean Sum And Or Xor BitShift BitwiseAnd BitwiseOr BitwiseXor'
			.split(' ')
			.map((op) => [op, broadcasting]),
	),
	...Object.fromEntries('Equal Greater GreaterOrEqual Less LessOrEqual'.split(' ').map((op) => [op, comparing])),
	...Object.fromEntries('IsInf IsNaN'.split(' ').map((op) => [op, asBool])),
	BitwiseNot: same,
	Cast: (context) => [result(castTarget(context), shapeAt(context, 0), context.elementsOf(context.node.input(0)))],
	CastLike: (context) => [result(dtypeOf(context, 1), shapeAt(context, 0))],
	Where: (context) => [result(dtypeOf(context, 1), allShapes(context))],
	Dropout: (context) => [result(dtypeOf(context, 0), shapeAt(context, 0)), result('bool', shapeAt(context, 0))],
	BatchNormalization: same,
	LayerNormalization: same,
	SkipLayerNormalization: same,
	'com.microsoft.SkipLayerNormalization': same,
	QuantizeLinear: (context) => [
		result(dtypeOf(context, 2) ?? dtypeFromCode(context.node.int('output_dtype', 0)) ?? 'uint8', shapeAt(context, 0)),
	],
	DequantizeLinear: (context) => [result(dtypeOf(context, 1) ?? 'float32', shapeAt(context, 0))],
	DynamicQuantizeLinear: (context) => [result('uint8', shapeAt(context, 0)), result('float32', []), result('uint8', [])],
};
