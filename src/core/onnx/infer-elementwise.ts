import type { DType } from '../ir/dtype.ts';
import { dtypeFromCode } from '../ir/dtype.ts';
import type { Dim } from '../ir/type.ts';
import {
	addDims,
	broadcast,
	floorDivideDims,
	isNonNegativeDim,
	largerDim,
	multiplyDims,
	numeric,
	quotient,
	smallerDim,
	subtractDims,
} from './infer-dims.ts';
import { each, type InferContext, type InferRule, shaped } from './infer-rules.ts';

/** Operators that work element by element: the shape of their input, or all inputs broadcast together. */

/** As many outputs as there are, all in the shape of the first input. */
const same: InferRule = (context) => context.node.outputs.map(() => ({ shape: context.shape(0) }));

const broadcasting: InferRule = (context) => {
	// Before opset 7 the second operand was fitted to the first by an attribute.
	const shape = context.opset < 7 ? context.shape(0) : broadcast(context.shapes());
	return shaped(shape, binary(context, shape));
};

type Apply = (a: Dim, b: Dim, dtype: DType, context: InferContext) => Dim;

const onNumbers =
	(apply: (a: number, b: number) => number) =>
	(a: Dim, b: Dim): Dim =>
		typeof a === 'number' && typeof b === 'number' ? apply(a, b) : null;

/** 1 or 0 where the difference of two sizes has a sign that is known: symbols are never below 0. */
const compare =
	(apply: (a: number, b: number) => boolean): Apply =>
	(a, b) => {
		if (a === null || b === null) return null;
		if (a === b) return Number(apply(0, 0));
		if (typeof a === 'number' && typeof b === 'number') return Number(apply(a, b));
		if (isNonNegativeDim(addDims(subtractDims(a, b), -1))) return Number(apply(1, 0));
		return isNonNegativeDim(addDims(subtractDims(b, a), -1)) ? Number(apply(0, 1)) : null;
	};

const isInteger = (dtype: DType): boolean => dtype.startsWith('int') || dtype.startsWith('uint');

/** Shape arithmetic: what small tensors hold, followed by value. Sums of symbols are not: they would need formulas. */
const ARITHMETIC: Readonly<Record<string, Apply>> = {
	Add: (a, b, dtype) => (typeof a === 'number' && typeof b === 'number' ? a + b : isInteger(dtype) ? addDims(a, b) : null),
	Sub: (a, b, dtype) => (typeof a === 'number' && typeof b === 'number' ? a - b : isInteger(dtype) ? subtractDims(a, b) : null),
	Mul: (a, b, dtype) => (typeof a === 'number' && typeof b === 'number' ? a * b : isInteger(dtype) ? multiplyDims(a, b) : null),
	Div: (a, b, dtype) => {
		if (b === 1) return a;
		if (typeof a === 'number' && typeof b === 'number') return isInteger(dtype) ? Math.trunc(a / b) : a / b;
		if (a === null || b === null || !isInteger(dtype)) return null;
		// Division of sizes that may be 0 stays; integers are cut towards 0, which is down for what is not negative.
		return typeof b === 'number' && b > 0 && isNonNegativeDim(a) ? floorDivideDims(a, b) : a === b ? 1 : quotient([a], [b]);
	},
	Mod: (a, b, _dtype, context) => {
		if (typeof a !== 'number' || typeof b !== 'number' || b === 0) return null;
		return context.int('fmod', 0) === 1 ? a % b : ((a % b) + b) % b;
	},
	Pow: onNumbers((a, b) => a ** b),
	Max: (a, b, dtype) => (isInteger(dtype) ? largerDim(a, b) : onNumbers(Math.max)(a, b)),
	Min: (a, b, dtype) => (isInteger(dtype) ? smallerDim(a, b) : onNumbers(Math.min)(a, b)),
	Equal: compare((a, b) => a === b),
	Less: compare((a, b) => a < b),
	LessOrEqual: compare((a, b) => a <= b),
	Greater: compare((a, b) => a > b),
	GreaterOrEqual: compare((a, b) => a >= b),
	And: onNumbers((a, b) => a && b),
	Or: onNumbers((a, b) => a || b),
};

/** Operators of which an element of the result can be told from elements of the inputs; see the reader of small float constants. */
export const FOLLOWED: ReadonlySet<string> = new Set([
	...Object.keys(ARITHMETIC),
	'Where',
	'Neg',
	'Abs',
	'Floor',
	'Ceil',
	'Sqrt',
	'Not',
	'Cast',
]);

/** As the runtime rounds: float32 after each step; numbers beyond exact integers are given up. */
function rounded(value: Dim, dtype: DType | undefined): Dim {
	if (typeof value !== 'number') return value;
	if (dtype === 'float32') return Math.fround(value);
	if (dtype === 'float64') return value;
	return Number.isSafeInteger(value) && Math.abs(value) < Number.MAX_SAFE_INTEGER ? value : null;
}

