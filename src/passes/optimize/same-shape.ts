import type { Dim } from '../../core/ir/type.ts';

/** Whether two shapes are sure to be equal: every dimension a number, symbol or formula, and the same on both sides. */
export function sameShape(a: readonly Dim[] | undefined, b: readonly Dim[] | undefined): boolean {
	return a !== undefined && b !== undefined && a.length === b.length && a.every((dim, axis) => dim !== null && dim === b[axis]);
}
