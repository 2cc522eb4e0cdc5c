import { type Marks, paint, stateLetters, type Theme } from './paint.ts';
import { detailSize, type Scene, titleSize } from './scene.ts';

/** Pixels of the longer side of a picture that browsers still draw. */
const mostPixels = 12_000;
const margin = 24;

/** The whole graph as a PNG, as sharp as its size allows. */
export function graphPng(scene: Scene, theme: Theme, marks: Marks): Promise<Blob> {
	const longest = Math.max(scene.width, scene.height) + 2 * margin;
	const zoom = Math.min(2, mostPixels / longest);
	const canvas = document.createElement('canvas');
	const width = Math.ceil((scene.width + 2 * margin) * zoom);
	const height = Math.ceil((scene.height + 2 * margin) * zoom);
	canvas.width = width;
	canvas.height = height;
	const context = canvas.getContext('2d');
	if (!context) return Promise.reject(new Error('This browser gives no canvas to draw on.'));
	paint(context, scene, { x: scene.width / 2, y: scene.height / 2, zoom }, { width, height, ratio: 1 }, theme, marks);
	return new Promise((resolve, reject) => {
		canvas.toBlob(
			(blob) => (blob ? resolve(blob) : reject(new Error('The picture is too large for this browser. Take the SVG.'))),
			'image/png',
		);
	});
}

const xml = (text: string): string => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
const short = (value: number): string => String(Math.round(value * 10) / 10);

/** The whole graph as an SVG: every node with its name as a tooltip. */
export function graphSvg(scene: Scene, theme: Theme, marks: Marks): Blob {
	const width = scene.width + 2 * margin;
	const height = scene.height + 2 * margin;
	const parts = [
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="${-margin} ${-margin} ${short(width)} ${short(height)}" width="${short(width)}" height="${short(height)}" font-family="${xml(theme.font)}">`,
		`<rect x="${-margin}" y="${-margin}" width="100%" height="100%" fill="${theme.ground}"/>`,
		`<defs><marker id="head" viewBox="0 0 7 7" refX="7" refY="3.5" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 7 3.5 0 7z" fill="${theme.line}"/></marker></defs>`,
		`<g fill="none" stroke="${theme.line}">`,
	];
	for (const { link, points } of scene.arrows) {
		if (points.length === 0) continue;
		const path = points.map(({ x, y }) => `${short(x)} ${short(y)}`).join('L');
		parts.push(`<path d="M${path}" marker-end="url(#head)"><title>${xml(`${link.names.join(', ')} ${link.type}`)}</title></path>`);
	}
	parts.push('</g>');
	for (const box of scene.boxes) {
		const { x, y, width: w, height: h, title, detail, item } = box;
		const state = marks.state(box);
		const heat = marks.heat(box);
		const stroke = state === 'added' ? theme.added : state === 'removed' ? theme.removed : state === 'changed' ? theme.changed : theme.line;
		const round = item.node?.kind === 'input' || item.node?.kind === 'output' ? h / 2 : 6;
		const rect = `x="${short(x - w / 2)}" y="${short(y - h / 2)}" width="${short(w)}" height="${short(h)}" rx="${round}"`;
		parts.push(
			`<g><title>${xml(item.node?.label ?? item.group?.path ?? '')}</title>`,
			`<rect ${rect} fill="${item.group ? theme.group : theme.surface}" stroke="${stroke}"${state === 'removed' ? ' stroke-dasharray="4 3"' : ''}/>`,
		);
		if (heat !== undefined) parts.push(`<rect ${rect} fill="${theme.changed}" fill-opacity="${(0.08 + 0.62 * heat).toFixed(2)}"/>`);
		parts.push(
			`<text x="${short(x)}" y="${short(detail ? y - 3 : y + 4)}" text-anchor="middle" font-size="${titleSize}" font-weight="600" fill="${theme.text}">${xml(title)}</text>`,
		);
		if (detail) {
			parts.push(
				`<text x="${short(x)}" y="${short(y + 12)}" text-anchor="middle" font-size="${detailSize}" fill="${theme.muted}">${xml(detail)}</text>`,
			);
		}
		if (state && state !== 'same') {
			parts.push(
				`<text x="${short(x + w / 2 - 8)}" y="${short(y - h / 2 + 12)}" text-anchor="middle" font-size="${detailSize}" font-weight="700" fill="${stroke}">${stateLetters[state]}</text>`,
			);
		}
		parts.push('</g>');
	}
	parts.push('</svg>');
	return new Blob([parts.join('\n')], { type: 'image/svg+xml' });
}
