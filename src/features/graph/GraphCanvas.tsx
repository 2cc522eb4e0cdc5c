import { type KeyboardEvent, type PointerEvent, useEffect, useImperativeHandle, useRef } from 'react';
import { type Marks, paint, type Theme, type Viewport } from './paint.ts';
import { type Box, boxAt, type Scene } from './scene.ts';

export interface GraphCanvasHandle {
	fit(): void;
	zoomBy(factor: number): void;
	/** Brings an item to the middle, at a zoom at which it can be read. */
	show(id: string): void;
}

export interface GraphCanvasProps {
	readonly scene: Scene;
	readonly marks: Marks;
	/** A new name begins with the whole graph, or its top, in view. */
	readonly name: string;
	readonly label: string;
	readonly onSelect: (id: string | undefined) => void;
	/** Enter, or a double click. */
	readonly onOpen: (id: string) => void;
	readonly handle: React.Ref<GraphCanvasHandle>;
}

const leastZoom = 0.02;
const mostZoom = 4;
const readable = 0.9;

/** The graph on a canvas: drag to move, wheel or pinch to zoom, arrows to walk along its edges. */
export function GraphCanvas({ scene, marks, name, label, onSelect, onOpen, handle }: GraphCanvasProps) {
	const canvas = useRef<HTMLCanvasElement>(null);
	const view = useRef<Viewport>({ x: 0, y: 0, zoom: 1 });
	const current = useRef({ scene, marks });
	current.current = { scene, marks };
	const frame = useRef(0);

	const draw = (): void => {
		frame.current = 0;
		const element = canvas.current;
		const context = element?.getContext('2d');
		if (!element || !context) return;
		const ratio = window.devicePixelRatio || 1;
		const { clientWidth: width, clientHeight: height } = element;
		if (element.width !== Math.round(width * ratio) || element.height !== Math.round(height * ratio)) {
			element.width = Math.round(width * ratio);
			element.height = Math.round(height * ratio);
		}
		paint(context, current.current.scene, view.current, { width, height, ratio }, themeOf(element), current.current.marks);
	};
	const redraw = (): void => {
		if (frame.current === 0) frame.current = requestAnimationFrame(draw);
	};
	const move = (next: Viewport): void => {
		const { width, height } = current.current.scene;
		view.current = {
			x: Math.min(width, Math.max(0, next.x)),
			y: Math.min(height, Math.max(0, next.y)),
			zoom: Math.min(mostZoom, Math.max(leastZoom, next.zoom)),
		};
		redraw();
	};
	const fitWhole = (): void => {
		const element = canvas.current;
		if (!element) return;
		const { width, height } = current.current.scene;
		const whole = Math.min(element.clientWidth / (width + 40), element.clientHeight / (height + 40));
		move({ x: width / 2, y: height / 2, zoom: Math.min(1.2, whole) });
	};
	/** A long graph fitted into the window is a thin line: it begins at its top, at a zoom at which words can be read. */
	const begin = (): void => {
		const element = canvas.current;
		if (!element) return;
		const { width, height } = current.current.scene;
		const whole = Math.min(element.clientWidth / (width + 40), element.clientHeight / (height + 40));
		if (whole >= 0.5) {
			fitWhole();
			return;
		}
		const zoom = Math.min(1, Math.max(0.62, element.clientWidth / (width + 40)));
		const first = current.current.scene.boxes.find(({ item }) => item.node?.kind === 'input') ?? current.current.scene.boxes[0];
		move({ x: first?.x ?? width / 2, y: element.clientHeight / 2 / zoom - 20, zoom });
	};
	const zoomAt = (factor: number, px: number, py: number): void => {
		const element = canvas.current;
		if (!element) return;
		const { x, y, zoom } = view.current;
		const next = Math.min(mostZoom, Math.max(leastZoom, zoom * factor));
		const dx = px - element.clientWidth / 2;
		const dy = py - element.clientHeight / 2;
		move({ x: x + dx / zoom - dx / next, y: y + dy / zoom - dy / next, zoom: next });
	};
	const show = (id: string): void => {
		const box = current.current.scene.boxOf.get(id);
		const element = canvas.current;
		if (!box || !element) return;
		const { x, y, zoom } = view.current;
		const near =
			Math.abs(box.x - x) * zoom < element.clientWidth * 0.38 && Math.abs(box.y - y) * zoom < element.clientHeight * 0.38 && zoom >= 0.62;
		// What is in plain sight stays where it is.
		if (!near) move({ x: box.x, y: box.y, zoom: Math.max(readable, Math.min(zoom, 1.4)) });
	};
	useImperativeHandle(handle, () => ({
		fit: fitWhole,
		show,
		zoomBy: (factor) => {
			const element = canvas.current;
			if (element) zoomAt(factor, element.clientWidth / 2, element.clientHeight / 2);
		},
	}));

	// biome-ignore lint/correctness/useExhaustiveDependencies: another name is another picture
	useEffect(begin, [name]);
	// biome-ignore lint/correctness/useExhaustiveDependencies: what is drawn changed
	useEffect(redraw, [scene, marks]);
	// biome-ignore lint/correctness/useExhaustiveDependencies: set up once
	useEffect(() => {
		const element = canvas.current;
		if (!element) return;
		const resized = new ResizeObserver(redraw);
		resized.observe(element);
		const themed = new MutationObserver(redraw);
		themed.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
		const onWheel = (event: WheelEvent): void => {
			event.preventDefault();
			const { left, top } = element.getBoundingClientRect();
			const step = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
			if (event.shiftKey) move({ ...view.current, x: view.current.x + step / view.current.zoom });
			else zoomAt(Math.exp(-step * (event.ctrlKey ? 0.01 : 0.0016)), event.clientX - left, event.clientY - top);
		};
		element.addEventListener('wheel', onWheel, { passive: false });
		return () => {
			resized.disconnect();
			themed.disconnect();
			element.removeEventListener('wheel', onWheel);
			cancelAnimationFrame(frame.current);
		};
	}, []);

	const pointers = useRef(new Map<number, { x: number; y: number }>());
	const dragged = useRef(0);
	const onPointerDown = (event: PointerEvent<HTMLCanvasElement>): void => {
		event.currentTarget.setPointerCapture(event.pointerId);
		pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
		if (pointers.current.size === 1) dragged.current = 0;
	};
	const onPointerMove = (event: PointerEvent<HTMLCanvasElement>): void => {
		const before = pointers.current.get(event.pointerId);
		if (!before) return;
		const now = { x: event.clientX, y: event.clientY };
		const other = [...pointers.current].find(([id]) => id !== event.pointerId)?.[1];
		pointers.current.set(event.pointerId, now);
		dragged.current += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
		if (other) {
			const { left, top } = event.currentTarget.getBoundingClientRect();
			const distance = (point: { x: number; y: number }): number => Math.hypot(point.x - other.x, point.y - other.y) || 1;
			zoomAt(distance(now) / distance(before), (now.x + other.x) / 2 - left, (now.y + other.y) / 2 - top);
			return;
		}
		const { x, y, zoom } = view.current;
		move({ x: x - (now.x - before.x) / zoom, y: y - (now.y - before.y) / zoom, zoom });
	};
	const under = (event: { clientX: number; clientY: number; currentTarget: HTMLCanvasElement }): Box | undefined => {
		const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
		const { x, y, zoom } = view.current;
		return boxAt(current.current.scene, x + (event.clientX - left - width / 2) / zoom, y + (event.clientY - top - height / 2) / zoom);
	};
	const onPointerUp = (event: PointerEvent<HTMLCanvasElement>): void => {
		const own = pointers.current.delete(event.pointerId);
		if (own && pointers.current.size === 0 && dragged.current < 5) onSelect(under(event)?.item.id);
	};

	const walk = (direction: 'up' | 'down' | 'left' | 'right'): void => {
		const next = neighbour(current.current.scene, current.current.marks.selected, direction);
		if (!next) return;
		onSelect(next.item.id);
		show(next.item.id);
	};
	const onKeyDown = (event: KeyboardEvent): void => {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		const middle = [(canvas.current?.clientWidth ?? 0) / 2, (canvas.current?.clientHeight ?? 0) / 2] as const;
		const keys = new Map<string, () => void>([
			['ArrowDown', () => walk('down')],
			['ArrowUp', () => walk('up')],
			['ArrowLeft', () => walk('left')],
			['ArrowRight', () => walk('right')],
			['+', () => zoomAt(1.25, ...middle)],
			['=', () => zoomAt(1.25, ...middle)],
			['-', () => zoomAt(0.8, ...middle)],
			['0', fitWhole],
			[' ', fitWhole],
			[
				'Enter',
				() => {
					const { selected } = current.current.marks;
					if (selected !== undefined) onOpen(selected);
				},
			],
		]);
		const act = keys.get(event.key);
		if (!act) return;
		event.preventDefault();
		event.stopPropagation();
		act();
	};
	return (
		// biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: keys and pointers move it, as in any drawing program
		<canvas
			ref={canvas}
			className="graph-canvas"
			tabIndex={0}
			role="application"
			aria-label={label}
			onPointerDown={onPointerDown}
			onPointerMove={onPointerMove}
			onPointerUp={onPointerUp}
			onPointerCancel={(event) => pointers.current.delete(event.pointerId)}
			onDoubleClick={(event) => {
				const box = under(event);
				if (box) onOpen(box.item.id);
			}}
			onKeyDown={onKeyDown}
		/>
	);
}

