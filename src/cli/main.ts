import { isMainThread } from 'node:worker_threads';
import { runInThread } from './command-thread.ts';
import { exitCode } from './failure.ts';
import { superviseCommand } from './supervisor.ts';

// This file is both sides: the process that people see, and the thread that works for it.
if (isMainThread) {
	// A reader that has seen enough (`pare passes | head`) is no error.
	process.stdout.on('error', (error: NodeJS.ErrnoException) => {
		if (error.code === 'EPIPE') process.exit(exitCode.ok);
		throw error;
	});
	process.exitCode = await superviseCommand(new URL(import.meta.url), process.argv.slice(2));
	// The interrupt handlers would keep nothing alive, but a wedged handle of the runtime could.
	process.stdout.write('', () => process.exit());
} else await runInThread();
