import type { Dim } from '../ir/type.ts';
import { polynomialOf } from './symbolic.ts';
import * as algebra from './symbolic-algebra.ts';

/**
 * Arithmetic of dimensions: numbers, symbols that stand for one number each, formulas of symbols (see symbolic.ts), and null for
 * what is not known. Results are exact; what has no formula of bearable length is null.
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
	return b === 0 ? a : symbolic(algebra.add, a, b);
}

export function subtractDims(a: Dim, b: Dim): Dim {
	if (typeof a === 'number' && typeof b === 'number') return safe(a - b);
	if (b === 0) return a;
	return a !== null && a === b ? 0 : symbolic(algebra.subtract, a, b);
}

export function multiplyDims(a: Dim, b: Dim): Dim {
	if (typeof a === 'number' && typeof b === 'number') return safe(a * b);
	if (a === 0 || b === 0) return 0;
	if (a === 1) return b;
	return b === 1 ? a : symbolic(algebra.multiply, a, b);
}

/** a / b rounded down. */
export function floorDivideDims(a: Dim, b: Dim): Dim {
	if (b === 0) return null;
	if (typeof a === 'number' && typeof b === 'number') return safe(Math.floor(a / b));
	return b === 1 ? a : symbolic(algebra.floorDivide, a, b);
}

/** a / b rounded up, for whole numbers b above 0. */
export function ceilDivideDims(a: Dim, b: number): Dim {
	return floorDivideDims(addDims(a, b - 1), b);
}

export function largerDim(a: Dim, b: Dim): Dim {
	return typeof a === 'number' && typeof b === 'number' ? Math.max(a, b) : symbolic(algebra.larger, a, b);
}

export function smallerDim(a: Dim, b: Dim): Dim {
	return typeof a === 'number' && typeof b === 'number' ? Math.min(a, b) : symbolic(algebra.smaller, a, b);
}

/** Whether a dimension, or an element of a shape computation, is sure to be at least 0. */
export function isNonNegativeDim(dim: Dim): boolean {
	return typeof dim === 'number' ? dim >= 0 : dim !== null && algebra.isNonNegative(polynomialOf(dim));
}

type Operation = (a: algebra.Polynomial, b: algebra.Polynomial) => algebra.Polynomial | undefined;

function symbolic(operation: Operation, a: Dim, b: Dim): Dim {
	// Fractions of stray float elements have no formula.
	if (a === null || b === null || !isWhole(a) || !isWhole(b)) return null;
	return algebra.dimOf(operation(polynomialOf(a), polynomialOf(b)));
}

function isWhole(dim: number | string): boolean {
	return typeof dim === 'string' || Number.isSafeInteger(dim);
}

function safe(value: number): Dim {
	return Number.isSafeInteger(value) ? value : null;
}

export function product(dims: readonly Dim[]): Dim {
	return dims.reduce<Dim>(multiplyDims, 1);
}

/** What is left of `total` after dividing by `part`, equal factors cancelled: null where that does not come out even. */
export function quotient(total: readonly Dim[], part: readonly Dim[]): Dim {
	const left = [...total];
	const divisors = part.filter((dim) => {
		const at = dim === null || dim === 0 ? -1 : left.indexOf(dim);
		if (at >= 0) left.splice(at, 1);
		return at < 0;
	});
	const dividend = product(left);
	const divisor = product(divisors);
	if (dividend === null || divisor === null || divisor === 0) return null;
	if (divisor === 1) return dividend;
	return algebra.dimOf(algebra.divideExactly(polynomialOf(dividend), polynomialOf(divisor)));
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
