import * as ort from 'onnxruntime-web/wasm';

ort.env.wasm.numThreads = 1;

export type TestFeeds = Readonly<Record<string, ort.Tensor>>;

export const floats = (values: ArrayLike<number>, dims: readonly number[]): ort.Tensor =>
	new ort.Tensor('float32', Float32Array.from(values), dims);
export const longs = (values: readonly number[], dims: readonly number[]): ort.Tensor =>
	new ort.Tensor('int64', BigInt64Array.from(values, BigInt), dims);

/** Runs a model in the page's own runtime, without its graph optimizations where asked. Gives name -> data. */
export async function runInRuntime(
	bytes: Uint8Array,
	feeds: TestFeeds,
	graphOptimizationLevel: 'all' | 'disabled' = 'all',
): Promise<Record<string, ort.Tensor>> {
	const session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel, logSeverityLevel: 3 });
	try {
		return await session.run(feeds);
	} finally {
		await session.release();
	}
}

/** Rejects with the runtime's own words where it does not take the model. */
export async function loadsInRuntime(bytes: Uint8Array): Promise<void> {
	const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4 });
	await session.release();
}
