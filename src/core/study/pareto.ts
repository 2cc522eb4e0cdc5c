/** Which way an axis is better. */
export type Direction = 'min' | 'max';

/**
 * Indices of the points that no other point dominates, in the order of the first axis, best first. A point dominates another if it is
 * no worse on every axis and better on one; equal points stay together. Points with a coordinate that is not a number take no part.
 * Two axes take O(n log n), more take O(n · front).
 */
export function paretoFront(points: readonly (readonly number[])[], directions: readonly Direction[]): number[] {
	const usable: { readonly index: number; readonly cost: readonly number[] }[] = [];
	points.forEach((point, index) => {
		const cost = directions.map((direction, axis) => (direction === 'min' ? (point[axis] as number) : -(point[axis] as number)));
		if (!cost.some(Number.isNaN)) usable.push({ index, cost });
	});
	usable.sort((a, b) => {
		for (let axis = 0; axis < directions.length; axis++) {
			const x = a.cost[axis] as number;
			const y = b.cost[axis] as number;
			if (x !== y) return x < y ? -1 : 1;
		}
		return a.index - b.index;
	});
	const front: { readonly index: number; readonly cost: readonly number[] }[] = [];
	if (directions.length === 2) {
		// Sorted by the first axis: a point is on the front if its second is below all before it, or if it equals the last one kept.
		for (const point of usable) {
			const last = front.at(-1);
			const [x, y] = point.cost as readonly [number, number];
			if (!last || y < (last.cost[1] as number) || (x === last.cost[0] && y === last.cost[1])) front.push(point);
		}
	} else {
		// In sorted order no later point can dominate an earlier one, so comparing with the front so far is enough.
		for (const point of usable) if (!front.some((kept) => dominates(kept.cost, point.cost))) front.push(point);
	}
	return front.map((point) => point.index);
}

function dominates(a: readonly number[], b: readonly number[]): boolean {
	let better = false;
	for (let axis = 0; axis < a.length; axis++) {
		const x = a[axis] as number;
		const y = b[axis] as number;
		if (x > y) return false;
		if (x < y) better = true;
	}
	return better;
}
