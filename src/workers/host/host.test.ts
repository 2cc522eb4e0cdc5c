import { afterEach, describe, expect, it, vi } from 'vitest';
import { CallFailed } from '../failure.ts';
import { type Call, serve } from '../serve.ts';
import { createHost, type Host } from './host.ts';
import type { WorkerLike } from './pool.ts';

type Handlers = Parameters<typeof serve>[0];

/** Workers over message channels: what they serve is given, how often they were made is counted. */
function portHost(handlers: Handlers, options: { max?: number; silenceMs?: number; unloadable?: boolean } = {}) {
	const made: { kind: string; ended: boolean; fail(message: string): void }[] = [];
	const spawn = (kind: string): WorkerLike => {
		if (options.unloadable) {
			const target = new EventTarget();
			setTimeout(() => target.dispatchEvent(new Event('error')), 0);
			return {
				postMessage: () => {},
				addEventListener: target.addEventListener.bind(target) as never,
				removeEventListener: target.removeEventListener.bind(target) as never,
				terminate: () => {},
			};
		}
		const { port1, port2 } = new MessageChannel();
		serve(handlers, port2 as never);
		const target = new EventTarget();
		port1.addEventListener('message', (event) => target.dispatchEvent(new MessageEvent('message', { data: (event as MessageEvent).data })));
		port1.start();
		port2.start();
		const record = {
			kind,
			ended: false,
			fail: (message: string) => target.dispatchEvent(Object.assign(new Event('error'), { message })),
		};
		made.push(record);
		return {
			postMessage: (message: unknown, transfer?: Transferable[]) => port1.postMessage(message, (transfer ?? []) as never),
			addEventListener: target.addEventListener.bind(target) as never,
			removeEventListener: target.removeEventListener.bind(target) as never,
			terminate: () => {
				record.ended = true;
				port1.close();
				port2.close();
			},
		};
	};
	const kind = { max: options.max ?? 1, idleMs: 60_000, ...(options.silenceMs !== undefined && { silenceMs: options.silenceMs }) };
	const host = createHost({ spawn, kinds: { compress: kind, learn: kind, engine: kind, disk: kind, graph: kind } });
	const call = (method: string, args: unknown, more: object = {}) =>
		(host.call as (kind: string, method: string, args: unknown, options: object) => Promise<unknown>)('disk', method, args, more);
	return { host: host as Host, made, call };
}

const hosts: Host[] = [];
function start(...args: Parameters<typeof portHost>) {
	const built = portHost(...args);
	hosts.push(built.host);
	return built;
}
afterEach(() => {
	for (const host of hosts.splice(0)) host.end('disk');
	vi.useRealTimers();
});

const never = () => new Promise<never>(() => {});
const failureOf = async (work: Promise<unknown>) => {
	const error = await work.then(
		() => undefined,
		(thrown: unknown) => thrown,
	);
	expect(error).toBeInstanceOf(CallFailed);
	return (error as CallFailed).failure;
};

