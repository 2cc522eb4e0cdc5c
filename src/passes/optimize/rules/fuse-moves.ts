import { attribute } from '../../../core/ir/attribute.ts';
import type { Node, Value } from '../../../core/ir/graph.ts';
import { int64Tensor } from '../../../core/ir/tensor.ts';
import type { Dim } from '../../../core/ir/type.ts';
import { refersToParameters } from '../linear-layer.ts';
import type { Rule, RuleContext } from '../rule.ts';

/** Operators that give the same elements in the same order another shape. */
const views: ReadonlySet<string> = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);

const isView = (node: Node | undefined): node is Node => node?.domain === '' && views.has(node.op);

/**
 * Transpose of Transpose: axis i of the result is axis p[q[i]] of the input, for p then q.
 */
export const fuseTransposes: Rule = {
	id: 'fuse-transposes',
	title: 'Two Transposes become one.',
	anchors: ['Transpose'],
	apply(node, context) {
		const between = node.input(0);
		const first = between?.producer;
		if (!between || first?.op !== 'Transpose' || first.domain !== '' || refersToParameters(first)) return undefined;
		const rank = first.ints('perm')?.length ?? node.ints('perm')?.length ?? context.shapeOf(between)?.length;
		const source = first.input(0);
		if (rank === undefined || !source) return undefined;
		const reversed = Array.from({ length: rank }, (_, i) => rank - 1 - i);
		const p = first.ints('perm') ?? reversed;
		const q = node.ints('perm') ?? reversed;
		if (p.length !== q.length) return undefined;
		node.setAttribute('perm', attribute.ints(q.map((axis) => p[axis]!)));
		node.setInput(0, source);
		context.removeDead(first);
		return { kind: 'changed', touched: [node] };
	},
};

/**
 * A view of a view: Reshape, Flatten, Squeeze and Unsqueeze keep all elements in order, so that the last shape alone decides. The result's
 * shape is written as numbers, 0 where a dimension is that of the input at the same place, and -1 for one that is not known.
 *
 * Refused: where two dimensions of the result are known only when the model runs; where a dimension is 0.
 */
export const fuseReshapes: Rule = {
	id: 'fuse-reshapes',
	title: 'Reshape, Flatten, Squeeze and Unsqueeze in a row become one Reshape.',
	anchors: [...views],
	apply(node, context) {
		const between = node.input(0);
		const first = between?.producer;
		if (!between || !isView(first)) return undefined;
		const source = first.input(0);
		if (!source || source.graph !== node.graph) return undefined;
		const shape = viewShape(context.shapeOf(source), context.shapeOf(node.output()));
		if (typeof shape === 'string') return { kind: 'refused', reason: shape };
		if (!shape) return undefined;
		becomeReshape(node, source, shape, context);
		context.removeDead(first);
		return { kind: 'changed', touched: [node] };
	},
};

/** A shape input for Reshape from the shapes before and after; a string says why there is none. */
export function viewShape(from: readonly Dim[] | undefined, to: readonly Dim[] | undefined): number[] | string | undefined {
	if (!to) return undefined;
	if (to.includes(0) || from?.includes(0)) return 'a dimension is 0';
	const shape: number[] = [];
	let unknown = 0;
	for (const [i, dim] of to.entries()) {
		if (typeof dim === 'number') shape.push(dim);
		else if (dim !== null && from?.[i] === dim) shape.push(0);
		else {
			unknown += 1;
			shape.push(-1);
		}
	}
	return unknown > 1 ? 'two dimensions are known only when the model runs' : shape;
}

function becomeReshape(node: Node, source: Value, shape: readonly number[], context: RuleContext): void {
	const old = node.inputs.slice(1);
	for (const name of ['axis', 'axes', 'allowzero']) node.removeAttribute(name);
	node.setOp('Reshape');
	if (context.opset < 5) {
		node.setAttribute('shape', attribute.ints(shape));
		node.setInputs([source]);
	} else node.setInputs([source, context.addConstant(node, `${node.output().name}_shape`, int64Tensor(shape))]);
	for (const value of old) if (value) context.removeUnread(value);
}

const floats: Readonly<Record<string, number>> = { float16: 11, bfloat16: 8, float32: 24, float64: 53 };

/**
 * Cast of Cast. The first is left out where it loses nothing that the second would have kept: between floating-point types to one of at least
 * the precision and range of its input, and between integers and booleans likewise.
 */
export const fuseCasts: Rule = {
	id: 'fuse-casts',
	title: 'Two Casts become one where the first loses nothing.',
	anchors: ['Cast'],
	apply(node, context) {
		const first = node.input(0)?.producer;
		if (first?.op !== 'Cast' || first.domain !== '') return undefined;
		const source = first.input(0);
		const [from, through] = [context.typeOf(source), context.typeOf(first.output())];
		if (!source || from?.kind !== 'tensor' || through?.kind !== 'tensor') return undefined;
		if (!keepsAll(from.dtype, through.dtype)) return undefined;
		node.setInput(0, source);
		context.removeDead(first);
		return { kind: 'changed', touched: [node] };
	},
};

const integerBits: Readonly<Record<string, readonly [signed: boolean, bits: number]>> = {
	bool: [false, 1],
	uint8: [false, 8],
	int8: [true, 8],
	uint16: [false, 16],
	int16: [true, 16],
	uint32: [false, 32],
	int32: [true, 32],
	uint64: [false, 64],
	int64: [true, 64],
};

/** Whether every value of one type is a value of the other. */
function keepsAll(from: string, to: string): boolean {
	if (from === to) return true;
	const [a, b] = [floats[from], floats[to]];
	// bfloat16 has the range of float32, float16 has not.
	if (a !== undefined && b !== undefined) return b > a && !(from === 'bfloat16' && to === 'float16');
	const [x, y] = [integerBits[from], integerBits[to]];
	if (!x || !y || to === 'bool') return false;
	return x[0] === y[0] ? y[1] >= x[1] : y[0] && y[1] > x[1];
}
