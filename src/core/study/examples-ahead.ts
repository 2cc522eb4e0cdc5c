import type { Example } from './examples.ts';

interface ExampleSource {
	example(index: number, signal?: AbortSignal): Promise<Example>;
}

/**
 * Examples in order, a few asked for in advance: where they are read or decoded in another thread, that goes on while the model runs here.
 * Throws what reading throws, when that example is taken, and the signal's reason.
 */
export class ExamplesAhead {
	/** Examples asked for beyond the one that is taken. */
	depth = 4;
	readonly #source: ExampleSource;
	readonly #indices: readonly number[];
	readonly #signal: AbortSignal | undefined;
	readonly #asked = new Map<number, Promise<Example>>();

	constructor(source: ExampleSource, indices: readonly number[], signal?: AbortSignal) {
		this.#source = source;
		this.#indices = indices;
		this.#signal = signal;
	}

	/** The example at a position of the indices; positions are taken in order. */
	async take(position: number): Promise<Example> {
		this.#signal?.throwIfAborted();
		for (let i = position; i <= Math.min(position + this.depth, this.#indices.length - 1); i++) {
			if (this.#asked.has(i)) continue;
			const reading = (async () => this.#source.example(this.#indices[i] as number, this.#signal))();
			// Told when it is taken, not before.
			reading.catch(() => {});
			this.#asked.set(i, reading);
		}
		const example = this.#asked.get(position);
		if (!example) throw new RangeError(`there is no example ${position} of ${this.#indices.length}`);
		this.#asked.delete(position);
		return example;
	}
}
