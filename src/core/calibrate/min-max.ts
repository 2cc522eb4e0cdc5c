/** Smallest and largest finite value. */
export interface Range {
	readonly min: number;
	readonly max: number;
}

/** Range of everything seen; NaN and infinities are counted, not taken in. `undefined` range: nothing finite was seen. */
export class MinMaxReducer {
	#min = Number.POSITIVE_INFINITY;
	#max = Number.NEGATIVE_INFINITY;
	#notFinite = 0;

	add(data: Float32Array): void {
		const { min, max, notFinite } = extremes(data);
		if (min < this.#min) this.#min = min;
		if (max > this.#max) this.#max = max;
		this.#notFinite += notFinite;
	}

	get notFinite(): number {
		return this.#notFinite;
	}

	get range(): Range | undefined {
		return this.#min <= this.#max ? { min: this.#min, max: this.#max } : undefined;
	}
}

/**
 * Exponential moving average of each run's smallest and largest value: m += constant * (new - m), the first run as it is
 * (Jacob et al. 2018, section 3.1; ONNX Runtime's CalibMovingAverageConstant).
 */
export class MovingMinMaxReducer {
	readonly #constant: number;
	#range: Range | undefined;

	/** `constant` 0..1: weight of the newest run. */
	constructor(constant: number) {
		this.#constant = constant;
	}

	add(data: Float32Array): void {
		const { min, max } = extremes(data);
		if (!(min <= max)) return;
		const old = this.#range;
		this.#range = old ? { min: old.min + this.#constant * (min - old.min), max: old.max + this.#constant * (max - old.max) } : { min, max };
	}

	get range(): Range | undefined {
		return this.#range;
	}
}

/** min > max where nothing is finite. */
export function extremes(data: Float32Array): { readonly min: number; readonly max: number; readonly notFinite: number } {
	let min = Number.POSITIVE_INFINITY;
	let max = Number.NEGATIVE_INFINITY;
	let finite = 0;
	for (let i = 0; i < data.length; i++) {
		const x = data[i] as number;
		// Stays 0 for finite values, becomes NaN otherwise.
		finite += x - x;
		if (x < min) min = x;
		if (x > max) max = x;
	}
	if (finite === 0) return { min, max, notFinite: 0 };
	min = Number.POSITIVE_INFINITY;
	max = Number.NEGATIVE_INFINITY;
	let notFinite = 0;
	for (let i = 0; i < data.length; i++) {
		const x = data[i] as number;
		if (!Number.isFinite(x)) notFinite += 1;
		else {
			if (x < min) min = x;
			if (x > max) max = x;
		}
	}
	return { min, max, notFinite };
}