/** Elements lined up for `shape`; undefined where broadcasting would be more than repeating one. */
function spread(elements: readonly Dim[] | undefined, count: number): readonly Dim[] | undefined {
	if (elements?.length === count) return elements;
	return elements?.length === 1 ? Array.from({ length: count }, () => elements[0] ?? null) : undefined;
}

function elementCountOf(shape: readonly Dim[] | undefined): number | undefined {
	return numeric(shape)?.reduce((total, dim) => total * dim, 1);
}

function binary(context: InferContext, shape: readonly Dim[] | undefined): Dim[] | undefined {
	const { node } = context;
	const apply = ARITHMETIC[node.op];
	const dtype = context.dtype(0);
	const count = elementCountOf(shape);
	if (!apply || node.inputs.length !== 2 || !dtype || count === undefined || count > 256) return undefined;
	const a = spread(context.elements(0), count);
	const b = spread(context.elements(1), count);
	return a && b ? a.map((x, index) => rounded(apply(x, b[index] ?? null, dtype, context), dtype)) : undefined;
}

const UNARY: Readonly<Record<string, (value: number) => number>> = {
	Neg: (value) => -value,
	Abs: Math.abs,
	Floor: Math.floor,
	Ceil: Math.ceil,
	Sqrt: Math.sqrt,
	Not: (value) => Number(!value),
};

const unary: InferRule = (context) => {
	const apply = UNARY[context.node.op] as (value: number) => number;
	const dtype = context.dtype(0);
	const elements = context.elements(0)?.map((value) => rounded(typeof value === 'number' ? apply(value) : null, dtype));
	return shaped(context.shape(0), elements);
};

const cast: InferRule = (context) => {
	const dtype = context.node.op === 'CastLike' ? context.dtype(1) : dtypeFromCode(context.int('to', 0));
	const elements = context.elements(0);
	return shaped(context.shape(0), dtype && elements?.map((value) => castElement(value, dtype)));
};

function castElement(value: Dim, dtype: DType): Dim {
	if (dtype === 'bool') return typeof value === 'number' ? Number(value !== 0) : null;
	if (dtype === 'float32' || dtype === 'float64' || typeof value !== 'number') return rounded(value, dtype);
	// Other widths would wrap or round: sizes are int32 or int64.
	return dtype === 'int64' || dtype === 'int32' ? Math.trunc(value) : null;
}

const where: InferRule = (context) => {
	const shape = broadcast(context.shapes());
	const count = elementCountOf(shape);
	const [condition, a, b] = [0, 1, 2].map((index) => (count === undefined ? undefined : spread(context.elements(index), count)));
	if (!a || !b) return shaped(shape);
	const elements = a.map((x, index): Dim => {
		const y = b[index] ?? null;
		const chosen = condition?.[index];
		return typeof chosen === 'number' ? (chosen ? x : y) : x === y ? x : null;
	});
	return shaped(shape, elements);
};

export const elementwiseRules: Readonly<Record<string, InferRule>> = {
	...each(
		'Acos Acosh Asin Asinh Atan Atanh Bernoulli BitCast BitwiseNot Celu Clip Cos Cosh CumProd CumSum DequantizeLinear Dropout Elu Erf Exp Gelu HardSigmoid HardSwish Hardmax InstanceNormalization GroupNormalization IsInf IsNaN LRN LeakyRelu Log LogSoftmax LpNormalization MeanVarianceNormalization Mish PRelu QuantizeLinear RMSNormalization Reciprocal Relu ReverseSequence Round Selu Shrink Sigmoid Sign Sin Sinh Softmax Softplus Softsign Swish Tan Tanh ThresholdedRelu Trilu',
		same,
	),
	...each('Neg Abs Floor Ceil Sqrt Not', unary),
	...each(
		'Add Sub Mul Div Mod Pow Max Min Mean Sum And Or Xor BitShift BitwiseAnd BitwiseOr BitwiseXor Equal Greater GreaterOrEqual Less LessOrEqual StringConcat SwiGLU',
		broadcasting,
	),
	...each('Cast CastLike', cast),
	...each('RegexFullMatch', same),
	...each(
		'ai.onnx.ml.Binarizer ai.onnx.ml.CategoryMapper ai.onnx.ml.Imputer ai.onnx.ml.LabelEncoder ai.onnx.ml.Normalizer ai.onnx.ml.Scaler',
		same,
	),
	Where: where,
	Identity: (context) => [{ type: context.type(0), shape: context.shape(0), elements: context.elements(0) }],
	DynamicQuantizeLinear: (context) => [{ shape: context.shape(0) }, { shape: [] }, { shape: [] }],
	BatchNormalization: (context) => context.node.outputs.map((_, index) => ({ shape: context.shape(index === 0 ? 0 : 1) })),
	LayerNormalization: (context) => {
		const shape = context.shape(0);
		const axis = context.int('axis', -1);
		const statistics = shape?.map((dim, at) => (at < (axis < 0 ? axis + shape.length : axis) ? dim : 1));
		return [{ shape }, { shape: statistics }, { shape: statistics }];
	},
};
