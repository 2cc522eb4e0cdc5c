/** Smallest step of performance.now() here, ms: 0.005 with cross-origin isolation, 0.1 without, finer in Node. */
export function timerStepMs(now: () => number = () => performance.now()): number {
	let step = Number.POSITIVE_INFINITY;
	for (let seen = 0; seen < 12; seen++) {
		const start = now();
		let end = now();
		for (let spin = 0; end === start && spin < 1_000_000; spin++) end = now();
		if (end > start) step = Math.min(step, end - start);
	}
	return Number.isFinite(step) ? step : 1;
}

/** Runs to time together so that one sample lasts at least 20 timer steps: reading the clock then errs by 5 % at most. */
export function runsPerSample(runMs: number, stepMs: number): number {
	if (!(runMs > 0)) return 1000;
	return Math.min(1000, Math.max(1, Math.ceil((20 * stepMs) / runMs)));
}

/**
 * Whether warm-up is over: the least-squares slope over the last `window` runs, carried over the window, moves the time by less than 5 %
 * of its median, or the times scatter more than they fall.
 */
export function isFlat(timesMs: readonly number[], window = 6): boolean {
	if (timesMs.length < window) return false;
	const last = timesMs.slice(-window);
	const centre = (window - 1) / 2;
	const mean = last.reduce((sum, x) => sum + x, 0) / window;
	let covariance = 0;
	let variance = 0;
	for (const [i, x] of last.entries()) {
		covariance += (i - centre) * (x - mean);
		variance += (i - centre) ** 2;
	}
	const slope = covariance / variance;
	const residual = Math.sqrt(last.reduce((sum, x, i) => sum + (x - mean - slope * (i - centre)) ** 2, 0) / (window - 2));
	const standardError = residual / Math.sqrt(variance);
	const middle = [...last].sort((a, b) => a - b)[Math.floor(window / 2)] as number;
	return Math.abs(slope) * (window - 1) <= 0.05 * middle || (slope < 0 && -slope <= 2 * standardError) || slope > 0;
}