/** The next item along an edge, or beside this one; the first of all where none is chosen. */
function neighbour(scene: Scene, selected: string | undefined, direction: 'up' | 'down' | 'left' | 'right'): Box | undefined {
	const own = selected === undefined ? undefined : scene.boxOf.get(selected);
	if (!own) return scene.boxes.toSorted((a, b) => a.y - b.y || a.x - b.x)[0];
	if (direction === 'up' || direction === 'down') {
		const ids = scene.arrows.flatMap(({ link }) =>
			direction === 'down' ? (link.from === selected ? [link.to] : []) : link.to === selected ? [link.from] : [],
		);
		return ids
			.flatMap((id) => scene.boxOf.get(id) ?? [])
			.sort((a, b) => Math.abs(a.x - own.x) - Math.abs(b.x - own.x) || Math.abs(a.y - own.y) - Math.abs(b.y - own.y))[0];
	}
	const side = direction === 'left' ? -1 : 1;
	return scene.boxes
		.filter((box) => (box.x - own.x) * side > 1 && Math.abs(box.y - own.y) < 120)
		.sort((a, b) => Math.abs(a.x - own.x) + 3 * Math.abs(a.y - own.y) - Math.abs(b.x - own.x) - 3 * Math.abs(b.y - own.y))[0];
}

export function themeOf(element: Element): Theme {
	const style = getComputedStyle(element);
	const token = (name: string): string => style.getPropertyValue(`--${name}`).trim();
	return {
		ground: token('ground'),
		surface: token('surface'),
		text: token('text'),
		muted: token('muted'),
		line: token('line-strong'),
		accent: token('accent'),
		added: token('optimized'),
		removed: token('bad'),
		changed: token('pruned'),
		group: token('notice'),
		font: style.fontFamily,
		categories: ['quantized', 'pruned', 'both', 'factorized', 'optimized', 'original', 'bad', 'accent'].map(token),
	};
}
