import { attribute } from '../../core/ir/attribute.ts';
import type { NodeInit, Value } from '../../core/ir/graph.ts';
import { int64Tensor, memoryTensor } from '../../core/ir/tensor.ts';
import type { Layer } from '../../core/layerwise/layer.ts';
import { encodeFloat16 } from '../../core/numeric/float16.ts';
import { packNibbles } from '../../core/numeric/nibbles.ts';
import { namedNode, placeBeside } from '../../core/pass/expand-weight.ts';
import { dropUnused } from '../../core/pass/weights.ts';

/** A weight [rows of all groups, columns] as indices into palettes. */
export interface Palettized {
	/** One index for each element, row-major. */
	readonly indices: Uint8Array;
	/** binary16 numbers, `entries` for each palette. */
	readonly palettes: Float32Array;
	readonly entries: number;
	/** binary16 numbers, one for each row. */
	readonly scales: Float32Array;
	readonly rowsPerPalette: number;
}

/** Bytes that it takes in the file. */
export function palettizedBytes({ indices, palettes, entries, scales }: Palettized): number {
	return (entries > 16 ? indices.length : Math.ceil(indices.length / 2)) + 2 * (palettes.length + scales.length);
}

/**
 * Gather(palettes, indices + offset of the palette) * scale of the row, in the shape and layout of the weight: standard operators
 * on constants, which runtimes fold into the plain weight when they load the model. 4-bit indices need Cast of uint4 (opset 21).
 */
export function storePalettized(layer: Layer, palettized: Palettized): void {
	const { value } = layer.plan;
	const { graph } = value;
	const place = placeBeside(value);
	const { indices, palettes, entries, scales, rowsPerPalette } = palettized;
	const rows = scales.length;
	const count = palettes.length / entries;
	const { name } = value;
	const append = (suffix: string, init: Omit<NodeInit, 'name' | 'outputs'>): Value => {
		const node = namedNode(graph, `${name}_${suffix}`, init);
		place(node);
		return node.output();
	};
	const dims = [rows, layer.columns];
	const packed = entries > 16 ? memoryTensor('uint8', dims, indices) : memoryTensor('uint4', dims, packNibbles(indices));
	let index = append('i', { op: 'Cast', inputs: [graph.addInitializer(`${name}_q`, packed)], attributes: { to: attribute.int(6) } });
	if (count > 1) {
		const offsets = Int32Array.from({ length: rows }, (_, row) => Math.floor(row / rowsPerPalette) * entries);
		index = append('o', { op: 'Add', inputs: [index, graph.addInitializer(`${name}_f`, memoryTensor('int32', [rows, 1], offsets))] });
	}
	const half = (suffix: string, shape: readonly number[], data: Float32Array): Value =>
		append(`${suffix}c`, {
			op: 'Cast',
			inputs: [graph.addInitializer(`${name}_${suffix}`, memoryTensor('float16', shape, encodeFloat16(data)))],
			attributes: { to: attribute.int(1) },
		});
	const looked = append('g', { op: 'Gather', inputs: [half('p', [palettes.length], palettes), index] });
	let result = append('m', { op: 'Mul', inputs: [looked, half('s', [rows, 1], scales)] });
	if (layer.transposed) result = append('t', { op: 'Transpose', inputs: [result], attributes: { perm: attribute.ints([1, 0]) } });
	if (layer.plan.tensor.dims.length !== 2) {
		result = append('r', { op: 'Reshape', inputs: [result, graph.addInitializer(`${name}_d`, int64Tensor(layer.plan.tensor.dims))] });
	}
	graph.replaceUses(value, result);
	dropUnused(value);
}
