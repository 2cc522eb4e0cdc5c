import { type DType, isFloat } from '../../core/ir/dtype.ts';
import type { Value } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { Dim } from '../../core/ir/type.ts';
import type { OptionsOf } from '../../core/pass/options.ts';
import type { foldPreprocessingOptions } from './index.ts';

export type Options = OptionsOf<typeof foldPreprocessingOptions>;

/** What is to be put before an input: first the axes, then the order of channels, then y = factor · x + offset. */
export interface Plan {
	readonly input: Value;
	/** Element type that the model computes with at this input. */
	readonly inner: DType;
	readonly outer: DType;
	readonly innerShape: readonly Dim[] | null;
	readonly outerShape: readonly Dim[] | null;
	/** Transpose from the new input to the model's layout; undefined where nothing moves. */
	readonly permutation: readonly number[] | undefined;
	/** Axis of the channels in the model's layout; undefined where nothing is said by channel. */
	readonly channelAxis: number | undefined;
	/** How many channels, where their order is reversed. */
	readonly reversed: number | undefined;
	/** One value, or one per channel. */
	readonly factor: readonly number[];
	readonly offset: readonly number[];
}

/** Reads the options against the model. A text is the reason why nothing can be done. */
export function planFolding(model: Model, options: Options): Plan | { readonly node?: string; readonly reason: string } {
	const input = findInput(model, options.input);
	if (typeof input === 'string') return { reason: input };
	const because = (reason: string) => ({ node: input.name, reason });
	const { type } = input;
	if (type?.kind !== 'tensor') return because('the file does not state its element type, or it is no tensor');
	if (!isFloat(type.dtype) || !['float32', 'float16', 'float64'].includes(type.dtype))
		return because(`the model takes ${type.dtype} here: only floating-point inputs are preprocessed`);
	if (input.initializer) return because('it has a stored value');
	if (input.isGraphOutput) return because('it is input and output at once');
	if (model.opset < 7)
		return because(`the model has opset ${model.opset}; arithmetic that spreads over axes needs 7, raise the opset first`);

	const mean = numbersOf(options.mean);
	const std = numbersOf(options.std);
	if (!mean) return because(`mean is not a list of numbers: ${options.mean.join(', ')}`);
	if (!std) return because(`the standard deviation is not a list of numbers: ${options.std.join(', ')}`);
	if (std.includes(0)) return because('a standard deviation of 0 cannot be divided by');
	if (options.scale === 0) return because('a scale of 0 would erase the input');
	const count = Math.max(mean.length, std.length);
	if (mean.length > 1 && std.length > 1 && mean.length !== std.length)
		return because(`there are ${mean.length} means and ${std.length} standard deviations`);

	const shape = type.shape;
	const byChannel = count > 1 || options.channels === 'reversed' || options.layout !== 'keep';
	const axis = byChannel ? channelAxis(shape, options) : undefined;
	if (typeof axis === 'string') return because(axis);
	const channels = axis === undefined ? undefined : (shape?.[axis] ?? null);
	if (count > 1 && typeof channels === 'number' && channels !== count)
		return because(`the model has ${channels} channels, and ${count} values were given`);
	const known = typeof channels === 'number' ? channels : count > 1 ? count : undefined;
	if (options.channels === 'reversed' && known === undefined)
		return because('the number of channels is not fixed, so their order cannot be reversed; fix the dimension first');

	const rank = shape?.length ?? 0;
	const permutation = axis === undefined ? undefined : toModelLayout(rank, axis, options.layout);
	const inverse = permutation?.map((_, at) => permutation.indexOf(at));
	const at = (list: readonly number[], index: number, fallback: number): number =>
		list.length === 0 ? fallback : (list[index] ?? list[0]!);
	const length = Math.max(1, count);
	const plan: Plan = {
		input,
		inner: type.dtype,
		outer: options.dtype === 'keep' ? type.dtype : options.dtype,
		innerShape: shape,
		outerShape: shape && inverse ? inverse.map((from) => shape[from]!) : shape,
		permutation,
		channelAxis: axis,
		reversed: options.channels === 'reversed' ? known : undefined,
		factor: Array.from({ length }, (_, i) => options.scale / at(std, i, 1)),
		offset: Array.from({ length }, (_, i) => -at(mean, i, 0) / at(std, i, 1)),
	};
	return doesNothing(plan) ? because('nothing was asked for that differs from what the model does now') : plan;
}

function doesNothing({ inner, outer, permutation, reversed, factor, offset }: Plan): boolean {
	return inner === outer && !permutation && reversed === undefined && factor.every((f) => f === 1) && offset.every((o) => o === 0);
}

function findInput(model: Model, wanted: readonly string[]): Value | string {
	const fed = model.graph.inputs.filter((value) => !value.initializer);
	if (wanted.length > 1) return 'one input at a time: name one, and add the step again for another';
	if (wanted.length === 1) {
		return (
			fed.find((value) => value.name === wanted[0]) ??
			`the model has no input "${wanted[0]}"; there are ${fed.map((value) => value.name).join(', ')}`
		);
	}
	const floating = fed.filter(({ type }) => type?.kind === 'tensor' && isFloat(type.dtype));
	if (floating.length === 1) return floating[0]!;
	return floating.length === 0
		? 'no input of the model is fed floating-point values'
		: `several inputs are fed floating-point values (${floating.map((value) => value.name).join(', ')}): name one`;
}

function numbersOf(texts: readonly string[]): number[] | undefined {
	const numbers = texts.map((text) => (text.trim() === '' ? Number.NaN : Number(text)));
	return numbers.every(Number.isFinite) ? numbers : undefined;
}

/** Where the channels stand in the model now. With 4 or 5 axes the first is the batch; 3 axes are one picture. */
function channelAxis(shape: readonly Dim[] | null, { modelLayout }: Options): number | string {
	if (!shape) return 'the file does not say how many axes it has, so channels cannot be told';
	const rank = shape.length;
	if (rank < 3 || rank > 5) return `it has ${rank} axes: channels are known of pictures with 3, 4 or 5`;
	const [first, last] = [rank === 3 ? 0 : 1, rank - 1];
	if (modelLayout !== 'auto') return modelLayout === 'nchw' ? first : last;
	const likely = (dim: Dim | undefined): boolean => dim === 1 || dim === 3 || dim === 4;
	if (likely(shape[first]) === likely(shape[last])) {
		return `its shape [${shape.map((dim) => dim ?? '?').join(', ')}] does not tell whether channels stand second or last: choose the layout of the model`;
	}
	return likely(shape[first]) ? first : last;
}

function toModelLayout(rank: number, axis: number, layout: Options['layout']): readonly number[] | undefined {
	const [first, last] = [rank === 3 ? 0 : 1, rank - 1];
	const outerAxis = layout === 'keep' ? axis : layout === 'nchw' ? first : last;
	if (outerAxis === axis) return undefined;
	// The axes of the new input without its channels, in order, then the channels where the model has them.
	const rest = Array.from({ length: rank }, (_, at) => at).filter((at) => at !== outerAxis);
	rest.splice(axis, 0, outerAxis);
	return rest;
}
