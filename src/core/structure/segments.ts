import type { Dim } from '../ir/type.ts';

/** Axes of a tensor before and after a Reshape that hold the same elements in the same order. Axes of size 1 are left out. */
export interface Segment {
	readonly before: readonly number[];
	readonly after: readonly number[];
}

/**
 * Divides the axes of a reshape into the smallest runs that correspond: from the left as far as sizes agree, then from the right (open
 * dimensions usually lead). Axes of no segment correspond to nothing that can be told.
 */
export function segmentsOf(before: readonly Dim[], after: readonly Dim[]): Segment[] {
	const a = before.flatMap((dim, axis) => (dim === 1 ? [] : [axis]));
	const b = after.flatMap((dim, axis) => (dim === 1 ? [] : [axis]));
	const segments: Segment[] = [];
	const take = (fromEnd: boolean): void => {
		while (a.length > 0 && b.length > 0) {
			const found = firstSegment(fromEnd ? a.toReversed() : a, fromEnd ? b.toReversed() : b, before, after);
			if (!found) return;
			const [p, q] = found;
			const run = fromEnd ? { before: a.splice(-p), after: b.splice(-q) } : { before: a.splice(0, p), after: b.splice(0, q) };
			segments.push(run);
		}
	};
	take(false);
	take(true);
	return segments;
}

/** How many axes of each side make the first segment; undefined where open sizes stand in the way. */
function firstSegment(
	a: readonly number[],
	b: readonly number[],
	before: readonly Dim[],
	after: readonly Dim[],
): readonly [number, number] | undefined {
	const x = before[a[0] as number] as Dim;
	const y = after[b[0] as number] as Dim;
	if (x !== null && x === y) return [1, 1];
	let [p, q] = [1, 1];
	let [left, right] = [x, y];
	while (typeof left === 'number' && typeof right === 'number') {
		if (left === right) return [p, q];
		if (left < right) {
			const next = p < a.length ? (before[a[p] as number] as Dim) : null;
			p += 1;
			left = typeof next === 'number' ? left * next : null;
		} else {
			const next = q < b.length ? (after[b[q] as number] as Dim) : null;
			q += 1;
			right = typeof next === 'number' ? right * next : null;
		}
	}
	return undefined;
}
