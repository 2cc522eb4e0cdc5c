import { createSHA256 } from 'hash-wasm';
import type { TensorData } from '../core/ir/tensor-data.ts';
import type { Example, ExampleFacts } from '../core/study/examples.ts';

type Hasher = Awaited<ReturnType<typeof createSHA256>>;

let shared: Promise<Hasher> | undefined;

/** SHA-256 in hex of pieces one after the other. */
export async function hashPieces(pieces: readonly (string | Uint8Array)[]): Promise<string> {
	shared ??= createSHA256();
	// One hasher for all: nothing is awaited between init and digest.
	const hasher = await shared;
	hasher.init();
	for (const piece of pieces) hasher.update(piece);
	return hasher.digest('hex');
}

/** Names what a model is fed: equal for examples whose inputs have the same types, shapes and elements. */
export function feedsHash(feeds: Example['feeds']): Promise<string> {
	return hashPieces(
		Object.entries(feeds).flatMap(([name, { dtype, dims, data }]) => [`${name} ${dtype} [${dims.join(',')}]\n`, bytesOf(data)]),
	);
}

function bytesOf(data: TensorData['data']): string | Uint8Array {
	if (!ArrayBuffer.isView(data)) return JSON.stringify(data);
	return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** What Dataset.exampleFacts does for any source of examples: each is read once, on the first call. */
export function exampleFactsOf(
	n: number,
	example: (index: number, signal?: AbortSignal) => Promise<Example>,
): (signal?: AbortSignal, onProgress?: (fraction: number) => void) => Promise<readonly ExampleFacts[]> {
	let known: Promise<readonly ExampleFacts[]> | undefined;
	return (signal, onProgress) => {
		if (known) return known;
		const reading = (async () => {
			const facts: ExampleFacts[] = [];
			for (let index = 0; index < n; index++) {
				signal?.throwIfAborted();
				const { name, feeds, label } = await example(index, signal);
				facts.push({ name, contentHash: await feedsHash(feeds), ...(label !== undefined && { label }) });
				onProgress?.((index + 1) / n);
			}
			return facts;
		})();
		known = reading;
		// What was interrupted is read again by the next call.
		reading.catch(() => {
			if (known === reading) known = undefined;
		});
		return reading;
	};
}
