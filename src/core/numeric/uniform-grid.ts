import { float16Bits, float16Value } from './float16.ts';
import type { RoundingGrid, SharedScales } from './learned-rounding.ts';
import { type CodeRange, roundHalfEven } from './quantize.ts';

/** Which scale belongs to element [row, column] of a weight matrix whose rows are output channels. */
export interface GridLayout {
	/** Neighbouring columns that share a scale. */
	readonly block: number;
	/** Index of a scale = row * rowStride + floor(column / block) * blockStride + offset. */
	readonly rowStride: number;
	readonly blockStride: number;
	readonly offset: number;
}

/** Largest factor by which refitting may change a scale: a step further means that the codes no longer fit it. */
const REFIT_LIMIT = 1.5;

/** Scale times (code - zero point): the grid of integer weights. Refitting changes `scales` in place. */
export class UniformGrid implements RoundingGrid {
	readonly #layout: GridLayout;
	readonly #scales: Float32Array;
	readonly #zeroPoints: Int16Array | number;
	readonly #min: number;
	readonly #max: number;
	readonly #halfScales: boolean;
	readonly scales?: SharedScales;

	constructor(
		layout: GridLayout,
		columns: number,
		scales: Float32Array,
		zeroPoints: Int16Array | number,
		range: CodeRange,
		/** Scales stay binary16 numbers. */
		halfScales: boolean,
	) {
		this.#layout = layout;
		this.#scales = scales;
		this.#zeroPoints = zeroPoints;
		this.#min = range.min;
		this.#max = range.max;
		this.#halfScales = halfScales;
		// A scale that rows share cannot be fitted to one of them.
		if (layout.rowStride > 0) {
			this.scales = {
				block: Math.min(layout.block, columns),
				slope: (row, column, code) => this.slope(row, column, code),
				change: (row, column, step) => this.change(row, column, step),
			};
		}
	}

	nearest(row: number, column: number, x: number): number {
		const group = this.#group(row, column);
		const code = roundHalfEven(x / this.#scales[group]!) + this.#zero(group);
		return code < this.#min ? this.#min : Math.min(code, this.#max);
	}

	value(row: number, column: number, code: number): number {
		const group = this.#group(row, column);
		return this.#scales[group]! * (this.#signed(code) - this.#zero(group));
	}

	change(row: number, column: number, step: number): void {
		const group = this.#group(row, column);
		const before = this.#scales[group]!;
		const after = this.#storable(before + step);
		const ratio = after / before;
		if (ratio > 1 / REFIT_LIMIT && ratio < REFIT_LIMIT) this.#scales[group] = after;
	}

	slope(row: number, column: number, code: number): number {
		return this.#signed(code) - this.#zero(this.#group(row, column));
	}

	#group(row: number, column: number): number {
		const { block, rowStride, blockStride, offset } = this.#layout;
		return row * rowStride + (blockStride === 0 ? 0 : Math.floor(column / block) * blockStride) + offset;
	}

	#zero(group: number): number {
		return typeof this.#zeroPoints === 'number' ? this.#zeroPoints : this.#zeroPoints[group]!;
	}

	/** Codes are bytes; those of signed types are two's complement. */
	#signed(code: number): number {
		return this.#min < 0 && code > 127 ? code - 256 : code;
	}

	#storable(scale: number): number {
		if (!this.#halfScales) return Math.fround(scale);
		const magnitude = Math.abs(scale);
		return magnitude >= 2 ** -14 && magnitude < 65504 ? float16Value(float16Bits(scale)) : Number.NaN;
	}
}
