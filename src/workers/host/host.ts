import * as Comlink from 'comlink';
import { CallFailed, poisonsWorker } from '../failure.ts';
import type { Kind, Methods } from '../protocol.ts';
import type { Outcome, Progress } from '../serve.ts';
import { Pool, Slot, type WorkerLike } from './pool.ts';

export interface CallOptions {
	readonly signal?: AbortSignal | undefined;
	readonly onProgress?: ((progress: Progress) => void) | undefined;
	/** The worker is ended when no result came by then. Default: ten minutes. */
	readonly deadlineMs?: number | undefined;
	/** What the call works on; three deaths of a worker on the same input quarantine it. Without it a death is not retried. */
	readonly input?: string | undefined;
	/** Workers are bound to a key; a call with another key gets another worker. */
	readonly key?: string | undefined;
}

export interface KindOptions {
	/** Workers at the same time. */
	readonly max: number;
	/** An idle worker is ended after this, which gives its memory back. */
	readonly idleMs: number;
	/** Longest silence of a busy worker. undefined where long synchronous work is normal: there deadline, cancel and the lock watch. */
	readonly silenceMs?: number;
}

export interface HostOptions {
	readonly spawn: (kind: Kind) => WorkerLike;
	readonly kinds: Readonly<Record<Kind, KindOptions>>;
	readonly locks?: LockManager | undefined;
}

/** The only door to workers. */
export interface Host {
	/**
	 * Runs a method in a worker. Rejects with CallFailed, or with the signal's reason when cancelled. On anything but a result the worker
	 * is ended at once and the next call starts a fresh one, so a call never waits for a worker that hangs.
	 */
	call<K extends Kind, M extends keyof Methods[K] & string>(
		kind: K,
		method: M,
		args: ArgsOf<Methods[K][M]>,
		options?: CallOptions,
	): Promise<ResultOf<Methods[K][M]>>;
	/** Ends the workers of a kind to free their memory; a call under way fails as `worker-died`. */
	end(kind: Kind): void;
	/** Ends those workers of a kind that do nothing: a runtime's heap never shrinks while it lives. */
	endIdle(kind: Kind): void;
	/** Live workers of a kind. */
	count(kind: Kind): number;
	/** Seam for drills: ends the workers of a kind as a crash would. Such deaths do not count towards quarantine unless asked. */
	killForTest(kind: Kind, options?: { readonly counts?: boolean }): number;
}

export type ArgsOf<F> = F extends (args: infer A) => unknown ? A : never;
export type ResultOf<F> = F extends (args: never) => infer R ? R : never;

const deathsToQuarantine = 3;
const defaultDeadlineMs = 10 * 60_000;
const killedForTest = 'killed by a drill';
const endedByPage = 'ended to free memory';

class Died extends Error {
	constructor(
		readonly reason: string,
		/** It ended before its program ran. */
		readonly unstarted = false,
	) {
		super(reason);
	}
}

