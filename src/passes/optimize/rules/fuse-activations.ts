import { attribute } from '../../../core/ir/attribute.ts';
import type { Node, Value } from '../../../core/ir/graph.ts';
import { onlyProducer } from '../linear-layer.ts';
import type { Rule, RuleContext } from '../rule.ts';
import { boundsOf } from './fuse-bounds.ts';

/** A stored scalar (or tensor of one element). */
async function scalar(value: Value | null, context: RuleContext): Promise<number | undefined> {
	const values = await context.numbers(value, 1);
	return values?.length === 1 ? values[0] : undefined;
}

/** The value and the stored scalar that a node of two inputs has, in either order (`ordered`: the value first). */
async function withScalar(
	node: Node,
	context: RuleContext,
	ordered = false,
): Promise<{ readonly value: Value; readonly scalar: number } | undefined> {
	const [a, b] = [node.input(0), node.input(1)];
	const second = await scalar(b, context);
	if (a && second !== undefined && !context.constant(a)) return { value: a, scalar: second };
	if (ordered) return undefined;
	const first = await scalar(a, context);
	return b && first !== undefined && !context.constant(b) ? { value: b, scalar: first } : undefined;
}

/** clip(x + c, 0, m) as its parts; undefined where the value is made otherwise. */
async function shiftedClip(clip: Node | undefined, context: RuleContext) {
	if (clip?.op !== 'Clip' || clip.domain !== '') return undefined;
	const bounds = await boundsOf(clip, context);
	const add = clip.input(0)?.producer;
	if (bounds?.low !== 0 || !(bounds.high > 0) || bounds.high === Number.POSITIVE_INFINITY) return undefined;
	if (add?.op !== 'Add' || add.domain !== '') return undefined;
	const sum = await withScalar(add, context);
	return sum && { x: sum.value, shift: sum.scalar, high: bounds.high };
}

/** What a node multiplies its one varying input with: `y / c` and `y * c`. */
async function factorOf(node: Node, context: RuleContext) {
	const found = await withScalar(node, context, node.op === 'Div');
	if (!found || found.scalar === 0) return undefined;
	return { value: found.value, factor: node.op === 'Div' ? 1 / found.scalar : found.scalar };
}

function isFloat32(value: Value, context: RuleContext): boolean {
	const type = context.typeOf(value);
	return type?.kind === 'tensor' && type.dtype === 'float32';
}

const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b));

/**
 * HardSigmoid(x) = max(0, min(1, alpha x + beta)).
 *
 * 1. clip(x + c, 0, m) / m, with alpha = 1/m and beta = c/m.
 * 2. (x clip(x + c, 0, m)) / m, the hard swish of some exporters: x HardSigmoid(x), in either order of the factors.
 */
export const fuseHardSigmoid: Rule = {
	id: 'fuse-hard-sigmoid',
	title: 'Add, Clip and Div become HardSigmoid.',
	anchors: ['Div', 'Mul'],
	async apply(node, context) {
		const scaled = await factorOf(node, context);
		if (!scaled) return undefined;
		const { value, factor } = scaled;
		const inner = onlyProducer(value);
		if (!inner) return undefined;
		const direct = await shiftedClip(inner, context);
		if (direct && near(direct.high * factor, 1)) {
			if (!isFloat32(direct.x, context)) return undefined;
			becomeHardSigmoid(node, direct, context);
			return { kind: 'changed', touched: [node] };
		}
		if (inner.op !== 'Mul' || inner.domain !== '') return undefined;
		for (const [clipSlot, otherSlot] of [
			[1, 0],
			[0, 1],
		] as const) {
			const clipped = inner.input(clipSlot);
			const other = inner.input(otherSlot);
			const parts = clipped && (await shiftedClip(onlyProducer(clipped), context));
			if (!clipped || !other || !parts || !near(parts.high * factor, 1) || !isFloat32(parts.x, context)) continue;
			const clip = clipped.producer as Node;
			// The Clip becomes the HardSigmoid, and the factor goes: the product is the result.
			becomeHardSigmoid(clip, parts, context);
			node.graph.replaceUses(node.output(), inner.output());
			context.removeDead(node);
			return { kind: 'changed', touched: [inner, clip] };
		}
		return undefined;
	},
};

function becomeHardSigmoid(
	node: Node,
	{ x, shift, high }: { readonly x: Value; readonly shift: number; readonly high: number },
	context: RuleContext,
): void {
	const old = node.inputs.filter((input) => input !== null);
	for (const name of ['min', 'max']) node.removeAttribute(name);
	node.setOp('HardSigmoid');
	node.setAttribute('alpha', attribute.float(1 / high));
	node.setAttribute('beta', attribute.float(shift / high));
	node.setInputs([x]);
	for (const value of old) if (value !== x) context.removeUnread(value);
}

