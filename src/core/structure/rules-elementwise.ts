import type { Node, Value } from '../ir/graph.ts';
import type { Dim } from '../ir/type.ts';
import type { Labels } from './atoms.ts';
import type { Rule, Trace } from './trace.ts';

/** Operators that treat each element alone: what goes before goes after. */
const UNARY =
	'Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Cast Ceil Celu Clip Cos Cosh Dropout Elu Erf Exp Floor Gelu HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Log Mish Neg Not Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu com.microsoft.Gelu com.microsoft.QuickGelu com.microsoft.FastGelu com.microsoft.BiasGelu';
const BROADCAST =
	'Add Sub Mul Div Pow Mod And Or Xor Equal Greater GreaterOrEqual Less LessOrEqual Max Min Mean Sum Where PRelu BitwiseAnd BitwiseOr BitwiseXor BitShift';

/** Inputs lined up at their last axis; axes of size 1 are repeated (ONNX, multidirectional broadcasting). */
export function joinBroadcast(
	trace: Trace,
	node: Node,
	inputs: readonly (Value | null)[],
	outRank: number,
	skipTrailing = 0,
): Labels[] | undefined {
	const present = inputs.filter((input) => input !== null);
	const shapes = present.map((input) => trace.shapeOf(input));
	if (shapes.some((shape) => shape === undefined)) {
		for (const input of present) trace.refuseAll(input, { node: node.label, reason: 'the shape of one of its inputs is not known' });
		return undefined;
	}
	const out: Labels[] = [];
	for (let axis = 0; axis < outRank - skipTrailing; axis++) {
		const meeting: { labels: Labels; size: Dim }[] = [];
		for (const [i, input] of present.entries()) {
			const shape = shapes[i] as readonly Dim[];
			const own = axis - outRank + shape.length;
			const size = own < 0 ? 1 : (shape[own] ?? null);
			if (own >= 0 && size !== 1) meeting.push({ labels: trace.axesOf(input)?.[own] ?? null, size });
		}
		out.push(meetAxis(trace, node, meeting));
	}
	return out;
}

function meetAxis(trace: Trace, node: Node, meeting: readonly { labels: Labels; size: Dim }[]): Labels {
	const first = meeting[0];
	if (!first) return null;
	let labels = first.labels;
	for (const other of meeting.slice(1)) labels = trace.join(labels, other.labels, node, 'it meets a tensor whose size is fixed');
	return labels;
}

const unary: Rule = (trace, node) => {
	const labels = trace.axesOf(node.input(0));
	const bias = node.op === 'BiasGelu' || node.op === 'FastGelu' ? node.input(1) : null;
	if (!labels) trace.refuseAll(node.input(0), { node: node.label, reason: 'the shape of its input is not known' });
	if (labels && bias) trace.join(labels.at(-1), trace.axesOf(bias)?.[0], node);
	if (labels) trace.set(node.outputs[0], labels);
	// The mask of a Dropout has the shape of the data.
	if (labels && node.op === 'Dropout') trace.set(node.outputs[1], labels);
};

const broadcast: Rule = (trace, node) => {
	const rank = trace.shapeOf(node.outputs[0] ?? null)?.length;
	const ranks = node.inputs.map((input) => trace.shapeOf(input)?.length ?? 0);
	const labels = joinBroadcast(trace, node, node.inputs, rank ?? Math.max(0, ...ranks));
	if (labels) trace.set(node.outputs[0], labels);
};

export const elementwiseRules: ReadonlyMap<string, Rule> = new Map([
	...UNARY.split(' ').map((op) => [op, unary] as const),
	...BROADCAST.split(' ').map((op) => [op, broadcast] as const),
]);
