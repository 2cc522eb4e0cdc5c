import type { Node, Value } from '../../../core/ir/graph.ts';
import { foldAfter, foldBefore, type LinearLayer, linearLayer, onlyProducer, perChannel, sharedWeight } from '../linear-layer.ts';
import type { Rule, RuleContext } from '../rule.ts';
import { pads } from './fuse-batch-norm.ts';

/**
 * A constant factor or summand by channel goes into the weights of a layer beside it. With y = W x + b:
 *
 * 1. y + t, y - t, t - y; y s, y / s after Conv, ConvTranspose and Gemm: (s W) x + (s b + t).
 * 2. The same factors after MatMul, which has no bias.
 * 3. W (s x + t) + b before Conv without padding, Gemm and MatMul (factors only): (W s) x + (b + W t).
 *
 * Refused: division by zero, or by numbers so small that their inverse is infinite; where another node reads the value in between; summands before padding; large weights that
 * other nodes read too.
 */
export const fuseAffine: Rule = {
	id: 'fuse-affine',
	title: 'Mul, Add, Sub and Div by constants go into the weights before or after them.',
	anchors: ['Mul', 'Add', 'Sub', 'Div'],
	async apply(node, context) {
		const [x, constant, flipped] = operands(node, context);
		if (!x || !constant) return undefined;
		return (await after(node, x, constant, flipped, context)) ?? (await before(node, x, constant, flipped, context));
	},
};

function operands(node: Node, context: RuleContext): readonly [Value | undefined, Value | undefined, boolean] {
	const [a, b] = [node.input(0), node.input(1)];
	if (!a || !b) return [undefined, undefined, false];
	if (context.constant(b) && !context.constant(a)) return [a, b, false];
	if (context.constant(a) && !context.constant(b)) return [b, a, true];
	return [undefined, undefined, false];
}

/** What the node does to its input as scale and shift; a string tells why it cannot be told. */
function affine(node: Node, values: Float64Array, flipped: boolean): readonly [Float64Array, Float64Array] | string | undefined {
	const ones = new Float64Array(values.length).fill(1);
	const zeros = new Float64Array(values.length);
	switch (node.op) {
		case 'Add':
			return [ones, values];
		case 'Sub':
			return flipped ? [ones.map(() => -1), values] : [ones, values.map((value) => -value)];
		case 'Mul':
			return [values, zeros];
		case 'Div': {
			if (flipped) return undefined;
			if (values.some((value) => value === 0)) return 'it divides by zero';
			if (values.some((value) => !Number.isFinite(Math.fround(1 / value)))) return 'it divides by a number whose inverse is no float32';
			return [values.map((value) => 1 / value), zeros];
		}
		default:
			return undefined;
	}
}

async function after(node: Node, x: Value, constant: Value, flipped: boolean, context: RuleContext) {
	const layer = linearLayer(x.producer, context);
	if (!layer) return undefined;
	const rank = layer.rank ?? context.shapeOf(x)?.length;
	const values = await perChannel(constant, layer.channels, layer.channelAxis, rank, context);
	if (!values) return undefined;
	const found = affine(node, values, flipped);
	if (typeof found === 'string') return { kind: 'refused', reason: found } as const;
	if (!found) return undefined;
	const [scale, shift] = found;
	if (layer.node.graph !== node.graph) return undefined;
	if (!layer.hasBias && shift.some((value) => value !== 0)) return undefined;
	if (!onlyProducer(x)) return { kind: 'refused', reason: `another node reads what ${layer.node.label} puts out` } as const;
	const shared = sharedWeight(layer, scale);
	if (shared) return { kind: 'refused', reason: shared } as const;
	await foldAfter(layer, scale, shift, context);
	node.graph.replaceUses(node.output(), layer.node.output());
	context.removeDead(node);
	return { kind: 'changed', touched: [layer.node] } as const;
}

async function before(node: Node, x: Value, constant: Value, flipped: boolean, context: RuleContext) {
	const output = node.output();
	const [use] = output.uses;
	if (output.uses.size !== 1 || output.isGraphOutput || use?.index !== 0) return undefined;
	const layer = linearLayer(use.node, context);
	if (!layer || layer.node.op === 'ConvTranspose') return undefined;
	const rank = context.shapeOf(x)?.length;
	// The constant must not be what gives the input its shape.
	if (rank === undefined || (layer.rank !== undefined && rank !== layer.rank)) return undefined;
	if (context.shapeOf(x)?.at(layer.channelAxis) !== layer.inputs || use.node.graph !== node.graph) return undefined;
	const values = await perChannel(constant, layer.inputs, layer.channelAxis, rank, context);
	const found = values && affine(node, values, flipped);
	if (typeof found === 'string') return { kind: 'refused', reason: found } as const;
	if (!found) return undefined;
	const [scale, shift] = found;
	const shifts = shift.some((value) => value !== 0);
	if (shifts && !layer.hasBias) return undefined;
	if (shifts && pads(layer.node)) return { kind: 'refused', reason: padded(layer) } as const;
	const shared = sharedWeight(layer, scale);
	if (shared) return { kind: 'refused', reason: shared } as const;
	await foldBefore(layer, scale, shift, context);
	layer.node.setInput(0, x);
	context.removeDead(node);
	return { kind: 'changed', touched: [layer.node] } as const;
}

function padded({ node }: LinearLayer): string {
	return `${node.label} pads with zeros, which the summand would have shifted`;
}
