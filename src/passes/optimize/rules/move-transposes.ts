import type { Node, Value } from '../../../core/ir/graph.ts';
import type { TensorRef } from '../../../core/ir/tensor.ts';
import { reshapedTensor } from '../../../core/numeric/derived-tensor.ts';
import { refersToParameters } from '../linear-layer.ts';
import type { Rule, RuleContext } from '../rule.ts';

/** Operators of one input that treat every element by itself, and keep its place. */
const UNARY: ReadonlySet<string> = new Set([
	'Relu',
	'Clip',
	'Sigmoid',
	'HardSigmoid',
	'HardSwish',
	'Tanh',
	'LeakyRelu',
	'Elu',
	'Selu',
	'Celu',
	'Erf',
	'Exp',
	'Log',
	'Sqrt',
	'Abs',
	'Neg',
	'Softplus',
	'Softsign',
	'Gelu',
	'Floor',
	'Ceil',
	'Round',
	'Reciprocal',
	'Cast',
]);

/** Operators of two inputs that pair elements by their place. */
const BINARY: ReadonlySet<string> = new Set(['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Pow', 'PRelu']);

/** A node that the Transpose moves past. */
interface Passed {
	readonly node: Node;
	/** Where it reads the moved value. */
	readonly slot: number;
	/** Its stored operand in the order of axes before the Transpose, where that changes its dimensions. */
	readonly turned?: { readonly slot: number; readonly name: string; readonly tensor: TensorRef };
}

/**
 * f(T(x)) = T(f(x)) for an elementwise f: where a Transpose of the inverse order follows, Transposes meet and cancel. Applied only then:
 * moving alone gains nothing.
 *
 * 1. f of one input; other inputs (bounds of Clip) are scalars.
 * 2. f of the value and a stored tensor that varies along one axis at most: that axis is looked up in the order of axes.
 */
export const moveTransposes: Rule = {
	id: 'move-transposes',
	title: 'A Transpose moves past elementwise operators to meet its inverse.',
	anchors: ['Transpose'],
	apply(node, context) {
		const perm = node.ints('perm');
		const source = node.input(0);
		if (!perm || !source) return undefined;
		const chain: Passed[] = [];
		let value: Value = node.output();
		for (;;) {
			if (value.isGraphOutput || value.uses.size !== 1) return undefined;
			const [use] = value.uses;
			if (!use || use.node.graph !== node.graph || use.node.domain !== '' || refersToParameters(use.node)) return undefined;
			const next = use.node;
			if (next.op === 'Transpose') {
				if (chain.length === 0 || !undoes(next.ints('perm'), perm)) return undefined;
				cancel(node, next, source, chain, perm, context);
				return { kind: 'changed', touched: chain.map((passed) => passed.node) };
			}
			const passed = pass(next, use.index, perm, context);
			if (!passed) return undefined;
			chain.push(passed);
			value = next.output();
		}
	},
};

function undoes(other: readonly number[] | undefined, perm: readonly number[]): boolean {
	return other?.length === perm.length && other.every((axis, i) => perm[axis] === i);
}

function pass(node: Node, slot: number, perm: readonly number[], context: RuleContext): Passed | undefined {
	if (UNARY.has(node.op)) {
		const scalars = node.inputs.slice(1).every((input) => !input || context.constant(input)?.dims.length === 0);
		return slot === 0 && scalars ? { node, slot } : undefined;
	}
	if (!BINARY.has(node.op) || node.inputs.length !== 2 || context.opset < 7) return undefined;
	const other = node.input(1 - slot);
	const tensor = context.constant(other);
	if (!other || !tensor || tensor.dims.length > perm.length || tensor.dims.filter((dim) => dim !== 1).length > 1) return undefined;
	if (tensor.dims.every((dim) => dim === 1)) return { node, slot };
	const full = [...new Array<number>(perm.length - tensor.dims.length).fill(1), ...tensor.dims];
	const dims = new Array<number>(perm.length).fill(1);
	for (const [axis, from] of perm.entries()) dims[from] = full[axis] ?? 1;
	return { node, slot, turned: { slot: 1 - slot, name: other.name, tensor: reshapedTensor(tensor, dims) } };
}

function cancel(first: Node, last: Node, source: Value, chain: readonly Passed[], perm: readonly number[], context: RuleContext): void {
	for (const { node, turned } of chain) {
		const output = node.output();
		const type = context.typeOf(output);
		output.type = undefined;
		if (type?.kind === 'tensor' && type.shape?.length === perm.length) {
			const { shape } = type;
			context.setType(output, { ...type, shape: perm.map((_, axis) => shape[perm.indexOf(axis)] ?? null) });
		}
		if (!turned) continue;
		const old = node.input(turned.slot);
		node.setInput(turned.slot, context.addConstant(node, turned.name, turned.tensor));
		if (old) context.removeUnread(old);
	}
	const [head] = chain as readonly [Passed];
	head.node.setInput(head.slot, source);
	const end = chain.at(-1) ?? head;
	first.graph.replaceUses(last.output(), end.node.output());
	context.removeDead(last);
	context.removeDead(first);
}
