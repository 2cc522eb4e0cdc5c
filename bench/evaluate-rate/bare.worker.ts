import { createWebEngine } from '../../src/engine/web/index.ts';

// Bare inference: one tensor made ready before, the same session calls as the product's, nothing else.
self.addEventListener('message', async ({ data }: MessageEvent<{ model: ArrayBuffer; runs: number; batch: number }>) => {
	const engine = await createWebEngine({ backend: 'wasm', threads: 1 });
	const session = await engine.load({ model: new Uint8Array(data.model) });
	const { batch, runs } = data;
	const size = 3 * 224 * 224;
	const feeds = Array.from({ length: 4 }, (_, k) => ({
		image: {
			dtype: 'float32' as const,
			dims: [batch, 3, 224, 224],
			data: Float32Array.from({ length: batch * size }, (_, i) => (((i + k) * 2654435761) % 256) / 128 - 1),
		},
	}));
	await session.run(feeds[0] as (typeof feeds)[number]);
	const began = performance.now();
	for (let i = 0; i < runs; i++) await session.run(feeds[i % 4] as (typeof feeds)[number]);
	self.postMessage((performance.now() - began) / (runs * batch));
	await session.release();
});
