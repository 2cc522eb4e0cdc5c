import type { Session, TensorData } from '../../src/engine/port.ts';
import { createWebEngine } from '../../src/engine/web/index.ts';

type Ask = { readonly model: ArrayBuffer; readonly batch: number } | { readonly runs: number };

const size = 3 * 224 * 224;
let session: Session | undefined;
let feeds: Record<string, TensorData>[] = [];

/** Bare inference: tensors made ready before, the same session calls as the product's, nothing else. Answers ms a picture. */
async function answer(ask: Ask): Promise<number> {
	if ('model' in ask) {
		const engine = await createWebEngine({ backend: 'wasm', threads: 1 });
		session = await engine.load({ model: new Uint8Array(ask.model) });
		feeds = Array.from({ length: 4 }, (_, k) => {
			const data = new Float32Array(ask.batch * size);
			for (let i = 0; i < data.length; i++) data[i] = (((i + k) * 40503) % 256) / 128 - 1;
			return { image: { dtype: 'float32', dims: [ask.batch, 3, 224, 224], data } };
		});
		await session.run(feeds[0] as Record<string, TensorData>);
		return 0;
	}
	const batch = feeds[0]?.image?.dims[0] ?? 1;
	const began = performance.now();
	for (let i = 0; i < ask.runs; i++) await session?.run(feeds[i % 4] as Record<string, TensorData>);
	return (performance.now() - began) / (ask.runs * batch);
}

self.addEventListener('message', async ({ data }: MessageEvent<Ask>) => self.postMessage(await answer(data)));
