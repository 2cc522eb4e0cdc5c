import { type Attribute, attribute } from '../../core/ir/attribute.ts';
import type { Node, Value } from '../../core/ir/graph.ts';
import { memoryTensor } from '../../core/ir/tensor.ts';
import type { Layer } from '../../core/layerwise/layer.ts';
import type { Tier, TieredTable } from '../../core/numeric/tiered-table.ts';

/** A layer's weight as a product: A [rows, rank], B [rank, columns]. */
export interface Factors {
	readonly rank: number;
	readonly a: Float32Array;
	readonly b: Float32Array;
}

/** Why the layer cannot be split into two, or undefined. */
export function unsplittable(layer: Layer): string | undefined {
	const { plan, node, groups } = layer;
	if (plan.readers.length !== 1) return 'several nodes read it';
	if (groups !== 1) return 'a convolution with groups';
	if (plan.tensor.dtype !== 'float32') return `its weights are ${plan.tensor.dtype}`;
	const [reader] = plan.readers;
	if (!reader?.direct) return 'its weights are rearranged before they are used';
	return ['MatMul', 'Gemm', 'Conv'].includes(node.op) ? undefined : `${node.op} is not split`;
}

/**
 * y = W x becomes y = A (B x). MatMul and Gemm: a MatMul with B before the node, which then multiplies with A. Conv: B as a convolution with
 * the kernel, strides and pads of the node to `rank` channels, and the node with A as a convolution of 1 x 1.
 */
export function splitLayer(layer: Layer, factors: Factors): void {
	const { node, kernel } = layer;
	if (kernel) splitConv(layer, kernel, factors);
	else splitMatrix(layer, factors);
	dropUnread(layer.plan.value, node);
}

function splitMatrix({ node, input, rows, columns, plan }: Layer, { rank, a, b }: Factors): void {
	const { graph } = node;
	const { name } = plan.value;
	const first = graph.addInitializer(`${name}_reduce`, memoryTensor('float32', [columns, rank], transpose(b, rank, columns)));
	const reduce = graph.createNode({ op: 'MatMul', name: named(node, 'reduce'), inputs: [input, first], outputs: 1 });
	graph.insertBefore(node, reduce);
	const turned = node.op === 'Gemm' && node.int('transB', 0) !== 0;
	const second = turned ? memoryTensor('float32', [rows, rank], a) : memoryTensor('float32', [rank, rows], transpose(a, rows, rank));
	node.setInput(0, reduce.output());
	node.setInput(1, graph.addInitializer(`${name}_expand`, second));
}

const windowAttributes = ['kernel_shape', 'strides', 'pads', 'dilations', 'auto_pad'];

function splitConv({ node, input, rows, columns, plan }: Layer, kernel: readonly number[], { rank, a, b }: Factors): void {
	const { graph } = node;
	const { name } = plan.value;
	const channels = columns / kernel.reduce((product, size) => product * size, 1);
	const first = graph.addInitializer(`${name}_reduce`, memoryTensor('float32', [rank, channels, ...kernel], b));
	const window = windowAttributes.flatMap((key) => {
		const value = node.attributes.get(key);
		return value ? [[key, value] as const] : [];
	});
	const reduce = graph.createNode({
		op: 'Conv',
		name: named(node, 'reduce'),
		inputs: [input, first],
		outputs: 1,
		attributes: new Map(window),
	});
	graph.insertBefore(node, reduce);
	for (const key of windowAttributes) node.removeAttribute(key);
	node.setAttribute('kernel_shape', attribute.ints(kernel.map(() => 1)));
	node.setInput(0, reduce.output());
	node.setInput(1, graph.addInitializer(`${name}_expand`, memoryTensor('float32', [rows, rank, ...kernel.map(() => 1)], a)));
}

