import * as Comlink from 'comlink';
import { isSign, type Served } from '../serve.ts';

/** What the host needs of a Worker; tests give message ports. */
export interface WorkerLike extends Comlink.Endpoint {
	terminate(): void;
}

/** One live worker, bound to a key (an engine worker serves one target). */
export class Slot {
	readonly remote: Comlink.Remote<Served>;
	busy = false;
	/** Settles when the worker is gone or unusable, with the reason in words. */
	readonly died: Promise<string>;
	lastBeat = performance.now();
	/** It has said something: its program was loaded and runs. */
	started = false;
	idleTimer: ReturnType<typeof setTimeout> | undefined;
	#ended = false;
	#gone = false;
	#die!: (reason: string) => void;
	readonly #watch = new AbortController();

	constructor(
		readonly key: string,
		readonly worker: WorkerLike,
		locks: LockManager | undefined,
	) {
		this.died = new Promise((resolve) => {
			this.#die = (reason) => {
				this.#gone = true;
				resolve(reason);
			};
		});
		const { signal } = this.#watch;
		worker.addEventListener('error', ((event: ErrorEvent) => {
			event.preventDefault?.();
			this.#die(event.message ? `the worker stopped: ${event.message}` : 'the worker could not start or stopped');
		}) as EventListener);
		worker.addEventListener('messageerror', (() => this.#die('the worker sent something unreadable')) as EventListener);
		worker.addEventListener('message', ((event: MessageEvent) => {
			this.lastBeat = performance.now();
			this.started = true;
			if (!isSign(event.data) || event.data.pare !== 'lock' || event.data.lock === undefined || !locks) return;
			// Granted only once the worker, which holds it all its life, is gone.
			locks
				.request(event.data.lock, { signal }, () => this.#die('the browser ended the worker'))
				.catch(() => {
					// Aborted by our own end.
				});
		}) as EventListener);
		this.remote = Comlink.wrap<Served>(worker);
	}

	get ended(): boolean {
		return this.#ended;
	}

	/** Dead, by our hand or its own. */
	get gone(): boolean {
		return this.#gone;
	}

	/** Ends the worker at once, whatever it is doing. */
	end(reason: string): void {
		if (this.#ended) return;
		this.#ended = true;
		clearTimeout(this.idleTimer);
		this.#watch.abort();
		this.worker.terminate();
		this.#die(reason);
	}
}

interface Waiting {
	readonly key: string;
	readonly give: (slot: Slot) => void;
}

/** At most `max` workers of one kind; calls beyond that wait in order. */
export class Pool {
	readonly #slots = new Set<Slot>();
	#waiting: Waiting[] = [];

	constructor(
		private readonly spawn: (key: string) => Slot,
		private readonly max: number,
		private readonly idleMs: number,
	) {}

	get size(): number {
		return this.#slots.size;
	}

	slots(): readonly Slot[] {
		return [...this.#slots];
	}

	/** A worker of that key for one call. An idle worker of another key makes room. Rejects with the signal's reason. */
	acquire(key: string, signal: AbortSignal | undefined): Promise<Slot> {
		return new Promise((resolve, reject) => {
			const waiting: Waiting = {
				key,
				give: (slot) => {
					signal?.removeEventListener('abort', onAbort);
					resolve(slot);
				},
			};
			const onAbort = (): void => {
				this.#waiting = this.#waiting.filter((entry) => entry !== waiting);
				reject(signal?.reason);
			};
			if (signal?.aborted) return reject(signal.reason);
			signal?.addEventListener('abort', onAbort, { once: true });
			this.#waiting.push(waiting);
			this.#serve();
		});
	}

	/** Gives a healthy worker back. */
	release(slot: Slot): void {
		if (slot.gone) {
			this.end(slot, 'died as it finished');
			return;
		}
		slot.busy = false;
		slot.idleTimer = setTimeout(() => this.end(slot, 'idle'), this.idleMs);
		this.#serve();
	}

	end(slot: Slot, reason: string): void {
		slot.end(reason);
		this.#slots.delete(slot);
		this.#serve();
	}

	#serve(): void {
		while (this.#waiting.length > 0) {
			const next = this.#waiting[0] as Waiting;
			const slot = this.#idle(next.key);
			if (!slot) return;
			this.#waiting.shift();
			clearTimeout(slot.idleTimer);
			slot.busy = true;
			next.give(slot);
		}
	}

	#idle(key: string): Slot | undefined {
		let other: Slot | undefined;
		for (const slot of this.#slots) {
			if (slot.busy) continue;
			if (slot.key === key) return slot;
			other = slot;
		}
		if (this.#slots.size >= this.max) {
			if (!other) return undefined;
			other.end('another target is needed');
			this.#slots.delete(other);
		}
		const slot = this.spawn(key);
		this.#slots.add(slot);
		// A worker that dies while idle must not be handed out.
		void slot.died.then(() => {
			if (!slot.busy) this.end(slot, 'died while idle');
		});
		return slot;
	}
}
