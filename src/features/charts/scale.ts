/** Domains and ticks for linear and logarithmic axes: few, round, and inside the domain. */

/** Smallest padded domain that holds all values; a log domain is padded by ratio. Values must be finite (and > 0 for log). */
export function domainOf(values: readonly number[], log: boolean): [number, number] {
	if (values.length === 0) return log ? [1, 10] : [0, 1];
	const low = Math.min(...values);
	const high = Math.max(...values);
	if (log) {
		const ratio = Math.max(high / low, 1.25);
		const pad = ratio ** 0.08;
		const middle = Math.sqrt(low * high);
		return high / low < 1.25 ? [middle / Math.sqrt(ratio) / pad, middle * Math.sqrt(ratio) * pad] : [low / pad, high * pad];
	}
	const span = high - low || Math.abs(high) * 0.02 || 1;
	return [low - span * 0.08, high + span * 0.08];
}

/** Round ticks inside the domain: at most `most` of them. */
export function ticksOf([low, high]: readonly [number, number], log: boolean, most = 8): number[] {
	if (!log) return linearTicks(low, high, most);
	for (const digits of [[1, 1.5, 2, 3, 4, 5, 6, 8], [1, 2, 3, 4, 6, 8], [1, 2, 5], [1, 3], [1]]) {
		const ticks: number[] = [];
		for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
			for (const digit of digits) {
				const tick = digit * 10 ** power;
				if (tick >= low && tick <= high) ticks.push(Number(tick.toPrecision(6)));
			}
		}
		if (ticks.length <= most && ticks.length >= 2) return ticks;
	}
	// Less than a factor of two on the axis: round steps say more than round decades.
	return linearTicks(low, high, most);
}

function linearTicks(low: number, high: number, most: number): number[] {
	const rough = (high - low) / Math.max(1, most - 1);
	const power = 10 ** Math.floor(Math.log10(rough));
	const step = power * ([1, 2, 2.5, 5, 10].find((digit) => digit * power >= rough) ?? 10);
	const ticks: number[] = [];
	for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-9; tick += step) ticks.push(Number(tick.toPrecision(12)));
	return ticks;
}
