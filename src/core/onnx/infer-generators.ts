import type { Dim } from '../ir/type.ts';
import { ceilDivideDims, counted, largerDim, numeric, product, subtractDims } from './infer-dims.ts';
import { each, type InferContext, type InferRule, shaped, toNumber } from './infer-rules.ts';

/** Operators that make tensors out of attributes and sizes, or tell sizes. */

/** Tensors up to this many elements are followed by value: shapes, axes, slices. */
export const MOST_ELEMENTS = 256;

/** Elements of a Constant given by a plain attribute; those of a stored tensor are read when a rule asks for them. */
const constant: InferRule = (context) => {
	const tensor = context.attribute('value');
	if (tensor?.kind === 'tensor') return shaped(tensor.value.dims);
	const sparse = context.attribute('sparse_value');
	if (sparse?.kind === 'sparseTensor') return shaped(sparse.value.dims);
	if (context.attribute('value_string')) return shaped([]);
	for (const name of ['value_int', 'value_float'] as const) {
		const attr = context.attribute(name);
		if (attr?.kind === 'int') return shaped([], [toNumber(attr.value)]);
		if (attr?.kind === 'float') return shaped([], [attr.value]);
	}
	for (const name of ['value_ints', 'value_floats', 'value_strings'] as const) {
		const attr = context.attribute(name);
		if (attr?.kind === 'ints') return shaped([attr.value.length], attr.value.map(toNumber));
		if (attr?.kind === 'floats') return shaped([attr.value.length], attr.value);
		if (attr?.kind === 'strings') return shaped([attr.value.length]);
	}
	return [];
};

/** `fill` is the stored value of a ConstantOfShape, read beforehand. */
export function constantOfShape(context: InferContext, fill: Dim): ReturnType<InferRule> {
	const shape = context.elements(0) ?? unknownShapeOf(context, 0);
	const count = numeric(shape)?.reduce((total, dim) => total * dim, 1);
	const known = count !== undefined && count <= MOST_ELEMENTS && fill !== null;
	return shaped(shape, known ? Array.from({ length: count }, () => fill) : undefined);
}

/** Shape that an input holds where its length is all that is known. */
export function unknownShapeOf(context: InferContext, index: number): null[] | undefined {
	const rank = context.shape(index)?.[0];
	return typeof rank === 'number' && rank <= 64 ? Array.from({ length: rank }, () => null) : undefined;
}

const range: InferRule = (context) => {
	const [start = null, limit = null, delta = null] = [0, 1, 2].map((index) => context.elements(index)?.[0] ?? null);
	if (typeof start === 'number' && typeof limit === 'number' && typeof delta === 'number' && delta !== 0) {
		const count = Math.max(0, Math.ceil((limit - start) / delta));
		const dtype = context.dtype(0);
		const whole = dtype === 'int64' || dtype === 'int32';
		const elements = whole && count <= MOST_ELEMENTS ? Array.from({ length: count }, (_, index) => start + index * delta) : undefined;
		return shaped([counted(count)], elements);
	}
	if (start === null || limit === null || typeof delta !== 'number' || !Number.isSafeInteger(delta) || delta <= 0) return shaped([null]);
	return shaped([largerDim(ceilDivideDims(subtractDims(limit, start), delta), 0)]);
};

const likeInput: InferRule = (context) => shaped(context.shape(0));
const ofAttribute: InferRule = (context) => shaped(context.ints('shape'));
const window: InferRule = (context) => shaped([context.elements(0)?.[0] ?? null]);

export const generatorRules: Readonly<Record<string, InferRule>> = {
	Constant: constant,
	ConstantOfShape: (context) => constantOfShape(context, null),
	Range: range,
	...each('EyeLike RandomNormalLike RandomUniformLike', likeInput),
	...each('RandomNormal RandomUniform', ofAttribute),
	...each('BlackmanWindow HammingWindow HannWindow', window),
	MelWeightMatrix: (context) => {
		const bins = context.elements(0)?.[0] ?? null;
		const length = context.elements(1)?.[0];
		return shaped([typeof length === 'number' ? counted(Math.floor(length / 2) + 1) : null, bins]);
	},
	Multinomial: (context) => shaped([context.shape(0)?.[0] ?? null, context.int('sample_size', 1)]),
	Shape: (context) => {
		const shape = context.shape(0);
		const elements = shape?.slice(context.int('start', 0), context.attribute('end') ? context.int('end', 0) : shape.length);
		return shaped([elements?.length ?? null], elements);
	},
	Size: (context) => {
		const shape = context.shape(0);
		return shaped([], shape && [product(shape)]);
	},
};
