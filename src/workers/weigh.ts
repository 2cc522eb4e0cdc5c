/** Size of a blob after compression by the browser, without keeping the result; undefined where the browser lacks the format. */
export async function compressedSize(
	blob: Blob,
	format: 'gzip' | 'brotli',
	onProgress?: (fraction: number) => void,
): Promise<number | undefined> {
	let stream: CompressionStream;
	try {
		// TypeScript's list of formats is older than brotli in browsers; the constructor throws where it is absent.
		stream = new CompressionStream(format as CompressionFormat);
	} catch {
		return undefined;
	}
	let read = 0;
	const counted = blob.stream().pipeThrough(
		new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
			transform(chunk, controller) {
				read += chunk.byteLength;
				onProgress?.(read / blob.size);
				controller.enqueue(chunk);
			},
		}),
	);
	const reader = counted.pipeThrough(stream).getReader();
	let byteLength = 0;
	for (;;) {
		const { done, value } = await reader.read();
		if (done) return byteLength;
		byteLength += value.byteLength;
	}
}
