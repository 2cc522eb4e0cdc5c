import * as Comlink from 'comlink';
import type { Outcome, Served } from '../../src/workers/serve.ts';

let bareWorker: Worker | undefined;

function askBare(message: unknown): Promise<number> {
	const asked = bareWorker;
	return new Promise((resolve, reject) => {
		asked?.addEventListener('message', ({ data }: MessageEvent<number>) => resolve(data), { once: true });
		asked?.addEventListener('error', (event) => reject(new Error(event.message)), { once: true });
		asked?.postMessage(message);
	});
}

/** Loads the model and makes tensors ready, apart from what is timed. */
async function prepareBare(model: Blob, batch: number): Promise<void> {
	bareWorker?.terminate();
	bareWorker = new Worker(new URL('./bare.worker.ts', import.meta.url), { type: 'module' });
	await askBare({ model: await model.arrayBuffer(), batch });
}

async function bare(runs: number): Promise<number> {
	try {
		return await askBare({ runs });
	} finally {
		bareWorker?.terminate();
	}
}

interface Opened {
	readonly openMs: number;
	readonly n: number;
	readonly skipped: number;
}

let worker: Worker | undefined;
let evaluateOne: ((id: string) => Promise<{ ms: number; top1: unknown }>) | undefined;

/** The product's own worker, asked as the page asks it. */
async function open(model: Blob, set: Blob, limit: number): Promise<Opened> {
	worker?.terminate();
	worker = new Worker(new URL('../../src/workers/engine.worker.ts', import.meta.url), { type: 'module', name: 'engine' });
	const served = Comlink.wrap<Served>(worker);
	const call = async <T>(method: string, args: unknown): Promise<T> => {
		const outcome = (await served.run(
			method,
			args,
			Comlink.proxy(() => {}),
		)) as Outcome;
		if (!outcome.ok) throw new Error(JSON.stringify(outcome.failure));
		return outcome.value as T;
	};
	const files = { name: 'model.onnx', model, external: [] };
	const subject = {
		modelHash: 'bench',
		original: files,
		inputs: { kind: 'files', files: [{ name: 'set.zip', blob: set }], sample: false },
		maxExamples: limit,
		memoryBudgetBytes: 4e9,
	};
	const began = performance.now();
	const facts = await call<{ n: number; skipped: readonly unknown[] }>('describeInputs', subject);
	const openMs = performance.now() - began;
	evaluateOne = async (id) => {
		const start = performance.now();
		const target = { backend: 'wasm', threads: 1 };
		const { evaluation } = await call<{ evaluation: { metrics: readonly unknown[] } }>('evaluate', {
			...subject,
			target,
			dataset: facts,
			variant: { id, files },
		});
		return { ms: performance.now() - start, top1: evaluation.metrics[0] };
	};
	return { openMs, n: facts.n, skipped: facts.skipped.length };
}

/** `original`, or any hash: the same bytes under another name stand for a variant. */
async function evaluate(id: string): Promise<{ ms: number; top1: unknown }> {
	if (!evaluateOne) throw new Error('nothing is open');
	return evaluateOne(id);
}

export const api = { prepareBare, bare, open, evaluate };
Object.assign(window, { api });