describe('call', () => {
	it('gives results, keeps the worker, passes progress on', async () => {
		const seen: unknown[] = [];
		const { call, made } = start({
			double: async (n: number, { progress }) => {
				progress(0.5, 'half');
				return n * 2;
			},
		});
		expect(await call('double', 21, { onProgress: (entry: unknown) => seen.push(entry) })).toBe(42);
		expect(await call('double', 4)).toBe(8);
		expect(made).toHaveLength(1);
		expect(seen).toContainEqual({ fraction: 0.5, stage: 'half' });
	});

	it('carries typed failures as data and keeps the worker', async () => {
		const { call, made } = start({
			fail: async () => {
				throw Object.assign(new Error('not a model'), { code: 'wrong-file', where: 'a.onnx', advice: 'drop another' });
			},
			ok: async () => 1,
		});
		expect(await failureOf(call('fail', null))).toMatchObject({
			code: 'wrong-file',
			message: 'not a model',
			where: 'a.onnx',
			advice: 'drop another',
		});
		expect(await call('ok', null)).toBe(1);
		expect(made).toHaveLength(1);
	});

	it('replaces a worker whose memory ran out', async () => {
		const { call, made } = start({
			fail: async () => {
				throw Object.assign(new Error('heap'), { code: 'memory' });
			},
			ok: async () => 1,
		});
		expect((await failureOf(call('fail', null))).code).toBe('memory');
		expect(await call('ok', null)).toBe(1);
		expect(made.map(({ ended }) => ended)).toEqual([true, false]);
	});

	it('ends the worker at once on cancel, and the next call has a fresh one', async () => {
		const { call, made } = start({ hang: never, ok: async () => 1 });
		const abort = new AbortController();
		const hanging = call('hang', null, { signal: abort.signal });
		await new Promise((resolve) => setTimeout(resolve, 5));
		abort.abort(new DOMException('stop', 'AbortError'));
		await expect(hanging).rejects.toMatchObject({ name: 'AbortError' });
		expect(made[0]?.ended).toBe(true);
		expect(await call('ok', null)).toBe(1);
	});

	it('stops at the deadline', async () => {
		const { call, made } = start({ hang: never });
		expect((await failureOf(call('hang', null, { deadlineMs: 10 }))).code).toBe('deadline');
		expect(made[0]?.ended).toBe(true);
	});

	it('waits in order when all workers are busy, and a waiting call can be cancelled', async () => {
		let release = (): void => {};
		const gate = new Promise<void>((resolve) => {
			release = resolve;
		});
		const { call, made } = start({ wait: () => gate.then(() => 'first'), ok: async () => 'second' });
		const abort = new AbortController();
		const first = call('wait', null);
		const cancelled = call('ok', null, { signal: abort.signal });
		const second = call('ok', null);
		abort.abort(new Error('no longer wanted'));
		await expect(cancelled).rejects.toThrow('no longer wanted');
		release();
		expect(await Promise.all([first, second])).toEqual(['first', 'second']);
		expect(made).toHaveLength(1);
	});

	it('gives a call with another key another worker', async () => {
		const { call, made } = start({ ok: async () => 1 });
		await call('ok', null, { key: 'wasm:1' });
		await call('ok', null, { key: 'wasm:1' });
		await call('ok', null, { key: 'webgpu:1' });
		expect(made.map(({ ended }) => ended)).toEqual([true, false]);
	});
});

describe('deaths', () => {
	it('are retried for a named input, and three of them quarantine it', async () => {
		const hang = (_args: never, { progress }: Call) => {
			progress(undefined, 'under way');
			return never();
		};
		const { call, made } = start({ hang, ok: async () => 1 });
		const work = call('hang', null, { input: 'bomb', onProgress: () => {} });
		for (let death = 0; death < 3; death += 1) {
			while (made.length <= death) await new Promise((resolve) => setTimeout(resolve, 1));
			await new Promise((resolve) => setTimeout(resolve, 2));
			made[death]?.fail('crashed');
		}
		const failure = await failureOf(work);
		expect(failure.code).toBe('quarantined');
		expect(failure.detail).toContain('3. the worker stopped: crashed');
		expect((await failureOf(call('hang', null, { input: 'bomb' }))).code).toBe('quarantined');
		expect(await call('ok', null, { input: 'other' })).toBe(1);
	});

	it('without a named input fail at once', async () => {
		const { call, made } = start({ hang: never, ok: async () => 1 });
		await call('ok', null);
		const work = call('hang', null);
		await new Promise((resolve) => setTimeout(resolve, 2));
		made[0]?.fail('crashed');
		expect((await failureOf(work)).code).toBe('worker-died');
	});

	it('of a worker whose program cannot be loaded say so, and are no fault of the input', async () => {
		const { call } = start({}, { unloadable: true });
		expect((await failureOf(call('ok', null, { input: 'x' }))).code).toBe('worker-start');
		expect((await failureOf(call('ok', null, { input: 'x' }))).code).toBe('worker-start');
	});

	it('by a drill are retried without counting', async () => {
		let tries = 0;
		const { call, host } = start({ once: () => (++tries <= 5 ? never() : Promise.resolve('done')) });
		const work = call('once', null, { input: 'x' });
		for (let kill = 0; kill < 5; kill += 1) {
			while (tries <= kill) await new Promise((resolve) => setTimeout(resolve, 1));
			host.killForTest('disk');
		}
		expect(await work).toBe('done');
	});

	it('by silence are noticed', async () => {
		const { call, made } = start({ hang: never }, { silenceMs: 20 });
		// The beat of the test worker comes each second: silence of 20 ms counts as death.
		expect((await failureOf(call('hang', null))).code).toBe('worker-died');
		expect(made[0]?.ended).toBe(true);
	});
});
