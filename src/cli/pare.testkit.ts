import { execFile } from 'node:child_process';
import { join } from 'node:path';

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
