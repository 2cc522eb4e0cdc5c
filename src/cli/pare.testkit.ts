import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { runCommandLine } from './command-line.ts';

export interface Ran {
	readonly code: number;
	readonly out: string;
	readonly err: string;
}

/** Runs the command line as people do, in a process of its own. */
export function pare(
	args: readonly string[],
	options: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
): Promise<Ran> {
	return new Promise((resolve) => {
		const child = execFile(
			process.execPath,
			[join(process.cwd(), 'bin', 'pare.mjs'), ...args],
			{ cwd: options.cwd, env: { ...process.env, ...options.env }, maxBuffer: 64e6 },
			(_error, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
		);
	});
}

/** The same in this process, for what needs no process of its own: a fifth of the time. Paths must be absolute. */
export async function pareHere(args: readonly string[]): Promise<Ran> {
	let out = '';
	let err = '';
	const terminal = {
		out: (text: string) => {
			out += text;
		},
		err: (text: string) => {
			err += text;
		},
		progress: () => {},
		endProgress: () => {},
	};
	const code = await runCommandLine(args, terminal, new AbortController().signal);
	return { code, out, err };
}
