import { float16Bits, float16Value } from './float16.ts';
import type { RoundingGrid, SharedScales } from './learned-rounding.ts';

const ITERATIONS = 30;
/** Values that a palette is fitted to at most; more are taken at even steps. */
const MOST_VALUES = 32_768;

/**
 * `entries` numbers, ascending, that stand best for weighted values: weighted k-means in one dimension (Lloyd, 1982), begun at
 * even quantiles of the weight, so that nothing is random. Numbers are binary16. Fewer distinct values give repeated entries.
 */
export function fitPalette(values: Float32Array, importance: Float64Array, entries: number): Float32Array {
	const step = Math.max(1, Math.ceil(values.length / MOST_VALUES));
	const picked = Int32Array.from({ length: Math.floor((values.length - 1) / step) + 1 }, (_, i) => i * step);
	picked.sort((a, b) => values[a]! - values[b]!);
	const n = picked.length;
	// Sums up to each place: a cluster's mean is a difference of two.
	const mass = new Float64Array(n + 1);
	const moment = new Float64Array(n + 1);
	for (let i = 0; i < n; i++) {
		const at = picked[i]!;
		const weight = Math.max(importance[at]!, 1e-30);
		mass[i + 1] = mass[i]! + weight;
		moment[i + 1] = moment[i]! + weight * values[at]!;
	}
	const centres = new Float64Array(entries);
	for (let k = 0, i = 0; k < entries; k++) {
		const goal = (mass[n]! * (k + 0.5)) / entries;
		while (i < n - 1 && mass[i + 1]! < goal) i += 1;
		centres[k] = values[picked[i]!]!;
	}
	// The ends belong to the range: outliers matter.
	centres[0] = Math.min(centres[0]!, values[picked[0]!]! * 0.85 + centres[0]! * 0.15);
	centres[entries - 1] = Math.max(centres[entries - 1]!, values[picked[n - 1]!]! * 0.85 + centres[entries - 1]! * 0.15);
	for (let iteration = 0; iteration < ITERATIONS; iteration++) {
		let moved = 0;
		let from = 0;
		for (let k = 0; k < entries; k++) {
			let to = n;
			if (k < entries - 1) {
				const border = (centres[k]! + centres[k + 1]!) / 2;
				to = from;
				let high = n;
				while (to < high) {
					const middle = (to + high) >> 1;
					if (values[picked[middle]!]! < border) to = middle + 1;
					else high = middle;
				}
			}
			if (to > from) {
				const mean = (moment[to]! - moment[from]!) / (mass[to]! - mass[from]!);
				moved = Math.max(moved, Math.abs(mean - centres[k]!));
				centres[k] = mean;
			}
			from = to;
		}
		if (moved === 0) break;
	}
	return Float32Array.from(centres.sort(), (value) => float16Value(float16Bits(value)));
}

/** Entry of a palette times the scale of the row; rows share palettes in groups. */
export class PaletteGrid implements RoundingGrid {
	readonly #entries: number;
	readonly #palettes: Float32Array;
	readonly #scales: Float32Array;
	readonly #rowsPerPalette: number;
	readonly #firstRow: number;
	readonly scales: SharedScales;

	/** `scales` has one number for each row of the whole weight and is fitted in place; rows here begin at `firstRow`. */
	constructor(palettes: Float32Array, entries: number, scales: Float32Array, rowsPerPalette: number, firstRow: number, columns: number) {
		this.#entries = entries;
		this.#palettes = palettes;
		this.#scales = scales;
		this.#rowsPerPalette = rowsPerPalette;
		this.#firstRow = firstRow;
		this.scales = {
			block: columns,
			slope: (row, _column, code) => this.#palettes[this.#base(row) + code]!,
			change: (row, _column, step) => {
				const at = this.#firstRow + row;
				const after = float16Value(float16Bits(this.#scales[at]! + step));
				const ratio = after / this.#scales[at]!;
				if (ratio > 2 / 3 && ratio < 1.5) this.#scales[at] = after;
			},
		};
	}

	nearest(row: number, _column: number, x: number): number {
		const base = this.#base(row);
		const y = x / this.#scales[this.#firstRow + row]!;
		let low = 0;
		let high = this.#entries - 1;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.#palettes[base + middle]! + this.#palettes[base + middle + 1]! < 2 * y) low = middle + 1;
			else high = middle;
		}
		return low;
	}

	value(row: number, _column: number, code: number): number {
		return this.#scales[this.#firstRow + row]! * this.#palettes[this.#base(row) + code]!;
	}

	#base(row: number): number {
		return Math.floor((this.#firstRow + row) / this.#rowsPerPalette) * this.#entries;
	}
}
