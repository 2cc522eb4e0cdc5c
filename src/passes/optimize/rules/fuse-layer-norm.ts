import { attribute } from '../../../core/ir/attribute.ts';
import type { Node, Value } from '../../../core/ir/graph.ts';
import { float32Tensor } from '../../../core/ir/tensor.ts';
import { onlyProducer } from '../linear-layer.ts';
import type { Rule, RuleContext } from '../rule.ts';
import { scalarOf } from '../scalar.ts';

/**
 * LayerNormalization over the last axes, opset 17: with m = mean(x), d = x - m, v = mean(d d),
 * y = d / sqrt(v + epsilon) gamma + beta. Anchored at the division.
 *
 * 1. d d as Pow(d, 2) or Mul(d, d); the division as Div or as Mul with Reciprocal(Sqrt).
 * 2. With gamma and beta; with gamma alone; with neither (gamma is then ones).
 *
 * Refused: before opset 17; gamma or beta of another shape than the normalized axes.
 */
export const fuseLayerNorm: Rule = {
	id: 'fuse-layer-norm',
	title: 'Mean, difference, variance and scaling become LayerNormalization.',
	anchors: ['Div', 'Mul'],
	async apply(node, context) {
		const [d, root] = quotient(node);
		if (d?.op !== 'Sub' || d.domain !== '' || root?.op !== 'Sqrt' || d.output().isGraphOutput || d.graph !== node.graph) return undefined;
		const sum = onlyProducer(root.input(0));
		if (sum?.op !== 'Add') return undefined;
		const [first, second] = [await scalarOf(sum.input(0), context), await scalarOf(sum.input(1), context)];
		const epsilon = second ?? first;
		const variance = onlyProducer(second !== undefined ? sum.input(0) : sum.input(1));
		if (epsilon === undefined || variance?.op !== 'ReduceMean') return undefined;
		const square = onlyProducer(variance.input(0));
		if (!square || !(await squares(square, d.output(), context))) return undefined;
		const x = d.input(0);
		const mean = onlyProducer(d.input(1));
		if (!x || mean?.op !== 'ReduceMean' || mean.input(0) !== x || d.output().uses.size !== (square.op === 'Mul' ? 3 : 2)) return undefined;
		const type = context.typeOf(x);
		if (type?.kind !== 'tensor' || type.dtype !== 'float32' || !type.shape) return undefined;
		const rank = type.shape.length;
		const axes = await lastAxes(mean, rank, context);
		const same = await lastAxes(variance, rank, context);
		if (axes === undefined || axes !== same) return undefined;
		const normalized = type.shape.slice(axes);
		if (!normalized.every((dim): dim is number => typeof dim === 'number')) return undefined;
		if (context.opset < 17) return { kind: 'refused', reason: 'LayerNormalization is an operator of ai.onnx from opset 17 on' };
		const scaled = await scaling(node, 'Mul', normalized, context);
		const shifted = scaled && (await scaling(scaled.node, 'Add', normalized, context));
		const last = shifted?.node ?? scaled?.node ?? node;
		const count = normalized.reduce((product, dim) => product * dim, 1);
		const gamma =
			scaled?.constant ??
			context.addConstant(node, `${node.output().name}_scale`, float32Tensor(new Array<number>(count).fill(1), normalized));
		const old = last.inputs.filter((input) => input !== null);
		last.setOp('LayerNormalization');
		last.setInputs([x, gamma, ...(shifted ? [shifted.constant] : [])]);
		last.setAttribute('axis', attribute.int(axes - rank));
		last.setAttribute('epsilon', attribute.float(epsilon));
		for (const value of old) if (value !== x && value !== gamma && value !== shifted?.constant) context.removeUnread(value);
		return { kind: 'changed', touched: [last] };
	},
};

/** Makers of the difference and of the root that it is divided by: Div, or Mul with Reciprocal in either order. */
function quotient(node: Node): readonly [Node | undefined, Node | undefined] {
	if (node.op === 'Div') return [node.input(0)?.producer, onlyProducer(node.input(1))];
	for (const at of [0, 1]) {
		const inverse = onlyProducer(node.input(at));
		if (inverse?.op === 'Reciprocal' && inverse.domain === '') return [node.input(1 - at)?.producer, onlyProducer(inverse.input(0))];
	}
	return [undefined, undefined];
}

async function squares(node: Node, d: Value, context: RuleContext): Promise<boolean> {
	if (node.op === 'Mul') return node.input(0) === d && node.input(1) === d;
	return node.op === 'Pow' && node.input(0) === d && (await scalarOf(node.input(1), context)) === 2;
}

/** First of the axes that a ReduceMean averages, where they are the last ones and are kept; undefined otherwise. */
async function lastAxes(node: Node, rank: number, context: RuleContext): Promise<number | undefined> {
	if (node.int('keepdims', 1) === 0) return undefined;
	const axes = context.opset < 18 ? node.ints('axes') : node.input(1) ? await context.numbers(node.input(1)) : undefined;
	if (!axes || axes.length === 0) return undefined;
	const sorted = axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
	return sorted.every((axis, i) => axis === rank - sorted.length + i) ? sorted[0] : undefined;
}

/** The one reader of a node, where it is `op` with a stored tensor of the normalized shape. */
async function scaling(node: Node, op: string, normalized: readonly number[], context: RuleContext) {
	const output = node.output();
	const [use] = output.uses;
	if (output.isGraphOutput || output.uses.size !== 1 || use?.node.op !== op || use.node.domain !== '') return undefined;
	const constant = use.node.input(1 - use.index);
	const tensor = context.constant(constant);
	if (!constant || tensor?.dtype !== 'float32') return undefined;
	const fits = tensor.dims.length === normalized.length && tensor.dims.every((dim, i) => dim === normalized[i]);
	return fits ? { node: use.node, constant } : undefined;
}
