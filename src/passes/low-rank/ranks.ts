/** What one weight may become. */
export interface Candidate {
	/** What each rank adds to the power of the layer's output, largest first. */
	readonly energies: Float64Array;
	/** Elements stored as it is, and by each rank of its factors. */
	readonly elements: number;
	readonly elementsPerRank: number;
	/** Ranks come in multiples of this where there are that many. */
	readonly multiple: number;
}

/**
 * Ranks for all weights together so that at most `budget` elements are stored, with least loss: each loss is the share of its layer's output
 * power that the truncation drops. undefined: left as it is. Lagrange multiplier by bisection; a rank counts only where it stores less.
 */
export function chooseRanks(candidates: readonly Candidate[], budget: number): (number | undefined)[] {
	const losses = candidates.map(({ energies }) => {
		const total = energies.reduce((sum, energy) => sum + energy, 0);
		// Power left out by rank r.
		const left = new Float64Array(energies.length + 1);
		for (let r = energies.length - 1; r >= 0; r--) left[r] = left[r + 1]! + (total > 0 ? energies[r]! / total : 0);
		return left;
	});
	const choose = (price: number): (number | undefined)[] =>
		candidates.map(({ elements, elementsPerRank, multiple, energies }, i) => {
			let best: number | undefined;
			let cost = price * elements;
			const step = Math.min(multiple, Math.max(1, Math.floor(energies.length / 4)));
			for (let rank = step; rank * elementsPerRank < elements && rank <= energies.length; rank += step) {
				const here = losses[i]![rank]! + price * rank * elementsPerRank;
				if (here < cost) [best, cost] = [rank, here];
			}
			return best;
		});
	const stored = (ranks: readonly (number | undefined)[]): number =>
		candidates.reduce((sum, { elements, elementsPerRank }, i) => {
			const rank = ranks[i];
			return sum + (rank === undefined ? elements : rank * elementsPerRank);
		}, 0);
	let low = 0;
	let high = 1;
	while (stored(choose(high)) > budget && high < 1e12) high *= 10;
	for (let round = 0; round < 80; round++) {
		const middle = (low + high) / 2;
		if (stored(choose(middle)) > budget) low = middle;
		else high = middle;
	}
	return choose(high);
}
