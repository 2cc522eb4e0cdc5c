/** Numbers and tables as the command line prints them: decimal units, a point, never grouped. */

/** 104 B, 26.5 kB, 4.98 MB, 1.07 GB. */
export function bytesText(bytes: number): string {
	if (bytes < 1e3) return `${bytes} B`;
	if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
	if (bytes < 1e9) return `${(bytes / 1e6).toFixed(2)} MB`;
	return `${(bytes / 1e9).toFixed(2)} GB`;
}

/** 812, 4.65 M, 1.20 G. */
export function countText(count: number): string {
	if (count < 1e4) return String(count);
	if (count < 1e6) return `${(count / 1e3).toFixed(1)} k`;
	if (count < 1e9) return `${(count / 1e6).toFixed(2)} M`;
	return `${(count / 1e9).toFixed(2)} G`;
}

/** 0.482 ms, 4.82 ms, 48.2 ms, 4.82 s. */
export function msText(ms: number): string {
	if (ms >= 1e3) return `${(ms / 1e3).toFixed(2)} s`;
	return `${ms.toFixed(ms < 1 ? 3 : ms < 10 ? 2 : 1)} ms`;
}

/** Six significant digits where they differ from 1 late, as cosines do. */
export function cosineText(cosine: number): string {
	return cosine === 1 ? '1' : cosine.toFixed(cosine > 0.9999 ? 7 : 5);
}

export interface Column {
	readonly title: string;
	/** Numbers stand to the right. */
	readonly right?: boolean;
}

/** Rows under titles, two spaces between columns, no trailing blanks. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
	const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)));
	const line = (cells: readonly string[]): string =>
		columns
			.map(({ right }, i) => (right ? (cells[i] ?? '').padStart(widths[i] ?? 0) : (cells[i] ?? '').padEnd(widths[i] ?? 0)))
			.join('  ')
			.trimEnd();
	return `${[line(columns.map(({ title }) => title)), ...rows.map(line)].join('\n')}\n`;
}

/** Characters that would move the cursor or colour the terminal: names in a model are foreign text. */
export function printable(text: string): string {
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
	return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '?');
}
