import type { RuntimeLog } from '../runtime-log.ts';

type Print = (...parts: unknown[]) => void;

const methods = ['log', 'warn', 'error', 'info'] as const;
const captures: string[][] = [];

/**
 * The runtime binds the console's methods when its module starts, and prints profiles and placement through them for ever after. While
 * `start` runs, the console is replaced by taps, so that these are what it binds; then the console is put back.
 */
export async function withTappedConsole<T>(start: () => Promise<T>): Promise<T> {
	const originals = methods.map((method) => [method, console[method] as Print] as const);
	for (const [method, original] of originals) {
		console[method] = (...parts: unknown[]) => {
			const capture = captures.at(-1);
			if (capture) capture.push(parts.map(String).join(' '));
			else original.apply(console, parts);
		};
	}
	try {
		return await start();
	} finally {
		for (const [method, original] of originals) console[method] = original;
	}
}

/** What the tapped console prints. Of nested captures the innermost gets the lines. */
export const consoleLog: RuntimeLog = {
	async capture(work) {
		const lines: string[] = [];
		captures.push(lines);
		try {
			return { result: await work(), lines };
		} finally {
			captures.splice(captures.indexOf(lines), 1);
		}
	},
};
