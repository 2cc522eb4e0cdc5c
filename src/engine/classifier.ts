import type { NumberArray } from '../core/numeric/statistics.ts';
import type { Port } from './port.ts';

/** What the rows of one output look like over the examples seen. A row is a run of the last axis. */
export class RowStatistics {
	/** Axes of the output of one example. */
	rank = 0;
	/** Length of the last axis; 0 where it varies between examples. */
	width = 0;
	rows = 0;
	/** All of its values are floats. */
	float = true;
	/** Values of one example; 0 where the number varies. */
	values = 0;
	#examples = 0;
	#unitInterval = true;
	#sumToOne = true;
	#unitLength = true;

	add(dims: readonly number[], values: NumberArray, float = true): void {
		this.float &&= float;
		const width = dims.at(-1) ?? 0;
		this.values = this.#examples === 0 || this.values === values.length ? values.length : 0;
		this.#examples += 1;
		// As many as tell: images and feature maps need not be read to the end.
		for (let i = 0; this.#unitInterval && i < Math.min(values.length, 65_536); i++) {
			const x = values[i] as number;
			if (!(x >= -1e-6 && x <= 1 + 1e-6)) this.#unitInterval = false;
		}
		if (this.rows === 0) {
			this.rank = dims.length;
			this.width = width;
		} else if (width !== this.width || dims.length !== this.rank) this.width = 0;
		if (width < 2) return;
		const rows = values.length / width;
		this.rows += rows;
		// A few hundred rows tell; the rest need not be summed.
		for (let row = 0; row < Math.min(rows, 256); row++) {
			let sum = 0;
			let squares = 0;
			for (let i = row * width; i < (row + 1) * width; i++) {
				const x = values[i] as number;
				sum += x;
				squares += x * x;
				if (!(x >= -1e-6 && x <= 1 + 1e-6)) this.#sumToOne = false;
			}
			if (!(Math.abs(sum - 1) <= 2e-3)) this.#sumToOne = false;
			if (!(Math.abs(squares - 1) <= 2e-3)) this.#unitLength = false;
		}
	}

	/** Rows are probabilities: softmax was applied. */
	get probabilities(): boolean {
		return this.rows > 0 && this.#sumToOne;
	}

	/** All values are between 0 and 1. */
	get unitInterval(): boolean {
		return this.#examples > 0 && this.#unitInterval;
	}

	/** Rows have length 1, as embeddings often have; one-hot probabilities do not count. */
	get unitLength(): boolean {
		return this.rows > 0 && this.#unitLength && !this.#sumToOne;
	}
}

const classWords = /logit|prob|softmax|class|score|pred|label|categor/i;
const featureWords = /embed|feature|hidden|pool|vector|latent|state|cache|encod|memory|attention/i;
/** Widths that features usually have and class lists seldom. */
const featureWidths: ReadonlySet<number> = new Set([64, 128, 192, 256, 320, 384, 512, 576, 640, 768, 960, 1024, 1280, 1536, 2048, 4096]);

/** Whether an output is named or sized like features. */
export function looksLikeFeatures(name: string, width: number): boolean {
	return featureWords.test(name) || (featureWidths.has(width) && !classWords.test(name));
}

export interface ClassifierEvidence {
	readonly inputs: readonly Port[];
	/** Largest label of the examples; undefined where there are none. */
	readonly largestLabel?: number;
}

/**
 * How an output classifies: `example` one class for each example, `rows` one for each row (a time step, a box), undefined where it does
 * not. Decided from the shape [1, C >= 2], softmax or not, labels, names, and what the model takes.
 */
export function classifies(name: string, rows: RowStatistics, evidence: ClassifierEvidence): 'example' | 'rows' | undefined {
	if (rows.width < 2) return undefined;
	if (rows.rank > 2) return rows.probabilities && !featureWords.test(name) ? 'rows' : undefined;
	if (rows.rank < 1) return undefined;
	if (rows.probabilities) return 'example';
	if (evidence.largestLabel !== undefined && evidence.largestLabel < rows.width) return 'example';
	if (rows.unitLength || featureWords.test(name)) return undefined;
	if (classWords.test(name)) return 'example';
	if (featureWidths.has(rows.width)) return undefined;
	return evidence.inputs.some((input) => input.shape.length === 4 && input.dtype !== 'int64') ? 'example' : undefined;
}

/** Index of the largest value in [from, from + width); -1 where one is NaN. The first of equal ones wins. */
export function argmax(values: NumberArray, from = 0, width = values.length): number {
	let best = -1;
	let largest = Number.NEGATIVE_INFINITY;
	for (let i = 0; i < width; i++) {
		const x = values[from + i] as number;
		if (Number.isNaN(x)) return -1;
		if (x > largest || best < 0) {
			largest = x;
			best = i;
		}
	}
	return best;
}

/** How many values stand before `label` in order of size; ties count against it. Infinity where a value is NaN or the label is none of them. */
export function rankOf(values: NumberArray, label: number): number {
	const own = values[label];
	if (own === undefined) return Number.POSITIVE_INFINITY;
	let before = 0;
	for (let i = 0; i < values.length; i++) {
		const x = values[i] as number;
		if (Number.isNaN(x)) return Number.POSITIVE_INFINITY;
		if (x > own || (x === own && i < label)) before += 1;
	}
	return before;
}
