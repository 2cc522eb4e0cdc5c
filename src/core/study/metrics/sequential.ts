/** A look at the figures on the way, and the error that it may make. */
export interface Look {
	/** Examples that were run. */
	readonly after: number;
	readonly alpha: number;
}

/** Fewer examples than this are not looked at: intervals of so few mean little. */
const fewest = 32;

/**
 * Looks after an eighth, a quarter, a half and all of n examples, with the error each may spend. The error spent up to a fraction t is
 * alpha ln(1 + (e - 1) t) (Lan and DeMets, Biometrika 70, 1983, the function of Pocock's kind, which leaves the early looks a fair share). Each look tests
 * with its own part, and the parts sum to alpha: by the union bound a false alarm at any look, and an interval that misses at the look where the run
 * ends, happen in at most alpha of studies, whatever hangs together with what. Each test of a look must hold its level itself: McNemar's and the
 * swap test do for any n.
 */
export function looksOf(n: number, alpha = 0.05): Look[] {
	const fractions = [1 / 8, 1 / 4, 1 / 2, 1].filter((t) => t === 1 || Math.ceil(t * n) >= fewest);
	let spent = 0;
	return fractions.map((t) => {
		const upTo = alpha * Math.log(1 + (Math.E - 1) * t);
		const look = { after: Math.ceil(t * n), alpha: upTo - spent };
		spent = upTo;
		return look;
	});
}
