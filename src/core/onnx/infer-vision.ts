import type { Dim } from '../ir/type.ts';
import { counted, fromFront, unknownDims } from './infer-dims.ts';
import { type InferContext, type InferRule, shaped } from './infer-rules.ts';

/** Operators on pictures: resizing, sampling, regions. */

/** New length of an axis by a scale, as the runtime rounds it. */
function scaled(length: Dim, scale: Dim | undefined): Dim {
	if (scale === 1) return length;
	return typeof length === 'number' && typeof scale === 'number' ? counted(Math.floor(Math.fround(Math.fround(scale) * length))) : null;
}

const resize: InferRule = (context) => {
	const shape = context.shape(0);
	if (!shape) return [];
	const old = context.opset < 11;
	const scales = context.elements(old ? 1 : 2);
	const sizes = old ? undefined : context.elements(3);
	const axes = context.ints('axes')?.map((axis) => fromFront(axis, shape.length)) ?? shape.map((_, axis) => axis);
	const stretched = context.string('keep_aspect_ratio_policy', 'stretch') === 'stretch';
	const out: Dim[] = [...shape];
	for (const [index, axis] of axes.entries()) {
		if (sizes?.length === axes.length) out[axis] = stretched ? (sizes[index] ?? null) : null;
		else out[axis] = scales?.length === axes.length ? scaled(shape[axis] ?? null, scales[index]) : null;
	}
	return shaped(out);
};

const upsample: InferRule = (context) => {
	const shape = context.shape(0);
	const attr = context.attribute('scales');
	const scales = attr?.kind === 'floats' ? attr.value : context.elements(1);
	return shaped(shape?.map((dim, axis) => scaled(dim, scales?.[axis])));
};

const gridSample: InferRule = (context) => {
	const [batch = null, channels = null] = context.shape(0) ?? [];
	const grid = context.shape(1);
	return shaped(grid && [batch, channels, ...grid.slice(1, -1)]);
};

const affineGrid: InferRule = (context) => {
	const size = context.elements(1);
	if (!size) {
		const rank = context.shape(1)?.[0];
		return shaped(typeof rank === 'number' && rank > 2 ? [null, ...unknownDims(rank - 2), rank - 2] : undefined);
	}
	return shaped([size[0] ?? null, ...size.slice(2), size.length - 2]);
};

const centerCropPad: InferRule = (context) => {
	const shape = context.shape(0);
	const sizes = context.elements(1);
	if (!shape) return [];
	const axes = context.ints('axes')?.map((axis) => fromFront(axis, shape.length)) ?? shape.map((_, axis) => axis);
	const out: Dim[] = [...shape];
	for (const [index, axis] of axes.entries()) out[axis] = sizes?.[index] ?? null;
	return shaped(out);
};

const col2Im: InferRule = (context) => {
	const shape = context.shape(0);
	const image = context.elements(1);
	const block = context.numbers(2)?.reduce((total, size) => total * size, 1);
	const columns = shape?.[1];
	const rank = image?.length ?? context.shape(1)?.[0];
	if (typeof rank !== 'number' || rank > 64) return [];
	const channels = typeof columns === 'number' && block ? counted(columns / block) : null;
	return shaped([shape?.[0] ?? null, channels, ...(image ?? unknownDims(rank))]);
};

const maxUnpool: InferRule = (context) => {
	const given = context.elements(2);
	if (given) return shaped(given);
	const shape = context.shape(0);
	const kernel = context.ints('kernel_shape');
	if (!shape || !kernel || context.has(2)) return shaped(shape && unknownDims(shape.length));
	const strides = context.ints('strides');
	const pads = context.ints('pads');
	return shaped(
		shape.map((dim, axis): Dim => {
			if (axis < 2) return dim;
			const at = axis - 2;
			const padding = (pads?.[at] ?? 0) + (pads?.[at + kernel.length] ?? 0);
			return typeof dim === 'number' ? counted((dim - 1) * (strides?.[at] ?? 1) + (kernel[at] ?? 1) - padding) : null;
		}),
	);
};

function regions(context: InferContext, height: Dim, width: Dim): readonly Dim[] {
	return [context.shape(1)?.[0] ?? null, context.shape(0)?.[1] ?? null, height, width];
}

export const visionRules: Readonly<Record<string, InferRule>> = {
	Resize: resize,
	Upsample: upsample,
	GridSample: gridSample,
	AffineGrid: affineGrid,
	CenterCropPad: centerCropPad,
	Col2Im: col2Im,
	MaxUnpool: maxUnpool,
	RoiAlign: (context) => shaped(regions(context, context.int('output_height', 1), context.int('output_width', 1))),
	MaxRoiPool: (context) => {
		const [height = null, width = null] = context.ints('pooled_shape') ?? [];
		return shaped(regions(context, height, width));
	},
	NonMaxSuppression: () => shaped([null, 3]),
	ImageDecoder: (context) => shaped([null, null, context.string('pixel_format', 'RGB') === 'Grayscale' ? 1 : 3]),
};