/** x HardSigmoid(x) with alpha = 1/6 and beta = 1/2 is HardSwish, from opset 14 on. */
export const fuseHardSwish: Rule = {
	id: 'fuse-hard-swish',
	title: 'HardSigmoid and Mul become HardSwish.',
	anchors: ['Mul'],
	apply(node, context) {
		if (context.opset < 14) return undefined;
		for (const [gateSlot, otherSlot] of [
			[1, 0],
			[0, 1],
		] as const) {
			const gate = onlyProducer(node.input(gateSlot));
			const x = node.input(otherSlot);
			if (!x || gate?.op !== 'HardSigmoid' || gate.domain !== '' || gate.input(0) !== x) continue;
			if (!near(gate.float('alpha', 0.2), 1 / 6) || !near(gate.float('beta', 0.5), 0.5)) continue;
			node.setOp('HardSwish');
			node.setInputs([x]);
			context.removeDead(gate);
			return { kind: 'changed', touched: [node] };
		}
		return undefined;
	},
};

/**
 * GELU in its exact form, x (1 + erf(x / sqrt 2)) / 2, whichever way the halves are multiplied: ai.onnx Gelu from opset 20 on, or
 * com.microsoft Gelu where that is allowed. Anchored at its Erf.
 *
 * 1. (x (erf(x / sqrt 2) + 1)) 0.5   2. x ((erf(x / sqrt 2) + 1) 0.5)   3. (0.5 x) (erf(x / sqrt 2) + 1)
 */
export const fuseGelu: Rule = {
	id: 'fuse-gelu',
	title: 'Div, Erf, Add and Mul become Gelu.',
	anchors: ['Erf'],
	async apply(node, context) {
		const domain = context.opset >= 20 ? '' : 'com.microsoft';
		const scaled = onlyProducer(node.input(0));
		const inner = scaled && ['Div', 'Mul'].includes(scaled.op) ? await factorOf(scaled, context) : undefined;
		if (!inner || !near(inner.factor, Math.SQRT1_2)) return undefined;
		const x = inner.value;
		const add = onlyReader(node);
		const one = add?.op === 'Add' ? await withScalar(add, context) : undefined;
		if (!add || one?.scalar !== 1) return undefined;
		const product = onlyReader(add);
		if (product?.op !== 'Mul') return undefined;
		const other = product.input(product.input(0) === add.output() ? 1 : 0);
		if (!other) return undefined;
		let last: Node | undefined;
		if (other === x) {
			const halved = onlyReader(product);
			const half = halved && ['Mul', 'Div'].includes(halved.op) ? await factorOf(halved, context) : undefined;
			if (half?.factor === 0.5) last = halved;
		} else if ((await scalar(other, context)) === 0.5) {
			const whole = onlyReader(product);
			const partner = whole?.op === 'Mul' ? whole.input(whole.input(0) === product.output() ? 1 : 0) : null;
			if (partner === x) last = whole;
		} else if (other.producer && ['Mul', 'Div'].includes(other.producer.op)) {
			const half = await factorOf(other.producer, context);
			if (half?.factor === 0.5 && half.value === x) last = product;
		}
		if (!last || !isFloat32(x, context)) return undefined;
		if (!context.allows(domain)) return { kind: 'refused', reason: 'Gelu is an operator of ai.onnx from opset 20 on' };
		context.importDomain(domain);
		const old = last.inputs.filter((input) => input !== null);
		last.setOp('Gelu', domain);
		last.setInputs([x]);
		for (const value of old) if (value !== x) context.removeUnread(value);
		return { kind: 'changed', touched: [last] };
	},
};

/** The one node that reads a node's output. */
function onlyReader(node: Node): Node | undefined {
	const output = node.output();
	if (output.isGraphOutput || output.uses.size !== 1) return undefined;
	const [use] = output.uses;
	return use?.node.graph === node.graph && use.node.domain === '' ? use.node : undefined;
}

/** x sigmoid(x) is com.microsoft QuickGelu with alpha = 1, where that is allowed. */
export const fuseSwish: Rule = {
	id: 'fuse-swish',
	title: 'Sigmoid and Mul become QuickGelu.',
	anchors: ['Mul'],
	apply(node, context) {
		if (!context.allows('com.microsoft')) return undefined;
		for (const [gateSlot, otherSlot] of [
			[1, 0],
			[0, 1],
		] as const) {
			const gate = onlyProducer(node.input(gateSlot));
			const x = node.input(otherSlot);
			if (!x || gate?.op !== 'Sigmoid' || gate.domain !== '' || gate.input(0) !== x || !isFloat32(x, context)) continue;
			context.importDomain('com.microsoft');
			node.setOp('QuickGelu', 'com.microsoft');
			node.setAttribute('alpha', attribute.float(1));
			node.setInputs([x]);
			context.removeDead(gate);
			return { kind: 'changed', touched: [node] };
		}
		return undefined;
	},
};
