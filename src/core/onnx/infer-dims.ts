import type { Dim } from '../ir/type.ts';

/**
 * Arithmetic of dimensions: numbers, symbols that stand for one number each, and null for what is not known. Results are exact:
 * where a symbol would need a formula the result is null.
 */

/** Axis counted from the front. */
export function fromFront(axis: number, rank: number): number {
	return axis < 0 ? axis + rank : axis;
}

/** All dimensions as numbers, or undefined where one is not. */
export function numeric(dims: readonly Dim[] | undefined): number[] | undefined {
	if (!dims) return undefined;
	const numbers = dims.filter((dim) => typeof dim === 'number');
	return numbers.length === dims.length ? numbers : undefined;
}

export function unknownDims(rank: number): null[] {
	return Array.from({ length: rank }, () => null);
}

/** A result that counts something: null where it is no whole number of at least 0. */
export function counted(value: number): Dim {
	return Number.isSafeInteger(value) && value >= 0 ? value : null;
}

export function addDims(a: Dim, b: Dim): Dim {
	if (typeof a === 'number' && typeof b === 'number') return safe(a + b);
	if (a === 0) return b;
	return b === 0 ? a : null;
}

export function subtractDims(a: Dim, b: Dim): Dim {
	if (typeof a === 'number' && typeof b === 'number') return safe(a - b);
	if (b === 0) return a;
	return a !== null && a === b ? 0 : null;
}

export function multiplyDims(a: Dim, b: Dim): Dim {
	if (typeof a === 'number' && typeof b === 'number') return safe(a * b);
	if (a === 0 || b === 0) return 0;
	if (a === 1) return b;
	return b === 1 ? a : null;
}

function safe(value: number): Dim {
	return Number.isSafeInteger(value) ? value : null;
}

export function product(dims: readonly Dim[]): Dim {
	return dims.reduce<Dim>(multiplyDims, 1);
}

/** What is left of `total` after dividing by `part`, symbols cancelled: null where that is not one dimension. */
export function quotient(total: readonly Dim[], part: readonly Dim[]): Dim {
	let dividend = 1;
	let divisor = 1;
	const symbols = new Map<string, number>();
	for (const dim of total) {
		if (dim === null) return null;
		if (typeof dim === 'number') dividend *= dim;
		else symbols.set(dim, (symbols.get(dim) ?? 0) + 1);
	}
	for (const dim of part) {
		if (dim === null) return null;
		if (typeof dim === 'number') divisor *= dim;
		else symbols.set(dim, (symbols.get(dim) ?? 0) - 1);
	}
	const factor = dividend / divisor;
	if (!Number.isSafeInteger(factor)) return null;
	const left = [...symbols].filter(([, count]) => count !== 0);
	if (left.length === 0) return factor;
	const [symbol, count] = left[0] as [string, number];
	return left.length === 1 && count === 1 && factor === 1 ? symbol : null;
}

/** What two statements about one dimension say together; a contradiction keeps the first. */
export function unify(a: Dim, b: Dim): Dim {
	if (typeof a === 'number') return a;
	return typeof b === 'number' ? b : (a ?? b);
}

/** What holds whichever of two dimensions it is. */
export function either(a: Dim, b: Dim): Dim {
	return a === b ? a : null;
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
			next.push(broadcastDim(a, b));
		}
		out = next;
	}
	return out;
}

function broadcastDim(a: Dim, b: Dim): Dim {
	if (a === 1) return b;
	if (b === 1 || a === b) return a;
	// One side is a number above 1 (or 0): the other can only be that, or 1.
	if (typeof a === 'number') return a;
	return typeof b === 'number' ? b : null;
}
