import type { Node } from '../ir/graph.ts';

/** How a convolution walks its input. */
export interface Window {
	/** Spatial sizes of the kernel. */
	readonly kernel: readonly number[];
	readonly strides: readonly number[];
	readonly dilations: readonly number[];
	/** Zeros before and after each spatial axis. */
	readonly begin: readonly number[];
	readonly end: readonly number[];
}

/** The window of a Conv over an input of these dims ([N, C, spatial...]) with a kernel of these spatial sizes; auto_pad resolved. */
export function convWindow(node: Node, dims: readonly number[], kernel: readonly number[]): Window {
	const rank = kernel.length;
	const strides = node.ints('strides') ?? new Array<number>(rank).fill(1);
	const dilations = node.ints('dilations') ?? new Array<number>(rank).fill(1);
	const auto = node.string('auto_pad', 'NOTSET');
	const pads = node.ints('pads') ?? new Array<number>(2 * rank).fill(0);
	if (auto === 'NOTSET') return { kernel, strides, dilations, begin: pads.slice(0, rank), end: pads.slice(rank) };
	const total = kernel.map((size, axis) => {
		if (auto === 'VALID') return 0;
		const length = dims[axis + 2] ?? 0;
		const stride = strides[axis] ?? 1;
		const extent = (size - 1) * (dilations[axis] ?? 1) + 1;
		return Math.max(0, (Math.ceil(length / stride) - 1) * stride + extent - length);
	});
	const smaller = total.map((pad) => pad >> 1);
	const larger = total.map((pad) => pad - (pad >> 1));
	return auto === 'SAME_LOWER'
		? { kernel, strides, dilations, begin: larger, end: smaller }
		: { kernel, strides, dilations, begin: smaller, end: larger };
}

/** Output positions along each spatial axis. */
export function windowPositions(window: Window, dims: readonly number[]): number[] {
	return window.kernel.map((size, axis) => {
		const extent = (size - 1) * (window.dilations[axis] ?? 1) + 1;
		const padded = (dims[axis + 2] ?? 0) + (window.begin[axis] ?? 0) + (window.end[axis] ?? 0);
		return Math.max(0, Math.floor((padded - extent) / (window.strides[axis] ?? 1)) + 1);
	});
}

/**
 * Rows of the matrix that a convolution multiplies its kernel with (im2col): one row for each output position, columns ordered as
 * the kernel's [channels / group, spatial...]. `positions` picks rows by index over [N, spatial...] positions; all where absent.
 * `group` picks the channels. Any number of spatial axes.
 */
export function unfold(
	data: Float32Array,
	dims: readonly number[],
	window: Window,
	group: { readonly index: number; readonly channels: number },
	positions?: readonly number[],
): { readonly rows: Float32Array; readonly count: number; readonly columns: number } {
	const counts = windowPositions(window, dims);
	const spatial = dims.slice(2);
	const volume = spatial.reduce((product, dim) => product * dim, 1);
	const taps = window.kernel.reduce((product, size) => product * size, 1);
	const perImage = counts.reduce((product, count) => product * count, 1);
	const total = (dims[0] ?? 0) * perImage;
	const count = positions?.length ?? total;
	const columns = group.channels * taps;
	const rows = new Float32Array(count * columns);
	const channelsAll = dims[1] ?? 0;
	const rank = spatial.length;
	const offsets = new Int32Array(taps);
	const index = new Array<number>(rank).fill(0);
	for (let r = 0; r < count; r++) {
		let position = positions ? (positions[r] as number) : r;
		const image = Math.floor(position / perImage);
		position -= image * perImage;
		for (let axis = rank - 1; axis >= 0; axis--) {
			const size = counts[axis] as number;
			index[axis] = position % size;
			position = Math.floor(position / size);
		}
		tapOffsets(offsets, window, index, spatial);
		const base = (image * channelsAll + group.index * group.channels) * volume;
		let at = r * columns;
		for (let c = 0; c < group.channels; c++) {
			const plane = base + c * volume;
			for (let t = 0; t < taps; t++, at++) {
				const offset = offsets[t] as number;
				if (offset >= 0) rows[at] = data[plane + offset] as number;
			}
		}
	}
	return { rows, count, columns };
}

/** Offset within a channel's plane for each tap of the kernel at one position; -1 in the padding. */
function tapOffsets(offsets: Int32Array, window: Window, position: readonly number[], spatial: readonly number[]): void {
	const rank = spatial.length;
	for (let t = 0; t < offsets.length; t++) {
		let rest = t;
		let offset = 0;
		let unit = 1;
		for (let axis = rank - 1; axis >= 0; axis--) {
			const size = window.kernel[axis] as number;
			const tap = rest % size;
			rest = Math.floor(rest / size);
			const at =
				(position[axis] as number) * (window.strides[axis] as number) -
				(window.begin[axis] as number) +
				tap * (window.dilations[axis] as number);
			if (at < 0 || at >= (spatial[axis] as number)) {
				offset = -1;
				break;
			}
			offset += at * unit;
			unit *= spatial[axis] as number;
		}
		offsets[t] = offset;
	}
}
