import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatDuration, formatMs } from './format.ts';

/** Separators are the reader's; the tests look at digits and units. */
const plain = (text: string): string => text.replace(/(\d),(?=\d{3}\b)/g, '$1');

describe('numbers as the page writes them', () => {
	it.each([
		[0, '0 B'],
		[104, '104 B'],
		[26_454, '26.5 kB'],
		[4_980_000, '4.98 MB'],
		[18_614_599, '18.61 MB'],
		[253_600_000, '253.6 MB'],
		[1_073_741_824, '1.07 GB'],
	])('%d bytes are %s: decimal units', (bytes, text) => expect(plain(formatBytes(bytes))).toBe(text));

	it.each([
		[0.4821, '0.482 ms'],
		[4.821, '4.82 ms'],
		[48.21, '48.2 ms'],
		[482.1, '482 ms'],
		[1408, '1.41 s'],
		[14_080, '14.1 s'],
		[140_800, '141 s'],
		[999.7, '1.00 s'],
	])('%d ms are %s: three significant digits and never an exponent', (ms, text) => expect(plain(formatMs(ms))).toBe(text));

	it.each([
		[812, '812'],
		[4_650_000, '4.65 M'],
		[1_200_000_000, '1.20 G'],
	])('%d parameters are %s', (count, text) => expect(plain(formatCount(count))).toBe(text));

	it.each([
		[34_000, '34 s'],
		[125_000, '2 min 5 s'],
	])('%d ms of waiting are %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});
