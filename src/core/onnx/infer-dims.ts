import type { DType } from '../ir/dtype.ts';
import { type Dim, tensorType, type ValueType } from '../ir/type.ts';
import type { InferContext, Inferred } from './infer-rules.ts';

/** Small parts that rules share. */

export function dtypeOf(context: InferContext, index: number): DType | undefined {
	const type = context.typeOf(context.node.input(index));
	return type?.kind === 'tensor' ? type.dtype : undefined;
}

export function shapeAt(context: InferContext, index: number): readonly Dim[] | undefined {
	return context.shapeOf(context.node.input(index));
}

export function result(dtype: DType | undefined, shape: readonly Dim[] | undefined, elements?: readonly Dim[] | undefined): Inferred {
	const type: ValueType | undefined = dtype ? tensorType(dtype, shape ?? null) : undefined;
	return elements ? { type, elements } : { type };
}

/** Axis counted from the front. */
export function fromFront(axis: number, rank: number): number {
	return axis < 0 ? axis + rank : axis;
}

/** Shapes lined up at their last axis (ONNX's multidirectional broadcasting); undefined where a rank is unknown. */
export function broadcast(shapes: readonly (readonly Dim[] | undefined)[]): Dim[] | undefined {
	let out: Dim[] = [];
	for (const shape of shapes) {
		if (!shape) return undefined;
		const rank = Math.max(out.length, shape.length);
		const next: Dim[] = [];
		for (let axis = 0; axis < rank; axis++) {
			const a = axis < rank - out.length ? 1 : (out[axis - rank + out.length] ?? null);
			const b = axis < rank - shape.length ? 1 : (shape[axis - rank + shape.length] ?? null);
			next.push(a === 1 ? b : b === 1 ? a : typeof a === 'number' ? a : typeof b === 'number' ? b : a === b ? a : null);
		}
		out = next;
	}
	return out;
}

export function numeric(dims: readonly Dim[] | undefined): number[] | undefined {
	if (!dims) return undefined;
	const numbers = dims.filter((dim) => typeof dim === 'number');
	return numbers.length === dims.length ? numbers : undefined;
}

/** Numbers that newer opsets give as an input and older ones as an attribute. */
export function intsOf(context: InferContext, attribute: string, input: number): number[] | undefined {
	return context.node.ints(attribute) ?? numeric(context.elementsOf(context.node.input(input)));
}
