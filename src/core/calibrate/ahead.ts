import type { CalibrationSet } from '../pass/calibration.ts';
import type { Example } from '../study/examples.ts';

/** Examples asked for before they are taken. */
const DEPTH = 4;

/**
 * The examples of a calibration set in order, a few asked for in advance: where they are read or decoded in another thread, that goes on while
 * the model runs here. Throws what reading throws, when that example is taken, and the signal's reason.
 */
export class ExamplesAhead {
	readonly #calibration: CalibrationSet;
	readonly #indices: readonly number[];
	readonly #signal: AbortSignal | undefined;
	readonly #asked = new Map<number, Promise<Example>>();

	constructor(calibration: CalibrationSet, indices: readonly number[], signal?: AbortSignal) {
		this.#calibration = calibration;
		this.#indices = indices;
		this.#signal = signal;
	}

	/** The example at a position of the indices; positions are taken in order. */
	async take(position: number): Promise<Example> {
		this.#signal?.throwIfAborted();
		for (let i = position; i <= Math.min(position + DEPTH, this.#indices.length - 1); i++) {
			if (this.#asked.has(i)) continue;
			const reading = (async () => this.#calibration.example(this.#indices[i] as number, this.#signal))();
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
