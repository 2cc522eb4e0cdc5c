/**
 * Areas under curves of a ranked pool, for samples given by how often each item is drawn. Sorting is done once: a sample takes one pass.
 */
export class RankedPool {
	readonly #order: Uint32Array;
	readonly #scores: ArrayLike<number>;
	readonly #positive: ArrayLike<number>;

	/** `positive`: 1 where the class applies, 0 where it does not. Scores that are NaN rank lowest. */
	constructor(scores: ArrayLike<number>, positive: ArrayLike<number>) {
		const order = Uint32Array.from({ length: scores.length }, (_, i) => i);
		const key = (i: number): number => (Number.isNaN(scores[i]) ? Number.NEGATIVE_INFINITY : (scores[i] as number));
		order.sort((a, b) => {
			const [x, y] = [key(a), key(b)];
			return x === y ? a - b : x < y ? 1 : -1;
		});
		this.#order = order;
		this.#scores = scores;
		this.#positive = positive;
	}

	/**
	 * Area under the ROC curve (share of pairs of a positive and a negative that stand in the right order, ties half: Mann and Whitney) and average
	 * precision (sum over thresholds of the gain in recall times the precision, no interpolation). NaN where the sample lacks positives or negatives
	 * (average precision: positives).
	 */
	areas(weights: Int32Array): { readonly auc: number; readonly ap: number } {
		const order = this.#order;
		const scores = this.#scores;
		let positives = 0;
		let negatives = 0;
		let pairs = 0;
		let precisionSum = 0;
		let tiedPositives = 0;
		let tiedNegatives = 0;
		let previous = Number.NaN;
		const close = (): void => {
			if (tiedPositives === 0 && tiedNegatives === 0) return;
			pairs += tiedNegatives * (positives + tiedPositives / 2);
			positives += tiedPositives;
			negatives += tiedNegatives;
			if (tiedPositives > 0) precisionSum += (tiedPositives * positives) / (positives + negatives);
			tiedPositives = 0;
			tiedNegatives = 0;
		};
		for (let k = 0; k < order.length; k++) {
			const i = order[k] as number;
			const weight = weights[i] as number;
			if (weight === 0) continue;
			const score = scores[i] as number;
			if (score !== previous && !(Number.isNaN(score) && Number.isNaN(previous))) close();
			previous = score;
			if (this.#positive[i] === 1) tiedPositives += weight;
			else tiedNegatives += weight;
		}
		close();
		return {
			auc: positives === 0 || negatives === 0 ? Number.NaN : pairs / (positives * negatives),
			ap: positives === 0 ? Number.NaN : precisionSum / positives,
		};
	}
}