/** Rows of a table [rows, columns] as rows of A times B: Gather reads A, a MatMul expands what it gives. */
export function splitTable(gather: Node, table: Value, rows: number, columns: number, { rank, a, b }: Factors): void {
	const { graph } = gather;
	const narrow = graph.addInitializer(`${table.name}_narrow`, memoryTensor('float32', [rows, rank], a));
	const expand = graph.addInitializer(`${table.name}_expand`, memoryTensor('float32', [rank, columns], b));
	const wide = gather.output();
	const node = graph.createNode({ op: 'MatMul', name: named(gather, 'expand'), inputs: [], outputs: 1 });
	graph.insertAfter(gather, node);
	graph.replaceUses(wide, node.output());
	gather.setInput(0, narrow);
	wide.type = undefined;
	node.setInputs([wide, expand]);
	dropUnread(table, gather);
}

/**
 * Rows of a table by tiers: the first numbers of every row stand in one table, those that only some rows keep in further ones, reached by a
 * table of places whose 0 is a row of zeros. What is looked up is joined and expanded by one MatMul.
 */
export function splitTieredTable(gather: Node, table: Value, tiered: TieredTable, tiers: readonly Tier[]): void {
	const { graph } = gather;
	const { rows, columns, basis } = tiered;
	const indices = gather.input(1);
	const [first] = tiers;
	const last = tiers.at(-1);
	if (!indices || !first || !last) return;
	const all = Array.from({ length: rows }, (_, row) => row);
	const add = (name: string, dims: readonly number[], data: Float32Array | Int32Array): Value =>
		graph.addInitializer(`${table.name}_${name}`, memoryTensor(data instanceof Int32Array ? 'int32' : 'float32', dims, data));
	const wide = gather.output();
	const looked: Value[] = [wide];
	let at: Node = gather;
	const append = (
		op: string,
		what: string,
		inputs: readonly (Value | null)[],
		attributes: Readonly<Record<string, Attribute>> = {},
	): Value => {
		const node = graph.createNode({ op, name: named(gather, what), inputs, outputs: 1, attributes });
		graph.insertAfter(at, node);
		at = node;
		return node.output();
	};
	for (const [t, tier] of tiers.entries()) {
		const before = tiers[t - 1];
		if (!before) continue;
		const kept = tiers
			.slice(t)
			.flatMap((later) => later.rows)
			.sort((x, y) => x - y);
		const width = tier.rank - before.rank;
		const data = new Float32Array((kept.length + 1) * width);
		data.set(tiered.part(kept, before.rank, tier.rank), width);
		const places = new Int32Array(rows);
		for (const [i, row] of kept.entries()) places[row] = i + 1;
		const place = append('Gather', `place_${t}`, [add(`places_${t}`, [rows], places), indices]);
		looked.push(append('Gather', `more_${t}`, [add(`more_${t}`, [kept.length + 1, width], data), place]));
	}
	const joined = looked.length > 1 ? append('Concat', 'join', [], { axis: attribute.int(-1) }) : wide;
	const directions = Float32Array.from(basis.subarray(0, last.rank * columns));
	const expanded = append('MatMul', 'expand', [], {});
	graph.replaceUses(wide, expanded);
	wide.type = undefined;
	gather.setInput(0, add('narrow', [rows, first.rank], tiered.part(all, 0, first.rank)));
	if (looked.length > 1) joined.producer?.setInputs(looked);
	expanded.producer?.setInputs([joined, add('directions', [last.rank, columns], directions)]);
	dropUnread(table, gather);
}

function named(node: Node, what: string): string {
	return node.name ? `${node.name}_${what}` : '';
}

function dropUnread(value: Value, near: Node): void {
	if (value.uses.size > 0 || value.isGraphOutput) return;
	if (value.producer) near.graph.remove(value.producer);
	else if (value.initializer) {
		if (value.isGraphInput) value.graph.removeInput(value);
		value.graph.removeInitializer(value);
	}
}

function transpose(from: Float32Array, rows: number, columns: number): Float32Array {
	const to = new Float32Array(from.length);
	for (let r = 0, at = 0; r < rows; r++) for (let c = 0; c < columns; c++, at++) to[c * rows + r] = from[at] as number;
	return to;
}
