import { saveFile } from '../../platform/save.ts';

/** Saves the drawn chart as a file of its own: styles written into the drawing, a caption below it. */

const STYLES = [
	'fill',
	'stroke',
	'stroke-width',
	'stroke-dasharray',
	'opacity',
	'font-size',
	'font-weight',
	'font-family',
	'text-anchor',
	'paint-order',
] as const;
const CAPTION_PX = 34;
const SCALE = 2;

/** The chart as standing SVG text. Text nodes are copied as text, so names out of a model cannot become markup. */
export function standaloneSvg(
	drawing: SVGSVGElement,
	caption: string,
): { readonly text: string; readonly width: number; readonly height: number } {
	const { width, height } = drawing.getBoundingClientRect();
	const copy = drawing.cloneNode(true) as SVGSVGElement;
	const originals = drawing.querySelectorAll('*');
	const copies = copy.querySelectorAll('*');
	originals.forEach((element, index) => {
		const style = getComputedStyle(element);
		const target = copies[index];
		for (const name of STYLES) target?.setAttribute(name, style.getPropertyValue(name));
		target?.removeAttribute('class');
		target?.removeAttribute('style');
	});
	for (const element of copy.querySelectorAll('[role="slider"]')) element.remove();
	const page = getComputedStyle(document.documentElement);
	copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
	copy.setAttribute('width', String(width));
	copy.setAttribute('height', String(height + CAPTION_PX));
	copy.setAttribute('viewBox', `0 0 ${width} ${height + CAPTION_PX}`);
	copy.removeAttribute('style');
	const ground = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
	for (const [name, value] of Object.entries({ width: '100%', height: '100%', fill: page.getPropertyValue('--surface') }))
		ground.setAttribute(name, value);
	copy.prepend(ground);
	const line = document.createElementNS('http://www.w3.org/2000/svg', 'text');
	for (const [name, value] of Object.entries({
		x: '16',
		y: String(height + 18),
		fill: page.getPropertyValue('--muted'),
		'font-size': '11',
		'font-family': page.fontFamily,
	})) {
		line.setAttribute(name, value);
	}
	line.textContent = caption;
	copy.append(line);
	return { text: new XMLSerializer().serializeToString(copy), width, height: height + CAPTION_PX };
}

export async function saveChart(drawing: SVGSVGElement, caption: string, name: string, format: 'svg' | 'png'): Promise<void> {
	const { text, width, height } = standaloneSvg(drawing, caption);
	const svg = new Blob([text], { type: 'image/svg+xml' });
	if (format === 'svg') {
		saveFile(svg, `${name}.svg`);
		return;
	}
	const url = URL.createObjectURL(svg);
	try {
		const picture = new Image();
		picture.src = url;
		await picture.decode();
		const canvas = document.createElement('canvas');
		canvas.width = width * SCALE;
		canvas.height = height * SCALE;
		canvas.getContext('2d')?.drawImage(picture, 0, 0, canvas.width, canvas.height);
		const png = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
		if (png) saveFile(png, `${name}.png`);
	} finally {
		URL.revokeObjectURL(url);
	}
}
