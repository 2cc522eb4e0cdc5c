import type { Dim } from '../ir/type.ts';
import { addDims, broadcast, ceilDivideDims, counted, floorDivideDims, multiplyDims } from './infer-dims.ts';
import { each, type InferContext, type InferRule, type Inferred, shaped } from './infer-rules.ts';

/** Convolutions, products, pools, recurrences. */

/** A window that moves along one axis. */
interface Window {
	readonly size: Dim;
	readonly stride: number;
	readonly dilation: number;
	readonly before: number;
	readonly after: number;
}

/** Output length along one axis (operator specifications of Conv and the pools). */
function windowed(length: Dim, { size, stride, dilation, before, after }: Window, autoPad: string, ceil: boolean): Dim {
	if (typeof size !== 'number' || stride < 1) return null;
	const extent = dilation * (size - 1) + 1;
	const same = autoPad.startsWith('SAME');
	if (same) return ceilDivideDims(length, stride);
	const padding = autoPad === 'VALID' ? 0 : before + after;
	if (typeof length !== 'number') {
		const steps = addDims(length, padding - extent);
		if (!ceil || stride === 1) return addDims(floorDivideDims(steps, stride), 1);
		// Whether the last window still starts on the input is not told by one formula, unless nothing is padded behind.
		return after === 0 || autoPad === 'VALID' ? addDims(ceilDivideDims(steps, stride), 1) : null;
	}
	const span = length + padding - extent;
	if (!ceil) return counted(Math.floor(span / stride) + 1);
	const count = Math.ceil(span / stride) + 1;
	// The last window has to start on the input or the padding before it.
	const first = autoPad === 'VALID' ? 0 : before;
	return counted((count - 1) * stride >= length + first ? count - 1 : count);
}

/** A number below 0 is no length. */
function positive(dim: Dim): Dim {
	return typeof dim === 'number' ? counted(dim) : dim;
}

function windows(context: InferContext, sizes: readonly Dim[]): Window[] {
	const strides = context.ints('strides');
	const dilations = context.ints('dilations');
	const pads = context.ints('pads');
	return sizes.map((size, index) => ({
		size,
		stride: strides?.[index] ?? 1,
		dilation: dilations?.[index] ?? 1,
		before: pads?.[index] ?? 0,
		after: pads?.[index + sizes.length] ?? 0,
	}));
}

function spatial(context: InferContext, shape: readonly Dim[], sizes: readonly Dim[]): Dim[] {
	const autoPad = context.string('auto_pad', 'NOTSET');
	const ceil = context.int('ceil_mode', 0) === 1;
	return windows(context, sizes).map((window, index) => windowed(shape[index + 2] ?? null, window, autoPad, ceil));
}

/** [N, M, …] of a convolution over input `data` with weights [M, C/group, …] at input `weight`. */
export function convolved(context: InferContext, data: number, weight: number): Dim[] | undefined {
	const shape = context.shape(data);
	const filters = context.shape(weight);
	const sizes = filters?.slice(2) ?? context.ints('kernel_shape');
	if (!shape && !filters) return undefined;
	if (!shape) return [null, filters?.[0] ?? null, ...(sizes ?? []).map(() => null)];
	const lengths = sizes ? spatial(context, shape, sizes) : shape.slice(2).map(() => null);
	return [shape[0] ?? null, filters?.[0] ?? null, ...lengths];
}

const pool: InferRule = (context) => {
	const shape = context.shape(0);
	const sizes = context.ints('kernel_shape');
	if (!shape) return [];
	const out = [shape[0] ?? null, shape[1] ?? null, ...(sizes ? spatial(context, shape, sizes) : shape.slice(2).map(() => null))];
	return [{ shape: out }, { shape: out }];
};

const globalPool: InferRule = (context) => shaped(context.shape(0)?.map((dim, axis) => (axis < 2 ? dim : 1)));

const convTranspose: InferRule = (context) => {
	const shape = context.shape(0);
	const weight = context.shape(1);
	if (!shape || !weight) return shaped(shape && [shape[0] ?? null, ...shape.slice(1).map(() => null)]);
	const channels = multiplyDims(weight[1] ?? null, context.int('group', 1));
	const given = context.ints('output_shape');
	const extra = context.ints('output_padding');
	const sizes = weight.slice(2);
	const autoPad = context.string('auto_pad', 'NOTSET');
	const lengths = windows(context, sizes).map(({ size, stride, dilation, before, after }, index): Dim => {
		// Older exporters put batch and channels into output_shape too.
		if (given) return given[given.length - sizes.length + index] ?? null;
		const length = shape[index + 2];
		if (length === undefined || length === null || typeof size !== 'number') return null;
		if (autoPad.startsWith('SAME')) return multiplyDims(length, stride);
		const padding = autoPad === 'VALID' ? 0 : before + after;
		const added = (extra?.[index] ?? 0) + dilation * (size - 1) + 1 - padding - stride;
		return positive(addDims(multiplyDims(length, stride), added));
	});
	return shaped([shape[0] ?? null, channels, ...lengths]);
};

