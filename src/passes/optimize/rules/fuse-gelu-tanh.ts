import { attribute } from '../../../core/ir/attribute.ts';
import type { Node, Value } from '../../../core/ir/graph.ts';
import { onlyProducer } from '../linear-layer.ts';
import type { Rule, RuleContext } from '../rule.ts';
import { near, onlyReader, otherInput, scalarOf, withScalar } from '../scalar.ts';

/**
 * GELU in its form with tanh (Hendrycks and Gimpel, 2016): x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, to ai.onnx Gelu from
 * opset 20 on, else com.microsoft FastGelu where that is allowed. Anchored at its Tanh.
 *
 * 1. x^3 as Pow(x, 3), 2. as products of x.
 * 3. The half multiplied last, 4. with x first, 5. with 1 + tanh first.
 *
 * Refused: before opset 20 where the target has no com.microsoft operators.
 */
export const fuseGeluTanh: Rule = {
	id: 'fuse-gelu-tanh',
	title: 'GELU written with Tanh becomes one operator.',
	anchors: ['Tanh'],
	async apply(node, context) {
		const scaled = await withScalar(onlyProducer(node.input(0)), 'Mul', context);
		if (!scaled || !near(scaled.scalar, Math.sqrt(2 / Math.PI), 1e-4)) return undefined;
		const x = await cubicArgument(onlyProducer(scaled.value), context);
		const type = context.typeOf(x ?? null);
		if (!x || type?.kind !== 'tensor' || type.dtype !== 'float32') return undefined;
		const add = onlyReader(node);
		if (!add || (await withScalar(add, 'Add', context))?.scalar !== 1) return undefined;
		const last = await halfProduct(add, x, context);
		if (!last) return undefined;
		const standard = context.opset >= 20;
		if (!standard && !context.allows('com.microsoft'))
			return { kind: 'refused', reason: 'Gelu is an operator of ai.onnx from opset 20 on' };
		const old = last.inputs.filter((input) => input !== null);
		if (standard) {
			last.setOp('Gelu');
			last.setAttribute('approximate', attribute.string('tanh'));
		} else {
			context.importDomain('com.microsoft');
			last.setOp('FastGelu', 'com.microsoft');
		}
		last.setInputs([x]);
		for (const value of old) if (value !== x) context.removeUnread(value);
		return { kind: 'changed', touched: [last] };
	},
};

/** The x of x + 0.044715 x^3. */
async function cubicArgument(sum: Node | undefined, context: RuleContext): Promise<Value | undefined> {
	if (sum?.op !== 'Add' || sum.domain !== '') return undefined;
	for (const at of [0, 1]) {
		const scaled = await withScalar(onlyProducer(sum.input(at)), 'Mul', context);
		const x = sum.input(1 - at);
		if (scaled && x && near(scaled.scalar, 0.044715, 1e-4) && (await isCube(onlyProducer(scaled.value), x, context))) return x;
	}
	return undefined;
}

async function isCube(node: Node | undefined, x: Value, context: RuleContext): Promise<boolean> {
	if (node?.domain !== '') return false;
	if (node.op === 'Pow') return node.input(0) === x && (await scalarOf(node.input(1), context)) === 3;
	if (node.op !== 'Mul') return false;
	const square = onlyProducer(otherInput(node, x));
	return node.inputs.includes(x) && square?.op === 'Mul' && square.domain === '' && square.input(0) === x && square.input(1) === x;
}

/** The last node of 0.5 x y, where `add` makes y. */
async function halfProduct(add: Node, x: Value, context: RuleContext): Promise<Node | undefined> {
	const product = onlyReader(add);
	if (product?.op !== 'Mul' && product?.op !== 'Div') return undefined;
	// y half, then x.
	if (await halves(product, add.output(), context)) {
		const whole = onlyReader(product);
		return whole?.op === 'Mul' && otherInput(whole, product.output()) === x ? whole : undefined;
	}
	if (product.op !== 'Mul') return undefined;
	const other = otherInput(product, add.output());
	if (other === x) {
		const last = onlyReader(product);
		return last && (await halves(last, product.output(), context)) ? last : undefined;
	}
	const half = onlyProducer(other);
	return half && (await halves(half, x, context)) ? product : undefined;
}

/** Whether a node gives half of a value. */
async function halves(node: Node, value: Value, context: RuleContext): Promise<boolean> {
	if (node.op === 'Div') return node.domain === '' && node.input(0) === value && (await scalarOf(node.input(1), context)) === 2;
	const found = await withScalar(node, 'Mul', context);
	return found?.value === value && found.scalar === 0.5;
}
