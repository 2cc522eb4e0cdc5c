import type { Atoms, Labels } from './atoms.ts';

/**
 * Several axes seen as one, row-major, or one seen as several: what is left after cutting must again be a box, so only one of the axes
 * can shrink. Which one shows once the whole graph is known.
 */
export interface Box {
	/** Labels of the axes that are kept apart, outermost first. */
	readonly axes: readonly Labels[];
	readonly sizes: readonly number[];
	/** Labels of the axis that holds them all. */
	readonly merged: Int32Array;
	readonly node: string;
}

/** Position along one of the axes for each index of the merged axis. */
function* positions(box: Box, axis: number): IterableIterator<readonly [number, number]> {
	const inner = box.sizes.slice(axis + 1).reduce((product, size) => product * size, 1);
	const size = box.sizes[axis] as number;
	for (let i = 0; i < box.merged.length; i++) yield [i, Math.floor(i / inner) % size];
}

/** Lets one axis of each box shrink, and joins the indices that then go together. Called once the whole graph has been walked. */
export function settleBoxes(atoms: Atoms, boxes: readonly Box[]): void {
	const pending = new Set(boxes);
	/** Roots that an axis chosen before stands for: other boxes follow it. */
	const chosen = new Set<number>();
	while (pending.size > 0) {
		let best: { box: Box; axis: number; rank: number } | undefined;
		for (const box of pending) {
			const found = choose(atoms, box, chosen);
			if (!best || found.rank < best.rank) best = { box, ...found };
			if (best.rank === 0) break;
		}
		if (!best) return;
		pending.delete(best.box);
		settleBox(atoms, best.box, best.axis);
		for (const atom of best.box.axes[best.axis] ?? []) chosen.add(atoms.find(atom));
	}
}

/** The axis of a box that shall shrink (-1: none can), and how sure that is: lower is surer. */
function choose(atoms: Atoms, box: Box, chosen: ReadonlySet<number>): { axis: number; rank: number } {
	const free = box.axes.flatMap((labels, axis) => (atoms.anyFree(labels) ? [axis] : []));
	if (free.length <= 1 || !atoms.anyFree(box.merged)) return { axis: free[0] ?? -1, rank: 0 };
	const coarse = free.find((axis) => isCoarse(atoms, box, axis));
	if (coarse !== undefined) return { axis: coarse, rank: 1 };
	const roots = new Set([...chosen].map((atom) => atoms.find(atom)));
	const followed = free.find((axis) => box.axes[axis]?.every((atom) => roots.has(atoms.find(atom)) || !atoms.isFree(atom)));
	if (followed !== undefined) return { axis: followed, rank: 2 };
	// The finest steps lose least.
	const finest = free.reduce((a, b) => ((box.sizes[b] as number) > (box.sizes[a] as number) ? b : a));
	return { axis: finest, rank: 3 };
}

/** Whether indices that share a position along the axis already go together, and others do not. */
function isCoarse(atoms: Atoms, box: Box, axis: number): boolean {
	const roots = new Map<number, number>();
	for (const [i, at] of positions(box, axis)) {
		const root = atoms.find(box.merged[i] as number);
		const known = roots.get(at);
		if (known === undefined) roots.set(at, root);
		else if (known !== root) return false;
	}
	return new Set(roots.values()).size > 1 && roots.size < box.merged.length;
}

function settleBox(atoms: Atoms, box: Box, axis: number): void {
	const inherited = box.axes
		.flatMap((labels) => Array.from(labels ?? [], (atom) => atoms.refusalOf(atom)))
		.find((found) => found !== undefined);
	const refusal = (axis < 0 && inherited) || { node: box.node, reason: 'only one of the axes that it splits or joins can shrink' };
	for (const [other, labels] of box.axes.entries()) {
		if (other !== axis) for (const atom of labels ?? []) atoms.refuse(atom, refusal);
	}
	const labels = box.axes[axis];
	if (!labels) {
		for (const atom of box.merged) atoms.refuse(atom, refusal);
		return;
	}
	for (const [i, at] of positions(box, axis)) atoms.union(labels[at] as number, box.merged[i] as number);
}
