import type { NodeState } from '../../core/view/diff.ts';
import { type Arrow, type Box, detailSize, type Scene, titleSize } from './scene.ts';

export interface Viewport {
	/** Scene coordinates of the middle of the window. */
	readonly x: number;
	readonly y: number;
	/** Pixels per scene unit. */
	readonly zoom: number;
}

/** Colours of the page, read from its tokens. */
export interface Theme {
	readonly ground: string;
	readonly surface: string;
	readonly text: string;
	readonly muted: string;
	readonly line: string;
	readonly accent: string;
	readonly added: string;
	readonly removed: string;
	readonly changed: string;
	readonly group: string;
	readonly font: string;
	/** Told apart where a colour names something: used again from the first after the last. */
	readonly categories: readonly string[];
}

export interface Marks {
	readonly selected: string | undefined;
	/** Items that a search found. */
	readonly found: ReadonlySet<string>;
	readonly state: (box: Box) => NodeState | undefined;
	/** 0 (nothing) to 1 (worst) of the overlay; undefined where it says nothing. */
	readonly heat: (box: Box) => number | undefined;
	/** A number that names what the node belongs to, from 0; its colour is one of the theme's categories. */
	readonly category?: (box: Box) => number | undefined;
}

/** Letters that say what a colour says. */
export const stateLetters: Readonly<Record<NodeState, string>> = { same: '', changed: 'C', added: 'A', removed: 'R' };

/** Below these zooms details are left out: they could not be read. */
const wordsFrom = 0.4;
const detailFrom = 0.6;
const cornersFrom = 0.25;

/** Draws what the window shows. Nothing outside it is touched, so the cost follows what is seen. */
export function paint(
	context: CanvasRenderingContext2D,
	scene: Scene,
	view: Viewport,
	size: { readonly width: number; readonly height: number; readonly ratio: number },
	theme: Theme,
	marks: Marks,
): void {
	const { width, height, ratio } = size;
	const { zoom } = view;
	context.setTransform(1, 0, 0, 1, 0, 0);
	context.fillStyle = theme.ground;
	context.fillRect(0, 0, width * ratio, height * ratio);
	const scale = zoom * ratio;
	context.setTransform(scale, 0, 0, scale, (width / 2) * ratio - view.x * scale, (height / 2) * ratio - view.y * scale);
	const left = view.x - width / 2 / zoom;
	const right = view.x + width / 2 / zoom;
	const top = view.y - height / 2 / zoom;
	const bottom = view.y + height / 2 / zoom;
	paintArrows(
		context,
		scene.arrows.filter(({ points }) => crosses(points, left, right, top, bottom)),
		theme,
		marks,
		zoom,
	);
	context.textAlign = 'center';
	context.textBaseline = 'middle';
	for (const box of scene.boxes) {
		if (box.x + box.width / 2 < left || box.x - box.width / 2 > right || box.y + box.height / 2 < top || box.y - box.height / 2 > bottom)
			continue;
		paintBox(context, box, theme, marks, zoom);
	}
}

function crosses(points: Arrow['points'], left: number, right: number, top: number, bottom: number): boolean {
	let [l, r, t, b] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
	for (const { x, y } of points) {
		l = Math.min(l, x);
		r = Math.max(r, x);
		t = Math.min(t, y);
		b = Math.max(b, y);
	}
	return r >= left && l <= right && b >= top && t <= bottom;
}

function paintArrows(context: CanvasRenderingContext2D, arrows: readonly Arrow[], theme: Theme, { selected }: Marks, zoom: number): void {
	const near: Arrow[] = [];
	context.lineWidth = Math.max(1, 0.8 / zoom);
	context.strokeStyle = theme.line;
	context.beginPath();
	for (const arrow of arrows) {
		if (selected !== undefined && (arrow.link.from === selected || arrow.link.to === selected)) near.push(arrow);
		else trace(context, arrow);
	}
	context.stroke();
	context.strokeStyle = theme.accent;
	context.fillStyle = theme.accent;
	context.lineWidth = Math.max(1.8, 1.4 / zoom);
	context.beginPath();
	for (const arrow of near) trace(context, arrow);
	context.stroke();
	if (zoom < cornersFrom) return;
	for (const [list, colour] of [
		[arrows, theme.line],
		[near, theme.accent],
	] as const) {
		context.fillStyle = colour;
		context.beginPath();
		for (const { points } of list) head(context, points);
		context.fill();
	}
}

