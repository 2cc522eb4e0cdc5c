import type { Node } from '../../../core/ir/graph.ts';
import { tensorType } from '../../../core/ir/type.ts';
import { onlyProducer } from '../linear-layer.ts';
import type { Rule } from '../rule.ts';

const OPERATORS = ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'PRelu', 'Pow'];

/**
 * f(T(a), T(b)) = T(f(a, b)) for an f of two inputs that treats every element by itself, and the same order of axes: one Transpose
 * less, and the one that is left may meet its inverse. Both inputs have the same rank, so that broadcasting pairs the same axes.
 */
export const fuseTransposedOperands: Rule = {
	id: 'fuse-transposed-operands',
	title: 'Two values transposed alike and combined are transposed once, afterwards.',
	anchors: OPERATORS,
	apply(node, context) {
		if (node.inputs.length !== 2 || context.opset < 7 || node.input(0) === node.input(1)) return undefined;
		const [a, b] = [onlyProducer(node.input(0)), onlyProducer(node.input(1))];
		if (!isTranspose(a) || !isTranspose(b) || a.graph !== node.graph || b.graph !== node.graph) return undefined;
		const [p, q] = [a.ints('perm'), b.ints('perm')];
		if (!p || p.length !== q?.length || p.some((axis, i) => axis !== q[i])) return undefined;
		const [x, y] = [a.input(0), b.input(0)];
		const output = node.outputs[0];
		if (!x || !y || !output) return undefined;
		const { graph } = node;
		const type = context.typeOf(output);
		const inner = graph.createNode({
			op: node.op,
			name: node.name,
			inputs: [x, y],
			outputs: [graph.ledger.fresh(`${output.name || node.op}_before`)],
			attributes: node.attributes,
		});
		graph.insertBefore(node, inner);
		if (type?.kind === 'tensor') {
			const { shape } = type;
			const turned = shape?.length === p.length ? p.map((_, axis) => shape[p.indexOf(axis)] ?? null) : null;
			context.setType(inner.output(), tensorType(type.dtype, turned));
		}
		// Names of nodes are unique: the one that goes gives its own.
		node.name = a.name;
		a.name = '';
		for (const name of [...node.attributes.keys()]) node.removeAttribute(name);
		const perm = a.attributes.get('perm');
		node.setOp('Transpose');
		if (perm) node.setAttribute('perm', perm);
		node.setInputs([inner.output()]);
		context.removeDead(a);
		context.removeDead(b);
		return { kind: 'changed', touched: [inner, node] };
	},
};

function isTranspose(node: Node | undefined): node is Node {
	return node?.op === 'Transpose' && node.domain === '';
}
