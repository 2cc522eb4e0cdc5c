import { attribute } from '../../../core/ir/attribute.ts';
import type { Node } from '../../../core/ir/graph.ts';
import { float32Tensor } from '../../../core/ir/tensor.ts';
import { refersToParameters } from '../linear-layer.ts';
import type { Rule, RuleContext } from '../rule.ts';

interface Bounds {
	readonly low: number;
	readonly high: number;
}

/**
 * Relu and Clip in a row: max(min(max(min(x, h1), l1), h2), l2) has the bounds l = clip2(l1), h = clip2(h1).
 * Both must be of float32, which the constants are written in.
 */
export const fuseBounds: Rule = {
	id: 'fuse-bounds',
	title: 'Relu and Clip in a row become one.',
	anchors: ['Relu', 'Clip'],
	async apply(node, context) {
		const between = node.input(0);
		const first = between?.producer;
		if (!between || !first || first.domain !== '' || !['Relu', 'Clip'].includes(first.op) || refersToParameters(first)) return undefined;
		const type = context.typeOf(between);
		if (type?.kind !== 'tensor' || type.dtype !== 'float32') return undefined;
		const source = first.input(0);
		const [inner, outer] = [await boundsOf(first, context), await boundsOf(node, context)];
		if (!source || !inner || !outer || inner.low > inner.high || outer.low > outer.high) return undefined;
		const within = (value: number): number => Math.min(Math.max(value, outer.low), outer.high);
		const bounds = { low: within(inner.low), high: within(inner.high) };
		const old = node.inputs.slice(1);
		node.setInput(0, source);
		write(node, bounds, context);
		for (const value of old) if (value) context.removeUnread(value);
		context.removeDead(first);
		return { kind: 'changed', touched: [node] };
	},
};

/** Between which numbers a Relu or Clip keeps its input; undefined where they are not stored. */
export async function boundsOf(node: Node, context: RuleContext): Promise<Bounds | undefined> {
	if (node.op === 'Relu') return { low: 0, high: Number.POSITIVE_INFINITY };
	if (context.opset < 11) {
		return { low: node.float('min', Number.NEGATIVE_INFINITY), high: node.float('max', Number.POSITIVE_INFINITY) };
	}
	const bound = async (index: number, fallback: number): Promise<number | undefined> =>
		node.input(index) ? (await context.numbers(node.input(index)))?.[0] : fallback;
	const low = await bound(1, Number.NEGATIVE_INFINITY);
	const high = await bound(2, Number.POSITIVE_INFINITY);
	return low === undefined || high === undefined ? undefined : { low, high };
}

function write(node: Node, { low, high }: Bounds, context: RuleContext): void {
	const [input] = node.inputs;
	for (const name of ['min', 'max']) node.removeAttribute(name);
	if (low === 0 && high === Number.POSITIVE_INFINITY) {
		node.setOp('Relu');
		node.setInputs([input ?? null]);
		return;
	}
	node.setOp('Clip');
	if (context.opset < 11) {
		node.setInputs([input ?? null]);
		if (low !== Number.NEGATIVE_INFINITY) node.setAttribute('min', attribute.float(low));
		if (high !== Number.POSITIVE_INFINITY) node.setAttribute('max', attribute.float(high));
		return;
	}
	const { name } = node.output();
	node.setInputs([
		input ?? null,
		low === Number.NEGATIVE_INFINITY ? null : context.addConstant(node, `${name}_min`, float32Tensor([low], [])),
		high === Number.POSITIVE_INFINITY ? null : context.addConstant(node, `${name}_max`, float32Tensor([high], [])),
	]);
}
