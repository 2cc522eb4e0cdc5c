import { ChannelReducer } from '../../core/calibrate/moments.ts';
import { StagedRun } from '../../core/calibrate/stages.ts';
import type { Node } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { Note, PassContext } from '../../core/pass/pass.ts';
import { spreadIndices } from '../../core/study/examples.ts';
import { type ChannelMeans, channelAxis } from './ranges.ts';
import type { WrittenBias } from './write.ts';

/** Bytes of float activations that stages may keep: with more, fewer examples take part. */
const KEPT_BYTES = 64_000_000;

/**
 * Sequential bias correction (Nagel et al. 2019, section 4.2, from data): layers are visited in order; the mean of each output
 * channel in the quantized model, with all layers before it corrected already, is brought back to the plain model's by moving
 * the bias. `channels` are the plain model's outputs, by example; both sides are measured on the same examples.
 */
export async function correctBiases(
	model: Model,
	biases: readonly WrittenBias[],
	channels: ReadonlyMap<Node, ReadonlyMap<number, ChannelMeans>>,
	gains: boolean,
	context: PassContext,
	onProgress: (fraction: number) => void,
): Promise<Note[]> {
	const { compute, calibration, signal } = context;
	if (!compute || !calibration) throw new Error('bias correction needs sample inputs and a runtime');
	const order = new Map([...model.graph.nodes()].map((node, index) => [node, index]));
	const layers = biases
		.filter(({ node }) => order.has(node) && (channels.get(node)?.size ?? 0) > 0)
		.sort((a, b) => (order.get(a.node) ?? 0) - (order.get(b.node) ?? 0));
	if (layers.length === 0) return [];
	const indices = comparable(layers, channels);
	const stages = new StagedRun(
		model,
		layers.map(({ node }) => node.output()),
		{ compute, calibration, indices, passing: true, signal },
	);
	await stages.start();
	for (const [index, bias] of layers.entries()) {
		onProgress(index / layers.length);
		const axis = channelAxis(bias.node);
		const output = bias.node.output();
		const plain = gains ? plainTwin(bias) : undefined;
		const fit = new ChannelFit(axis);
		const measured = new ChannelReducer(axis);
		try {
			await stages.advance(
				output,
				({ data, dims }, _, beside) => {
					if (!(data instanceof Float32Array)) return;
					measured.add(data, dims);
					if (beside?.data instanceof Float32Array) fit.add(beside.data, data, dims);
				},
				plain?.output(),
			);
		} finally {
			if (plain) plain.graph.remove(plain);
		}
		const wanted = meansOver(channels.get(bias.node), indices);
		if (!wanted || measured.perChannel === 0) continue;
		const factors = plain ? fit.slopes() : undefined;
		const offset = bias.bias();
		if (factors) bias.scale(factors);
		const got = measured.means;
		const delta = Float64Array.from(wanted, (mean, channel) => {
			const own = offset[channel] ?? 0;
			const difference = mean - (((got[channel] ?? mean) - own) * (factors?.[channel] ?? 1) + own);
			return Number.isFinite(difference) ? difference : 0;
		});
		bias.shift(delta);
		await stages.change(output, ({ data, dims }) => {
			if (data instanceof Float32Array) adjust(data, dims, axis, factors, offset, delta);
		});
	}
	return [{ level: 'info', reason: `biases of ${layers.length} layers corrected on ${indices.length} sample inputs` }];
}

/** Examples that every layer was measured on, as many as can be held. */
function comparable(layers: readonly WrittenBias[], channels: ReadonlyMap<Node, ReadonlyMap<number, ChannelMeans>>): number[] {
	let common: number[] | undefined;
	let largest = 1;
	for (const { node } of layers) {
		const byExample = channels.get(node) ?? new Map<number, ChannelMeans>();
		common = common ? common.filter((index) => byExample.has(index)) : [...byExample.keys()];
		for (const reducer of byExample.values()) largest = Math.max(largest, reducer.perChannel * reducer.means.length * 4);
	}
	const all = common ?? [];
	return spreadIndices(all.length, Math.max(1, Math.floor(KEPT_BYTES / largest))).map((at) => all[at] as number);
}

