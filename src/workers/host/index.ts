import type { Kind } from '../protocol.ts';
import { createHost, type Host } from './host.ts';

export type { CallOptions, Host } from './host.ts';
export { createHost } from './host.ts';

/** The host of a page: Vite resolves the worker scripts from these literal expressions. */
export function browserHost(): Host {
	const spawn = (kind: Kind): Worker => {
		switch (kind) {
			case 'compress':
				return new Worker(new URL('../compress.worker.ts', import.meta.url), { type: 'module', name: 'compress' });
			case 'learn':
				return new Worker(new URL('../compress.worker.ts', import.meta.url), { type: 'module', name: 'learn' });
			case 'engine':
				return new Worker(new URL('../engine.worker.ts', import.meta.url), { type: 'module', name: 'engine' });
			case 'graph':
				return new Worker(new URL('../graph.worker.ts', import.meta.url), { type: 'module', name: 'graph' });
			case 'disk':
				return new Worker(new URL('../disk.worker.ts', import.meta.url), { type: 'module', name: 'disk' });
		}
	};
	return createHost({
		spawn,
		locks: navigator.locks as LockManager | undefined,
		kinds: {
			compress: { max: 2, idleMs: 30_000, silenceMs: 60_000 },
			// Heavy algebra runs for long without a word: cancel and the deadline watch it.
			learn: { max: 1, idleMs: 30_000 },
			engine: { max: 1, idleMs: 120_000 },
			// Short: what it read stays in memory until it ends.
			graph: { max: 1, idleMs: 120_000, silenceMs: 60_000 },
			disk: { max: 2, idleMs: 2_000, silenceMs: 60_000 },
		},
	});
}
