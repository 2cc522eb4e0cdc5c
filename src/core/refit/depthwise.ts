import { elementCount } from '../ir/dtype.ts';
import type { Node } from '../ir/graph.ts';
import { memoryTensor } from '../ir/tensor.ts';
import { dampedCholesky, solveCholesky } from '../numeric/linear-algebra.ts';
import { constantView } from '../pass/constant-view.ts';
import { storeAt } from './layer.ts';

/** A convolution in which each output channel sees one input channel of its own. */
export interface DepthwiseLayer {
	/** [channels, taps] */
	readonly weights: Float32Array;
	readonly bias: Float32Array;
	readonly channels: number;
	readonly taps: number;
	/** Spatial sizes of the kernel. */
	readonly kernel: readonly number[];
}

/** A depthwise convolution with stored float32 kernels, one for each channel; undefined for any other node. */
export async function readDepthwise(node: Node, signal?: AbortSignal): Promise<DepthwiseLayer | undefined> {
	if (node.op !== 'Conv' || node.domain !== '' || node.int('group', 1) < 2) return undefined;
	const view = await constantView(node.input(1));
	if (view?.tensor.dtype !== 'float32') return undefined;
	const [channels = 0, perGroup = 0, ...kernel] = view.tensor.dims;
	if (perGroup !== 1 || channels !== node.int('group', 1)) return undefined;
	const stored = await constantView(node.input(2));
	if (node.input(2) && stored?.tensor.dtype !== 'float32') return undefined;
	const weights = new Float32Array((await view.tensor.bytes(signal)).slice().buffer);
	const bias = stored ? new Float32Array((await stored.tensor.bytes(signal)).slice().buffer) : new Float32Array(channels);
	return { weights, bias, channels, taps: elementCount(kernel), kernel };
}

/** Stores new kernels and biases. The old tensors stay where other nodes read them. */
export function writeDepthwise(node: Node, layer: DepthwiseLayer, weights: Float32Array, bias: Float32Array): void {
	const label = node.name || node.op;
	storeAt(node, 1, `${label}_weight`, memoryTensor('float32', [layer.channels, 1, ...layer.kernel], weights));
	storeAt(node, 2, `${label}_bias`, memoryTensor('float32', [layer.channels], bias));
}

/** Sums that a least-squares fit of every channel's own kernel needs; the last feature is 1. Memory: channels times taps squared. */
export class DepthwiseMoments {
	/** Taps and the constant. */
	readonly width: number;
	/** [channels, width, width], upper triangles. */
	readonly xx: Float64Array;
	/** [channels, width] */
	readonly yx: Float64Array;
	/** [channels] */
	readonly yy: Float64Array;
	rows = 0;

	constructor(readonly layer: DepthwiseLayer) {
		this.width = layer.taps + 1;
		this.xx = new Float64Array(layer.channels * this.width ** 2);
		this.yx = new Float64Array(layer.channels * this.width);
		this.yy = new Float64Array(layer.channels);
	}

	/** `x` [count, channels * taps], `y` [count, channels]. */
	add(x: Float32Array, y: Float32Array, count: number): void {
		const { width, layer, xx, yx, yy } = this;
		const { channels, taps } = layer;
		const feature = new Float64Array(width).fill(1);
		for (let r = 0; r < count; r++) {
			for (let c = 0; c < channels; c++) {
				const from = (r * channels + c) * taps;
				for (let t = 0; t < taps; t++) feature[t] = x[from + t] as number;
				const target = y[r * channels + c] as number;
				yy[c]! += target * target;
				const square = c * width * width;
				for (let i = 0; i < width; i++) {
					const f = feature[i] as number;
					if (f === 0) continue;
					yx[c * width + i]! += f * target;
					const row = square + i * width;
					for (let j = i; j < width; j++) xx[row + j]! += f * (feature[j] as number);
				}
			}
		}
		this.rows += count;
	}

	/** Adds what another has seen. */
	join(other: DepthwiseMoments): void {
		for (const key of ['xx', 'yx', 'yy'] as const) for (let i = 0; i < this[key].length; i++) this[key][i]! += other[key][i] as number;
		this.rows += other.rows;
	}

	/** Mean over rows of the squared error, by channel. `map` [channels, width]: kernels and biases. */
	errors(map: Float64Array): Float64Array {
		const { width, layer, xx, yx, yy } = this;
		return yy.map((power, c) => {
			let error = power;
			const w = map.subarray(c * width, (c + 1) * width);
			for (let i = 0; i < width; i++) {
				error -= 2 * (w[i] as number) * (yx[c * width + i] as number);
				const row = (c * width + i) * width;
				error += (w[i] as number) ** 2 * (xx[row + i] as number);
				for (let j = i + 1; j < width; j++) error += 2 * (w[i] as number) * (w[j] as number) * (xx[row + j] as number);
			}
			return layer.channels > 0 ? Math.max(0, error) / Math.max(1, this.rows) : 0;
		});
	}

	/** Variance of each channel's target. */
	variances(): Float64Array {
		return this.yy.map((power, c) => {
			const mean = (this.yx[c * this.width + this.width - 1] as number) / Math.max(1, this.rows);
			return Math.max(0, power / Math.max(1, this.rows) - mean * mean);
		});
	}

	/** Ridge regression of every channel drawn towards `prior` [channels, width]; the constant is drawn a thousand times less. */
	solve(prior: Float64Array, strength: number): Float64Array {
		const { width, layer, xx, yx } = this;
		const out = prior.slice();
		const a = new Float64Array(width * width);
		for (let c = 0; c < layer.channels; c++) {
			const change = new Float64Array(width);
			for (let i = 0; i < width; i++) {
				for (let j = i; j < width; j++) {
					const value = xx[(c * width + i) * width + j] as number;
					a[i * width + j] = value;
					a[j * width + i] = value;
				}
			}
			for (let i = 0; i < width; i++) {
				let sum = yx[c * width + i] as number;
				for (let j = 0; j < width; j++) sum -= (a[i * width + j] as number) * (prior[c * width + j] as number);
				change[i] = sum;
			}
			for (let i = 0; i < width; i++) a[i * width + i] = (a[i * width + i] as number) * (1 + (i < width - 1 ? strength : strength * 1e-3));
			solveCholesky(dampedCholesky(a, width, 1e-7).factor, width, change, 1);
			for (let i = 0; i < width; i++) {
				const value = change[i] as number;
				if (Number.isFinite(value)) out[c * width + i] = (out[c * width + i] as number) + value;
			}
		}
		return out;
	}
}

/** Kernels and biases as one map [channels, taps + 1]. */
export function depthwiseMap({ channels, taps, weights, bias }: DepthwiseLayer): Float64Array {
	const map = new Float64Array(channels * (taps + 1));
	for (let c = 0; c < channels; c++) {
		for (let t = 0; t < taps; t++) map[c * (taps + 1) + t] = weights[c * taps + t] as number;
		map[c * (taps + 1) + taps] = bias[c] as number;
	}
	return map;
}
