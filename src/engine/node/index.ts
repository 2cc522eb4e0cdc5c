import fs from 'node:fs';
import { engineError } from '../failures.ts';
import type { Engine } from '../port.ts';
import { RuntimeEngine } from '../runtime-engine.ts';
import type { RuntimeLog } from '../runtime-log.ts';
import { warmUp } from '../warm-up.ts';

let engine: Promise<Engine> | undefined;

/**
 * The WASM build of onnxruntime-web in Node, one thread: the same kernels as the page's `wasm×1`. One instance per process.
 * Throws EngineError `unavailable` where the runtime cannot start.
 */
export function createNodeEngine(): Promise<Engine> {
	engine ??= start().catch((error: unknown) => {
		engine = undefined;
		throw engineError(error, 'start');
	});
	return engine;
}

async function start(): Promise<Engine> {
	const runtime = await import('onnxruntime-web/wasm');
	runtime.env.wasm.numThreads = 1;
	runtime.env.logLevel = 'error';
	const providers = ['wasm'];
	await warmUp({ runtime, providers });
	return new RuntimeEngine({
		runtime,
		target: { backend: 'wasm', threads: 1 },
		threadsUsed: 1,
		log: nodeLog,
		providers,
	});
}

/** In Node the runtime prints with fs.writeSync to descriptors 1 and 2, looked up at each call. */
const nodeLog: RuntimeLog = {
	async capture(work) {
		const original = fs.writeSync;
		const lines: string[] = [];
		const tapped = (fd: number, data: unknown, ...rest: unknown[]): number => {
			if ((fd === 1 || fd === 2) && typeof data === 'string') {
				lines.push(data);
				return data.length;
			}
			return (original as (...args: unknown[]) => number)(fd, data, ...rest);
		};
		fs.writeSync = tapped as typeof fs.writeSync;
		try {
			return { result: await work(), lines };
		} finally {
			fs.writeSync = original;
		}
	},
};
