/** Numbers as the page writes them: decimal units, three significant digits, the reader's separators. */

const digits = (value: number, count: number): string =>
	value.toLocaleString(undefined, { minimumFractionDigits: count, maximumFractionDigits: count });

/** 104 B, 26.5 kB, 4.98 MB, 1.07 GB. */
export function formatBytes(bytes: number): string {
	if (bytes < 1e3) return `${digits(bytes, 0)} B`;
	if (bytes < 1e5) return `${digits(bytes / 1e3, 1)} kB`;
	if (bytes < 1e9) return `${digits(bytes / 1e6, bytes < 1e8 ? 2 : 1)} MB`;
	return `${digits(bytes / 1e9, 2)} GB`;
}

/** Three significant digits: 0.482 ms, 4.82 ms, 48.2 ms, 482 ms, 4.82 s, 48.2 s. */
export function formatMs(ms: number): string {
	if (ms >= 999.5) return `${digits(ms / 1e3, ms < 9_995 ? 2 : ms < 99_950 ? 1 : 0)} s`;
	return `${digits(ms, ms < 1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0)} ms`;
}

/** 812, 4.65 M, 1.20 G. */
export function formatCount(count: number): string {
	if (count < 1e4) return digits(count, 0);
	if (count < 1e6) return `${digits(count / 1e3, count < 1e5 ? 1 : 0)} k`;
	if (count < 1e9) return `${digits(count / 1e6, count < 1e8 ? 2 : 0)} M`;
	return `${digits(count / 1e9, 2)} G`;
}

/** 34 s, 2 min 5 s. */
export function formatDuration(ms: number): string {
	const seconds = Math.round(ms / 1000);
	return seconds < 90 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
