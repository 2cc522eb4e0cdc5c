import { rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { type ExitCode, exitCode } from './failure.ts';
import type { FromCommand, ToCommand } from './keeper.ts';
import { nodeTerminal, type Terminal } from './terminal.ts';

/** How long a command has to end by itself once it is interrupted. */
const graceMs = 1500;

/**
 * Runs the command line in a thread of its own and waits for it. A model that never ends holds its thread for ever, so what ends
 * it has to stand outside: Ctrl-C, and the time limit of a single run. Files that are not whole are removed then.
 */
export async function superviseCommand(program: URL, argv: readonly string[]): Promise<number> {
	const terminal = nodeTerminal();
	const worker = new Worker(program, { workerData: { argv } });
	const unfinished = new Set<string>();
	let limit: NodeJS.Timeout | undefined;
	let grace: NodeJS.Timeout | undefined;
	return new Promise<number>((resolve) => {
		let over = false;
		const finish = async (exit: number): Promise<void> => {
			if (over) return;
			over = true;
			clearTimeout(limit);
			clearTimeout(grace);
			await worker.terminate();
			for (const path of unfinished) rmSync(path, { force: true });
			resolve(exit);
		};
		const give = (exit: ExitCode, failure: { readonly code: string; readonly message: string; readonly advice?: string }): void => {
			tellFailure(terminal, argv.includes('--json'), failure, exit);
			void finish(exit);
		};
		const interrupted = (): void => give(exitCode.interrupted, { code: 'cancelled', message: 'Interrupted; nothing was left behind.' });
		const interrupt = (): void => {
			if (grace) {
				interrupted();
				return;
			}
			worker.postMessage({ kind: 'interrupt' } satisfies ToCommand);
			grace = setTimeout(interrupted, graceMs);
		};
		for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, interrupt);
		worker.on('message', (message: FromCommand) => {
			if (over) return;
			switch (message.kind) {
				case 'out':
					terminal.out(message.text);
					break;
				case 'err':
					terminal.err(message.text);
					break;
				case 'progress':
					terminal.progress(message.fraction, message.stage);
					break;
				case 'end-progress':
					terminal.endProgress();
					break;
				case 'run-begins': {
					clearTimeout(limit);
					const { limitSeconds, what } = message;
					if (limitSeconds === 0) break;
					limit = setTimeout(() => {
						give(exitCode.failed, {
							code: 'deadline',
							message: `${what} took longer than ${limitSeconds} s and was ended; nothing was left behind.`,
							advice: 'A model with loops may never end. Give it more time with --time-limit SECONDS; 0 is no limit.',
						});
					}, limitSeconds * 1000);
					break;
				}
				case 'run-ended':
					clearTimeout(limit);
					break;
				case 'file-begins':
					unfinished.add(message.path);
					break;
				case 'file-ended':
					unfinished.delete(message.path);
					break;
				case 'done':
					void finish(message.exit);
					break;
			}
		});
		worker.on('error', (error) => {
			give(exitCode.failed, {
				code: (error as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'memory' : 'bug',
				message: `The command broke down: ${error.message}`,
			});
		});
		worker.on('exit', () => void finish(exitCode.failed));
	});
}

function tellFailure(
	terminal: Terminal,
	json: boolean,
	failure: { readonly code: string; readonly message: string; readonly advice?: string },
	exit: ExitCode,
): void {
	terminal.endProgress();
	if (json) terminal.out(`${JSON.stringify({ error: failure, exit }, null, '\t')}\n`);
	terminal.err(`pare: ${failure.message}${failure.advice ? ` ${failure.advice}` : ''}\n`);
}
