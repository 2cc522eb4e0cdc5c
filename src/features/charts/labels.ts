/** Places a few labels beside their marks so that they cover neither each other nor other marks. */

export interface LabelRequest {
	readonly id: string;
	readonly text: string;
	/** The mark, in pixels. */
	readonly x: number;
	readonly y: number;
	/** Higher is placed first. */
	readonly priority: number;
}

export interface PlacedLabel {
	readonly id: string;
	readonly text: string;
	readonly x: number;
	readonly y: number;
	readonly anchor: 'start' | 'end' | 'middle';
}

interface Box {
	readonly left: number;
	readonly top: number;
	readonly right: number;
	readonly bottom: number;
}

const CHARACTER_PX = 6.1;
const HEIGHT_PX = 14;
const GAP_PX = 9;

const overlap = (a: Box, b: Box): number =>
	Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) * Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top));

/** Greedy: each label takes the candidate place that covers least; one that would cover another label is left out. */
export function placeLabels(
	requests: readonly LabelRequest[],
	marks: readonly { readonly x: number; readonly y: number }[],
	area: Box,
): PlacedLabel[] {
	const placed: { label: PlacedLabel; box: Box }[] = [];
	const markBoxes = marks.map(({ x, y }) => ({ left: x - 6, right: x + 6, top: y - 6, bottom: y + 6 }));
	for (const request of [...requests].sort((a, b) => b.priority - a.priority)) {
		const width = request.text.length * CHARACTER_PX;
		let best: { label: PlacedLabel; box: Box; cost: number } | undefined;
		for (const [dx, dy, anchor] of [
			[GAP_PX, -GAP_PX, 'start'],
			[-GAP_PX, -GAP_PX, 'end'],
			[GAP_PX, GAP_PX + 9, 'start'],
			[-GAP_PX, GAP_PX + 9, 'end'],
			[0, -GAP_PX - 6, 'middle'],
			[0, GAP_PX + 16, 'middle'],
		] as const) {
			const x = request.x + dx;
			const y = request.y + dy;
			const left = anchor === 'start' ? x : anchor === 'end' ? x - width : x - width / 2;
			const box = { left, right: left + width, top: y - HEIGHT_PX + 3, bottom: y + 3 };
			if (box.left < area.left - 2 || box.right > area.right + 2 || box.top < area.top - 2 || box.bottom > area.bottom + 2) continue;
			if (placed.some((other) => overlap(box, other.box) > 0)) continue;
			const cost = markBoxes.reduce((sum, mark) => sum + overlap(box, mark), 0);
			if (!best || cost < best.cost) best = { label: { id: request.id, text: request.text, x, y, anchor }, box, cost };
		}
		if (best) placed.push(best);
	}
	return placed.map(({ label }) => label);
}
