import * as Comlink from 'comlink';
import type { Outcome, Served } from '../../src/workers/serve.ts';

interface Api {
	bare(model: Blob, runs: number, batch: number): Promise<number>;
	product(
		model: Blob,
		set: Blob,
		limit: number,
	): Promise<{ openMs: number; evaluateMs: number; againMs: number; n: number; skipped: number; top1: unknown }>;
}

async function bare(model: Blob, runs: number, batch: number): Promise<number> {
	const worker = new Worker(new URL('./bare.worker.ts', import.meta.url), { type: 'module' });
	const done = new Promise<number>((resolve, reject) => {
		worker.addEventListener('message', ({ data }: MessageEvent<number>) => resolve(data));
		worker.addEventListener('error', (event) => reject(new Error(event.message)));
	});
	worker.postMessage({ model: await model.arrayBuffer(), runs, batch });
	try {
		return await done;
	} finally {
		worker.terminate();
	}
}

/** The product's own worker, asked as the page asks it. */
async function product(model: Blob, set: Blob, limit: number) {
	const worker = new Worker(new URL('../../src/workers/engine.worker.ts', import.meta.url), { type: 'module', name: 'engine' });
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
	const target = { backend: 'wasm', threads: 1 };
	try {
		let began = performance.now();
		const facts = await call<{ n: number; skipped: readonly unknown[] }>('describeInputs', subject);
		const openMs = performance.now() - began;
		began = performance.now();
		const { evaluation } = await call<{ evaluation: { metrics: readonly unknown[] } }>('evaluate', {
			...subject,
			target,
			dataset: facts,
			variant: { id: 'original', files },
		});
		const evaluateMs = performance.now() - began;
		// A variant: the same bytes under another name.
		began = performance.now();
		await call('evaluate', { ...subject, target, dataset: facts, variant: { id: 'f'.repeat(64), files } });
		const againMs = performance.now() - began;
		return { openMs, evaluateMs, againMs, n: facts.n, skipped: facts.skipped.length, top1: evaluation.metrics[0] };
	} finally {
		worker.terminate();
	}
}

Object.assign(window, { api: { bare, product } satisfies Api });
