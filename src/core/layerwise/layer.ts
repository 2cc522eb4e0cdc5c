import { packedByteLength } from '../ir/dtype.ts';
import type { Node, Value } from '../ir/graph.ts';
import type { Model } from '../ir/model.ts';
import { memoryTensor, type TensorRef } from '../ir/tensor.ts';
import { packNibbles } from '../numeric/nibbles.ts';
import type { Granularity } from '../numeric/quantize-groups.ts';
import { readFloats } from '../numeric/quantize-tensor.ts';
import type { GridLayout } from '../numeric/uniform-grid.ts';
import type { Plan, Reader } from '../pass/weight-plan.ts';

/** A weight that multiplies an activation of the main graph: y = W x for rows x of what its reader gets. */
export interface Layer {
	readonly plan: Plan;
	/** The first node that reads the weight; its inputs stand for those of all readers. */
	readonly node: Node;
	/** The activation that the weight multiplies. */
	readonly input: Value;
	/** A further one, with the same weight: what a recurrent layer hands to itself. */
	readonly feedback?: Value;
	/** Stands in the main graph and can be changed in turn, on what the changed layers before it give. */
	readonly inTurn: boolean;
	/** Weights as matrices [rows, columns], one for each group of a convolution; rows are output channels. */
	readonly groups: number;
	readonly rows: number;
	readonly columns: number;
	/** Axes of length 1 before those of the matrix. */
	readonly lead: number;
	/** The stored tensor holds the matrix transposed. */
	readonly transposed: boolean;
	/** Spatial sizes of the kernel where the reader is a convolution. */
	readonly kernel?: readonly number[];
}

/** The weight of a plan as a layer, or the reason why its rounding cannot be learned from inputs. */
export function layerOf(model: Model, plan: Plan): Layer | string {
	if (plan.form === 'table' || plan.form === 'blocks') return 'an embedding table is looked up, not multiplied';
	const reader = plan.readers.find(({ node }) => node.op !== 'Gather');
	if (!reader) return 'nothing multiplies with it';
	const { node, index } = reader;
	const { dims } = plan.tensor;
	const input = node.input(0);
	const inTurn = node.graph === model.graph;
	if (node.op === 'LSTM' || node.op === 'GRU' || node.op === 'RNN') return recurrentLayer(plan, reader);
	if (index !== 1 || !input || !['MatMul', 'Gemm', 'Conv'].includes(node.op)) {
		return `${node.op} is no product of an activation with this weight on its right`;
	}
	if (input.initializer && !input.isGraphInput) return 'its input is a constant';
	if (node.op === 'Conv') {
		if (!reader.direct || dims.length < 3) return 'its kernel is rearranged before it is used';
		const groups = node.int('group', 1);
		const [out = 0] = dims;
		const columns = dims.slice(1).reduce((product, dim) => product * dim, 1);
		if (groups < 1 || out % groups !== 0) return 'its groups do not divide its channels';
		return { plan, node, input, inTurn, groups, rows: out / groups, columns, lead: 0, transposed: false, kernel: dims.slice(2) };
	}
	if (node.op === 'Gemm' && node.int('transA', 0) !== 0) return 'its input is transposed';
	if (dims.length !== 2 || reader.channel === null || reader.sum === null) return 'it is no plain matrix';
	const transposed = reader.channel === 1;
	return { plan, node, input, inTurn, groups: 1, rows: dims[reader.channel] ?? 0, columns: dims[reader.sum] ?? 0, lead: 0, transposed };
}

/** W multiplies what comes in, R what the step before has left: the first state, and all that the layer puts out. */
function recurrentLayer(plan: Plan, { node, index, channel, sum }: Reader): Layer | string {
	const { dims } = plan.tensor;
	const input = node.input(index === 1 ? 0 : 5) ?? (index === 2 ? node.outputs[0] : null);
	const lead = dims.length - 2;
	const single = lead === 0 || (lead === 1 && dims[0] === 1);
	if (!input || !single || channel !== lead || sum !== lead + 1)
		return 'a recurrent weight of several directions, or without a visible state';
	const given = node.outputs[0];
	const feedback = index === 2 && given && given !== input ? { feedback: given } : {};
	return {
		plan,
		node,
		input,
		...feedback,
		inTurn: false,
		groups: 1,
		rows: dims[lead] ?? 0,
		columns: dims[lead + 1] ?? 0,
		lead,
		transposed: false,
	};
}

/** The whole weight as rows of output channels, [groups * rows, columns]. */
export async function readMatrix(layer: Layer, signal?: AbortSignal): Promise<Float32Array> {
	const count = layer.groups * layer.rows * layer.columns;
	const values = await readFloats(layer.plan.tensor, 0, count, signal);
	if (!layer.transposed) return values.slice();
	return turn(values, layer.columns, layer.rows, new Float32Array(count));
}

/** Codes [groups * rows, columns], one to a byte, as a tensor in the stored layout. */
export function storeCodes(layer: Layer, codes: Uint8Array, dtype: TensorRef['dtype'], dims: readonly number[]): TensorRef {
	const ordered = layer.transposed ? turn(codes, layer.rows, layer.columns, new Uint8Array(codes.length)) : codes;
	const bytes = packedByteLength(dtype, codes.length) === codes.length ? ordered : packNibbles(ordered);
	return memoryTensor(dtype, dims, bytes);
}

/** Values [groups * rows, columns] as a float32 tensor of the weight's shape. */
export function storeMatrix(layer: Layer, values: Float32Array): TensorRef {
	const ordered = layer.transposed ? turn(values, layer.rows, layer.columns, new Float32Array(values.length)) : values;
	return memoryTensor('float32', layer.plan.tensor.dims, ordered);
}

/** Transpose of [rows, columns]. */
function turn<T extends Float32Array | Uint8Array>(from: T, rows: number, columns: number, to: T): T {
	for (let r = 0, at = 0; r < rows; r++) for (let c = 0; c < columns; c++, at++) to[c * rows + r] = from[at]!;
	return to;
}

/** Where the scales of the layer's weight lie, or undefined where they do not follow its rows. */
export function gridLayout(layer: Layer, granularity: Granularity, blocks: number): GridLayout | undefined {
	const { columns, rows, transposed, lead } = layer;
	switch (granularity.kind) {
		case 'tensor':
			return { block: columns, rowStride: 0, blockStride: 0, offset: 0 };
		case 'axis':
			return granularity.axis === lead + (transposed ? 1 : 0) ? { block: columns, rowStride: 1, blockStride: 0, offset: 0 } : undefined;
		case 'block':
			if (granularity.axis !== lead + (transposed ? 0 : 1)) return undefined;
			return transposed
				? { block: granularity.size, rowStride: 1, blockStride: rows, offset: 0 }
				: { block: granularity.size, rowStride: blocks, blockStride: 1, offset: 0 };
	}
}
