import type { Graph, Value } from '../ir/graph.ts';
import { type Dim, tensorType, type ValueType } from '../ir/type.ts';
import { fromFront } from './infer-dims.ts';
import type { InferContext, Inferred } from './infer-rules.ts';
import { commonType } from './infer-sequences.ts';

/** Operators whose outputs come out of subgraphs: types go in before the subgraph is walked, and come out after. */

export const CONTROL_FLOW: ReadonlySet<string> = new Set(['If', 'Loop', 'Scan', 'SequenceMap']);

type Bind = (value: Value, type: ValueType | undefined) => void;
type TypeOf = (value: Value | undefined) => ValueType | undefined;

function body(context: InferContext, name: string): Graph | undefined {
	const attr = context.attribute(name);
	return attr?.kind === 'graph' ? attr.value : undefined;
}

/** Gives the inputs of subgraphs the types that their node passes in. */
export function bindBodies(context: InferContext, bind: Bind): void {
	const graph = body(context, 'body');
	if (!graph) return;
	const { op } = context.node;
	if (op === 'Loop') {
		for (const [index, value] of graph.inputs.entries()) {
			if (index === 0) bind(value, tensorType('int64', []));
			else if (index === 1) bind(value, tensorType('bool', []));
			// What a loop carries keeps its element type; its shape may change from one turn to the next.
			else bind(value, withoutShape(context.type(index)));
		}
	} else if (op === 'Scan') {
		const { states, first } = scanLayout(context);
		for (const [index, value] of graph.inputs.entries()) {
			const type = context.type(first + index);
			if (index < states) bind(value, first === 1 ? withoutAxis(type, 0) : type);
			else bind(value, withoutAxis(first === 1 ? withoutAxis(type, 0) : type, scanAxis(context, 'scan_input_axes', index - states)));
		}
	} else if (op === 'SequenceMap') {
		for (const [index, value] of graph.inputs.entries()) {
			const type = context.type(index);
			bind(value, type?.kind === 'sequence' ? type.element : type);
		}
	}
}

/** Types of the node's outputs once its subgraphs are walked. */
export function controlOutputs(context: InferContext, typeOf: TypeOf): Inferred[] {
	const { node } = context;
	if (node.op === 'If') {
		const chosen = body(context, 'then_branch');
		const other = body(context, 'else_branch');
		const condition = context.elements(0)?.[0];
		const certain = typeof condition === 'number' ? (condition ? chosen : other) : undefined;
		if (certain) return node.outputs.map((_, index) => ({ type: typeOf(certain.outputs[index]) }));
		return node.outputs.map((_, index) => ({ type: commonType(typeOf(chosen?.outputs[index]), typeOf(other?.outputs[index])) }));
	}
	const graph = body(context, 'body');
	if (!graph) return [];
	if (node.op === 'SequenceMap') {
		return node.outputs.map((_, index) => {
			const element = typeOf(graph.outputs[index]);
			return { type: element && { kind: 'sequence', element } };
		});
	}
	if (node.op === 'Loop') {
		const carried = Math.max(0, node.inputs.length - 2);
		return node.outputs.map((_, index) => {
			const type = typeOf(graph.outputs[index + 1]);
			// A loop that never turns gives back what went in.
			if (index < carried) return { type: carriedType(context.type(index + 2), type) };
			return { type: withAxis(type, 0, null) };
		});
	}
	const { states, first } = scanLayout(context);
	const length = scanLength(context, states, first);
	return node.outputs.map((_, index) => {
		const type = typeOf(graph.outputs[index]);
		const batch = first === 1 ? (context.shape(1)?.[0] ?? null) : undefined;
		if (index < states) return { type: batch === undefined ? type : withAxis(type, 0, batch) };
		const scanned = withAxis(type, scanAxis(context, 'scan_output_axes', index - states), length);
		return { type: batch === undefined ? scanned : withAxis(scanned, 0, batch) };
	});
}

function carriedType(initial: ValueType | undefined, result: ValueType | undefined): ValueType | undefined {
	const common = commonType(initial, result);
	if (common) return common;
	// One side is not known: the element type is still that of the other.
	return initial && result ? undefined : withoutShape(initial ?? result);
}

/** Where a Scan's states and sequences stand; opset 8 had a batch axis and a first input of its own. */
function scanLayout(context: InferContext): { readonly states: number; readonly first: 0 | 1 } {
	const first = context.opset < 9 ? 1 : 0;
	return { states: Math.max(0, context.node.inputs.length - first - context.int('num_scan_inputs', 0)), first };
}

function scanAxis(context: InferContext, attribute: string, index: number): number {
	return context.ints(attribute)?.[index] ?? 0;
}

function scanLength(context: InferContext, states: number, first: 0 | 1): Dim {
	const shape = context.shape(first + states);
	if (!shape) return null;
	return first === 1 ? (shape[1] ?? null) : (shape[fromFront(scanAxis(context, 'scan_input_axes', 0), shape.length)] ?? null);
}

function withoutShape(type: ValueType | undefined): ValueType | undefined {
	if (type?.kind === 'tensor') return tensorType(type.dtype, null);
	return type?.kind === 'sequence' || type?.kind === 'optional' ? { kind: type.kind, element: withoutShape(type.element) } : type;
}

function withoutAxis(type: ValueType | undefined, axis: number): ValueType | undefined {
	if (type?.kind !== 'tensor' || !type.shape) return type;
	const at = fromFront(axis, type.shape.length);
	return tensorType(
		type.dtype,
		type.shape.filter((_, index) => index !== at),
	);
}

function withAxis(type: ValueType | undefined, axis: number, dim: Dim): ValueType | undefined {
	if (type?.kind !== 'tensor' || !type.shape) return type;
	const at = fromFront(axis, type.shape.length + 1);
	return tensorType(type.dtype, [...type.shape.slice(0, at), dim, ...type.shape.slice(at)]);
}
