import type { ChannelReducer } from '../../core/calibrate/moments.ts';
import { ChannelReducer as Reducer } from '../../core/calibrate/moments.ts';
import { StagedRun } from '../../core/calibrate/stages.ts';
import type { Node } from '../../core/ir/graph.ts';
import type { Model } from '../../core/ir/model.ts';
import type { Note, PassContext } from '../../core/pass/pass.ts';
import { spreadIndices } from '../../core/study/examples.ts';
import { channelAxis } from './ranges.ts';
import type { WrittenBias } from './write.ts';

/** Bytes of float activations that stages may keep: with more, fewer examples take part. */
const KEPT_BYTES = 240_000_000;
const MOST_EXAMPLES = 64;

/**
 * Sequential bias correction (Nagel et al. 2019, section 4.2, from data): layers are visited in order; the mean of each output
 * channel in the quantized model, with all layers before it corrected already, is brought back to the plain model's by moving
 * the bias. `means` are the plain model's.
 */
export async function correctBiases(
	model: Model,
	biases: readonly WrittenBias[],
	means: ReadonlyMap<Node, ChannelReducer>,
	context: PassContext,
	onProgress: (fraction: number) => void,
): Promise<Note[]> {
	const { compute, calibration, signal } = context;
	if (!compute || !calibration) throw new Error('bias correction needs sample inputs and a runtime');
	const order = new Map([...model.graph.nodes()].map((node, index) => [node, index]));
	const layers = biases
		.filter(({ node }) => order.has(node) && (means.get(node)?.perChannel ?? 0) > 0)
		.sort((a, b) => (order.get(a.node) ?? 0) - (order.get(b.node) ?? 0));
	if (layers.length === 0) return [];
	let largest = 1;
	for (const { node } of layers) {
		const reducer = means.get(node);
		if (reducer) largest = Math.max(largest, (reducer.perChannel * reducer.means.length * 4) / calibration.n);
	}
	const indices = spreadIndices(calibration.n, Math.max(1, Math.min(MOST_EXAMPLES, Math.floor(KEPT_BYTES / largest))));
	const stages = new StagedRun(
		model,
		layers.map(({ node }) => node.output()),
		{ compute, calibration, indices, signal },
	);
	await stages.start();
	for (const [index, bias] of layers.entries()) {
		onProgress(index / layers.length);
		const axis = channelAxis(bias.node);
		const measured = new Reducer(axis);
		const output = bias.node.output();
		await stages.advance(output, ({ data, dims }) => {
			if (data instanceof Float32Array) measured.add(data, dims);
		});
		const wanted = means.get(bias.node)?.means;
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
