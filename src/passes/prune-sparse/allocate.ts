/** Scores of one layer's weights: shares of the layer's output power that each weight carries, counted in bins of equal ratio. */
export class ScoreCounts {
	/** Weights in each bin, least scores first; the first bin holds everything below. */
	readonly counts = new Float64Array(bins);
	total = 0;
	/** What the outputs of the model lose for each unit of the scores. */
	scale = 1;

	add(score: number): void {
		this.counts[binOf(score)]! += 1;
		this.total += 1;
	}

	/** A weight that always stays. */
	keep(): void {
		this.total += 1;
	}
}

const bins = 4096;
/** Scores are told apart between 2^-lowest and 1. */
const lowest = 64;

function binOf(score: number): number {
	if (!(score > 0)) return 0;
	return Math.max(0, Math.min(bins - 1, Math.round(((Math.log2(score) + lowest) / lowest) * (bins - 1))));
}

/** No layer loses more than this, however little its weights seem to matter: the scores know nothing of the layers after it. */
const mostZeros = 0.95;

/**
 * Shares of zeros for layers so that together `ratio` of their weights go, and no weight that goes anywhere scores above one that stays
 * (up to the width of a bin): least loss of all outputs together, each counted in shares of its own power.
 */
export function allocate(layers: readonly ScoreCounts[], ratio: number): number[] {
	const wanted = ratio * layers.reduce((sum, layer) => sum + layer.total, 0);
	let low = -2 * bins;
	let high = 3 * bins;
	const removed = (layer: ScoreCounts, common: number): number => {
		// Bins are logarithms: a factor moves the threshold.
		const shift = (Math.log2(layer.scale) / lowest) * (bins - 1);
		const threshold = Math.max(0, Math.min(bins, common - shift));
		const whole = Math.floor(threshold);
		let count = 0;
		for (let bin = 0; bin < whole; bin++) count += layer.counts[bin]!;
		// Bins are taken in part, so that the total can be met.
		if (whole < bins) count += (threshold - whole) * layer.counts[whole]!;
		return Math.min(count, mostZeros * layer.total);
	};
	for (let round = 0; round < 80; round++) {
		const middle = (low + high) / 2;
		const count = layers.reduce((sum, layer) => sum + removed(layer, middle), 0);
		if (count < wanted) low = middle;
		else high = middle;
	}
	return layers.map((layer) => (layer.total === 0 ? 0 : removed(layer, high) / layer.total));
}