function meansOver(byExample: ReadonlyMap<number, ChannelMeans> | undefined, indices: readonly number[]): Float64Array | undefined {
	let sum: Float64Array | undefined;
	let count = 0;
	for (const index of indices) {
		const reducer = byExample?.get(index);
		if (!reducer) return undefined;
		const { means, perChannel } = reducer;
		sum ??= new Float64Array(means.length);
		for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (means[i] ?? 0) * perChannel;
		count += perChannel;
	}
	return count > 0 ? sum?.map((total) => total / count) : undefined;
}

/** The node with its plain weight and the same input, beside it in the graph for a while. */
function plainTwin({ node, plainWeight }: WrittenBias): Node | undefined {
	const input = node.input(0);
	if (!input || !plainWeight) return undefined;
	// The bias of both sides is the same and takes no part in a slope.
	const twin = node.graph.createNode({ op: node.op, inputs: [input, plainWeight], outputs: 1, attributes: node.attributes });
	return node.graph.insertAfter(node, twin);
}

/** Slope of a least-squares line from what codes give to what plain weights give, channel by channel. */
class ChannelFit {
	readonly #axis: number;
	#sums: Float64Array[] = [];
	#count = 0;

	constructor(axis: number) {
		this.#axis = axis;
	}

	add(wanted: Float32Array, got: Float32Array, dims: readonly number[]): void {
		const at = this.#axis < 0 ? this.#axis + dims.length : this.#axis;
		const channels = dims[at] ?? 1;
		if (this.#sums.length === 0) this.#sums = Array.from({ length: 4 }, () => new Float64Array(channels));
		const [sumX, sumY, sumXX, sumXY] = this.#sums as [Float64Array, Float64Array, Float64Array, Float64Array];
		const inner = dims.slice(at + 1).reduce((product, dim) => product * dim, 1);
		for (let i = 0; i < got.length; ) {
			for (let c = 0; c < channels; c++) {
				let [x, y, xx, xy] = [0, 0, 0, 0];
				for (let k = 0; k < inner; k++, i++) {
					const a = got[i] as number;
					const b = wanted[i] as number;
					x += a;
					y += b;
					xx += a * a;
					xy += a * b;
				}
				sumX[c] = (sumX[c] as number) + x;
				sumY[c] = (sumY[c] as number) + y;
				sumXX[c] = (sumXX[c] as number) + xx;
				sumXY[c] = (sumXY[c] as number) + xy;
			}
		}
		this.#count += got.length / channels;
	}

	/** Kept within a few per cent: more than rounding errors explain is no rounding error. */
	slopes(): Float64Array {
		const [sumX, sumY, sumXX, sumXY] = this.#sums as [Float64Array, Float64Array, Float64Array, Float64Array];
		return Float64Array.from(sumX, (x, c) => {
			const variance = (sumXX[c] as number) - (x * x) / this.#count;
			const covariance = (sumXY[c] as number) - (x * (sumY[c] as number)) / this.#count;
			const slope = covariance / variance;
			return variance > 1e-12 * (sumXX[c] as number) && Number.isFinite(slope) ? Math.min(1.1, Math.max(0.9, slope)) : 1;
		});
	}
}

/** y becomes (y - bias) * factor + bias + delta, as if the layer had run with the new scales and bias. */
function adjust(
	data: Float32Array,
	dims: readonly number[],
	axis: number,
	factors: Float64Array | undefined,
	bias: Float64Array,
	delta: Float64Array,
): void {
	const at = axis < 0 ? axis + dims.length : axis;
	const channels = dims[at] ?? 1;
	const inner = dims.slice(at + 1).reduce((product, dim) => product * dim, 1);
	for (let i = 0; i < data.length; ) {
		for (let c = 0; c < channels; c++) {
			const factor = factors?.[c] ?? 1;
			const by = (delta[c] ?? 0) + (bias[c] ?? 0) * (1 - factor);
			for (let k = 0; k < inner; k++, i++) data[i] = (data[i] as number) * factor + by;
		}
	}
}