function trace(context: CanvasRenderingContext2D, { points }: Arrow): void {
	const [first, ...rest] = points;
	if (!first) return;
	context.moveTo(first.x, first.y);
	// Corners are rounded by curves from middle to middle.
	for (const [i, point] of rest.entries()) {
		const next = rest[i + 1];
		if (next) context.quadraticCurveTo(point.x, point.y, (point.x + next.x) / 2, (point.y + next.y) / 2);
		else context.lineTo(point.x, point.y);
	}
}

function head(context: CanvasRenderingContext2D, points: Arrow['points']): void {
	const end = points.at(-1);
	if (!end) return;
	context.moveTo(end.x, end.y);
	context.lineTo(end.x - 3.5, end.y - 7);
	context.lineTo(end.x + 3.5, end.y - 7);
	context.closePath();
}

function paintBox(context: CanvasRenderingContext2D, box: Box, theme: Theme, marks: Marks, zoom: number): void {
	const { x, y, width, height, item } = box;
	const state = marks.state(box);
	const heat = marks.heat(box);
	const selected = marks.selected === item.id;
	const terminal = item.node?.kind === 'input' || item.node?.kind === 'output';
	context.globalAlpha = state === 'removed' ? 0.75 : 1;
	context.beginPath();
	if (zoom < cornersFrom) context.rect(x - width / 2, y - height / 2, width, height);
	else context.roundRect(x - width / 2, y - height / 2, width, height, terminal ? height / 2 : 6);
	context.fillStyle = item.group ? theme.group : theme.surface;
	context.fill();
	if (heat !== undefined) {
		context.globalAlpha = 0.08 + 0.62 * heat;
		context.fillStyle = theme.changed;
		context.fill();
		context.globalAlpha = 1;
	}
	const stateColour =
		state === 'added' ? theme.added : state === 'removed' ? theme.removed : state === 'changed' ? theme.changed : undefined;
	const category = marks.category?.(box);
	const categoryColour = category === undefined ? undefined : theme.categories[category % theme.categories.length];
	if (categoryColour) {
		context.globalAlpha = 0.28;
		context.fillStyle = categoryColour;
		context.fill();
		context.globalAlpha = 1;
	}
	const found = marks.found.has(item.id);
	context.strokeStyle = selected || found ? theme.accent : (stateColour ?? categoryColour ?? theme.line);
	context.lineWidth = selected ? Math.max(3, 2 / zoom) : found || stateColour ? Math.max(2, 1.4 / zoom) : Math.max(1, 0.8 / zoom);
	context.setLineDash(state === 'removed' ? [4, 3] : []);
	context.stroke();
	context.setLineDash([]);
	if (item.group && zoom >= cornersFrom) {
		// A second edge behind: there is more inside.
		context.strokeRect(x - width / 2 + 4, y + height / 2 + 3, width - 8, 0.01);
	}
	if (zoom < wordsFrom) {
		context.globalAlpha = 1;
		return;
	}
	const detailed = zoom >= detailFrom && box.detail !== '';
	context.fillStyle = theme.text;
	context.font = `600 ${titleSize}px ${theme.font}`;
	context.fillText(box.title, x, detailed ? y - 7 : y, width - 8);
	if (detailed) {
		context.fillStyle = theme.muted;
		context.font = `${detailSize}px ${theme.font}`;
		context.fillText(box.detail, x, y + 9, width - 8);
	}
	if (category !== undefined) {
		context.fillStyle = theme.text;
		context.font = `700 ${detailSize}px ${theme.font}`;
		context.fillText(String(category + 1), x - width / 2 + 10, y - height / 2 + 9);
	}
	if (state && state !== 'same' && stateColour) {
		context.fillStyle = stateColour;
		context.font = `700 ${detailSize}px ${theme.font}`;
		context.fillText(stateLetters[state], x + width / 2 - 8, y - height / 2 + 8);
	}
	context.globalAlpha = 1;
}
