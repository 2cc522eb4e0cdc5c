import type { DrawnNode } from '../../core/view/drawing.ts';
import type { Item, Link, Picture } from '../../core/view/groups.ts';
import type { LayoutRequest, LayoutResult } from '../../core/view/layers.ts';

export interface Box {
	readonly item: Item;
	readonly x: number;
	readonly y: number;
	readonly width: number;
	readonly height: number;
	readonly title: string;
	readonly detail: string;
}

export interface Arrow {
	readonly link: Link;
	readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** A picture with everything in its place. */
export interface Scene {
	readonly boxes: readonly Box[];
	readonly boxOf: ReadonlyMap<string, Box>;
	readonly arrows: readonly Arrow[];
	readonly width: number;
	readonly height: number;
	/** Boxes by the cell they touch, for what is under the pointer. */
	readonly cells: ReadonlyMap<string, readonly Box[]>;
}

export const titleSize = 12;
export const detailSize = 10;
const cell = 256;
const padding = 10;

/** What a box says: the operator, and below it what tells it from others. */
export function wordsOf(item: Item): { readonly title: string; readonly detail: string } {
	if (item.group) {
		const parts = item.group.path.split('/');
		return { title: parts.at(-1) ?? '', detail: `${item.group.members.length} nodes` };
	}
	const node = item.node as DrawnNode;
	if (node.kind === 'input' || node.kind === 'output') {
		return { title: clip(node.name, 28), detail: clip((node.outputs[0] ?? node.inputs[0])?.type ?? '', 30) };
	}
	return { title: clip(node.op, 28), detail: clip(weightWords(node), 30) };
}

/** Shapes of stored tensors, the largest first. */
function weightWords({ inputs, attributes, kind, outputs }: DrawnNode): string {
	const stored = inputs.flatMap((port) => port.stored ?? []).sort((a, b) => b.byteLength - a.byteLength)[0];
	if (stored) return `${stored.dtype}[${stored.dims.join(', ')}]`;
	if (kind === 'constant') return outputs[0]?.type ?? '';
	const perm = attributes.find(({ name }) => name === 'perm' || name === 'axis' || name === 'to' || name === 'kernel_shape');
	return perm ? `${perm.name} ${perm.text}` : '';
}

function clip(text: string, most: number): string {
	return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** Sizes of the boxes, by their words: a letter is taken as wide as it is on average. */
export function requestFor({ items, links }: Picture): LayoutRequest {
	return {
		boxes: items.map((item) => {
			const { title, detail } = wordsOf(item);
			const width = Math.max(72, title.length * titleSize * 0.6, detail.length * detailSize * 0.56) + 2 * padding;
			return { id: item.id, width, height: detail === '' ? 28 : 40 };
		}),
		links: links.map(({ from, to }) => ({ from, to })),
	};
}

export function sceneOf({ items, links }: Picture, request: LayoutRequest, result: LayoutResult): Scene {
	const boxes = items.map((item, i): Box => {
		const size = request.boxes[i] as LayoutRequest['boxes'][number];
		const at = result.boxes[i] as LayoutResult['boxes'][number];
		return { item, x: at.x, y: at.y, width: size.width, height: size.height, ...wordsOf(item) };
	});
	const cells = new Map<string, Box[]>();
	for (const box of boxes) {
		for (let cx = Math.floor((box.x - box.width / 2) / cell); cx <= Math.floor((box.x + box.width / 2) / cell); cx++) {
			for (let cy = Math.floor((box.y - box.height / 2) / cell); cy <= Math.floor((box.y + box.height / 2) / cell); cy++) {
				const key = `${cx},${cy}`;
				const known = cells.get(key);
				if (known) known.push(box);
				else cells.set(key, [box]);
			}
		}
	}
	return {
		boxes,
		boxOf: new Map(boxes.map((box) => [box.item.id, box])),
		arrows: links.map((link, i) => ({ link, points: result.links[i] ?? [] })),
		width: Math.max(1, result.width),
		height: Math.max(1, result.height),
		cells,
	};
}

export function boxAt({ cells }: Scene, x: number, y: number): Box | undefined {
	return cells
		.get(`${Math.floor(x / cell)},${Math.floor(y / cell)}`)
		?.find((box) => Math.abs(x - box.x) <= box.width / 2 && Math.abs(y - box.y) <= box.height / 2);
}