/** Shape of a matrix product with broadcast batches (numpy.matmul). */
export function matrixProduct(a: readonly Dim[] | undefined, b: readonly Dim[] | undefined): Dim[] | undefined {
	if (!a || !b || a.length === 0 || b.length === 0) return undefined;
	const batch = broadcast([a.slice(0, -2), b.slice(0, -2)]);
	if (!batch) return undefined;
	return [...batch, ...(a.length > 1 ? [a[a.length - 2] ?? null] : []), ...(b.length > 1 ? [b[b.length - 1] ?? null] : [])];
}

/** Shape of alpha * A' * B' + beta * C. */
export function gemmShape(context: InferContext, first: number, second: number): Dim[] {
	const a = context.shape(first);
	const b = context.shape(second);
	return [a?.[context.int('transA', 0) === 1 ? 1 : 0] ?? null, b?.[context.int('transB', 0) === 1 ? 0 : 1] ?? null];
}

/** Y, Y_h and Y_c of LSTM and its kin. `hidden` is taken from the recurrence weights where the attribute is left out. */
export function recurrentShapes(context: InferContext, hidden: Dim): Inferred[] {
	const [first = null, second = null] = context.shape(0) ?? [];
	const directions = context.string('direction', 'forward') === 'bidirectional' ? 2 : 1;
	if (context.int('layout', 0) === 1) {
		const state = { shape: [first, directions, hidden] };
		return [{ shape: [first, second, directions, hidden] }, state, state];
	}
	const state = { shape: [directions, second, hidden] };
	return [{ shape: [first, directions, second, hidden] }, state, state];
}

const recurrent: InferRule = (context) => recurrentShapes(context, context.int('hidden_size', 0) || (context.shape(2)?.at(-1) ?? null));

/** One output shape for an equation of labels, `bij,bjk->bik`. */
const einsum: InferRule = (context) => {
	const equation = context.string('equation', '').replaceAll(' ', '');
	const [left = '', right] = equation.split('->');
	const shapes = context.shapes();
	const dims = new Map<string, Dim>();
	let ellipsis: readonly Dim[] = [];
	for (const [index, term] of left.split(',').entries()) {
		const shape = shapes[index];
		if (!shape) return [];
		const [before = '', after] = term.split('...');
		const rest = shape.length - before.length - (after?.length ?? 0);
		if (rest < 0 || (after === undefined && rest !== 0)) return [];
		const labels: (readonly [string, Dim])[] = [...before].map((label, at) => [label, shape[at] ?? null]);
		if (after !== undefined) {
			ellipsis = broadcast([ellipsis, shape.slice(before.length, before.length + rest)]) ?? [];
			for (const [at, label] of [...after].entries()) labels.push([label, shape[before.length + rest + at] ?? null]);
		}
		for (const [label, dim] of labels) {
			const known = dims.get(label);
			dims.set(label, known === undefined || known === 1 || (known === null && dim !== 1) ? dim : known);
		}
	}
	const output = right ?? implicitOutput(left);
	const [before = '', after] = output.split('...');
	const place = (label: string): Dim => dims.get(label) ?? null;
	return shaped([...[...before].map(place), ...(after === undefined ? [] : [...ellipsis, ...[...after].map(place)])]);
};

/** Labels that occur once, in alphabetical order, after the broadcast ones. */
function implicitOutput(left: string): string {
	const letters = [...left.replaceAll('...', '').replaceAll(',', '')];
	const once = letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter)).sort();
	return `${left.includes('...') ? '...' : ''}${once.join('')}`;
}

export const layerRules: Readonly<Record<string, InferRule>> = {
	...each('Conv ConvInteger DeformConv com.microsoft.FusedConv', (context) => shaped(convolved(context, 0, 1))),
	QLinearConv: (context) => shaped(convolved(context, 0, 3)),
	ConvTranspose: convTranspose,
	...each('MatMul MatMulInteger', (context) => shaped(matrixProduct(context.shape(0), context.shape(1)))),
	QLinearMatMul: (context) => shaped(matrixProduct(context.shape(0), context.shape(3))),
	Gemm: (context) => shaped(gemmShape(context, 0, 1)),
	...each('AveragePool MaxPool LpPool', pool),
	...each('GlobalAveragePool GlobalMaxPool GlobalLpPool', globalPool),
	...each('LSTM GRU RNN', recurrent),
	Einsum: einsum,
};
