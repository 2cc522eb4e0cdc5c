import { ChannelReducer } from '../../core/calibrate/moments.ts';
import { StagedRun } from '../../core/calibrate/stages.ts';
import type { Node } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { Note, PassContext } from '../../core/pass/pass.ts';
import { spreadIndices } from '../../core/study/examples.ts';
import { channelAxis } from './ranges.ts';
import type { WrittenBias } from './write.ts';

/** Bytes of float activations that stages may keep: with more, fewer examples take part. */
const KEPT_BYTES = 240_000_000;

/**
 * Sequential bias correction (Nagel et al. 2019, section 4.2, from data): layers are visited in order; the mean of each output
 * channel in the quantized model, with all layers before it corrected already, is brought back to the plain model's by moving
 * the bias. `channels` are the plain model's outputs, by example; both sides are measured on the same examples.
 */
export async function correctBiases(
	model: Model,
	biases: readonly WrittenBias[],
	channels: ReadonlyMap<Node, ReadonlyMap<number, ChannelReducer>>,
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
		{ compute, calibration, indices, signal },
	);
	await stages.start();
	for (const [index, bias] of layers.entries()) {
		onProgress(index / layers.length);
		const axis = channelAxis(bias.node);
		const measured = new ChannelReducer(axis);
		const output = bias.node.output();
		await stages.advance(output, ({ data, dims }) => {
			if (data instanceof Float32Array) measured.add(data, dims);
		});
		const wanted = meansOver(channels.get(bias.node), indices);
		if (!wanted || measured.perChannel === 0) continue;
		const got = measured.means;
		const delta = Float64Array.from(wanted, (mean, channel) => {
			const difference = mean - (got[channel] ?? mean);
			return Number.isFinite(difference) ? difference : 0;
		});
		bias.shift(delta);
		await stages.change(output, ({ data, dims }) => {
			if (data instanceof Float32Array) addAlong(data, dims, axis, delta);
		});
	}
	return [{ level: 'info', reason: `biases of ${layers.length} layers corrected on ${indices.length} sample inputs` }];
}

/** Examples that every layer was measured on, as many as can be held. */
function comparable(layers: readonly WrittenBias[], channels: ReadonlyMap<Node, ReadonlyMap<number, ChannelReducer>>): number[] {
	let common: number[] | undefined;
	let largest = 1;
	for (const { node } of layers) {
		const byExample = channels.get(node) ?? new Map<number, ChannelReducer>();
		common = common ? common.filter((index) => byExample.has(index)) : [...byExample.keys()];
		for (const reducer of byExample.values()) largest = Math.max(largest, reducer.perChannel * reducer.means.length * 4);
	}
	const all = common ?? [];
	return spreadIndices(all.length, Math.max(1, Math.floor(KEPT_BYTES / largest))).map((at) => all[at] as number);
}

function meansOver(byExample: ReadonlyMap<number, ChannelReducer> | undefined, indices: readonly number[]): Float64Array | undefined {
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

function addAlong(data: Float32Array, dims: readonly number[], axis: number, delta: Float64Array): void {
	const at = axis < 0 ? axis + dims.length : axis;
	const channels = dims[at] ?? 1;
	const inner = dims.slice(at + 1).reduce((product, dim) => product * dim, 1);
	for (let i = 0; i < data.length; ) {
		for (let c = 0; c < channels; c++) {
			const by = delta[c] ?? 0;
			for (let k = 0; k < inner; k++, i++) data[i] = (data[i] as number) + by;
		}
	}
}
