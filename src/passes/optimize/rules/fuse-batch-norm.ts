import type { Node } from '../../../core/ir/graph.ts';
import { foldAfter, foldBefore, linearLayer, onlyProducer, sharedWeight } from '../linear-layer.ts';
import type { Rule, RuleContext } from '../rule.ts';

/**
 * BatchNormalization in inference is s x + t with s = scale / sqrt(var + epsilon), t = bias - mean s, channel by channel.
 *
 * 1. After Conv, ConvTranspose or Gemm: s (W x + b) + t = (s W) x + (s b + t).
 * 2. Before a Conv without padding, or a Gemm: W (s x + t) + b = (W s) x + (b + W t).
 *
 * Refused: in training mode; where another node reads the value in between; with padding (zeros would have to become t), unless t is 0;
 * large weights that other nodes read too.
 */
export const fuseBatchNorm: Rule = {
	id: 'fuse-batch-norm',
	title: 'BatchNormalization goes into the weights before or after it.',
	anchors: ['BatchNormalization'],
	async apply(node, context) {
		const affine = await affineOf(node, context);
		if (typeof affine === 'string') return { kind: 'refused', reason: affine };
		if (!affine) return undefined;
		const [scale, shift] = affine;
		const before = node.input(0);
		const maker = linearLayer(before?.producer, context);
		if (maker?.hasBias && maker.channels === scale.length && maker.channelAxis === (maker.rank === 2 ? -1 : 1)) {
			if (!onlyProducer(before)) return { kind: 'refused', reason: `another node reads what ${maker.node.label} puts out` };
			const shared = sharedWeight(maker, scale);
			if (shared) return { kind: 'refused', reason: shared };
			await foldAfter(maker, scale, shift, context);
			node.graph.replaceUses(node.output(), maker.node.output());
			context.removeDead(node);
			return { kind: 'changed', touched: [maker.node] };
		}
		const output = node.output();
		const [use] = output.uses;
		const reader = output.uses.size === 1 && !output.isGraphOutput && use?.index === 0 ? linearLayer(use.node, context) : undefined;
		if (!reader || !before || reader.inputs !== scale.length || !reader.hasBias) return undefined;
		if (reader.node.op === 'ConvTranspose') return { kind: 'refused', reason: 'the output of ConvTranspose mixes edges with fewer inputs' };
		if (pads(reader.node) && shift.some((value) => value !== 0)) {
			return { kind: 'refused', reason: `${reader.node.label} pads with zeros, which the normalization would have shifted` };
		}
		const shared = sharedWeight(reader, scale);
		if (shared) return { kind: 'refused', reason: shared };
		await foldBefore(reader, scale, shift, context);
		reader.node.setInput(0, before);
		context.removeDead(node);
		return { kind: 'changed', touched: [reader.node] };
	},
};

async function affineOf(node: Node, context: RuleContext): Promise<readonly [Float64Array, Float64Array] | string | undefined> {
	if (node.int('training_mode', 0) !== 0 || node.int('is_test', 1) === 0) return 'it is in training mode';
	if (node.outputs.slice(1).some((output) => output && (output.uses.size > 0 || output.isGraphOutput))) {
		return 'its running statistics are read';
	}
	if (node.int('spatial', 1) === 0) return 'it normalizes each position by itself';
	const parts: (readonly number[])[] = [];
	for (let i = 1; i <= 4; i++) {
		if (context.constant(node.input(i))?.dtype !== 'float32') return undefined;
		const values = await context.numbers(node.input(i), Number.MAX_SAFE_INTEGER);
		if (!values) return undefined;
		parts.push(values);
	}
	const [gamma = [], beta = [], mean = [], variance = []] = parts;
	const epsilon = node.float('epsilon', 1e-5);
	const scale = Float64Array.from(gamma, (value, c) => value / Math.sqrt(variance[c]! + epsilon));
	if (!scale.every(Number.isFinite)) return 'its variance leaves no finite factor';
	return [scale, Float64Array.from(beta, (value, c) => value - mean[c]! * scale[c]!)];
}

/** Whether a convolution sees zeros around its input. */
export function pads(node: Node): boolean {
	if (node.op !== 'Conv') return false;
	return (node.ints('pads') ?? []).some((pad) => pad !== 0) || node.string('auto_pad', 'NOTSET').startsWith('SAME');
}
