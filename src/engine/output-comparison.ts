import { FidelityAccumulator, fidelity } from '../core/numeric/statistics.ts';
import { bootstrapMean, proportion } from '../core/study/intervals.ts';
import type { OutputFidelity } from '../core/study/study.ts';
import { argmax } from './classifier.ts';
import { equalShare, isFloatData, numbersOf } from './outputs.ts';
import { EngineError, type TensorData } from './port.ts';

/**
 * Compares one output of two models, example by example. Floats by value; whole numbers and strings also by the share that is equal, which
 * is then their agreement. The mean cosine is that of the single examples, the SQNR that of all elements together.
 */
export class OutputComparison {
	readonly name: string;
	readonly #classifies: 'example' | 'rows' | undefined;
	readonly #all = new FidelityAccumulator();
	#n = 0;
	#cosines = 0;
	#worst = 1;
	#discrete = false;
	#numeric = true;
	/** Share of rows (or elements) with the same answer, by example. */
	readonly #agreeing: number[] = [];
	#rows = 0;

	constructor(name: string, classifies: 'example' | 'rows' | undefined) {
		this.name = name;
		this.#classifies = classifies;
	}

	/** Elements that are not finite in one of the two. */
	get nonFinite(): number {
		return this.#all.result().nonFinite;
	}

	add(expected: TensorData, actual: TensorData): { readonly cosine: number; readonly classChanged: boolean } {
		if (expected.data.length !== actual.data.length) {
			throw new EngineError(
				'run',
				`Its output "${this.name}" has shape [${actual.dims.join(', ')}] where the original's has [${expected.dims.join(', ')}].`,
			);
		}
		this.#n += 1;
		const a = numbersOf(expected);
		const b = numbersOf(actual);
		let cosine: number;
		if (a && b) {
			this.#all.add(a, b);
			const own = fidelity(a, b);
			// Equal arrays have cosine 1; the sums round to a hair below it.
			cosine = own.maxAbs === 0 ? 1 : own.cosine;
		} else {
			this.#numeric = false;
			cosine = equalShare(expected, actual);
		}
		// An example with values that are not finite has no cosine; it counts as the worst there is.
		if (Number.isNaN(cosine)) cosine = 0;
		this.#cosines += cosine;
		this.#worst = Math.min(this.#worst, cosine);
		if (!isFloatData(expected)) {
			this.#discrete = true;
			const share = equalShare(expected, actual);
			this.#agreeing.push(share);
			this.#rows += expected.data.length;
			return { cosine, classChanged: share < 1 };
		}
		if (!this.#classifies || !a || !b) return { cosine, classChanged: false };
		const width = expected.dims.at(-1) ?? 0;
		const rows = width === 0 ? 0 : a.length / width;
		let same = 0;
		for (let row = 0; row < rows; row++) {
			const best = argmax(a, row * width, width);
			if (best >= 0 && best === argmax(b, row * width, width)) same += 1;
		}
		this.#rows += rows;
		this.#agreeing.push(rows === 0 ? 1 : same / rows);
		return { cosine, classChanged: this.#classifies === 'example' && same < rows };
	}

	result(): OutputFidelity {
		const { sqnrDb, maxAbs } = this.#all.result();
		const n = this.#n;
		return {
			output: this.name,
			n,
			cosine: n === 0 ? 1 : this.#cosines / n,
			worstCosine: this.#worst,
			sqnrDb: this.#numeric && Number.isFinite(sqnrDb) ? sqnrDb : null,
			maxAbs: Number.isFinite(maxAbs) ? maxAbs : Number.MAX_VALUE,
			...(this.#agreeing.length > 0 && { agreement: this.#agreement() }),
		};
	}

	/** One answer for each example: Wilson. Several: rows of an example are not independent, so examples are resampled. */
	#agreement(): NonNullable<OutputFidelity['agreement']> {
		const n = this.#agreeing.length;
		if (this.#rows === n || (this.#discrete && this.#agreeing.every((share) => share === 0 || share === 1))) {
			return proportion(
				this.#agreeing.reduce((sum, share) => sum + share, 0),
				n,
			);
		}
		// Resampling cannot see what would differ where nothing did: examples are counted instead.
		if (this.#agreeing.every((share) => share === 1)) return { ...proportion(n, n), n: this.#rows };
		return { ...bootstrapMean(this.#agreeing, { seed: 1 }), n: this.#rows };
	}
}
