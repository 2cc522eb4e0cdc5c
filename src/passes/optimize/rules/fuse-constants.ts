import type { Node, Value } from '../../../core/ir/graph.ts';
import { memoryTensor, type TensorRef } from '../../../core/ir/tensor.ts';
import { float32View } from '../../../core/numeric/float-blocks.ts';
import { onlyProducer } from '../linear-layer.ts';
import type { Rule, RuleContext } from '../rule.ts';

/** Constants beyond this are left alone: reading them would cost more than a node is worth. */
const mostElements = 1 << 20;

/**
 * Two operations with float32 constants in a row:
 *
 * 1. (x a) b, (x / a) b, (x a) / b, (x / a) / b: one Mul with the product.
 * 2. (x + a) + b, (x - a) + b and so on: one Add with the sum.
 *
 * Refused: where the new constant would be larger than both; where it is not finite (division by zero).
 */
export const fuseConstants: Rule = {
	id: 'fuse-constants',
	title: 'Constants that multiply or are added in a row become one.',
	anchors: ['Mul', 'Div', 'Add', 'Sub'],
	async apply(node, context) {
		const outer = operand(node, context);
		const first = outer && onlyProducer(outer.value);
		if (!outer || !first || first.domain !== '' || product(first) !== product(node)) return undefined;
		const inner = operand(first, context);
		if (!inner) return undefined;
		const size = inner.constant.dims.length === 0 ? outer : outer.constant.dims.length === 0 ? inner : undefined;
		const dims = size?.constant.dims ?? sameDims(inner.constant.dims, outer.constant.dims);
		if (!dims) return { kind: 'refused', reason: 'the constants have different shapes, and one for both would be larger' };
		const a = await elements(inner, product(node));
		const b = await elements(outer, product(node));
		const length = Math.max(a.length, b.length);
		const values = new Float32Array(length);
		for (let i = 0; i < length; i++) {
			const [p, q] = [a[a.length === 1 ? 0 : i]!, b[b.length === 1 ? 0 : i]!];
			values[i] = product(node) ? p * q : p + q;
		}
		if (!values.every(Number.isFinite)) return { kind: 'refused', reason: 'the constant for both is not finite' };
		const old = node.inputs.filter((input) => input !== null);
		node.setOp(product(node) ? 'Mul' : 'Add');
		node.setInputs([inner.value, context.addConstant(node, `${node.output().name}_constant`, memoryTensor('float32', dims, values))]);
		for (const value of old) context.removeUnread(value);
		return { kind: 'changed', touched: [node] };
	},
};

const product = (node: Node): boolean => node.op === 'Mul' || node.op === 'Div';

interface Operand {
	readonly value: Value;
	readonly constant: TensorRef;
	/** The constant counts as its reciprocal, or its negative. */
	readonly inverse: boolean;
}

/** The varying input and the constant of a node that multiplies, divides, adds or subtracts one. */
function operand(node: Node, context: RuleContext): Operand | undefined {
	if (!['Mul', 'Div', 'Add', 'Sub'].includes(node.op)) return undefined;
	const [a, b] = [node.input(0), node.input(1)];
	const second = context.constant(b);
	const fits = (tensor: TensorRef | undefined): tensor is TensorRef => tensor?.dtype === 'float32' && tensor.byteLength <= mostElements * 4;
	if (a && fits(second) && !context.constant(a)) return { value: a, constant: second, inverse: node.op === 'Div' || node.op === 'Sub' };
	const first = context.constant(a);
	// c / x and c - x are something else.
	if (node.op === 'Div' || node.op === 'Sub') return undefined;
	return b && fits(first) && !context.constant(b) ? { value: b, constant: first, inverse: false } : undefined;
}

/** What the node multiplies with, or adds. */
async function elements({ constant, inverse }: Operand, multiplies: boolean): Promise<Float64Array> {
	const values = Float64Array.from(float32View(await constant.bytes()));
	if (!inverse) return values;
	return values.map((value) => (multiplies ? 1 / value : -value));
}

function sameDims(a: readonly number[], b: readonly number[]): readonly number[] | undefined {
	return a.length === b.length && a.every((dim, i) => dim === b[i]) ? a : undefined;
}
