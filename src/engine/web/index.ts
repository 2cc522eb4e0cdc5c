import asyncifyModule from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import asyncifyWasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import plainModule from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import plainWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import type { Target } from '../../core/study/study.ts';
import { engineError } from '../failures.ts';
import { halfCompute } from '../half-compute.ts';
import { type Engine, EngineError } from '../port.ts';
import type { Runtime } from '../runtime.ts';
import { RuntimeEngine, type RuntimeHost } from '../runtime-engine.ts';
import { warmUp } from '../warm-up.ts';
import { consoleLog, withTappedConsole } from './console-log.ts';
import { gpuFacts } from './gpu.ts';
import { createMlContext, type MlContext } from './ml.ts';

/**
 * The engine of a worker, over onnxruntime-web: WASM with 1 or N threads, WebGPU, WebNN. One target per worker: the runtime is one
 * instance per realm, and its heap only ever grows. Needs cross-origin isolation for threads; without it `threadsUsed` is 1.
 * Throws EngineError `unavailable` where the browser lacks what the target needs.
 */
export async function createWebEngine(target: Target): Promise<Engine> {
	try {
		switch (target.backend) {
			case 'wasm':
				return await wasmEngine(target);
			case 'webgpu':
				return await gpuEngine(target);
			case 'webnn':
				return await mlEngine(target);
		}
	} catch (error) {
		throw engineError(error, 'start');
	}
}

async function wasmEngine(target: Target): Promise<Engine> {
	const runtime = configure(await import('onnxruntime-web/wasm'), plainModule, plainWasm, target.threads);
	return start({ runtime, target, log: consoleLog, providers: ['wasm'] });
}

async function gpuEngine(target: Target): Promise<Engine> {
	const gpu = await gpuFacts();
	const runtime = configure(await import('onnxruntime-web/webgpu'), asyncifyModule, asyncifyWasm, 1);
	runtime.env.webgpu.powerPreference = 'high-performance';
	return start({
		runtime,
		target,
		device: gpu.name,
		log: consoleLog,
		providers: ['webgpu'],
		...(!gpu.half && {
			admit: async ({ model }) => {
				const place = await halfCompute(model);
				if (place === undefined) return;
				throw new EngineError(
					'unsupported',
					`The model computes in float16 (${place}), and this graphics adapter (${gpu.name}) has no 16-bit floats in shaders (shader-f16).`,
					'',
					'Measure it on WASM, or on a device with shader-f16.',
				);
			},
		}),
	});
}

async function mlEngine(target: Target): Promise<Engine> {
	const ml = await createMlContext();
	const runtime = configure(await import('onnxruntime-web/webgpu'), asyncifyModule, asyncifyWasm, 1);
	return start({
		runtime,
		target,
		device: ml.deviceType,
		log: consoleLog,
		providers: [webnnProvider(ml)],
		...(ml.lost && { lost: ml.lost }),
	});
}

function webnnProvider({ context, deviceType }: MlContext): RuntimeHost['providers'][number] {
	// The context's type comes from WebNN's own type package, which nothing else here needs.
	return { name: 'webnn', deviceType, context } as RuntimeHost['providers'][number];
}

function configure<R extends Runtime>(runtime: R, module: string, wasm: string, threads: number): R {
	const { env } = runtime;
	// In development these are paths of the server; threads start from a blob and need whole addresses.
	const address = (path: string): string => new URL(path, globalThis.location.href).href;
	env.wasm.wasmPaths = { mjs: address(module), wasm: address(wasm) };
	env.wasm.numThreads = globalThis.crossOriginIsolated ? threads : 1;
	env.wasm.proxy = false;
	env.logLevel = 'error';
	return runtime;
}

async function start(host: Omit<RuntimeHost, 'threadsUsed'>): Promise<Engine> {
	await withTappedConsole(() => warmUp(host, host.target.backend !== 'wasm'));
	const { env } = host.runtime;
	// The runtime made the device; its loss is watched because a run on a lost device may end in zeros.
	const device = host.target.backend === 'webgpu' ? ((await env.webgpu.device) as LosableDevice | undefined) : undefined;
	const lost = device?.lost?.then(({ reason, message }) => `${reason ?? 'unknown'}: ${message ?? ''}`);
	return new RuntimeEngine({ ...host, threadsUsed: env.wasm.numThreads ?? 1, ...(lost && { lost }) });
}

interface LosableDevice {
	readonly lost?: Promise<{ readonly reason?: string; readonly message?: string }>;
}
