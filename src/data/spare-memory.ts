const MOST_BUFFERS = 24;
const MOST_BYTES = 32_000_000;

/**
 * Memory of examples that were read, for the next ones: pictures of one set are all of one size. What travels between workers cannot be given
 * back (the browser holds it until a collector comes by), only used again.
 */
class SpareMemory {
	readonly #buffers: ArrayBuffer[] = [];
	#bytes = 0;

	/** Numbers of any value, in memory that was used before where there is some. */
	floats(length: number): Float32Array<ArrayBuffer> {
		const at = this.#buffers.findIndex(({ byteLength }) => byteLength === 4 * length);
		if (at < 0) return new Float32Array(length);
		const [buffer] = this.#buffers.splice(at, 1) as [ArrayBuffer];
		this.#bytes -= buffer.byteLength;
		return new Float32Array(buffer);
	}

	/** Takes memory that nobody reads any more. */
	keep(data: unknown): void {
		const buffer = ArrayBuffer.isView(data) && data.byteLength === data.buffer.byteLength ? data.buffer : data;
		if (!(buffer instanceof ArrayBuffer) || buffer.byteLength === 0 || this.#buffers.includes(buffer)) return;
		if (this.#buffers.length >= MOST_BUFFERS || this.#bytes + buffer.byteLength > MOST_BYTES) return;
		this.#buffers.push(buffer);
		this.#bytes += buffer.byteLength;
	}
}

/** Of this thread. */
export const spareMemory = new SpareMemory();