export function createHost({ spawn, kinds, locks }: HostOptions): Host {
	const pools = new Map<Kind, Pool>();
	/** Deaths in a row by kind, method and input. */
	const deaths = new Map<string, string[]>();
	const pool = (kind: Kind): Pool => {
		let found = pools.get(kind);
		if (!found) {
			found = new Pool((key) => new Slot(key, spawn(kind), locks), kinds[kind].max, kinds[kind].idleMs);
			pools.set(kind, found);
		}
		return found;
	};

	/** One attempt in one worker. */
	const attempt = async (kind: Kind, method: string, args: unknown, options: CallOptions): Promise<unknown> => {
		const { signal, onProgress, deadlineMs = defaultDeadlineMs, key = '' } = options;
		const workers = pool(kind);
		const slot = await workers.acquire(key, signal);
		slot.lastBeat = performance.now();
		let settled = false;
		const clean: (() => void)[] = [];
		try {
			const outcome = await new Promise<Outcome>((resolve, reject) => {
				const onAbort = (): void => reject(signal?.reason);
				signal?.addEventListener('abort', onAbort, { once: true });
				clean.push(() => signal?.removeEventListener('abort', onAbort));
				if (signal?.aborted) return onAbort();
				const deadline = setTimeout(() => reject(deadlineFailure(method, deadlineMs)), deadlineMs);
				clean.push(() => clearTimeout(deadline));
				const { silenceMs } = kinds[kind];
				if (silenceMs !== undefined) {
					const watch = setInterval(() => {
						if (performance.now() - slot.lastBeat > silenceMs) {
							reject(new Died(`no sign of life for ${Math.round(silenceMs / 1000)} s`));
						}
					}, silenceMs / 4);
					clean.push(() => clearInterval(watch));
				}
				void slot.died.then((reason) => reject(new Died(reason, !slot.started)));
				const report = Comlink.proxy((progress: Progress) => {
					// A late message of an ended worker must not move a bar.
					if (!settled) onProgress?.(progress);
				});
				slot.remote.run(method, args, report).then(resolve, reject);
			});
			settled = true;
			if (!outcome.ok) {
				if (poisonsWorker(outcome.failure)) workers.end(slot, 'unusable after a failure');
				else workers.release(slot);
				throw new CallFailed(outcome.failure);
			}
			workers.release(slot);
			return outcome.value;
		} catch (error) {
			if (!settled) {
				settled = true;
				workers.end(slot, 'no result');
			}
			throw error;
		} finally {
			for (const undo of clean) undo();
		}
	};

	const call = async (kind: Kind, method: string, args: unknown, options: CallOptions = {}): Promise<unknown> => {
		const name = options.input === undefined ? undefined : `${kind}.${method}:${options.input}`;
		let unstarted = 0;
		for (;;) {
			options.signal?.throwIfAborted();
			const before = name === undefined ? [] : (deaths.get(name) ?? []);
			if (before.length >= deathsToQuarantine) throw new CallFailed(quarantine(before));
			try {
				const value = await attempt(kind, method, args, options);
				if (name !== undefined) deaths.delete(name);
				return value;
			} catch (error) {
				if (!(error instanceof Died)) {
					if (error instanceof CallFailed || options.signal?.aborted) throw error;
					// comlink could not send the arguments or read the answer.
					throw new CallFailed({
						code: 'bug',
						message: `A worker could not be called: ${error instanceof Error ? error.message : String(error)}`,
						advice: 'This is a fault of Pare. Copy the details and report them.',
						...(error instanceof Error && error.stack !== undefined && { detail: error.stack }),
					});
				}
				if (error.unstarted && error.reason !== killedForTest && error.reason !== endedByPage && ++unstarted >= deathsToQuarantine) {
					throw new CallFailed(startFailure(error.reason));
				}
				if (name === undefined || error.reason === endedByPage) throw new CallFailed(deathFailure(error.reason));
				if (error.reason !== killedForTest && !error.unstarted) deaths.set(name, [...before, error.reason]);
			}
		}
	};

	return {
		call: call as Host['call'],
		end(kind) {
			const workers = pools.get(kind);
			for (const slot of workers?.slots() ?? []) workers?.end(slot, endedByPage);
		},
		endIdle(kind) {
			const workers = pools.get(kind);
			for (const slot of workers?.slots() ?? []) if (!slot.busy) workers?.end(slot, endedByPage);
		},
		count: (kind) => pools.get(kind)?.size ?? 0,
		killForTest(kind, { counts = false } = {}) {
			const workers = pools.get(kind);
			const slots = workers?.slots() ?? [];
			for (const slot of slots) workers?.end(slot, counts ? 'the worker stopped' : killedForTest);
			return slots.length;
		},
	};
}

function deadlineFailure(method: string, deadlineMs: number): CallFailed {
	const seconds = deadlineMs / 1000;
	return new CallFailed({
		code: 'deadline',
		message: `Stopped: no result within ${seconds >= 10 ? Math.round(seconds) : seconds.toFixed(1)} s.`,
		where: method,
		advice: 'The model may contain a loop that does not end, or is too slow for this device.',
	});
}

function deathFailure(reason: string): { code: string; message: string; advice: string; detail: string } {
	return {
		code: 'worker-died',
		message: 'The worker ended before it had a result.',
		advice: 'Try again. If it happens again, the device may be out of memory: close other tabs or use a smaller model.',
		detail: reason,
	};
}

function startFailure(reason: string): { code: string; message: string; advice: string; detail: string } {
	return {
		code: 'worker-start',
		message: 'A part of this page could not be loaded, so the work could not start.',
		advice: 'Check the connection and reload the page. What is finished is kept.',
		detail: reason,
	};
}

function quarantine(reasons: readonly string[]): { code: string; message: string; advice: string; detail: string } {
	return {
		code: 'quarantined',
		message: `The worker ended ${reasons.length} times on this input, so it is not tried again.`,
		advice: 'Usually the device is out of memory. Close other tabs, or use a smaller model or fewer threads; reload the page to try again.',
		detail: reasons.map((reason, index) => `${index + 1}. ${reason}`).join('\n'),
	};
}
