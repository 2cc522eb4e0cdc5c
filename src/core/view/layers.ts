/** Boxes to be placed and the arrows between them. */
export interface LayoutRequest {
	readonly boxes: readonly { readonly id: string; readonly width: number; readonly height: number }[];
	readonly links: readonly { readonly from: string; readonly to: string }[];
}

export interface LayoutResult {
	/** Centres, in the order of the boxes. */
	readonly boxes: readonly { readonly x: number; readonly y: number }[];
	/** Corners of each arrow, from edge to edge, in the order of the links. */
	readonly links: readonly (readonly { readonly x: number; readonly y: number }[])[];
	readonly width: number;
	readonly height: number;
}

const gapX = 32;
const gapY = 44;
const sweeps = 4;

/**
 * A quick layered drawing for graphs that are too large for a thorough one: layers by longest path, order within a layer by the mean place
 * of neighbours (Sugiyama, Tagawa and Toda 1981), each layer centred. Linear in boxes and links for a fixed number of sweeps, but for
 * sorting. Cycles, which graphs of models do not have, are cut where they close.
 */
export function layeredLayout({ boxes, links }: LayoutRequest): LayoutResult {
	const index = new Map(boxes.map(({ id }, i) => [id, i]));
	const ends = links.map(({ from, to }) => [index.get(from) ?? -1, index.get(to) ?? -1] as const);
	const into: number[][] = boxes.map(() => []);
	const out: number[][] = boxes.map(() => []);
	for (const [from, to] of ends) {
		if (from < 0 || to < 0 || from === to) continue;
		out[from]?.push(to);
		into[to]?.push(from);
	}
	const layer = longestPaths(into, out);
	const rows: number[][] = [];
	for (const [i, row] of layer.entries()) {
		rows[row] ??= [];
		(rows[row] as number[]).push(i);
	}
	const place = new Float64Array(boxes.length);
	for (const row of rows) for (const [at, i] of row.entries()) place[i] = at - row.length / 2;
	for (let sweep = 0; sweep < sweeps; sweep++) {
		const down = sweep % 2 === 0;
		for (const row of down ? rows : rows.toReversed()) {
			const wanted = row.map((i) => {
				const near = (down ? into : out)[i] as number[];
				return near.length === 0 ? (place[i] as number) : near.reduce((sum, other) => sum + (place[other] as number), 0) / near.length;
			});
			const order = row.map((i, at) => ({ i, wanted: wanted[at] as number })).sort((a, b) => a.wanted - b.wanted);
			row.splice(0, row.length, ...order.map(({ i }) => i));
			for (const [at, i] of row.entries()) place[i] = at - row.length / 2;
		}
	}
	const at = boxes.map(() => ({ x: 0, y: 0 }));
	let y = 0;
	let least = 0;
	let most = 0;
	for (const row of rows) {
		const width = row.reduce((sum, i) => sum + (boxes[i]?.width ?? 0) + gapX, -gapX);
		const height = Math.max(...row.map((i) => boxes[i]?.height ?? 0));
		let x = -width / 2;
		least = Math.min(least, x);
		most = Math.max(most, x + width);
		for (const i of row) {
			const box = boxes[i] as LayoutRequest['boxes'][number];
			at[i] = { x: x + box.width / 2, y: y + height / 2 };
			x += box.width + gapX;
		}
		y += height + gapY;
	}
	const shifted = at.map((point) => ({ x: point.x - least, y: point.y }));
	return {
		boxes: shifted,
		links: ends.map(([from, to]) => {
			const [a, b] = [shifted[from], shifted[to]];
			if (!a || !b) return [];
			return [
				{ x: a.x, y: a.y + (boxes[from]?.height ?? 0) / 2 },
				{ x: b.x, y: b.y - (boxes[to]?.height ?? 0) / 2 },
			];
		}),
		width: most - least,
		height: Math.max(0, y - gapY),
	};
}

/** Layer of each box: one below the lowest box that points to it (Kahn's order; what a cycle holds back is put in as it stands). */
function longestPaths(into: readonly (readonly number[])[], out: readonly (readonly number[])[]): Int32Array {
	const layer = new Int32Array(into.length);
	const waiting = into.map((list) => list.length);
	const ready: number[] = [];
	for (const [i, count] of waiting.entries()) if (count === 0) ready.push(i);
	const done = new Uint8Array(into.length);
	let next = 0;
	for (let at = 0; ; at++) {
		if (at === ready.length) {
			while (next < into.length && done[next]) next += 1;
			if (next === into.length) break;
			ready.push(next);
		}
		const i = ready[at] as number;
		if (done[i]) continue;
		done[i] = 1;
		for (const other of out[i] as number[]) {
			if (done[other]) continue;
			layer[other] = Math.max(layer[other] as number, (layer[i] as number) + 1);
			waiting[other] = (waiting[other] as number) - 1;
			if (waiting[other] === 0) ready.push(other);
		}
	}
	return layer;
}
