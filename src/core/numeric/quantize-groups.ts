import { elementCount } from '../ir/dtype.ts';

/**
 * Which elements of a tensor share a scale.
 * `tensor`: all. `axis`: each index of one axis. `block`: runs of `size` along one axis, for every other index by itself
 * (the last run may be shorter): ONNX's block-wise DequantizeLinear.
 */
export type Granularity =
	| { readonly kind: 'tensor' }
	| { readonly kind: 'axis'; readonly axis: number }
	| { readonly kind: 'block'; readonly axis: number; readonly size: number };

/** A row-major tensor seen as runs of neighbouring elements that either share one group or each have the next one. */
export interface Grouping {
	/** Elements of the tensor. */
	readonly count: number;
	readonly groups: number;
	/** Shape of the scale tensor: [], [axis length], or the tensor's with the blocked axis divided. */
	readonly scaleDims: readonly number[];
	readonly outer: number;
	/** Length of the grouped axis. */
	readonly length: number;
	readonly inner: number;
	/** Elements along the axis in one group; 1 for `axis`, whose groups also span `outer`. */
	readonly block: number;
	readonly granularity: Granularity;
}

/** Throws RangeError where the axis does not exist or the block size is not a positive integer. */
export function grouping(dims: readonly number[], granularity: Granularity): Grouping {
	const count = elementCount(dims);
	if (granularity.kind === 'tensor') {
		return { count, groups: 1, scaleDims: [], outer: 1, length: 1, inner: count, block: 1, granularity };
	}
	const { axis } = granularity;
	const length = dims[axis];
	if (length === undefined) throw new RangeError(`there is no axis ${axis} in [${dims.join(', ')}]`);
	const outer = elementCount(dims.slice(0, axis));
	const inner = elementCount(dims.slice(axis + 1));
	if (granularity.kind === 'axis') {
		return { count, groups: length, scaleDims: [length], outer, length, inner, block: 1, granularity };
	}
	const block = granularity.size;
	if (!Number.isInteger(block) || block < 1) throw new RangeError(`block size ${block} is not a positive integer`);
	const blocks = Math.ceil(length / block);
	return {
		count,
		groups: outer * blocks * inner,
		scaleDims: dims.map((dim, index) => (index === axis ? blocks : dim)),
		outer,
		length,
		inner,
		block,
		granularity,
	};
}

/** Called for elements [at, at + length) of the tensor: all of group `group`, or groups group, group + 1, … one each. */
export type RunVisitor = (at: number, length: number, group: number, each: boolean) => void;

/** Walks elements [from, to) in order as runs; a run is cut where the range ends. */
export function forEachRun(g: Grouping, from: number, to: number, visit: RunVisitor): void {
	const { length, inner, block } = g;
	const blocked = g.granularity.kind === 'block';
	if (inner === 1) {
		if (!blocked) {
			// Last axis: every row of `length` elements runs through all groups.
			for (let at = from; at < to; ) {
				const column = at % length;
				const run = Math.min(length - column, to - at);
				visit(at, run, column, true);
				at += run;
			}
			return;
		}
		const blocks = Math.ceil(length / block);
		for (let at = from; at < to; ) {
			const column = at % length;
			const index = Math.floor(column / block);
			const run = Math.min(Math.min((index + 1) * block, length) - column, to - at);
			visit(at, run, Math.floor(at / length) * blocks + index, false);
			at += run;
		}
		return;
	}
	const blocks = Math.ceil(length / block);
	for (let at = from; at < to; ) {
		const row = Math.floor(at / inner);
		const column = at - row * inner;
		const run = Math.min(inner - column, to - at);
		const index = row % length;
		if (blocked) visit(at, run, (Math.floor(row / length) * blocks + Math.floor(index / block)) * inner + column, true);
		else visit(at, run, index, false);
		at += run;
	}
}
