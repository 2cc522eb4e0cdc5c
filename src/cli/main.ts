import { runCommandLine } from './command-line.ts';
import { exitCode } from './failure.ts';
import { nodeTerminal } from './terminal.ts';

const interrupt = new AbortController();
let asked = false;
for (const name of ['SIGINT', 'SIGTERM'] as const) {
	process.on(name, () => {
		// The first is obeyed at the next step, with everything tidied away; the second at once.
		if (asked) process.exit(exitCode.interrupted);
		asked = true;
		interrupt.abort();
	});
}
// A reader that has seen enough (`pare passes | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
	if (error.code === 'EPIPE') process.exit(exitCode.ok);
	throw error;
});

process.exitCode = await runCommandLine(process.argv.slice(2), nodeTerminal(), interrupt.signal);
