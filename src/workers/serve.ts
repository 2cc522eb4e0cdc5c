import * as Comlink from 'comlink';
import type { Failure } from '../core/study/study.ts';
import { toFailure } from './failure.ts';

export interface Progress {
	/** 0..1; undefined while it cannot be told. */
	readonly fraction?: number;
	readonly stage?: string;
}

export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly failure: Failure };

/** What every worker exposes: one method by name. Failures come back as data, never as exceptions. */
export interface Served {
	run(method: string, args: unknown, onProgress: (progress: Progress) => void): Promise<Outcome>;
}

/** Messages outside comlink's traffic, from the worker to the host. */
export interface Sign {
	readonly pare: 'beat' | 'lock';
	/** Name of a lock that is free only when the worker is gone. */
	readonly lock?: string;
}

export function isSign(data: unknown): data is Sign {
	return typeof data === 'object' && data !== null && 'pare' in data;
}

export const beatMs = 1_000;
const progressMs = 250;

export interface Call {
	/** At most four reach the page each second; the last one always does. */
	progress(fraction: number | undefined, stage?: string): void;
}

export type Handlers = Readonly<Record<string, (args: never, call: Call) => Promise<unknown>>>;

interface WorkerScope extends Comlink.Endpoint {
	readonly navigator?: { readonly locks?: LockManager };
}

/** Starts serving calls in a worker: answers, beats while busy, and holds a lock that is free once the worker is gone. */
export function serve(handlers: Handlers, scope: WorkerScope = globalThis as unknown as WorkerScope): void {
	let running = 0;
	let beat: ReturnType<typeof setInterval> | undefined;
	const served: Served = {
		async run(method, args, onProgress) {
			const handler = handlers[method];
			if (!handler) return { ok: false, failure: { code: 'bug', message: `This worker has no method ${method}.` } };
			running += 1;
			beat ??= setInterval(() => scope.postMessage({ pare: 'beat' } satisfies Sign), beatMs);
			const progress = throttled(onProgress);
			try {
				return { ok: true, value: await handler(args as never, { progress: progress.report }) };
			} catch (error) {
				return { ok: false, failure: toFailure(error) };
			} finally {
				progress.stop();
				running -= 1;
				if (running === 0) {
					clearInterval(beat);
					beat = undefined;
				}
			}
		},
	};
	Comlink.expose(served, scope);
	// The first sign: the program was loaded.
	scope.postMessage({ pare: 'beat' } satisfies Sign);
	const locks = scope.navigator?.locks;
	if (!locks) return;
	const lock = `pare:alive:${crypto.randomUUID()}`;
	void locks
		.request(lock, () => {
			scope.postMessage({ pare: 'lock', lock } satisfies Sign);
			return new Promise<void>(() => {});
		})
		.catch(() => {
			// Without the lock the host still has errors, beats, deadlines and cancel.
		});
}

function throttled(send: (progress: Progress) => void): { report: Call['progress']; stop(): void } {
	let pending: Progress | undefined;
	let timer: ReturnType<typeof setTimeout> | undefined;
	let sentAt = Number.NEGATIVE_INFINITY;
	const flush = (): void => {
		timer = undefined;
		if (!pending) return;
		const progress = pending;
		pending = undefined;
		sentAt = performance.now();
		send(progress);
	};
	return {
		report(fraction, stage) {
			pending = { ...(fraction !== undefined && { fraction }), ...(stage !== undefined && { stage }) };
			// The worker may not come back to its timers for long: what is due is sent at once.
			if (performance.now() - sentAt >= progressMs) {
				clearTimeout(timer);
				flush();
			} else {
				timer ??= setTimeout(flush, progressMs);
			}
		},
		stop() {
			clearTimeout(timer);
			flush();
		},
	};
}
