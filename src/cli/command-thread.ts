import { parentPort, workerData } from 'node:worker_threads';
import { runCommandLine } from './command-line.ts';
import type { FromCommand, Keeper, ToCommand } from './keeper.ts';
import type { Terminal } from './terminal.ts';

const progressMs = 50;

/** Runs the command line in this thread; everything it says goes to the thread that started it. */
export async function runInThread(): Promise<void> {
	const port = parentPort;
	if (!port) throw new Error('runInThread is for worker threads');
	const say = (message: FromCommand): void => port.postMessage(message);
	const interrupt = new AbortController();
	port.on('message', ({ kind }: ToCommand) => {
		if (kind === 'interrupt') interrupt.abort();
	});
	let shown = '';
	let shownAt = 0;
	const terminal: Terminal = {
		out: (text) => say({ kind: 'out', text }),
		err: (text) => say({ kind: 'err', text }),
		progress: (fraction, stage) => {
			const now = performance.now();
			if (stage === shown && fraction < 1 && now - shownAt < progressMs) return;
			shown = stage;
			shownAt = now;
			say({ kind: 'progress', fraction, stage });
		},
		endProgress: () => say({ kind: 'end-progress' }),
	};
	const keeper: Keeper = {
		runBegins: (limitSeconds, what) => say({ kind: 'run-begins', limitSeconds, what }),
		runEnded: () => say({ kind: 'run-ended' }),
		fileBegins: (path) => say({ kind: 'file-begins', path }),
		fileEnded: (path) => say({ kind: 'file-ended', path }),
	};
	const { argv } = workerData as { readonly argv: readonly string[] };
	say({ kind: 'done', exit: await runCommandLine(argv, terminal, interrupt.signal, keeper) });
}
