#!/usr/bin/env node
// Draws the icons: public/icons/*.svg and the PNG sizes that installers ask for. Run by hand after changing the mark.
import { mkdirSync, writeFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';

// The mark: bars that are pared down under a step line, as on the trade-off chart. Units of a 64 x 64 square.
const ground = [0x1f, 0x4e, 0x5f];
const light = [0xf6, 0xf4, 0xef];
const accent = [0xe0, 0x8e, 0x45];
const bars = [
	{ x: 15, y: 16, w: 8, h: 32, colour: light },
	{ x: 28, y: 26, w: 8, h: 22, colour: light },
	{ x: 41, y: 36, w: 8, h: 12, colour: accent },
];
const hex = (colour) => `#${colour.map((part) => part.toString(16).padStart(2, '0')).join('')}`;

function svg() {
	const rects = bars.map(
		(bar) => `<rect x="${bar.x}" y="${bar.y}" width="${bar.w}" height="${bar.h}" rx="1.5" fill="${hex(bar.colour)}"/>`,
	);
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" role="img"><title>Pare</title><rect width="64" height="64" rx="14" fill="${hex(ground)}"/>${rects.join('')}</svg>\n`;
}

/** Signed distance to a rounded rectangle, for soft edges. */
function roundedRect(px, py, x, y, w, h, r) {
	const dx = Math.abs(px - (x + w / 2)) - (w / 2 - r);
	const dy = Math.abs(py - (y + h / 2)) - (h / 2 - r);
	return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - r;
}

function png(size, maskable) {
	const scale = (maskable ? 80 : 64) / size;
	const shift = maskable ? -8 : 0;
	const rows = Buffer.alloc(size * (size * 4 + 1));
	for (let y = 0; y < size; y++) {
		for (let x = 0; x < size; x++) {
			const px = (x + 0.5) * scale + shift;
			const py = (y + 0.5) * scale + shift;
			const cover = (distance) => Math.min(1, Math.max(0, 0.5 - distance / scale));
			const alpha = maskable ? 1 : cover(roundedRect(px, py, 0, 0, 64, 64, 14));
			let colour = ground;
			for (const bar of bars) {
				const part = cover(roundedRect(px, py, bar.x, bar.y, bar.w, bar.h, 1.5));
				colour = colour.map((value, index) => value * (1 - part) + bar.colour[index] * part);
			}
			rows.set([...colour.map(Math.round), Math.round(alpha * 255)], y * (size * 4 + 1) + 1 + x * 4);
		}
	}
	const header = Buffer.alloc(13);
	header.writeUInt32BE(size, 0);
	header.writeUInt32BE(size, 4);
	header.set([8, 6, 0, 0, 0], 8);
	return Buffer.concat([
		Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
		chunk('IHDR', header),
		chunk('IDAT', deflateSync(rows, { level: 9 })),
		chunk('IEND', Buffer.alloc(0)),
	]);
}

function chunk(type, data) {
	const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
	const length = Buffer.alloc(4);
	length.writeUInt32BE(data.length);
	const sum = Buffer.alloc(4);
	sum.writeUInt32BE(crc32(body));
	return Buffer.concat([length, body, sum]);
}

function crc32(bytes) {
	let crc = 0xffffffff;
	for (const byte of bytes) {
		crc ^= byte;
		for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return (crc ^ 0xffffffff) >>> 0;
}

const folder = new URL('../public/icons/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('pare.svg', folder), svg());
writeFileSync(new URL('pare-192.png', folder), png(192, false));
writeFileSync(new URL('pare-512.png', folder), png(512, false));
writeFileSync(new URL('pare-maskable-512.png', folder), png(512, true));
