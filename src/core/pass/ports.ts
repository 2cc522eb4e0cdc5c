import { type DType, isFloat } from '../ir/dtype.ts';
import type { Feeds, Port, TensorData } from '../ir/tensor-data.ts';
import { convert } from '../numeric/convert.ts';

/**
 * How a pass changed what a model is fed and gives: with it, the same examples run through the model before and after. Passes that change
 * neither names nor meaning of inputs and outputs say nothing.
 */
export type PortChange =
	/** All at once: two names may be exchanged. */
	| {
			readonly kind: 'renamed';
			readonly port: 'input' | 'output';
			readonly names: readonly { readonly from: string; readonly to: string }[];
	  }
	| { readonly kind: 'retyped'; readonly port: 'input' | 'output'; readonly name: string; readonly from: DType; readonly to: DType }
	/**
	 * An input takes what came before preprocessing: y = factor · x + offset, by channel along `channelAxis` of y or one value for all. x has
	 * its axes in another order (`permutation` is the Transpose from x to y) and its channels from last to first where `reversed`.
	 */
	| {
			readonly kind: 'preprocessed';
			readonly name: string;
			readonly to: DType;
			readonly factor: readonly number[];
			readonly offset: readonly number[];
			readonly channelAxis?: number;
			readonly reversed: boolean;
			readonly permutation?: readonly number[];
	  };

/** Inputs of the model before the changes as inputs of the model after them. Bytes are rounded to the nearest. */
export function feedsAfter(feeds: Feeds, changes: readonly PortChange[]): Feeds {
	let next: Record<string, TensorData> = { ...feeds };
	for (const change of changes) {
		if (change.kind === 'renamed') {
			if (change.port === 'input') next = renamed(next, (name) => change.names.find(({ from }) => from === name)?.to);
			continue;
		}
		const tensor = next[change.name];
		if (!tensor) continue;
		if (change.kind === 'preprocessed') next[change.name] = beforePreprocessing(tensor, change);
		else if (change.port === 'input') next[change.name] = cast(tensor, change.to);
	}
	return next;
}

/** Outputs of the model after the changes under the names and types of the model before them. */
export function outputsBefore(outputs: Readonly<Record<string, TensorData>>, changes: readonly PortChange[]): Record<string, TensorData> {
	let next: Record<string, TensorData> = { ...outputs };
	for (const change of changes.toReversed()) {
		if (change.kind === 'preprocessed' || change.port !== 'output') continue;
		if (change.kind === 'renamed') next = renamed(next, (name) => change.names.find(({ to }) => to === name)?.from);
		else {
			const tensor = next[change.name];
			if (tensor) next[change.name] = cast(tensor, change.from);
		}
	}
	return next;
}

/** Outputs as the model before the changes has them. */
export function outputPortsBefore(ports: readonly Port[], changes: readonly PortChange[]): Port[] {
	return changes.toReversed().reduce(
		(all, change) => {
			if (change.kind === 'preprocessed' || change.port !== 'output') return all;
			return all.map((port) => {
				if (change.kind === 'renamed') return { ...port, name: change.names.find(({ to }) => to === port.name)?.from ?? port.name };
				return port.name === change.name ? { ...port, dtype: change.from } : port;
			});
		},
		ports.map((port) => ({ ...port })),
	);
}

function renamed(tensors: Readonly<Record<string, TensorData>>, to: (name: string) => string | undefined): Record<string, TensorData> {
	return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [to(name) ?? name, tensor]));
}

function cast(tensor: TensorData, to: DType): TensorData {
	if (tensor.dtype === to) return tensor;
	return { dtype: to, dims: tensor.dims, data: convert(tensor.data, tensor.dtype, to) };
}

function beforePreprocessing(tensor: TensorData, change: Extract<PortChange, { kind: 'preprocessed' }>): TensorData {
	const { dims } = tensor;
	const values = convert(tensor.data, tensor.dtype, 'float64') as Float64Array;
	const { channelAxis = 0, factor, offset } = change;
	const channels = change.channelAxis === undefined ? 1 : (dims[channelAxis] as number);
	const inner = dims.slice(channelAxis + 1).reduce((product, dim) => product * dim, 1);
	const plain = new Float64Array(values.length);
	for (let i = 0; i < values.length; i++) {
		const channel = change.channelAxis === undefined ? 0 : Math.floor(i / inner) % channels;
		const by = factor.length > 1 ? channel : 0;
		const value = ((values[i] as number) - (offset[by] as number)) / (factor[by] as number);
		const at = change.reversed ? i + (channels - 1 - 2 * channel) * inner : i;
		plain[at] = isFloat(change.to) ? value : Math.min(255, Math.max(0, Math.round(value)));
	}
	const moved = change.permutation ? transposed(plain, dims, inverse(change.permutation)) : { dims, data: plain };
	return { dtype: change.to, dims: moved.dims, data: convert(moved.data, 'float64', change.to) };
}

function inverse(permutation: readonly number[]): number[] {
	return permutation.map((_, axis) => permutation.indexOf(axis));
}

/** Axis k of the result is axis `order[k]` of the source. */
function transposed(data: Float64Array, dims: readonly number[], order: readonly number[]): { dims: number[]; data: Float64Array } {
	const strides = dims.map((_, axis) => dims.slice(axis + 1).reduce((product, dim) => product * dim, 1));
	const to = order.map((axis) => dims[axis] as number);
	const steps = order.map((axis) => strides[axis] as number);
	const result = new Float64Array(data.length);
	const at = new Array<number>(to.length).fill(0);
	let from = 0;
	for (let i = 0; i < result.length; i++) {
		result[i] = data[from] as number;
		for (let axis = to.length - 1; axis >= 0; axis--) {
			at[axis] = (at[axis] as number) + 1;
			from += steps[axis] as number;
			if ((at[axis] as number) < (to[axis] as number)) break;
			from -= (at[axis] as number) * (steps[axis] as number);
			at[axis] = 0;
		}
	}
	return { dims: to, data: result };
}
