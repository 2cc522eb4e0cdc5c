import { extremes, type Range } from './min-max.ts';

/** Counts of values in bins of equal width: bin i holds [low + i * width, low + (i + 1) * width). */
export interface Histogram {
	readonly low: number;
	readonly width: number;
	readonly counts: Float64Array;
	/** Finite values seen. */
	readonly total: number;
	readonly min: number;
	readonly max: number;
}

/**
 * A histogram of a stream whose range is not known beforehand. Bin edges are whole multiples of the width, so 0 is an edge;
 * where a value falls outside, neighbouring bins are merged in pairs (the width doubles) until it fits. One pass, memory of
 * `bins` counts, nothing lost but resolution: at least bins/4 of the bins lie within the final range.
 */
export class HistogramReducer {
	readonly #bins: number;
	#counts: Float64Array;
	#width = 0;
	/** Index of the first bin in units of the width. */
	#first = 0;
	#min = Number.POSITIVE_INFINITY;
	#max = Number.NEGATIVE_INFINITY;
	#total = 0;
	#notFinite = 0;
	#zeros = 0;

	/** `bins`: an even number. default 4096 */
	constructor(bins = 4096) {
		this.#bins = bins;
		this.#counts = new Float64Array(bins);
	}

	add(data: Float32Array): void {
		const { min, max, notFinite } = extremes(data);
		this.#notFinite += notFinite;
		if (!(min <= max)) return;
		if (min < this.#min) this.#min = min;
		if (max > this.#max) this.#max = max;
		if (min === 0 && max === 0 && this.#width === 0) {
			this.#zeros += data.length - notFinite;
			this.#total += data.length - notFinite;
			return;
		}
		this.#fit(Math.min(this.#min, 0), Math.max(this.#max, 0));
		const counts = this.#counts;
		const inverse = 1 / this.#width;
		const first = this.#first;
		if (notFinite === 0) {
			for (let i = 0; i < data.length; i++) {
				const bin = Math.floor((data[i] as number) * inverse) - first;
				counts[bin] = (counts[bin] as number) + 1;
			}
		} else {
			for (let i = 0; i < data.length; i++) {
				const x = data[i] as number;
				if (!Number.isFinite(x)) continue;
				const bin = Math.floor(x * inverse) - first;
				counts[bin] = (counts[bin] as number) + 1;
			}
		}
		this.#total += data.length - notFinite;
	}

	get notFinite(): number {
		return this.#notFinite;
	}

	get range(): Range | undefined {
		return this.#min <= this.#max ? { min: this.#min, max: this.#max } : undefined;
	}

	/** undefined where nothing finite was seen. The counts are a copy, cut to the bins in use. */
	get histogram(): Histogram | undefined {
		if (this.#total === 0) return undefined;
		if (this.#width === 0) {
			return { low: 0, width: 1, counts: Float64Array.of(this.#zeros), total: this.#total, min: 0, max: 0 };
		}
		let from = 0;
		let to = this.#bins;
		while (from < to && this.#counts[from] === 0) from += 1;
		while (to > from && this.#counts[to - 1] === 0) to -= 1;
		return {
			low: (this.#first + from) * this.#width,
			width: this.#width,
			counts: this.#counts.slice(from, to),
			total: this.#total,
			min: this.#min,
			max: this.#max,
		};
	}

	/** Makes the bins cover [low, high], which contains 0. */
	#fit(low: number, high: number): void {
		if (this.#width === 0) {
			// A power of two, so that widths stay exact; room on the larger side.
			const least = ((high - low) * 1.25) / this.#bins;
			let width = 1;
			while (width < least) width *= 2;
			while (width / 2 >= least && width > 2 ** -1020) width /= 2;
			this.#width = width;
			this.#first = this.#start(low, high);
			// Zeros seen before the first other value.
			this.#counts[-this.#first] = this.#zeros;
		}
		while (Math.floor(high / this.#width) - Math.floor(low / this.#width) >= this.#bins) this.#double();
		const lowest = Math.floor(low / this.#width);
		const highest = Math.floor(high / this.#width);
		if (lowest < this.#first || highest >= this.#first + this.#bins) this.#shift(this.#start(low, high));
	}

	/** First bin so that the range lies in the middle. */
	#start(low: number, high: number): number {
		const lowest = Math.floor(low / this.#width);
		const highest = Math.floor(high / this.#width);
		const spare = this.#bins - (highest - lowest + 1);
		// All on the side that has values: ranges of one sign stay so.
		const below = low === 0 ? 0 : high === 0 ? spare : spare >> 1;
		return lowest - below;
	}

	#double(): void {
		const merged = new Float64Array(this.#bins);
		const first = Math.floor(this.#first / 2);
		for (let bin = 0; bin < this.#bins; bin++) {
			const to = Math.floor((this.#first + bin) / 2) - first;
			merged[to] = (merged[to] as number) + (this.#counts[bin] as number);
		}
		this.#counts = merged;
		this.#first = first;
		this.#width *= 2;
	}

	#shift(first: number): void {
		const moved = new Float64Array(this.#bins);
		const by = this.#first - first;
		for (let bin = 0; bin < this.#bins; bin++) {
			const count = this.#counts[bin] as number;
			if (count > 0) moved[bin + by] = count;
		}
		this.#counts = moved;
		this.#first = first;
	}
}
